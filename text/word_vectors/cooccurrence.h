// How often words of a corpus stand near each other: what GloVe learns from.
#pragma once

#include <cstdint>
#include <vector>

#include "text/word_vectors/training_corpus.h"

namespace roux::text {

/// Two words that stand near each other somewhere, first <= second, and the sum of 1 / distance over all such places
/// (twice that for a word near itself): GloVe's X of (first, second) and of (second, first).
struct Cooccurrence {
  int32_t first, second;
  double count;
};

/// All pairs that stand at most `window` words apart in a sentence, in the order they are first met. Throws unless 1 <=
/// window <= 1000.
std::vector<Cooccurrence> count_cooccurrences(const TrainingCorpus& corpus, int64_t window);

}  // namespace roux::text
