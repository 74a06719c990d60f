// The parts that all tokenizers share: repair, added tokens, special tokens, truncation, batches, decoding.
#include "text/tokenizers/tokenizer.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <new>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "text/tokenizers/encoding_parts.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

constexpr int64_t texts_per_chunk = 256;

// Spans are int32, and a tokenizer may put a space before the text.
void check_size(std::string_view text) {
  ROUX_CHECK(text.size() < static_cast<size_t>(std::numeric_limits<int32_t>::max()), "encode", "a text of ",
             text.size(), " bytes; expected 2^31 - 2 at most");
}

// A replacement takes up to three times the bytes of what it replaces.
std::string repaired(std::string_view text) {
  std::string result = repaired_utf8(text);
  check_size(result);
  return result;
}

/// Asks for about as much memory as the encodings of so many bytes of text take, and gives it back. glibc grows the
/// heap of a thread by what the next vector needs, one system call for a few pages, which keep other threads waiting.
void grow_heap(size_t bytes) { ::operator delete(::operator new(std::min<size_t>(5 * bytes, 1 << 20))); }

}  // namespace

struct Tokenizer::Sequence {
  std::vector<int32_t> ids;
  std::vector<TextSpan> offsets;
  std::vector<size_t> added;  // the places of added tokens

  void add(int32_t id, TextSpan span) {
    added.push_back(ids.size());
    ids.push_back(id);
    offsets.push_back(span);
  }

  TokensView view(const TokenRange& range) const {
    const auto begin = static_cast<size_t>(range.begin);
    const auto count = static_cast<size_t>(range.end - range.begin);
    return {std::span(ids).subspan(begin, count), std::span(offsets).subspan(begin, count)};
  }
};

struct Tokenizer::Scratch {
  Sequence first;
  Sequence second;
  std::vector<int32_t> character_of;
};

/// Made when first needed: normalising is a virtual function, which a constructor of the base cannot call.
struct Tokenizer::NormalizedPatterns {
  std::once_flag once;
  PatternMatcher matcher;
};

Tokenizer::Tokenizer(AddedTokens added_tokens, PostProcessor post_processor)
    : added_tokens_(std::move(added_tokens)),
      post_processor_(std::move(post_processor)),
      raw_patterns_(added_tokens_.raw_matcher()),
      normalized_patterns_(std::make_unique<NormalizedPatterns>()) {}

Tokenizer::~Tokenizer() = default;

const PatternMatcher& Tokenizer::normalized_patterns() const {
  std::call_once(normalized_patterns_->once, [this] {
    normalized_patterns_->matcher = added_tokens_.normalized_matcher(
        [this](std::string_view content) { return normalizes() ? normalize(content).text : std::string(content); });
  });
  return normalized_patterns_->matcher;
}

NormalizedText Tokenizer::normalize(std::string_view text) const {
  NormalizedText result{std::string(text), {}};
  for (int32_t at = 0; at < static_cast<int32_t>(text.size()); ++at) result.origin.push_back({at, at + 1});
  return result;
}

void Tokenizer::encode_normalized(std::string_view text, std::vector<int32_t>& ids,
                                  std::vector<TextSpan>& bytes) const {
  encode_part(text, ids, bytes);
}

TextSpan Tokenizer::trim_added_token(std::string_view, TextSpan bytes) const { return bytes; }

void Tokenizer::adjust_offsets(Encoding&) const {}

// ---- Ids alone ------------------------------------------------------------------------------------------------------

void Tokenizer::encode(std::string_view text, std::vector<int32_t>& ids, bool add_special_tokens) const {
  check_size(text);
  if (add_special_tokens) ids.insert(ids.end(), post_processor_.before().begin(), post_processor_.before().end());
  if (is_valid_utf8(text)) [[likely]] {
    encode_text(text, ids);
  } else {
    encode_text(repaired(text), ids);
  }
  if (add_special_tokens) ids.insert(ids.end(), post_processor_.after().begin(), post_processor_.after().end());
}

void Tokenizer::encode_text(std::string_view text, std::vector<int32_t>& ids) const {
  added_tokens_.split(
      raw_patterns_, text,
      [&](int64_t begin, int64_t end) {
        encode_between(text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), ids);
      },
      [&](const AddedTokenMatch& match) {
        ids.push_back(added_tokens_.tokens()[static_cast<size_t>(match.token)].id);
      });
}

