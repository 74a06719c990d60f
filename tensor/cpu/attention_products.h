// The matrix products inside attention: a few rows times an operand that stays in the first-level cache.
//
// The right operand is copied once into panels, a few registers wide and as deep as the product, so that the inner loop
// reads it in order; a column count that does not fill registers is padded with zeros. One block of the result is kept
// in registers while the loop runs down the depth. At these sizes (a head of 32 or 64 columns, some ten to some hundred
// keys) the panels and blocks of matmul_panels.h, made for operands that exceed the caches, would cost more than they
// save.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "tensor/cpu/scratch.h"
#include "tensor/cpu/simd.h"

namespace roux::cpu_kernels {

/// Registers side by side in a panel: with 6 rows of them, their sums fill three quarters of the register file.
inline constexpr int64_t panel_vectors = ROUX_AVX512 ? 4 : 2;

/// How many registers hold n numbers.
template <class T>
int64_t vectors_for(int64_t n) {
  return (n + Simd<T>::lanes - 1) / Simd<T>::lanes;
}

/// Rows in memory that are `stride` apart.
template <class T>
struct Rows {
  T* data;
  int64_t stride;
  T* operator[](int64_t i) const { return data + i * stride; }
};

/// Copies n numbers, and zeros up to `padded`. Rows of a head are too short for a call of memcpy.
template <class T>
[[gnu::always_inline]] inline void copy_row(T* to, const T* from, int64_t n, int64_t padded) {
  int64_t j = 0;
  for (; j + Simd<T>::lanes <= n; j += Simd<T>::lanes) Simd<T>::store(to + j, Simd<T>::load(from + j));
  for (; j < n; ++j) to[j] = from[j];
  for (; j < padded; ++j) to[j] = 0;
}

/// Brings a row into the cache. The rows of a head are far apart in memory, where no processor expects them.
template <class T>
[[gnu::always_inline]] inline void prefetch_row(const T* row, int64_t n) {
  for (int64_t j = 0; j < n; j += 64 / static_cast<int64_t>(sizeof(T))) __builtin_prefetch(row + j);
}

/// The right operand of a product, depth x columns.
template <class T>
class Panels {
 public:
  using Vector = typename Simd<T>::Vector;
  static constexpr int64_t lanes = Simd<T>::lanes;

  Panels(int64_t most_rows, int64_t most_columns) : data_(most_rows * vectors_for<T>(most_columns) * lanes) {}

  /// Takes over `depth` rows of `columns` numbers.
  void pack(Rows<const T> from, int64_t depth, int64_t columns) {
    resize(depth, columns);
    for_panels([&](int64_t first, int64_t width, T* to) {
      const int64_t count = std::min(width, columns - first);
      for (int64_t i = 0; i < depth; ++i, to += width) copy_row(to, from[i] + first, count, width);
    });
  }

  /// The same of the transposed matrix: `columns` rows of `depth` numbers.
  void pack_transposed(Rows<const T> from, int64_t depth, int64_t columns) {
    resize(depth, columns);
    for_panels([&](int64_t first, int64_t width, T* to) {
      for (int64_t column = 0; column < width; column += lanes) {
        const Rows<const T> rows{from[first + column], from.stride};
        const int64_t count = std::min(lanes, columns - first - column);
        for (int64_t i = 0; i < depth; i += lanes)
          transpose_block({to + i * width + column, width}, {rows.data + i, rows.stride}, count,
                          std::min(lanes, depth - i));
      }
    });
  }

  /// Where the panel that begins at register `first` begins, and how far its rows are apart.
  Rows<const T> panel(int64_t first) const {
    return {data_.get() + first * lanes * depth_, std::min(panel_vectors, vectors_ - first) * lanes};
  }

 private:
  void resize(int64_t depth, int64_t columns) {
    depth_ = depth;
    vectors_ = vectors_for<T>(columns);
  }

  template <class F>
  void for_panels(F f) {
    for (int64_t first = 0; first < vectors_; first += panel_vectors)
      f(first * lanes, std::min(panel_vectors, vectors_ - first) * lanes, data_.get() + first * lanes * depth_);
  }

  // Of each pair of vectors `step` apart, the lanes that lie on the wrong side of the diagonal change places.
  template <int64_t step, size_t... lane>
  static void exchange(Vector& a, Vector& b, std::index_sequence<lane...>) {
    const Vector low = __builtin_shufflevector(a, b, (lane & step ? lanes + lane - step : lane)...);
    const Vector high = __builtin_shufflevector(a, b, (lane & step ? lanes + lane : lane + step)...);
    a = low;
    b = high;
  }
  template <int64_t step>
  static void exchange_all(Vector (&rows)[lanes]) {
    for (int64_t i = 0; i < lanes; ++i)
      if (!(i & step)) exchange<step>(rows[i], rows[i + step], std::make_index_sequence<lanes>());
    if constexpr (step > 1) exchange_all<step / 2>(rows);
  }

