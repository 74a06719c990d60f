// Characters to ids and back.
#include "text/tokenizers/char_tokenizer.h"

#include <cstdio>

#include "tensor/error.h"
#include "text/tokenizers/encoding_parts.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

constexpr int32_t code_points = 0x110000;

}  // namespace

CharTokenizer::CharTokenizer(const SpecialTokens& special_tokens)
    : Tokenizer(special_tokens.added_tokens(code_points), special_tokens.post_processor(code_points)),
      special_tokens_(special_tokens),
      unknown_(special_tokens.unknown_id(code_points)) {
  special_tokens.check();
}

CharTokenizer::CharTokenizer(const std::vector<std::string>& vocabulary, const SpecialTokens& special_tokens)
    : Tokenizer(special_tokens.added_tokens(0), special_tokens.post_processor(0)),
      special_tokens_(special_tokens),
      vocabulary_(vocabulary_table(vocabulary, special_tokens, "CharTokenizer")),
      unknown_(special_tokens.unknown_id(0)) {
  ROUX_CHECK(!vocabulary.empty(), "CharTokenizer", "the vocabulary is empty");
  for (size_t id = special_tokens.tokens.size(); id < vocabulary.size(); ++id) {
    const CodePoint character = decode_utf8(vocabulary[id], 0);
    ROUX_CHECK(character.value >= 0 && static_cast<size_t>(character.length) == vocabulary[id].size(), "CharTokenizer",
               "id ", id, " is '", vocabulary[id], "'; expected one character");
    const auto at = static_cast<size_t>(character.value);
    if (at >= ids_.size()) ids_.resize(at + 1, -1);
    ids_[at] = static_cast<int32_t>(id);
  }
}

CharTokenizer CharTokenizer::build(const StringList& texts, const SpecialTokens& special_tokens,
                                   const VocabularyLimits& limits) {
  TokenCounts counts;
  for (int64_t i = 0; i < texts.size(); ++i) {
    const bool is_valid = is_valid_utf8(texts[i]);
    const std::string repaired = is_valid ? std::string() : repaired_utf8(texts[i]);
    const std::string_view text = is_valid ? texts[i] : repaired;
    for (size_t at = 0; at < text.size();) {
      const auto length = static_cast<size_t>(decode_valid_utf8(text.data() + at).length);
      counts.add(text.substr(at, length));
      at += length;
    }
  }
  return CharTokenizer(vocabulary_of(counts, limits, special_tokens), special_tokens);
}

template <class F>
void CharTokenizer::for_each_id(std::string_view text, F&& f) const {
  for (int32_t at = 0; at < static_cast<int32_t>(text.size());) {
    const CodePoint character = decode_utf8(text, at);
    int32_t id = character.value;
    if (has_vocabulary()) {
      const auto index = static_cast<size_t>(character.value);
      id = index < ids_.size() && ids_[index] >= 0 ? ids_[index] : unknown_;
    }
    if (id >= 0) f(id, TextSpan{at, at + character.length});
    at += character.length;
  }
}

void CharTokenizer::encode_part(std::string_view text, std::vector<int32_t>& ids) const {
  for_each_id(text, [&](int32_t id, TextSpan) { ids.push_back(id); });
}

void CharTokenizer::encode_part(std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>& bytes) const {
  for_each_id(text, [&](int32_t id, TextSpan span) {
    ids.push_back(id);
    bytes.push_back(span);
  });
}

std::string CharTokenizer::decode_tokens(std::span<const std::string> tokens) const {
  std::string text;
  for (const std::string& token : tokens) text += token;
  return text;
}

std::optional<int32_t> CharTokenizer::model_token_to_id(std::string_view token) const {
  if (has_vocabulary()) {
    const int32_t id = vocabulary_.find(token);
    return id < 0 ? std::nullopt : std::optional(id);
  }
  if (token.empty()) return std::nullopt;
  const CodePoint character = decode_utf8(token, 0);
  const bool is_one = character.value >= 0 && static_cast<size_t>(character.length) == token.size();
  return is_one ? std::optional(character.value) : std::nullopt;
}

std::optional<std::string_view> CharTokenizer::model_id_to_token(int32_t id) const {
  if (has_vocabulary()) return id < 0 || id >= vocabulary_.size() ? std::nullopt : std::optional(vocabulary_[id]);
  thread_local std::string character;  // the base copies it at once
  character.clear();
  if (id < 0 || !append_utf8(static_cast<uint32_t>(id), character)) return std::nullopt;
  return character;
}

int64_t CharTokenizer::model_size() const { return has_vocabulary() ? vocabulary_.size() : code_points; }

std::string ascii_table(int64_t columns) {
  ROUX_CHECK(columns >= 1, "ascii_table", "columns is ", columns, "; expected 1 or more");
  std::string table;
  const int64_t rows = (95 + columns - 1) / columns;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t code = 32 + row; code <= 126; code += rows) {
      char cell[16];
      std::snprintf(cell, sizeof cell, "%s%3d %c", code == 32 + row ? "" : "   ", static_cast<int>(code),
                    static_cast<int>(code));
      table += cell;
    }
    table += '\n';
  }
  return table;
}

}  // namespace roux::text
