// Where random numbers come from: generators that hand out blocks of Philox words (tensor/philox.h).
#pragma once

#include <cstdint>

namespace roux {

/// A place in a sequence of random words. An operation on n elements reserves ceil(n / 4) blocks of four words and
/// gives its element i word i % 4 of block i / 4 of them, so its numbers depend on this state only, not on device or
/// threads. Copying copies the state: both copies then give the same numbers.
class Generator {
 public:
  /// The stream's numbers from place `offset` on.
  explicit Generator(uint64_t seed = 0, uint64_t stream = 0, uint64_t offset = 0)
      : seed_(seed), stream_(stream), offset_(offset) {}

  /// What it was made with.
  uint64_t seed() const { return seed_; }
  /// Sequences of one seed that do not overlap.
  uint64_t stream() const { return stream_; }
  /// The next block that is free.
  uint64_t offset() const { return offset_; }

  /// Takes the blocks for n words and returns the first of them. Safe to call from several threads at once. Throws
  /// Error if n is negative.
  uint64_t reserve(int64_t n);

 private:
  uint64_t seed_;
  uint64_t stream_;
  uint64_t offset_;
};

/// The generator of operations that are given no other: stream 0 of the seed, which is 0 until `manual_seed`.
Generator& default_generator();

/// Starts the default generator anew from `seed`, and the numbers of `new_stream` from 1. Not while other threads draw.
void manual_seed(uint64_t seed);

/// A generator of its own for whoever draws often, such as a module: the seed of the default generator and the next
/// stream, counted 1, 2, 3, ... since `manual_seed`. Does not move the default generator.
Generator new_stream();

/// An integer uniform in [0, bound), each with exactly the same probability (Lemire, "Fast random integer generation in
/// an interval", 2019). Takes one block of the generator, rarely more. Throws Error unless bound >= 1.
int64_t uniform_int(Generator& generator, int64_t bound);

}  // namespace roux
