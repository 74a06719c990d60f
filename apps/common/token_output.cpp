// Encoding in parallel, output in order.
#include "apps/common/token_output.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <system_error>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "text/padding.h"
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

// A document of nlohmann/json would take a hundred times the memory of the text, so only its strings are used.
void append_json(const Tokenizer& tokenizer, const Encoding& encoding, std::string& to) {
  const auto append_list = [&](const char* name, const auto& list, const auto& append_item) {
    to.append(name).append("[");
    for (size_t i = 0; i < list.size(); ++i) {
      if (i > 0) to += ',';
      append_item(list[i]);
    }
    to += ']';
  };
  const auto number = [&](int64_t value) { append_number(value, to); };
  append_list("{\"tokens\":", encoding.ids,
              [&](int32_t id) { to += nlohmann::json(tokenizer.id_to_token(id)).dump(); });
  append_list(",\"ids\":", encoding.ids, number);
  append_list(",\"type_ids\":", encoding.type_ids, number);
  append_list(",\"attention_mask\":", encoding.attention_mask, number);
  append_list(",\"special_tokens_mask\":", encoding.special_tokens_mask, number);
  append_list(",\"offsets\":", encoding.offsets, [&](const text::TextSpan& span) {
    to += '[';
    append_number(span.begin, to);
    to += ',';
    append_number(span.end, to);
    to += ']';
  });
  to += "}\n";
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

void pad(Encoding& encoding, size_t length, const text::PaddingOptions& padding) {
  if (encoding.ids.size() >= length) return;
  const size_t missing = length - encoding.ids.size();
  const auto put = [&](auto& list, const auto& value) {
    list.insert(padding.side == text::Side::left ? list.begin() : list.end(), missing, value);
  };
  put(encoding.ids, padding.pad_id);
  put(encoding.type_ids, padding.pad_type_id);
  put(encoding.attention_mask, uint8_t{0});
  put(encoding.special_tokens_mask, uint8_t{1});
  put(encoding.offsets, text::TextSpan{});
}

// To `length`, or where that is 0 to the longest, with what the tokenizer's files say of padding.
void pad_all(const Tokenizer& tokenizer, std::vector<Encoding>& encodings, int64_t length) {
  text::PaddingOptions padding = text::padding_of(tokenizer);
  padding.length = 0;
  if (length == 0)
    for (const Encoding& encoding : encodings) length = std::max(length, encoding.size());
  const auto size = static_cast<size_t>(padding.length_for(length));
  for (Encoding& encoding : encodings) pad(encoding, size, padding);
}

Encoding encode_one(const Tokenizer& tokenizer, std::string_view line, int64_t number,
                    const TokenOutputOptions& options) {
  if (!options.is_pair) return tokenizer.encode(line, options.encode);
  const size_t tab = line.find('\t');
  ROUX_CHECK(tab != std::string_view::npos, "tokenize", "line ", number,
             " has no tab; expected a pair with one between");
  return tokenizer.encode_pair(line.substr(0, tab), line.substr(tab + 1), options.encode);
}

int64_t chunk_count(size_t texts) { return (static_cast<int64_t>(texts) + texts_per_chunk - 1) / texts_per_chunk; }

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    ROUX_CHECK(written >= 0 || errno == EINTR, "output", "cannot write: ", std::generic_category().message(errno));
    if (written > 0) bytes.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

/// Ids as decimal numbers with a space behind, looked up and copied eight bytes at once.
class TokenWriter::Digits {
 public:
  static constexpr size_t most = 12;  ///< bytes of a number, and of what is written behind it

  /// For ids below `count` above all.
  explicit Digits(int64_t count) : entries_(static_cast<size_t>(std::clamp<int64_t>(count, 0, 100'000))) {
    for (size_t id = 0; id < entries_.size(); ++id) {
      Entry& entry = entries_[id];
      char* const end = std::to_chars(entry.bytes.data(), entry.bytes.data() + entry.bytes.size(), id).ptr;
      *end = ' ';
      entry.length = static_cast<uint8_t>(end + 1 - entry.bytes.data());
    }
  }

  /// Returns the end of the number, behind its space.
  char* write(int32_t id, char* to) const {
    if (id < 0 || static_cast<size_t>(id) >= entries_.size()) [[unlikely]] {
      to = std::to_chars(to, to + most - 1, id).ptr;
      *to = ' ';
      return to + 1;
    }
    const Entry& entry = entries_[static_cast<size_t>(id)];
    std::memcpy(to, &entry, sizeof entry);
    return to + entry.length;
  }

 private:
  struct Entry {
    std::array<char, 7> bytes;
    uint8_t length;
  };

  std::vector<Entry> entries_;
};

/// What a thread makes of some texts; on cache lines of its own, since others write beside it.
struct alignas(64) TokenWriter::Chunk {
  std::vector<int32_t> ids;  // of one text
  std::string text;          // [0, size) has been written
  size_t size = 0;
  int64_t tokens = 0;

  /// Where `count` bytes may be written.
  char* room(size_t count) {
    if (text.size() < size + count) text.resize(2 * (size + count));
    return text.data() + size;
  }
};

std::vector<std::string> pairs_of(const std::vector<std::string>& texts) {
  std::vector<std::string> pairs;
  for (size_t i = 0; i < texts.size(); ++i) {
    pairs.push_back(texts[i]);
    if (texts[i].find('\t') != std::string::npos) continue;
    ROUX_CHECK(++i < texts.size(), "options", "--pair, and '", pairs.back(), "' has no second text");
    pairs.back() += "\t" + texts[i];
  }
  return pairs;
}

TokenWriter::TokenWriter(const Tokenizer& tokenizer, const TokenOutputOptions& options)
    : tokenizer_(tokenizer),
      options_(options),
      ids_alone_((options.form == TokenForm::ids || options.form == TokenForm::count) && !options.is_pair &&
                 !options.pads && options.encode.max_length == 0),
      digits_(std::make_unique<Digits>(ids_alone_ ? tokenizer.vocabulary_size() : 0)) {}

TokenWriter::~TokenWriter() = default;

void TokenWriter::encode_ids(std::span<const std::string_view> texts, Chunk& chunk) const {
  chunk.size = 0;
  chunk.tokens = 0;
  for (const std::string_view text : texts) {
    chunk.ids.clear();
    tokenizer_.encode(text, chunk.ids, options_.encode.add_special_tokens);
    chunk.tokens += static_cast<int64_t>(chunk.ids.size());
    if (options_.form == TokenForm::count) continue;
    char* const begin = chunk.room((chunk.ids.size() + 1) * Digits::most);
    char* end = begin;
    for (const int32_t id : chunk.ids) end = digits_->write(id, end);
    if (end == begin) ++end;
    end[-1] = '\n';
    chunk.size += static_cast<size_t>(end - begin);
  }
}

/// Ids and nothing else: no Encoding is made.
void TokenWriter::write_ids(const std::vector<std::string_view>& texts) {
  const auto count = static_cast<size_t>(chunk_count(texts.size()));
  if (chunks_.size() < count) chunks_.resize(count);
  const double start = now();
  parallel_for(static_cast<int64_t>(texts.size()), texts_per_chunk, [&](int64_t begin, int64_t end) {
    encode_ids(std::span(texts).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
               chunks_[static_cast<size_t>(begin / texts_per_chunk)]);
  });
  counts_.seconds += now() - start;
  for (const Chunk& chunk : std::span(chunks_).first(count)) {
    counts_.tokens += chunk.tokens;
    write_all(std::string_view(chunk.text).substr(0, chunk.size));
  }
}

void TokenWriter::write_encodings(const std::vector<std::string_view>& texts) {
  std::vector<Encoding> encodings(texts.size());
  const double start = now();
  parallel_for(static_cast<int64_t>(texts.size()), texts_per_chunk, [&](int64_t begin, int64_t end) {
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      encodings[i] = encode_one(tokenizer_, texts[i], counts_.texts + static_cast<int64_t>(i) + 1, options_);
  });
  if (options_.pads) pad_all(tokenizer_, encodings, options_.padded_length);
  counts_.seconds += now() - start;
  for (const Encoding& encoding : encodings) counts_.tokens += encoding.size();
  std::vector<std::string> outputs(static_cast<size_t>(chunk_count(texts.size())));
  parallel_for(static_cast<int64_t>(texts.size()), texts_per_chunk, [&](int64_t begin, int64_t end) {
    std::string output;
    for (auto i = static_cast<size_t>(begin); i < static_cast<size_t>(end); ++i)
      append_text(tokenizer_, encodings[i], options_, output);
    outputs[static_cast<size_t>(begin / texts_per_chunk)] = std::move(output);
  });
  for (const std::string& output : outputs) write_all(output);
}

void TokenWriter::write(const std::vector<std::string_view>& texts) {
  if (options_.refuse_invalid)
    for (size_t i = 0; i < texts.size(); ++i)
      ROUX_CHECK(text::is_valid_utf8(texts[i]), "tokenize", "line ", counts_.texts + static_cast<int64_t>(i) + 1,
                 " is not valid UTF-8");
  if (ids_alone_) {
    write_ids(texts);
  } else {
    write_encodings(texts);
  }
  counts_.texts += static_cast<int64_t>(texts.size());
}

}  // namespace roux::apps
