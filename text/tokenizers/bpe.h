// Byte-level BPE, the tokenizer of GPT-2 and RoBERTa: ids as Hugging Face's tokenizers 0.23.3 gives them.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "text/string_table.h"
#include "text/tokenizers/bpe_merger.h"
#include "text/tokenizers/tokenizer.h"
#include "text/tokenizers/word_cache.h"

namespace roux::text {

/// Options of `BpeTokenizer`.
struct BpeOptions {
  /// Puts a space before every text, and every part of it between added tokens, that does not begin with one.
  bool add_prefix_space = false;
  /// Cuts texts into pieces as GPT-2 does (byte_level.h); false: a text is one piece.
  bool use_regex = true;
  /// A piece that is a token is that token, whatever the merges would make of it.
  bool ignore_merges = false;
  /// The token for bytes that the vocabulary has no character for; empty: they are left out.
  std::string unk_token;
  /// One unk_token for several such bytes in a row.
  bool fuse_unk = false;
  /// Offsets leave white space at the ends of tokens out, as the post-processors ByteLevel and RobertaProcessing do it,
  /// also that of added tokens ...
  bool trim_offsets = false;
  /// ... but for a single space at the beginning of the text (their own add_prefix_space).
  bool trim_keeps_first_space = true;
};

/// Byte-level BPE, as in GPT-2 and RoBERTa.
class BpeTokenizer : public Tokenizer {
 public:
  /// `vocabulary`: the token of id i at [i], spelled in characters that stand for bytes (byte_level.h); empty for an id
  /// that has no token. `merges`: the pairs in the order of their ranks. Throws on a token that appears twice, a merge
  /// of what is no token or into none, and an unk_token that is needed and not there.
  BpeTokenizer(std::vector<std::string> vocabulary, std::vector<std::pair<std::string, std::string>> merges,
               const BpeOptions& options = {}, AddedTokens added_tokens = {}, PostProcessor post_processor = {});

  /// What it was made with.
  const BpeOptions& options() const { return options_; }
  const std::vector<std::string>& vocabulary() const { return vocabulary_; }
  const std::vector<std::pair<std::string, std::string>>& merges() const { return merges_; }

 private:
  void encode_part(std::string_view text, std::vector<int32_t>& ids) const override;
  void encode_part(std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>& bytes) const override;
  TextSpan trim_added_token(std::string_view text, TextSpan bytes) const override;
  void adjust_offsets(Encoding& encoding) const override;
  std::string decode_tokens(std::span<const std::string> tokens) const override;
  std::optional<int32_t> model_token_to_id(std::string_view token) const override;
  std::optional<std::string_view> model_id_to_token(int32_t id) const override;
  int64_t model_size() const override;

  /// How many characters at either end of a token are white space or stand for a space.
  struct WhiteSpace {
    int32_t leading;
    int32_t trailing;
  };
  static WhiteSpace white_space_of(std::string_view token);

  void index_vocabulary();
  void index_bytes();
  void index_merges();
  int32_t id_of(std::string_view token) const;

  bool needs_prefix_space(std::string_view text) const;
  void append_ids(std::string_view text, std::vector<int32_t>& ids) const;
  void append_with_spans(std::string_view text, std::vector<int32_t>& ids, std::vector<TextSpan>& bytes) const;
  int64_t next_pieces(std::string_view text, int64_t at, int64_t* ends) const;
  void append_new_piece(std::string_view piece, std::vector<int32_t>& ids) const;
  void append_incomplete_piece(std::string_view text, int64_t begin, int64_t end, std::vector<int32_t>& ids,
                               std::vector<TextSpan>& bytes) const;
  size_t encode_piece(std::string_view piece, BpeSymbol* symbols) const;
  size_t byte_symbols(std::string_view piece, BpeSymbol* symbols) const;

  std::vector<std::string> vocabulary_;
  std::vector<std::pair<std::string, std::string>> merges_;
  BpeOptions options_;
  StringTable tokens_;                   // the tokens, numbered in the order of their ids
  std::vector<int32_t> ids_of_numbers_;  // of each of them
  std::vector<WhiteSpace> white_space_;  // of the tokens, by id
  std::vector<int32_t> token_bytes_;     // how many bytes a token of an id spells
  std::array<int32_t, 256> byte_ids_{};  // of a byte's character; -1: none
  bool has_all_bytes_ = true;
  int32_t unk_id_ = -1;
  BpeMerger merger_;
  mutable WordCache cache_{131072};  // pieces met before; threads share it
};

}  // namespace roux::text
