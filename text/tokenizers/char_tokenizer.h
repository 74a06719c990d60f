// The character tokenizer: a token for each Unicode code point.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizers/tokenizer.h"
#include "text/tokenizers/word_tokenizer.h"

namespace roux::text {

/// Characters with ids: either the code points themselves, A 65 and @ 64, with the special tokens behind the last one
/// from 0x110000 on; or a vocabulary of the characters that were seen, with the special tokens in front. `decode` puts
/// characters one after the other.
class CharTokenizer : public Tokenizer {
 public:
  /// Ids are code points.
  explicit CharTokenizer(const SpecialTokens& special_tokens = {});
  /// Ids are places in `vocabulary`, which begins with the special tokens; each other entry is one character.
  explicit CharTokenizer(const std::vector<std::string>& vocabulary, const SpecialTokens& special_tokens = {});

  /// A vocabulary of the characters of `texts`: the most frequent first, equals in the order they are met.
  static CharTokenizer build(const StringList& texts, const SpecialTokens& special_tokens = {},
                             const VocabularyLimits& limits = {});

  /// Whether ids are those of a vocabulary, not code points.
  bool has_vocabulary() const { return vocabulary_.size() > 0; }
  const StringTable& vocabulary() const { return vocabulary_; }
  const SpecialTokens& special_tokens() const { return special_tokens_; }

 private:
  void encode_part(std::string_view text, std::vector<int32_t>& ids) const override;
  void encode_part(std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>& bytes) const override;
  std::string decode_tokens(std::span<const std::string> tokens) const override;
  std::optional<int32_t> model_token_to_id(std::string_view token) const override;
  std::optional<std::string_view> model_id_to_token(int32_t id) const override;
  int64_t model_size() const override;

  template <class F>
  void for_each_id(std::string_view text, F&& f) const;

  SpecialTokens special_tokens_;
  StringTable vocabulary_;
  std::vector<int32_t> ids_;  // by code point, -1: not in the vocabulary; empty where ids are code points
  int32_t unknown_;
};

/// The printable part of the ASCII table, 32 to 126, in rows of `columns`: number and character.
std::string ascii_table(int64_t columns = 8);

}  // namespace roux::text
