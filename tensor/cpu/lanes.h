// Sums and maxima over a contiguous row in a fixed number of lanes: the compiler may not reorder a plain floating-point
// sum, so this writes down an order that fits the registers. It depends on the row's length alone.
#pragma once

#include <cstdint>

namespace roux::cpu_kernels {

/// Partial sums kept side by side: 64 bytes, one register of the widest kind or two of the next.
template <class T>
inline constexpr int64_t lane_count = 64 / static_cast<int64_t>(sizeof(T));

/// The sum of value(i) over [0, n).
template <class Value>
auto lane_sum(int64_t n, Value value) {
  using T = decltype(value(n));
  constexpr int64_t lanes = lane_count<T>;
  T sum = 0;
  int64_t i = 0;
  if (n >= lanes) {
    T partial[lanes] = {};
    for (; i + lanes <= n; i += lanes) {
      for (int64_t lane = 0; lane < lanes; ++lane) partial[lane] += value(i + lane);
    }
    for (int64_t width = lanes / 2; width > 0; width /= 2) {
      for (int64_t lane = 0; lane < width; ++lane) partial[lane] += partial[lane + width];
    }
    sum = partial[0];
  }
  for (; i < n; ++i) sum += value(i);
  return sum;
}

/// The largest of row[0 .. n), n >= 1. NaN does not count; a row of nothing else may give NaN.
template <class T>
T lane_max(const T* row, int64_t n) {
  constexpr int64_t lanes = lane_count<T>;
  T largest = row[0];
  int64_t i = 0;
  if (n >= lanes) {
    T partial[lanes];
    for (int64_t lane = 0; lane < lanes; ++lane) partial[lane] = row[lane];
    for (i = lanes; i + lanes <= n; i += lanes) {
      for (int64_t lane = 0; lane < lanes; ++lane) {
        partial[lane] = row[i + lane] > partial[lane] ? row[i + lane] : partial[lane];
      }
    }
    for (const T value : partial) largest = value > largest ? value : largest;
  }
  for (; i < n; ++i) largest = row[i] > largest ? row[i] : largest;
  return largest;
}

}  // namespace roux::cpu_kernels
