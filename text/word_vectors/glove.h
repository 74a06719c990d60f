// Word vectors from counts of how often words stand near each other: GloVe.
//
// Pennington, Socher, Manning, "GloVe: global vectors for word representation" (2014): with X_ij the count of words i
// and j (cooccurrence.h), the loss is
//
//     sum over i, j with X_ij > 0 of f(X_ij) (w_i . c_j + b_i + d_j - log X_ij)^2 / 2
//     f(x) = min(1, (x / x_max)^alpha)
//
// (equation 8; the half is of its program) by AdaGrad, one pair at a time; the vector of a word is w_i + c_i.
#pragma once

#include <cstdint>

#include "text/word_vectors/training.h"
#include "text/word_vectors/training_corpus.h"
#include "text/word_vectors/word_vectors.h"

namespace roux::text {

/// Options of `train_glove`.
struct GloveOptions {
  int64_t dim = 100;               ///< numbers in a vector
  int64_t epochs = 25;             ///< passes over the counts
  int64_t window = 5;              ///< words on either side whose distance counts; the paper has 10
  double lr = 0.05;                ///< AdaGrad's, whose sums of squares start at 1
  double x_max = 10;               ///< from this count on a pair weighs 1; the paper has 100, for billions of words
  double alpha = 0.75;             ///< how weights grow up to there
  uint64_t seed = 1;               ///< of the start and the order
  int threads = 1;                 ///< more than 1: no two runs give quite the same vectors, as in Word2VecOptions
  TrainingProgress progress = {};  ///< `advanced` counts pairs; the loss is the mean of f(X) (...)^2 / 2
};

/// Counts, then trains. Throws when an option is out of bounds, when no sentence has two words, and when training has
/// gone astray (lr too large).
WordVectors train_glove(const TrainingCorpus& corpus, const GloveOptions& options = {});

/// One step of AdaGrad for a pair, on rows of `stride` numbers, a multiple of what the processor takes at once: `w` and
/// `c`, each followed by its sums of squares, and two biases followed by theirs (bias, sum). Returns the loss, before
/// the step.
float glove_step(float* w, float* c, float* w_bias, float* c_bias, float log_count, float weight, float lr,
                 int64_t stride);

}  // namespace roux::text
