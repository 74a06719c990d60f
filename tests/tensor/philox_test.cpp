// Random words against published answers, their conversions, generators, and the bulk kernel against the plain
// function.
#include "tensor/philox.h"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <thread>
#include <vector>

#include "tensor/cpu/philox_bulk.h"
#include "tensor/error.h"
#include "tensor/random.h"

using roux::Generator;
using roux::philox4x32;
using roux::philox_block;
using Words = std::array<uint32_t, 4>;

namespace {

/// Words first to first + n - 1 of an operation that starts at block `offset`.
std::vector<uint32_t> plain_words(int64_t n, uint64_t seed, uint64_t stream, uint64_t offset) {
  std::vector<uint32_t> words;
  for (uint64_t i = 0; i < static_cast<uint64_t>(n); ++i)
    words.push_back(philox_block(seed, stream, offset + i / 4)[i % 4]);
  return words;
}

}  // namespace

TEST_CASE("philox gives the known answers of Random123, at compile time too") {
  constexpr Words zeros = philox4x32({0, 0, 0, 0}, {0, 0});
  static_assert(zeros == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr uint32_t all = 0xffffffff;
  const Words ones = philox4x32({all, all, all, all}, {all, all});
  CHECK(ones == Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  const Words pi = philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0});
  CHECK(pi == Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("a block takes its counter and key from seed, stream and number, low words first") {
  CHECK(philox_block(0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("uniform floats and doubles stay in [0, 1) and use all their bits") {
  static_assert(roux::uniform_float(0) == 0.0F);
  static_assert(roux::uniform_float(0xff) == 0.0F);
  static_assert(roux::uniform_float(0x100) == 0x1p-24F);
  static_assert(roux::uniform_float(0xffffffff) == 1.0F - 0x1p-24F);
  static_assert(roux::uniform_double(0, 0x7ff) == 0.0);
  static_assert(roux::uniform_double(0, 0x800) == 0x1p-53);
  static_assert(roux::uniform_double(0x80000000, 0) == 0.5);
  static_assert(roux::uniform_double(0xffffffff, 0xffffffff) == 1.0 - 0x1p-53);
  double mean = 0;
  double square = 0;
  for (const uint32_t word : plain_words(100000, 7, 0, 0)) {
    const double value = roux::uniform_float(word);
    mean += value / 100000;
    square += value * value / 100000;
  }
  CHECK(std::abs(mean - 0.5) < 4 * std::sqrt(1.0 / 12 / 100000));
  CHECK(std::abs(square - 1.0 / 3) < 4 * std::sqrt(4.0 / 45 / 100000));
}

TEST_CASE("bulk words are those of the plain function") {
  constexpr uint64_t crossing = 0xffffffff;  // the low word of the counter overflows within a batch
  constexpr uint64_t last = std::numeric_limits<uint64_t>::max();
  for (const uint64_t offset :
       {uint64_t{0}, uint64_t{1}, crossing - 3, crossing - 77, 5 * crossing, last - 1, last - 40}) {
    for (const int64_t n : {1, 2, 3, 4, 5, 7, 63, 64, 65, 127, 128, 129, 130, 131, 255, 257, 1000, 1023}) {
      std::vector<uint32_t> words(static_cast<size_t>(n) + 2, 0xabababab);
      roux::cpu_kernels::philox_words(words.data() + 1, n, 0x123456789abcdef0, 0xfedcba9876543210, offset);
      REQUIRE(words.front() == 0xabababab);  // nothing is written outside
      REQUIRE(words.back() == 0xabababab);
      REQUIRE(std::vector<uint32_t>(words.begin() + 1, words.end() - 1) ==
              plain_words(n, 0x123456789abcdef0, 0xfedcba9876543210, offset));
    }
  }
  uint32_t untouched = 3;
  roux::cpu_kernels::philox_words(&untouched, 0, 1, 2, 3);
  roux::cpu_kernels::philox_words(&untouched, -1, 1, 2, 3);
  CHECK(untouched == 3);
}

TEST_CASE("a generator reserves one block for four words") {
  Generator generator(5, 6, 10);
  CHECK(generator.reserve(1) == 10);
  CHECK(generator.reserve(0) == 11);
  CHECK(generator.reserve(4) == 11);
  CHECK(generator.reserve(5) == 12);
  CHECK(generator.offset() == 14);
  CHECK(generator.reserve(std::numeric_limits<int64_t>::max()) == 14);
  CHECK(generator.offset() == 14 + (uint64_t{1} << 61));
  CHECK_THROWS_WITH_AS(generator.reserve(-1), "[Generator::reserve] the number of words must not be negative, found -1",
                       roux::Error);
  CHECK(generator.offset() == 14 + (uint64_t{1} << 61));
}

TEST_CASE("threads never get the same block") {
  Generator generator;
  std::array<std::vector<uint64_t>, 4> blocks;
  std::vector<std::thread> threads;
  for (auto& mine : blocks) {
    threads.emplace_back([&generator, &mine] {
      for (int i = 0; i < 1000; ++i) mine.push_back(generator.reserve(4));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<uint64_t> all;
  for (const auto& mine : blocks) all.insert(mine.begin(), mine.end());
  CHECK(all.size() == 4000);
  CHECK(generator.offset() == 4000);
}

TEST_CASE("streams are counted from the last manual_seed") {
  const Generator before = roux::default_generator();
  roux::manual_seed(42);
  CHECK(roux::default_generator().seed() == 42);
  CHECK(roux::default_generator().stream() == 0);
  CHECK(roux::default_generator().offset() == 0);
  roux::default_generator().reserve(100);
  for (const uint64_t expected : {1, 2, 3}) {
    const Generator stream = roux::new_stream();
    CHECK(stream.seed() == 42);
    CHECK(stream.stream() == expected);
    CHECK(stream.offset() == 0);
  }
  CHECK(roux::default_generator().offset() == 25);
  roux::manual_seed(43);
  CHECK(roux::default_generator().offset() == 0);
  CHECK(roux::new_stream().seed() == 43);
  CHECK(roux::new_stream().stream() == 2);
  roux::manual_seed(before.seed());
  roux::default_generator() = before;
}

TEST_CASE("uniform_int covers its range evenly") {
  Generator generator(11);
  for (const int64_t bound : {1, 2, 3, 7, 10}) {
    std::vector<int> counts(static_cast<size_t>(bound));
    constexpr int draws = 20000;
    for (int i = 0; i < draws; ++i) {
      const int64_t value = roux::uniform_int(generator, bound);
      REQUIRE(value >= 0);
      REQUIRE(value < bound);
      ++counts[static_cast<size_t>(value)];
    }
    const double expected = static_cast<double>(draws) / static_cast<double>(bound);
    for (const int count : counts) CHECK(std::abs(count - expected) <= 4.5 * std::sqrt(expected));
  }
  CHECK(generator.offset() == 5 * 20000);  // small bounds reject next to nothing
}

TEST_CASE("uniform_int rejects what would favour some integers") {
  // 2^64 mod the bound is 2^62: a quarter of the draws is rejected. A block holds two draws, so about one call in
  // sixteen takes a second block.
  constexpr int64_t bound = int64_t{3} << 61;
  Generator generator(12);
  int third = 0;
  for (int i = 0; i < 20000; ++i) third += roux::uniform_int(generator, bound) < int64_t{1} << 61;
  CHECK(std::abs(third - 20000 / 3.0) < 4.5 * std::sqrt(20000 * 2 / 9.0));
  CHECK(generator.offset() > 20000 * 17 / 16);
  CHECK(generator.offset() < 20000 * 35 / 32);
  CHECK_THROWS_WITH_AS(roux::uniform_int(generator, 0), "[uniform_int] the bound must be at least 1, found 0",
                       roux::Error);
  CHECK_THROWS_AS(roux::uniform_int(generator, -5), roux::Error);
}