void Tokenizer::encode_between(std::string_view part, std::vector<int32_t>& ids) const {
  if (!added_tokens_.any_normalized()) [[likely]]
    return encode_part(part, ids);
  if (normalizes()) {
    Sequence sequence;
    encode_in_normalized(part, 0, sequence);
    ids.insert(ids.end(), sequence.ids.begin(), sequence.ids.end());
    return;
  }
  added_tokens_.split(
      normalized_patterns(), part,
      [&](int64_t begin, int64_t end) {
        encode_part(part.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), ids);
      },
      [&](const AddedTokenMatch& match) {
        ids.push_back(added_tokens_.tokens()[static_cast<size_t>(match.token)].id);
      });
}

// ---- Ids with offsets -----------------------------------------------------------------------------------------------

void Tokenizer::encode_sequence(std::string_view text, Scratch& scratch, Sequence& sequence) const {
  check_size(text);
  sequence.ids.clear();
  sequence.offsets.clear();
  sequence.added.clear();
  std::string valid;
  if (!is_valid_utf8(text)) [[unlikely]]
    text = valid = repaired(text);
  encode_text(text, sequence);
  for (const size_t index : sequence.added) sequence.offsets[index] = trim_added_token(text, sequence.offsets[index]);
  to_characters(text, sequence.offsets, scratch.character_of);
}

void Tokenizer::encode_text(std::string_view text, Sequence& sequence) const {
  added_tokens_.split(
      raw_patterns_, text,
      [&](int64_t begin, int64_t end) {
        encode_between(text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), begin, sequence);
      },
      [&](const AddedTokenMatch& match) {
        sequence.add(added_tokens_.tokens()[static_cast<size_t>(match.token)].id,
                     {static_cast<int32_t>(match.begin), static_cast<int32_t>(match.end)});
      });
}

/// Appends the tokens of a part that begins at byte `begin` of its text.
void Tokenizer::encode_between(std::string_view part, int64_t begin, Sequence& sequence) const {
  const size_t first = sequence.offsets.size();
  if (!added_tokens_.any_normalized()) [[likely]] {
    encode_part(part, sequence.ids, sequence.offsets);
    if (begin == 0) return;
    for (size_t i = first; i < sequence.offsets.size(); ++i) {
      sequence.offsets[i].begin += static_cast<int32_t>(begin);
      sequence.offsets[i].end += static_cast<int32_t>(begin);
    }
    return;
  }
  encode_in_normalized(part, begin, sequence);
}

void Tokenizer::encode_in_normalized(std::string_view part, int64_t begin, Sequence& sequence) const {
  const NormalizedText normalized = normalize(part);
  const std::string_view text = normalized.text;
  const auto base = static_cast<int32_t>(begin);
  const auto original = [&](int64_t from, int64_t to) {
    const auto& origin = normalized.origin;
    const int32_t first = from < static_cast<int64_t>(origin.size()) ? origin[static_cast<size_t>(from)].begin
                                                                     : static_cast<int32_t>(part.size());
    return TextSpan{base + first, base + (to > from ? origin[static_cast<size_t>(to - 1)].end : first)};
  };
  const auto on_text = [&](int64_t from, int64_t to) {
    const size_t first = sequence.offsets.size();
    encode_normalized(text.substr(static_cast<size_t>(from), static_cast<size_t>(to - from)), sequence.ids,
                      sequence.offsets);
    for (size_t i = first; i < sequence.offsets.size(); ++i)
      sequence.offsets[i] = original(from + sequence.offsets[i].begin, from + sequence.offsets[i].end);
  };
  added_tokens_.split(normalized_patterns(), text, on_text, [&](const AddedTokenMatch& match) {
    sequence.add(added_tokens_.tokens()[static_cast<size_t>(match.token)].id, original(match.begin, match.end));
  });
}

// ---- Whole encodings ------------------------------------------------------------------------------------------------

Encoding Tokenizer::assemble(const Sequence& first, const Sequence* second, const EncodeOptions& options) const {
  const bool is_pair = second != nullptr;
  const auto& pieces = is_pair ? post_processor_.pair() : post_processor_.single();
  const auto first_size = static_cast<int64_t>(first.ids.size());
  const int64_t second_size = is_pair ? static_cast<int64_t>(second->ids.size()) : -1;
  ROUX_CHECK(options.max_length >= 0, "encode", "max_length is ", options.max_length, "; expected 0 or more");
  const auto view = [&](const TokenRange& a, const TokenRange& b) {
    Encoding encoding =
        fill_template(pieces, first.view(a), is_pair ? second->view(b) : TokensView{}, options.add_special_tokens);
    adjust_offsets(encoding);
    return encoding;
  };
  if (options.max_length == 0) return view({0, first_size}, {0, second_size});

  const int64_t specials = options.add_special_tokens ? post_processor_.special_tokens(is_pair) : 0;
  ROUX_CHECK(options.max_length >= specials, "encode", "max_length is ", options.max_length, ", and the ", specials,
             " special tokens alone are more");
  const Kept kept = truncate(first_size, second_size, options.max_length - specials, options.truncation);
  const std::vector<TokenRange> firsts = pieces_of(first_size, kept.first, options);
  const std::vector<TokenRange> seconds =
      is_pair ? pieces_of(second_size, kept.second, options) : std::vector<TokenRange>(1);
  Encoding encoding = view(firsts[0], seconds[0]);
  // In the order of Hugging Face's tokenizers: the rest of the text that comes first in the template beside each piece
  // of the other, then its first piece beside the rest of the other.
  const bool in_order = !is_pair || post_processor_.first_comes_first();
  const std::vector<TokenRange>& outer = in_order ? firsts : seconds;
  const std::vector<TokenRange>& inner = in_order ? seconds : firsts;
  const auto add = [&](const TokenRange& a, const TokenRange& b) {
    encoding.overflowing.push_back(in_order ? view(a, b) : view(b, a));
  };
  for (size_t i = 1; i < outer.size(); ++i)
    for (const TokenRange& range : inner) add(outer[i], range);
  for (size_t j = 1; j < inner.size(); ++j) add(outer[0], inner[j]);
  return encoding;
}

