// How work is laid over threads: one thread an element in a loop over the grid, or one block a row.
#pragma once

#include <algorithm>

#include "cuda/device.h"

namespace roux::cuda {

inline constexpr int block_threads = 256;

/// Blocks for `count` elements with one thread each, at most so many that the loop of for_each_index does the rest.
inline dim3 blocks_for(int64_t count) {
  constexpr int64_t most = 65535;
  return dim3(static_cast<unsigned>(std::min<int64_t>((count + block_threads - 1) / block_threads, most)));
}

/// Blocks for `rows` with one block each; a kernel walks them with for_each_row.
inline dim3 blocks_for_rows(int64_t rows) { return dim3(static_cast<unsigned>(std::min<int64_t>(rows, 65535))); }

/// Calls f(i) for each i in [0, count), spread over all threads of the grid.
template <class F>
__device__ void for_each_index(int64_t count, F f) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) f(i);
}

/// Calls f(row) for each row in [0, rows), all threads of a block together on one row.
template <class F>
__device__ void for_each_row(int64_t rows, F f) {
  for (int64_t row = blockIdx.x; row < rows; row += gridDim.x) f(row);
}

}  // namespace roux::cuda
