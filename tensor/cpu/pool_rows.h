// Several rows become one, by sum, mean or maximum: what bags of a table's rows and padded sequences have in common.
//
// `Rows` says which of n rows count and where they stand: `counts(i)`, `row(i)`, and `weighted(i, x)`, x as the sum
// takes it. Sums run over a few columns at a time, so that they stay in registers while the rows go by, in their order.
#pragma once

#include <cstdint>
#include <type_traits>

#include "tensor/cpu/simd.h"

namespace roux::cpu_kernels {

/// Calls f(c, width, access) for the column blocks of [begin, end): 4 vectors wide, then 1, then the rest of one.
template <class T, class F>
[[gnu::always_inline]] inline void for_column_blocks(int64_t begin, int64_t end, F&& f) {
  constexpr int64_t lanes = Simd<T>::lanes;
  int64_t c = begin;
  for (; c + 4 * lanes <= end; c += 4 * lanes) f(c, std::integral_constant<int, 4>{}, WholeVector<T>{});
  for (; c + lanes <= end; c += lanes) f(c, std::integral_constant<int, 1>{}, WholeVector<T>{});
  if (c < end) f(c, std::integral_constant<int, 1>{}, PartOfVector<T>{end - c});
}

/// out[c ..] = scale * the sum of the rows that count, for `Width` vectors of columns.
template <int Width, class T, class Rows, class Access>
void sum_columns(T* out, const Rows& rows, int64_t n, int64_t c, T scale, Access access) {
  using Vector = typename Simd<T>::Vector;
  constexpr int64_t lanes = Simd<T>::lanes;
  Vector sums[Width] = {};
  for (int64_t i = 0; i < n; ++i) {
    if (!rows.counts(i)) continue;
    const T* const row = rows.row(i) + c;
    for (int64_t k = 0; k < Width; ++k) sums[k] += rows.weighted(i, access.load(row + k * lanes));
  }
  for (int64_t k = 0; k < Width; ++k) access.store(out + c + k * lanes, sums[k] * scale);
}

/// out (dim) = scale * the sum of the rows that count.
template <class T, class Rows>
void sum_rows(T* out, const Rows& rows, int64_t n, int64_t dim, T scale) {
  for_column_blocks<T>(0, dim, [&](int64_t c, auto width, auto access) {
    sum_columns<decltype(width)::value>(out, rows, n, c, scale, access);
  });
}

/// out[c ..] = the maxima of the rows that count, for one vector of columns; positions: `first` and the number of the
/// row that has it, -1 where none counts. NaN wins; of equals the first does.
template <class T, class Rows, class Access>
void max_columns(T* out, int64_t* positions, const Rows& rows, int64_t n, int64_t c, int64_t first, Access access) {
  using Vector = typename Simd<T>::Vector;
  using Indices = decltype(Vector{} < Vector{});
  using Index = std::remove_cvref_t<decltype(Indices{}[0])>;
  int64_t i = 0;
  while (i < n && !rows.counts(i)) ++i;
  Vector largest{};
  Indices where = Indices{} + static_cast<Index>(i < n ? i : -1);
  if (i < n) largest = access.load(rows.row(i) + c);
  for (++i; i < n; ++i) {
    if (!rows.counts(i)) continue;
    const Vector x = access.load(rows.row(i) + c);
    const Indices wins = (x > largest) | ((x != x) & (largest == largest));
    largest = wins ? x : largest;
    where = wins ? Indices{} + static_cast<Index>(i) : where;
  }
  access.store(out + c, largest);
  for (int64_t lane = 0; lane < access.lanes(); ++lane)
    positions[c + lane] = where[lane] < 0 ? -1 : first + where[lane];
}

/// out, positions (dim) from the rows that count.
template <class T, class Rows>
void max_rows(T* out, int64_t* positions, const Rows& rows, int64_t n, int64_t dim, int64_t first) {
  for_vectors<T>(dim, [&](int64_t c, auto access) { max_columns(out, positions, rows, n, c, first, access); });
}

}  // namespace roux::cpu_kernels
