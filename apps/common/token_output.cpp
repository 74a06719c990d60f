// Encoding in parallel, output in order.
#include "apps/common/token_output.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <nlohmann/json.hpp>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "text/unicode.h"

namespace roux::apps {
namespace {

using text::Encoding;
using text::Tokenizer;

constexpr int64_t texts_per_chunk = 64;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void append_number(int64_t number, std::string& to) {
  char digits[24];
  to.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

template <class Numbers>
void append_line(const char* name, const Numbers& numbers, std::string& to) {
  to += name;
  bool first = true;
  for (const auto number : numbers) {
    if (!first) to += ' ';
    first = false;
    append_number(number, to);
  }
  to += '\n';
}

void append_json(const Tokenizer& tokenizer, const Encoding& encoding, std::string& to) {
  nlohmann::ordered_json tokens = nlohmann::json::array();
  nlohmann::ordered_json offsets = nlohmann::json::array();
  for (const int32_t id : encoding.ids) tokens.push_back(tokenizer.id_to_token(id));
  for (const text::TextSpan& span : encoding.offsets) offsets.push_back({span.begin, span.end});
  const nlohmann::ordered_json json{{"tokens", tokens},
                                    {"ids", encoding.ids},
                                    {"type_ids", encoding.type_ids},
                                    {"attention_mask", encoding.attention_mask},
                                    {"special_tokens_mask", encoding.special_tokens_mask},
                                    {"offsets", offsets}};
  to += json.dump() + "\n";
}

void append_lines(const Tokenizer& tokenizer, const Encoding& encoding, bool is_pair, std::string& to) {
  to += "tokens\t";
  for (size_t i = 0; i < encoding.ids.size(); ++i)
    to.append(i == 0 ? "" : " ").append(tokenizer.id_to_token(encoding.ids[i]));
  to += '\n';
  append_line("ids\t", encoding.ids, to);
  if (is_pair) append_line("types\t", encoding.type_ids, to);
  append_line("mask\t", encoding.attention_mask, to);
}

void append_text(const Tokenizer& tokenizer, const Encoding& encoding, const TokenOutputOptions& options,
                 std::string& to) {
  switch (options.form) {
    case TokenForm::ids: append_line("", encoding.ids, to); break;
    case TokenForm::json: append_json(tokenizer, encoding, to); break;
    case TokenForm::lines: append_lines(tokenizer, encoding, options.is_pair, to); break;
    case TokenForm::count: break;
  }
}

void pad(Encoding& encoding, size_t length, int32_t id, text::Side side) {
  if (encoding.ids.size() >= length) return;
  const size_t missing = length - encoding.ids.size();
  const auto put = [&](auto& list, const auto& value) {
    list.insert(side == text::Side::left ? list.begin() : list.end(), missing, value);
  };
  put(encoding.ids, id);
  put(encoding.type_ids, 0);
  put(encoding.attention_mask, uint8_t{0});
  put(encoding.special_tokens_mask, uint8_t{1});
  put(encoding.offsets, text::TextSpan{});
}

void pad_all(const Tokenizer& tokenizer, std::vector<Encoding>& encodings, int64_t length) {
  const std::optional<int32_t> id = tokenizer.pad_id();
  ROUX_CHECK(id.has_value(), "padding", "this tokenizer has no token to pad with");
  auto size = static_cast<size_t>(length);
  if (length == 0)
    for (const Encoding& encoding : encodings) size = std::max(size, encoding.ids.size());
  for (Encoding& encoding : encodings)
    pad(encoding, size, *id, tokenizer.defaults().padding_side.value_or(text::Side::right));
}

Encoding encode_one(const Tokenizer& tokenizer, std::string_view line, int64_t number,
                    const TokenOutputOptions& options) {
  if (!options.is_pair) return tokenizer.encode(line, options.encode);
  const size_t tab = line.find('\t');
  ROUX_CHECK(tab != std::string_view::npos, "tokenize", "line ", number,
             " has no tab; expected a pair with one between");
  return tokenizer.encode_pair(line.substr(0, tab), line.substr(tab + 1), options.encode);
}

/// Calls `f(begin, end, chunk)` for chunks of texts in parallel.
template <class F>
void for_chunks(size_t texts, F&& f) {
  parallel_for(static_cast<int64_t>(texts), texts_per_chunk, [&](int64_t begin, int64_t end) {
    f(static_cast<size_t>(begin), static_cast<size_t>(end), static_cast<size_t>(begin / texts_per_chunk));
  });
}

void write_all(const std::vector<std::string>& outputs) {
  for (const std::string& output : outputs)
    ROUX_CHECK(std::fwrite(output.data(), 1, output.size(), stdout) == output.size(), "output",
               "cannot write: ", std::generic_category().message(errno));
}

/// Ids and nothing else: no Encoding is made.
void write_ids(const Tokenizer& tokenizer, const std::vector<std::string_view>& texts,
               const TokenOutputOptions& options, EncodedCounts& counts) {
  const size_t chunks = (texts.size() + texts_per_chunk - 1) / texts_per_chunk;
  std::vector<std::vector<int32_t>> ids(chunks);
  std::vector<size_t> ends(texts.size());
  const double start = now();
  for_chunks(texts.size(), [&](size_t begin, size_t end, size_t chunk) {
    for (size_t i = begin; i < end; ++i) {
      tokenizer.encode(texts[i], ids[chunk], options.encode.add_special_tokens);
      ends[i] = ids[chunk].size();
    }
  });
  counts.seconds += now() - start;
  for (const std::vector<int32_t>& chunk : ids) counts.tokens += static_cast<int64_t>(chunk.size());
  if (options.form == TokenForm::count) return;
  std::vector<std::string> outputs(chunks);
  for_chunks(texts.size(), [&](size_t begin, size_t end, size_t chunk) {
    outputs[chunk].reserve(6 * ids[chunk].size());
    for (size_t i = begin; i < end; ++i) {
      const size_t first = i == begin ? 0 : ends[i - 1];
      append_line("", std::span(ids[chunk]).subspan(first, ends[i] - first), outputs[chunk]);
    }
  });
  write_all(outputs);
}

void write_encodings(const Tokenizer& tokenizer, const std::vector<std::string_view>& texts,
                     const TokenOutputOptions& options, EncodedCounts& counts) {
  std::vector<Encoding> encodings(texts.size());
  const double start = now();
  for_chunks(texts.size(), [&](size_t begin, size_t end, size_t) {
    for (size_t i = begin; i < end; ++i)
      encodings[i] = encode_one(tokenizer, texts[i], counts.texts + static_cast<int64_t>(i) + 1, options);
  });
  if (options.pads) pad_all(tokenizer, encodings, options.padded_length);
  counts.seconds += now() - start;
  for (const Encoding& encoding : encodings) counts.tokens += encoding.size();
  std::vector<std::string> outputs((texts.size() + texts_per_chunk - 1) / texts_per_chunk);
  for_chunks(texts.size(), [&](size_t begin, size_t end, size_t chunk) {
    for (size_t i = begin; i < end; ++i) append_text(tokenizer, encodings[i], options, outputs[chunk]);
  });
  write_all(outputs);
}

}  // namespace

void write_tokens(const Tokenizer& tokenizer, const std::vector<std::string_view>& texts,
                  const TokenOutputOptions& options, EncodedCounts& counts) {
  if (options.refuse_invalid)
    for (size_t i = 0; i < texts.size(); ++i)
      ROUX_CHECK(text::is_valid_utf8(texts[i]), "tokenize", "line ", counts.texts + static_cast<int64_t>(i) + 1,
                 " is not valid UTF-8");
  const bool ids_alone = (options.form == TokenForm::ids || options.form == TokenForm::count) && !options.is_pair &&
                         !options.pads && options.encode.max_length == 0;
  if (ids_alone) {
    write_ids(tokenizer, texts, options, counts);
  } else {
    write_encodings(tokenizer, texts, options, counts);
  }
  counts.texts += static_cast<int64_t>(texts.size());
  std::fflush(stdout);
}

}  // namespace roux::apps
