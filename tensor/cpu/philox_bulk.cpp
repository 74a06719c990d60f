// Philox for many blocks at a time. A vector holds one word of the counter for each of several blocks, in the low
// halves of 64-bit lanes, so that one instruction gives both halves of their products; what is in the high halves
// between rounds does not matter. Several vectors go through the rounds together, because each round waits for its
// multiplications.
#include "tensor/cpu/philox_bulk.h"

#include <cstring>
#include <utility>

#include "tensor/philox.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace roux::cpu_kernels {
namespace {

#if defined(__AVX512F__)
constexpr int lanes = 8;
#elif defined(__AVX2__)
constexpr int lanes = 4;
#else
constexpr int lanes = 2;
#endif
constexpr int vectors = 4;
constexpr int batch_blocks = lanes * vectors;
constexpr int batch_words = 4 * batch_blocks;

typedef uint64_t Lanes __attribute__((vector_size(lanes * sizeof(uint64_t))));

/// The products of the low halves. GCC does not find this instruction in plain code and multiplies all 64 bits instead.
inline Lanes multiply_low_halves(const Lanes& a, const Lanes& b) {
#if defined(__AVX512F__)
  return (Lanes)_mm512_maskz_mul_epu32(0xFF, (__m512i)a, (__m512i)b);  // unmasked, g++ 12 warns in its own header
#elif defined(__AVX2__)
  return (Lanes)_mm256_mul_epu32((__m256i)a, (__m256i)b);
#elif defined(__x86_64__)
  return (Lanes)_mm_mul_epu32((__m128i)a, (__m128i)b);
#else
  return (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF);
#endif
}

constexpr auto lane_indices = std::make_index_sequence<lanes>();

/// Which block a lane takes: even lanes the first half, odd lanes the second, so that `store` moves no word far.
template <size_t... i>
Lanes lane_order(std::index_sequence<i...>) {
  return Lanes{(i / 2 + i % 2 * (lanes / 2))...};
}

/// Lanes first, first + 2, ... of a and b in turn.
template <size_t first, size_t... i>
Lanes interleave(const Lanes& a, const Lanes& b, std::index_sequence<i...>) {
  return __builtin_shufflevector(a, b, (first + i / 2 * 2 + i % 2 * lanes)...);
}

/// The counters of `lanes` blocks, a vector for each of their four words.
struct Counters {
  Lanes word0, word1, word2, word3;

  void set(uint64_t first_block, uint64_t stream) {
    word0 = lane_order(lane_indices) + first_block;
    word1 = word0 >> 32;
    word2 = Lanes{} + stream;
    word3 = word2 >> 32;
  }

  void round(const Lanes& key0, const Lanes& key1) {
    const Lanes product0 = multiply_low_halves(word0, Lanes{} + philox_multiplier[0]);
    const Lanes product1 = multiply_low_halves(word2, Lanes{} + philox_multiplier[1]);
    word0 = (product1 >> 32) ^ word1 ^ key0;
    word1 = product1;
    word2 = (product0 >> 32) ^ word3 ^ key1;
    word3 = product0;
  }

  /// Writes 4 * lanes words in the order of the blocks.
  void store(uint32_t* out) const {
    const Lanes words01 = (word0 & 0xFFFFFFFF) | word1 << 32;
    const Lanes words23 = (word2 & 0xFFFFFFFF) | word3 << 32;
    const Lanes first_half = interleave<0>(words01, words23, lane_indices);
    const Lanes second_half = interleave<1>(words01, words23, lane_indices);
    std::memcpy(out, &first_half, sizeof first_half);
    std::memcpy(out + 2 * lanes, &second_half, sizeof second_half);
  }
};

/// Writes `batch_words` words.
inline void store_batch(uint32_t* out, uint64_t seed, uint64_t stream, uint64_t first_block) {
  Counters counters[vectors];
  for (int v = 0; v < vectors; ++v) counters[v].set(first_block + static_cast<uint64_t>(v * lanes), stream);
  uint32_t key0 = static_cast<uint32_t>(seed);
  uint32_t key1 = static_cast<uint32_t>(seed >> 32);
  for (int round = 0; round < philox_rounds; ++round) {
    for (int v = 0; v < vectors; ++v) counters[v].round(Lanes{} + key0, Lanes{} + key1);
    key0 += philox_key_step[0];
    key1 += philox_key_step[1];
  }
  for (int v = 0; v < vectors; ++v) counters[v].store(out + v * 4 * lanes);
}

}  // namespace

void philox_words(uint32_t* out, int64_t n, uint64_t seed, uint64_t stream, uint64_t first_block) {
  int64_t done = 0;
  for (; n - done >= batch_words; done += batch_words) {
    store_batch(out + done, seed, stream, first_block + static_cast<uint64_t>(done / 4));
  }
  if (done >= n) return;
  uint32_t rest[batch_words];
  store_batch(rest, seed, stream, first_block + static_cast<uint64_t>(done / 4));
  std::memcpy(out + done, rest, static_cast<size_t>(n - done) * sizeof *rest);
}

}  // namespace roux::cpu_kernels
