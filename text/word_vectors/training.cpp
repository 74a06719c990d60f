// Checks before and after a training.
#include "text/word_vectors/training.h"

#include <cmath>

namespace roux::text {

void check_positive(const char* operation, const char* name, double value) {
  ROUX_CHECK(std::isfinite(value) && value > 0, operation, name, " is ", value, "; expected a number above 0");
}

void check_neighbours(const char* operation, const TrainingCorpus& corpus) {
  for (int64_t i = 0; i < corpus.sentences(); ++i)
    if (corpus.sentence(i).size() >= 2) return;
  fail(operation, "no sentence of the corpus has two of its words; expected neighbours to learn from");
}

void check_loss(const char* operation, double loss, double lr) {
  ROUX_CHECK(std::isfinite(loss), operation, "training has gone astray: the loss is ", loss,
             " (hint: a smaller lr than ", lr, ")");
}

Tensor trained_columns(const char* operation, const Tensor& table, int64_t dim, double lr) {
  const Tensor vectors = table.slice(1, 0, dim).clone();
  const float* const values = vectors.data<float>();
  bool finite = true;
  for (int64_t i = 0; i < vectors.numel(); ++i) finite &= std::isfinite(values[i]);
  ROUX_CHECK(finite, operation,
             "training has gone astray: vectors are no numbers any more (hint: "
             "a smaller lr than ",
             lr, ")");
  return vectors;
}

}  // namespace roux::text
