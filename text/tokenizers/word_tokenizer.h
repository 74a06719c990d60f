// The word tokenizer of the course: lower-case, split, look up.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/string_table.h"
#include "text/tokenizers/special_tokens.h"
#include "text/tokenizers/tokenizer.h"
#include "text/tokenizers/word_splitter.h"
#include "text/vocabulary.h"

namespace roux::text {

/// Which words a vocabulary takes.
struct VocabularyLimits {
  int64_t min_count = 1;  ///< what is met less often is left out
  int64_t max_size = 0;   ///< ids at most, special ones included, the most frequent first; 0: all
};

/// Words with ids. The special tokens come first; with the default, `<PAD>` 0, words have the ids from 1. Words that
/// are not in the vocabulary get the unknown token, or are left out where there is none. `decode` joins words by
/// spaces.
class WordTokenizer : public Tokenizer {
 public:
  /// Throws unless `vocabulary` (id = index) begins with the special tokens and holds each word once.
  explicit WordTokenizer(const std::vector<std::string>& vocabulary, const WordOptions& options = {},
                         const SpecialTokens& special_tokens = {});

  /// From the words of `texts`: the most frequent first, equals in the order they are met.
  /// "I love my dog", "I love my cat" gives i 1, love 2, my 3, dog 4, cat 5.
  static WordTokenizer build(const StringList& texts, const WordOptions& options = {},
                             const SpecialTokens& special_tokens = {}, const VocabularyLimits& limits = {});

  /// What it was made with.
  const WordOptions& options() const { return options_; }
  /// Those that have an id.
  const SpecialTokens& special_tokens() const { return special_tokens_; }
  const StringTable& vocabulary() const { return words_; }

 private:
  void encode_part(std::string_view text, std::vector<int32_t>& ids) const override;
  void encode_part(std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>& bytes) const override;
  std::string decode_tokens(std::span<const std::string> tokens) const override;
  std::optional<int32_t> model_token_to_id(std::string_view token) const override;
  std::optional<std::string_view> model_id_to_token(int32_t id) const override;
  int64_t model_size() const override { return words_.size(); }

  template <class F>
  void for_each_id(std::string_view text, F&& f) const;

  WordOptions options_;
  SpecialTokens special_tokens_;
  StringTable words_;
  int32_t unknown_;  // -1: none
};

/// The special tokens and then what was counted, within the limits.
std::vector<std::string> vocabulary_of(const TokenCounts& counts, const VocabularyLimits& limits,
                                       const SpecialTokens& special_tokens);

/// A table with id = index; `what` names the entries in errors. Throws on one that is there twice or empty, and unless
/// the special tokens come first.
StringTable vocabulary_table(const std::vector<std::string>& vocabulary, const SpecialTokens& special_tokens,
                             const char* what);

}  // namespace roux::text
