// The softmax of contiguous rows, which softmax and cross entropy share.
//
// Rows may be as short as two classes: exp and log then run over many rows at once, so that their vectors are full.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tensor/cpu/lanes.h"
#include "tensor/cpu/vector_math.h"

namespace roux::cpu_kernels {

/// How many elements a step of the loops below takes; they stay in the first-level cache.
inline constexpr int64_t softmax_block = 512;

/// How many rows of n elements are handled together.
inline int64_t softmax_block_rows(int64_t n) { return std::max<int64_t>(1, softmax_block / std::max<int64_t>(1, n)); }

/// out[r][j] = in[r][j] - max of row r.
template <class T>
void subtract_row_max(T* out, const T* in, int64_t rows, int64_t n) {
  for (int64_t row = 0; row < rows; ++row, in += n, out += n) {
    const T largest = lane_max(in, n);
    for (int64_t j = 0; j < n; ++j) out[j] = in[j] - largest;
  }
}

/// sums[r] = the sum of exp(x[r][j]) over j; rows <= softmax_block_rows(n).
template <class T>
void sum_row_exp(T* sums, const T* x, int64_t rows, int64_t n) {
  T terms[softmax_block];
  if (n <= softmax_block) {
    for (int64_t i = 0; i < rows * n; ++i) terms[i] = vector_math::exp(x[i]);
    for (int64_t row = 0; row < rows; ++row) sums[row] = lane_sum(n, [&](int64_t j) { return terms[row * n + j]; });
    return;
  }
  sums[0] = 0;
  for (int64_t begin = 0; begin < n; begin += softmax_block) {
    const int64_t length = std::min(softmax_block, n - begin);
    for (int64_t i = 0; i < length; ++i) terms[i] = vector_math::exp(x[begin + i]);
    sums[0] += lane_sum(length, [&](int64_t i) { return terms[i]; });
  }
}

/// Rows of n >= 1 elements; in and out may be the same.
template <class T>
void log_softmax_rows(T* out, const T* in, int64_t rows, int64_t n) {
  const int64_t step = softmax_block_rows(n);
  for (int64_t begin = 0; begin < rows; begin += step, in += step * n, out += step * n) {
    const int64_t block = std::min(step, rows - begin);
    T sums[softmax_block];
    subtract_row_max(out, in, block, n);
    sum_row_exp(sums, out, block, n);
    for (int64_t row = 0; row < block; ++row) sums[row] = vector_math::log(sums[row]);
    for (int64_t row = 0; row < block; ++row) {
      for (int64_t j = 0; j < n; ++j) out[row * n + j] -= sums[row];
    }
  }
}

/// The same without the logarithm.
template <class T>
void softmax_rows(T* out, const T* in, int64_t rows, int64_t n) {
  const int64_t step = softmax_block_rows(n);
  for (int64_t begin = 0; begin < rows; begin += step, in += step * n, out += step * n) {
    const int64_t block = std::min(step, rows - begin);
    subtract_row_max(out, in, block, n);
    for (int64_t i = 0; i < block * n; ++i) out[i] = vector_math::exp(out[i]);
    for (int64_t row = 0; row < block; ++row) {
      T* const y = out + row * n;
      const T sum = lane_sum(n, [&](int64_t j) { return y[j]; });
      for (int64_t j = 0; j < n; ++j) y[j] /= sum;
    }
  }
}

}  // namespace roux::cpu_kernels
