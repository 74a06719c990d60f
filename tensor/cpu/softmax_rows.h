// The softmax of neighbouring columns and of contiguous rows, which softmax and cross entropy share.
//
// Columns are walked down together, so that memory is read in order and the arithmetic fills vectors. Rows may be as
// short as two classes: short ones are turned into columns first, long ones fill vectors by themselves.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tensor/cpu/lanes.h"
#include "tensor/vector_math.h"

namespace roux::cpu_kernels {

/// How many neighbouring columns are handled together at most.
inline constexpr int64_t softmax_columns_at_once = 128;

/// x[j][c] becomes the softmax over j < n, or its logarithm, for each column c < width; rows are `stride` apart.
template <class T>
void softmax_columns(T* x, int64_t n, int64_t stride, int64_t width, bool log) {
  T largest[softmax_columns_at_once], sums[softmax_columns_at_once] = {};
  std::copy_n(x, width, largest);
  for (int64_t j = 1; j < n; ++j) {
    const T* const row = x + j * stride;
    for (int64_t c = 0; c < width; ++c) largest[c] = row[c] > largest[c] ? row[c] : largest[c];
  }
  for (int64_t j = 0; j < n; ++j) {
    T* const row = x + j * stride;
    if (log) {
      for (int64_t c = 0; c < width; ++c) row[c] -= largest[c];
      for (int64_t c = 0; c < width; ++c) sums[c] += vector_math::exp(row[c]);
    } else {
      for (int64_t c = 0; c < width; ++c) row[c] = vector_math::exp(row[c] - largest[c]);
      for (int64_t c = 0; c < width; ++c) sums[c] += row[c];
    }
  }
  if (log) {
    for (int64_t c = 0; c < width; ++c) sums[c] = vector_math::log(sums[c]);
  } else {
    for (int64_t c = 0; c < width; ++c) sums[c] = 1 / sums[c];
  }
  for (int64_t j = 0; j < n; ++j) {
    T* const row = x + j * stride;
    if (log) {
      for (int64_t c = 0; c < width; ++c) row[c] -= sums[c];
    } else {
      for (int64_t c = 0; c < width; ++c) row[c] *= sums[c];
    }
  }
}

/// One row of n >= 1 elements; in and out may be the same.
template <class T>
void softmax_row(T* out, const T* in, int64_t n, bool log) {
  const T largest = lane_max(in, n);
  if (log) {
    const T log_sum = vector_math::log(lane_sum(n, [&](int64_t j) { return vector_math::exp(in[j] - largest); }));
    for (int64_t j = 0; j < n; ++j) out[j] = in[j] - largest - log_sum;
  } else {
    for (int64_t j = 0; j < n; ++j) out[j] = vector_math::exp(in[j] - largest);
    const T scale = 1 / lane_sum(n, [&](int64_t j) { return out[j]; });
    for (int64_t j = 0; j < n; ++j) out[j] *= scale;
  }
}

/// Rows of n >= 1 elements; in and out may be the same.
template <class T>
void softmax_rows(T* out, const T* in, int64_t rows, int64_t n, bool log) {
  constexpr int64_t longest_turned = 64, rows_turned = 32;
  if (n > longest_turned) {
    for (int64_t at = 0; at < rows * n; at += n) softmax_row(out + at, in + at, n, log);
    return;
  }
  T columns[longest_turned * rows_turned];
  for (int64_t begin = 0; begin < rows; begin += rows_turned, in += rows_turned * n, out += rows_turned * n) {
    const int64_t width = std::min(rows_turned, rows - begin);
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t row = 0; row < width; ++row) columns[j * rows_turned + row] = in[row * n + j];
    }
    softmax_columns(columns, n, rows_turned, width, log);
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t row = 0; row < width; ++row) out[row * n + j] = columns[j * rows_turned + row];
    }
  }
}

}  // namespace roux::cpu_kernels
