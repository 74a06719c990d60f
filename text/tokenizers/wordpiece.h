// WordPiece: the tokenizer of BERT and DistilBERT, with the ids of Hugging Face's fast tokenizer.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/string_table.h"
#include "text/tokenizers/bert_normalizer.h"
#include "text/tokenizers/tokenizer.h"
#include "text/tokenizers/wordpiece_encoder.h"

namespace roux::text {

/// The defaults are those of bert-base-uncased.
struct WordPieceOptions {
  bool clean_text = true;                            ///< whether control characters go
  bool handle_chinese_chars = true;                  ///< whether ideographs are words of their own
  std::optional<bool> strip_accents = std::nullopt;  ///< not said: as `lowercase`
  bool lowercase = true;                             ///< whether letters become small
  std::string unk_token = "[UNK]";                   ///< stands for a word that no pieces make
  std::string continuing_subword_prefix = "##";      ///< before pieces inside a word
  int64_t max_input_chars_per_word = 100;            ///< in characters; a longer word is unknown
  bool cleanup = true;  ///< `decode` takes away spaces before punctuation and in contractions

  bool operator==(const WordPieceOptions&) const = default;
};

/// Normalises a text (text/tokenizers/bert_normalizer.h), splits it at white space and around punctuation, and takes
/// from each word the longest token that it begins with, again and again. A word with a rest that no token begins is
/// one unknown token.
class WordPieceTokenizer : public Tokenizer {
 public:
  /// The id of a token is its place, of equal ones that of the last (a BpeTokenizer refuses those); an empty string is
  /// a place without a token. A vocabulary without `unk_token` is complained of when an unknown word is met. Throws
  /// when max_input_chars_per_word is negative.
  WordPieceTokenizer(std::vector<std::string> vocabulary, WordPieceOptions options = {}, AddedTokens added_tokens = {},
                     PostProcessor post_processor = {});

  /// Its pieces by id, and what it was made with.
  const std::vector<std::string>& vocabulary() const { return vocabulary_; }
  const WordPieceOptions& options() const { return options_; }

 private:
  void encode_part(std::string_view text, std::vector<int32_t>& ids) const override;
  void encode_part(std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>& bytes) const override;
  bool normalizes() const override { return true; }
  NormalizedText normalize(std::string_view text) const override;
  void encode_normalized(std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>& bytes) const override;
  std::string decode_tokens(std::span<const std::string> tokens) const override;
  std::optional<int32_t> model_token_to_id(std::string_view token) const override;
  std::optional<std::string_view> model_id_to_token(int32_t id) const override;
  int64_t model_size() const override;

  WordPieceTable table_of(const CharacterTable& characters) const;
  WordPieceModel model(const WordPieceTable& table) const;
  const WordPieceTable& splitting() const;

  std::vector<std::string> vocabulary_;
  WordPieceOptions options_;
  StringTable tokens_;                   // the tokens, numbered in the order of their ids
  std::vector<int32_t> ids_of_numbers_;  // of each of them
  std::vector<int32_t> piece_bytes_;
  int32_t unknown_ = -1;
  BertNormalizer normalizer_;
  WordPieceMatcher matcher_;
  std::unique_ptr<const WordPieceTable> table_;
  mutable WordCache cache_;
  mutable std::once_flag splitting_made_;
  mutable std::unique_ptr<const WordPieceTable> splitting_;  // for texts that are normalised already; rarely needed
};

}  // namespace roux::text
