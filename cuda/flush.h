// Numbers that are too small to matter, and slow or inexact to go on with.
#pragma once

#include <limits>

#include "cuda/device.h"

namespace roux::cuda {

/// x with 0 in place of what is so small that products of it become denormal, as on the CPU.
template <class T>
__device__ T without_denormals(T x) {
  constexpr T least = 16 * std::numeric_limits<T>::min();
  return x < least && x > -least ? T(0) : x;
}

}  // namespace roux::cuda
