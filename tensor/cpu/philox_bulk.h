// Philox words in bulk for CPU kernels: the words of `philox_block`, many blocks at a time.
#pragma once

#include <cstdint>

namespace roux::cpu_kernels {

/// Fills `out` with words 0 to n - 1 of an operation that starts at block `first_block` of a stream: the words of
/// philox_block(seed, stream, first_block), those of the block after it, and so on. Nothing is done if n <= 0.
void philox_words(uint32_t* out, int64_t n, uint64_t seed, uint64_t stream, uint64_t first_block);

}  // namespace roux::cpu_kernels
