// What the trainings of word vectors share: what they tell while they run, and the bounds of their options.
#pragma once

#include <cstdint>
#include <functional>

#include "tensor/error.h"
#include "tensor/tensor.h"
#include "text/word_vectors/training_corpus.h"

namespace roux::text {

/// Functions that are called where they are there.
struct TrainingProgress {
  /// `count` more units of work of `total` are done; may be called from several threads at once.
  std::function<void(int64_t count, int64_t total)> advanced = {};
  /// An epoch, counted from 1, is over; the mean loss of its examples, each before its step.
  std::function<void(int64_t epoch, double loss)> epoch_done = {};
};

/// Throws, naming the option, unless low <= value <= high.
inline void check_within(const char* operation, const char* name, int64_t value, int64_t low, int64_t high) {
  ROUX_CHECK(low <= value && value <= high, operation, name, " is ", value, "; expected ", low, " to ", high);
}

/// Throws, naming the option, unless it is finite and more than 0.
void check_positive(const char* operation, const char* name, double value);

/// Throws when no sentence has two words: there is no neighbour to learn from.
void check_neighbours(const char* operation, const TrainingCorpus& corpus);

/// Throws when the loss of an epoch is no number any more, because `lr` was too large.
void check_loss(const char* operation, double loss, double lr);

/// The first `dim` columns of a table. Throws when not all of them are finite, because `lr` was too large.
Tensor trained_columns(const char* operation, const Tensor& table, int64_t dim, double lr);

}  // namespace roux::text
