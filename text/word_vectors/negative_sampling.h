// Negative sampling: the step of gradient descent behind skip-gram and CBOW, and the words that are drawn for it.
//
// Mikolov, Sutskever, Chen, Corrado, Dean, "Distributed representations of words and phrases and their
// compositionality" (2013), equation 4: for a hidden vector h, the vector t of the word that is there and vectors n of
// words that were drawn, the loss is
//
//     -log sigmoid(h . t) - sum over n of log sigmoid(-h . n)
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace roux::text {

/// Random words of a stream (tensor/philox.h), made many at a time.
class RandomWords {
 public:
  RandomWords(uint64_t seed, uint64_t stream) : seed_(seed), stream_(stream), words_(block_size) {}

  /// 32 random bits.
  uint32_t next() {
    if (at_ == words_.size()) refill();
    return words_[at_++];
  }
  /// Uniform in [0, bound) but for a bias of at most bound / 2^32.
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>((uint64_t{next()} * bound) >> 32); }

 private:
  static constexpr size_t block_size = 4096;
  void refill();

  uint64_t seed_, stream_, next_block_ = 0;
  std::vector<uint32_t> words_;
  size_t at_ = block_size;
};

/// Draws words by their counts to the power of 0.75 (the same paper), in constant time: Walker's alias method as Vose
/// builds it, "A linear algorithm for generating random numbers with a given distribution" (1991).
class NegativeSampler {
 public:
  /// Throws when there are no counts, or one is below 1.
  explicit NegativeSampler(std::span<const int64_t> counts, double power = 0.75);

  int32_t draw(RandomWords& random) const {
    const uint64_t product = uint64_t{random.next()} * cells_.size();
    const Cell& cell = cells_[product >> 32];
    return static_cast<uint32_t>(product) < cell.own_share ? static_cast<int32_t>(product >> 32) : cell.other;
  }

  /// Another word than `word`, of which there must be one; should hardly anything but `word` be drawn, any.
  int32_t draw_other(RandomWords& random, int32_t word) const {
    for (int tries = 0; tries < 100; ++tries)
      if (const int32_t drawn = draw(random); drawn != word) return drawn;
    const auto any = static_cast<int32_t>(random.below(static_cast<uint32_t>(cells_.size() - 1)));
    return any < word ? any : any + 1;
  }

 private:
  /// Cell i gives word i for this share of 2^32, else the other.
  struct Cell {
    uint32_t own_share;
    int32_t other;
  };
  std::vector<Cell> cells_;
};

/// The step for one hidden vector. Rows have the length `stride()`, a multiple of what the processor takes at once, and
/// are zeros behind the dimension.
class NegativeSamplingStep {
 public:
  /// `negatives`: how many words are drawn for each that is there.
  NegativeSamplingStep(int64_t dim, int64_t negatives);

  /// The length of rows for vectors of `dim` numbers.
  static int64_t stride_of(int64_t dim);

  /// targets: the row of the word that is there, then those of the negatives. Adds -lr times the gradient to each of
  /// them, and -lr times the gradient of `hidden`, which stays, to `change`. A row that is among the targets twice gets
  /// both changes. Returns the loss, before the step.
  float run(const float* hidden, std::span<float* const> targets, float lr, float* change);

 private:
  int64_t stride_;
  std::vector<float> scores_, losses_;  // filled up to whole registers
};

/// Asks the processor to have a row at hand soon.
inline void prefetch_row(const float* row, int64_t stride) {
  constexpr int64_t floats_a_cache_line = 16;
  for (int64_t i = 0; i < stride; i += floats_a_cache_line) __builtin_prefetch(row + i, 1);
}

/// to (stride) += factor * from (stride).
void add_row(float* to, const float* from, float factor, int64_t stride);

}  // namespace roux::text
