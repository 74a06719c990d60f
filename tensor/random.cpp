// The default generator, its streams, and integers in a range.
#include "tensor/random.h"

#include <atomic>

#include "tensor/error.h"
#include "tensor/philox.h"

namespace roux {
namespace {

std::atomic<uint64_t>& next_stream() {
  static std::atomic<uint64_t> next = 1;
  return next;
}

}  // namespace

uint64_t Generator::reserve(int64_t n) {
  ROUX_CHECK(n >= 0, "Generator::reserve", "the number of words must not be negative, found ", n);
  const uint64_t blocks = static_cast<uint64_t>(n) / 4 + (n % 4 != 0);
  return std::atomic_ref(offset_).fetch_add(blocks, std::memory_order_relaxed);
}

Generator& default_generator() {
  static Generator generator;
  return generator;
}

void manual_seed(uint64_t seed) {
  default_generator() = Generator(seed);
  next_stream() = 1;
}

Generator new_stream() {
  return Generator(default_generator().seed(), next_stream().fetch_add(1, std::memory_order_relaxed));
}

int64_t uniform_int(Generator& generator, int64_t bound) {
  ROUX_CHECK(bound >= 1, "uniform_int", "the bound must be at least 1, found ", bound);
  const uint64_t range = static_cast<uint64_t>(bound);
  const uint64_t rejected_below = -range % range;  // 2^64 mod range: what is left of the words after even shares
  for (;;) {
    const auto words = philox_block(generator.seed(), generator.stream(), generator.reserve(4));
    for (const int i : {0, 2}) {
      const uint64_t word = uint64_t{words[i]} << 32 | words[i + 1];
      const unsigned __int128 product = static_cast<unsigned __int128>(word) * range;
      if (static_cast<uint64_t>(product) >= rejected_below) return static_cast<int64_t>(product >> 64);
    }
  }
}

}  // namespace roux
