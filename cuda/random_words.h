// The random words of a generator as kernels take them.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "cuda/recording.h"
#include "tensor/philox.h"
#include "tensor/random.h"

namespace roux::cuda {

/// The words of a generator from block `offset` on.
struct Words {
  uint64_t seed, stream;
  StepValue<uint64_t> offset;

  Words(const Generator& generator, StepValue<uint64_t> first)
      : seed(generator.seed()), stream(generator.stream()), offset(first) {}
  __device__ std::array<uint32_t, 4> block(int64_t i) const {
    return philox_block(seed, stream, offset.get() + static_cast<uint64_t>(i));
  }
};

/// An element is kept where its word >> 8, of 24 bits, is not below this: uniform_float(word) >= p, as integers.
inline uint32_t least_kept(double p) { return static_cast<uint32_t>(std::ceil(p * 0x1p24)); }

/// What is kept is multiplied by this.
inline double scale_of_kept(double p) { return p < 1 ? 1 / (1 - p) : 0; }

}  // namespace roux::cuda