  // to[j][i] = from[i][j] for i < count, j < depth; 0 for the other i < lanes.
  static void transpose_block(Rows<T> to, Rows<const T> from, int64_t count, int64_t depth) {
    Vector block[lanes];
    if (count == lanes && depth == lanes) {
      for (int64_t i = 0; i < lanes; ++i) block[i] = Simd<T>::load(from[i]);
      exchange_all<lanes / 2>(block);
      for (int64_t i = 0; i < lanes; ++i) Simd<T>::store(to[i], block[i]);
      return;
    }
    const PartOfVector<T> part{depth};
    for (int64_t i = 0; i < lanes; ++i) block[i] = i < count ? part.load(from[i]) : Vector{};
    exchange_all<lanes / 2>(block);
    for (int64_t i = 0; i < depth; ++i) Simd<T>::store(to[i], block[i]);
  }

  Scratch<T> data_;
  int64_t depth_ = 0, vectors_ = 0;
};

/// The left operand: entry (i, l) is rows[i][l], or rows[l][i] when transposed.
template <class T, bool transposed>
struct LeftOperand {
  Rows<const T> rows;
  LeftOperand from_row(int64_t i) const { return {{transposed ? rows.data + i : rows[i], rows.stride}}; }
};

/// Calls f(0), f(1), ... f(n - 1) with constants: what is indexed by them can live in registers.
template <int n, class F>
[[gnu::always_inline]] inline void unrolled(F f) {
  [&]<int... i>(std::integer_sequence<int, i...>) { (f(std::integral_constant<int, i>()), ...); }
  (std::make_integer_sequence<int, n>());
}

/// `rows` x `vectors` registers of the result. `right` has rows of at least `vectors` registers.
template <class T, int rows, int vectors, bool transposed>
void product_block(Rows<T> out, LeftOperand<T, transposed> left, Rows<const T> right, int64_t depth, bool accumulate) {
  using S = Simd<T>;
  typename S::Vector sums[rows][vectors], factors[vectors];
  unrolled<rows>([&](auto i) { unrolled<vectors>([&](auto v) { sums[i][v] = typename S::Vector{}; }); });
  if (accumulate) {
    unrolled<rows>([&](auto i) { unrolled<vectors>([&](auto v) { sums[i][v] = S::load(out[i] + v * S::lanes); }); });
  }
  for (int64_t l = 0; l < depth; ++l) {
    unrolled<vectors>([&](auto v) { factors[v] = S::load(right[l] + v * S::lanes); });
    unrolled<rows>([&](auto i) {
      const auto factor = S::broadcast(transposed ? left.rows[l][i] : left.rows[i][l]);
      unrolled<vectors>([&](auto v) { sums[i][v] += factor * factors[v]; });
    });
  }
  unrolled<rows>([&](auto i) { unrolled<vectors>([&](auto v) { S::store(out[i] + v * S::lanes, sums[i][v]); }); });
}

/// Blocks of `rows` rows as long as there are so many, then of half as many.
template <class T, int rows, int vectors, bool transposed>
void product_rows(Rows<T> out, LeftOperand<T, transposed> left, Rows<const T> right, int64_t count, int64_t depth,
                  bool accumulate) {
  int64_t i = 0;
  for (; i + rows <= count; i += rows)
    product_block<T, rows, vectors>({out[i], out.stride}, left.from_row(i), right, depth, accumulate);
  if constexpr (rows > 1) {
    if (i < count)
      product_rows<T, rows / 2, vectors>({out[i], out.stride}, left.from_row(i), right, count - i, depth, accumulate);
  }
}

/// out = left * right, or out += left * right: `count` rows, the first `vectors` registers of columns; `depth` may be
/// less than that of `right`, whose further rows do not count.
template <class T, bool transposed>
void product(Rows<T> out, LeftOperand<T, transposed> left, const Panels<T>& right, int64_t count, int64_t vectors,
             int64_t depth, bool accumulate = false) {
  for (int64_t first = 0; first < vectors; first += panel_vectors) {
    const Rows<T> to{out.data + first * Simd<T>::lanes, out.stride};
    const Rows<const T> panel = right.panel(first);
    switch (std::min(panel_vectors, vectors - first)) {
      case 1: product_rows<T, 12, 1>(to, left, panel, count, depth, accumulate); break;
      case 2: product_rows<T, 3 * panel_vectors, 2>(to, left, panel, count, depth, accumulate); break;
      case 3: product_rows<T, 2 * panel_vectors, 3>(to, left, panel, count, depth, accumulate); break;
      default: product_rows<T, 6, 4>(to, left, panel, count, depth, accumulate); break;
    }
  }
}

}  // namespace roux::cpu_kernels
