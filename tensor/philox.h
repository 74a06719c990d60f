// Philox 4x32-10, the counter-based generator behind all random numbers, and the conversions of its words: plain
// functions of their arguments that give the same numbers on every device and for any number of threads.
#pragma once

#include <array>
#include <cstdint>

namespace roux {

/// What the rounds multiply by (words 0 and 2) and what they add to the key (words 0 and 1).
inline constexpr std::array<uint32_t, 2> philox_multiplier{0xD2511F53, 0xCD9E8D57};
inline constexpr std::array<uint32_t, 2> philox_key_step{0x9E3779B9, 0xBB67AE85};
inline constexpr int philox_rounds = 10;

/// Four random words for a counter and a key: Philox 4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random
/// numbers: as easy as 1, 2, 3" (SC 2011).
constexpr std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  for (int round = 0; round < philox_rounds; ++round) {
    const uint64_t product0 = uint64_t{philox_multiplier[0]} * counter[0];
    const uint64_t product1 = uint64_t{philox_multiplier[1]} * counter[2];
    counter = {static_cast<uint32_t>(product1 >> 32) ^ counter[1] ^ key[0], static_cast<uint32_t>(product1),
               static_cast<uint32_t>(product0 >> 32) ^ counter[3] ^ key[1], static_cast<uint32_t>(product0)};
    key = {key[0] + philox_key_step[0], key[1] + philox_key_step[1]};
  }
  return counter;
}

/// The four words of one block of a stream. The seed is the key, the block and the stream are the halves of the
/// counter, low words first. An operation that starts at block b takes as word i the word i % 4 of block b + i / 4.
constexpr std::array<uint32_t, 4> philox_block(uint64_t seed, uint64_t stream, uint64_t block) {
  return philox4x32({static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), static_cast<uint32_t>(stream),
                     static_cast<uint32_t>(stream >> 32)},
                    {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
}

/// A multiple of 2^-24 in [0, 1), uniform, from one random word.
constexpr float uniform_float(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24F; }

/// A multiple of 2^-53 in [0, 1), uniform, from two random words; `high` gives the leading 32 of its 53 bits.
constexpr double uniform_double(uint32_t high, uint32_t low) {
  return static_cast<double>((uint64_t{high} << 32 | low) >> 11) * 0x1p-53;
}

}  // namespace roux
