// Learning which pairs to merge: the most frequent pair of neighbours becomes a token, again and again (Sennrich et al.
// 2016, arXiv 1508.07909). What the trainers of BPE and of WordPiece share.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "text/string_table.h"

namespace roux::text {

/// Called now and then with the number of tokens there are and the number there shall be.
using TokenizerTrainingProgress = std::function<void(int64_t tokens, int64_t vocab_size)>;

/// Distinct words as ids of tokens, one word after the other, and how often each occurs.
struct CountedWords {
  std::vector<int32_t> symbols;     ///< ids of tokens
  std::vector<int64_t> offsets{0};  ///< word i is [offsets[i], offsets[i + 1])
  std::vector<int64_t> counts;      ///< of each word
};

/// Options of `train_pairs`.
struct PairTrainingOptions {
  int64_t vocab_size = 0;     ///< ends with so many tokens
  int64_t min_frequency = 0;  ///< or where every pair occurs less often than this, or not at all
  std::string
      continuing_subword_prefix;       ///< what tokens inside a word begin with; it is taken off when they are joined
  TokenizerTrainingProgress progress;  ///< told how far it is
};

/// Adds tokens to `tokens` and returns the pairs that were merged, in order. Of pairs that occur equally often the one
/// with the lower first id comes first, then the one with the lower second id: the order of Hugging Face's trainers.
std::vector<std::pair<int32_t, int32_t>> train_pairs(StringTable& tokens, CountedWords words,
                                                     const PairTrainingOptions& options);

}  // namespace roux::text
