// The inner loop of WordPiece: normalising, splitting and matching in one pass over the text.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "text/tokenizers/tokenizer.h"
#include "text/tokenizers/word_cache.h"
#include "text/tokenizers/wordpiece_matcher.h"
#include "text/tokenizers/wordpiece_table.h"

namespace roux::text {

/// What the loop reads; everything belongs to a WordPieceTokenizer.
struct WordPieceModel {
  const WordPieceTable& table;
  const WordPieceMatcher& matcher;
  WordCache& cache;
  std::span<const int32_t> piece_bytes;  ///< by id: the length of a token
  int32_t prefix_bytes;                  ///< of which this much is the prefix of all but the first of a word
  int32_t unknown;                       ///< -1: there is none
  int64_t max_characters;                ///< of a word that is not unknown for its length
};

/// Appends the ids of a valid text. False where it holds marks that change places: the text has to be normalised
/// before, and what was appended is void.
bool encode_wordpieces(const WordPieceModel& model, std::string_view text, std::vector<int32_t>& ids);

/// The same, and the bytes of `text` that each id stands for: from the first to the last byte of the characters that
/// its piece of the normalised word came from.
bool encode_wordpieces(const WordPieceModel& model, std::string_view text, std::vector<int32_t>& ids,
                       std::vector<TextSpan>& bytes);

}  // namespace roux::text