Encoding Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  Scratch scratch;
  encode_sequence(text, scratch, scratch.first);
  return assemble(scratch.first, nullptr, options);
}

Encoding Tokenizer::encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options) const {
  Scratch scratch;
  encode_sequence(first, scratch, scratch.first);
  encode_sequence(second, scratch, scratch.second);
  return assemble(scratch.first, &scratch.second, options);
}

std::vector<Encoding> Tokenizer::encode_texts(const StringList& firsts, const StringList* seconds,
                                              const EncodeOptions& options) const {
  std::vector<Encoding> encodings(static_cast<size_t>(firsts.size()));
  parallel_for(firsts.size(), texts_per_chunk, [&](int64_t begin, int64_t end) {
    size_t bytes = 0;
    for (int64_t i = begin; i < end; ++i) bytes += firsts[i].size();
    grow_heap(bytes);
    Scratch scratch;
    for (int64_t i = begin; i < end; ++i) {
      encode_sequence(firsts[i], scratch, scratch.first);
      if (seconds != nullptr) encode_sequence((*seconds)[i], scratch, scratch.second);
      encodings[static_cast<size_t>(i)] =
          assemble(scratch.first, seconds != nullptr ? &scratch.second : nullptr, options);
    }
  });
  return encodings;
}

std::vector<Encoding> Tokenizer::encode_batch(const StringList& texts, const EncodeOptions& options) const {
  return encode_texts(texts, nullptr, options);
}

std::vector<Encoding> Tokenizer::encode_batch(const StringList& firsts, const StringList& seconds,
                                              const EncodeOptions& options) const {
  ROUX_CHECK(firsts.size() == seconds.size(), "encode_batch", firsts.size(), " first texts and ", seconds.size(),
             " second ones; expected as many");
  return encode_texts(firsts, &seconds, options);
}

// ---- Tokens and ids -------------------------------------------------------------------------------------------------

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const int32_t id : ids) {
    const AddedToken* added = added_tokens_.find(id);
    if (skip_special_tokens && added != nullptr && added->special) continue;
    tokens.push_back(added != nullptr ? added->content : id_to_token(id));
  }
  if (!defaults_.joins_tokens_by_spaces) return decode_tokens(tokens);
  std::string text;
  for (size_t i = 0; i < tokens.size(); ++i) text.append(i == 0 ? "" : " ").append(tokens[i]);
  return text;
}

std::optional<int32_t> Tokenizer::token_to_id(std::string_view token) const {
  if (const AddedToken* added = added_tokens_.find(token)) return added->id;
  return model_token_to_id(token);
}

std::string Tokenizer::id_to_token(int32_t id) const {
  if (const AddedToken* added = added_tokens_.find(id)) return added->content;
  const std::optional<std::string_view> token = model_id_to_token(id);
  ROUX_CHECK(token.has_value(), "id_to_token", "there is no token with id ", id);
  return std::string(*token);
}

int64_t Tokenizer::vocabulary_size() const {
  const auto& added = added_tokens_.tokens();
  return model_size() + std::count_if(added.begin(), added.end(), [this](const AddedToken& token) {
           return !model_token_to_id(token.content).has_value();
         });
}

std::optional<int32_t> Tokenizer::pad_id() const {
  const auto named = defaults_.special_tokens.find("pad_token");
  if (named != defaults_.special_tokens.end()) return token_to_id(named->second);
  for (const char* const token : {"[PAD]", "<pad>", "<PAD>"})
    if (const std::optional<int32_t> id = token_to_id(token)) return id;
  return std::nullopt;
}

}  // namespace roux::text
