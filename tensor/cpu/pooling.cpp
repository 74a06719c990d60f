// Several rows become one, by sum, mean or maximum: bags of a table's rows, and padded sequences of which some tokens
// count.
//
// `Rows` says which of n rows count and where they stand: `counts(i)`, `row(i)`, and `weighted(i, x)`, x as the sum
// takes it. Sums run over a few columns at a time, so that they stay in registers while the rows go by, in their order.
#include <algorithm>

#include "tensor/cpu/bags.h"
#include "tensor/cpu/cpu_backend.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

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

/// The rows of one bag: those of its ids, but the padding's.
template <bool Weighted, class T>
struct BagRows {
  const T* table;
  const int64_t* ids;
  const T* weights;  // may be null when not Weighted
  int64_t padding_idx, dim;

  bool counts(int64_t i) const { return ids[i] != padding_idx; }
  const T* row(int64_t i) const { return table + ids[i] * dim; }
  template <class Vector>
  Vector weighted(int64_t i, Vector x) const {
    if constexpr (Weighted)
      return x * weights[i];
    else
      return x;
  }
};

/// One bag by sum or mean.
template <bool Weighted, class T>
void pool_bag(T* out, const BagRows<Weighted, T>& rows, int64_t n, Pooling mode) {
  T scale = 1;
  if (mode == Pooling::mean) {
    const int64_t counted = rows.padding_idx < 0 ? n : n - std::count(rows.ids, rows.ids + n, rows.padding_idx);
    scale = T(1) / static_cast<T>(std::max<int64_t>(1, counted));
  }
  sum_rows(out, rows, n, rows.dim, scale);
}

/// The tokens of one sequence.
template <class T>
struct TokenRows {
  const T* tokens;
  const bool* mask;
  int64_t dim;

  bool counts(int64_t i) const { return mask[i]; }
  const T* row(int64_t i) const { return tokens + i * dim; }
  template <class Vector>
  Vector weighted(int64_t, Vector x) const {
    return x;
  }
};

/// grad_in (length, dim) of one sequence by sum or mean: scale * grad (dim) where a token counts, 0 elsewhere.
template <class T>
void spread(T* grad_in, const T* grad, const bool* mask, T scale, int64_t length, int64_t dim) {
  for_column_blocks<T>(0, dim, [&](int64_t c, auto width, auto access) {
    constexpr int blocks = decltype(width)::value;
    typename Simd<T>::Vector g[blocks];
    for (int64_t k = 0; k < blocks; ++k) g[k] = access.load(grad + c + k * Simd<T>::lanes) * scale;
    for (int64_t i = 0; i < length; ++i)
      for (int64_t k = 0; k < blocks; ++k)
        access.store(grad_in + i * dim + c + k * Simd<T>::lanes, mask[i] ? g[k] : typename Simd<T>::Vector{});
  });
}

}  // namespace

void CpuBackend::embedding_bag(const View& out, const View& positions, const View& table, const View& ids,
                               const View& offsets, const View& weights, const BagShape& shape) {
  const Bags bags{offsets.as<int64_t>(), shape};
  dispatch_floating(out.dtype, "embedding_bag", [&](auto type) {
    using T = decltype(type);
    parallel_for(shape.bags, bags.grain(), [&](int64_t begin, int64_t end) {
      for (int64_t bag = begin; bag < end; ++bag) {
        const int64_t first = bags.begin(bag), n = bags.end(bag) - first;
        T* const to = out.as<T>() + bag * shape.dim;
        const BagRows<false, T> rows{table.as<T>(), ids.as<int64_t>() + first, nullptr, shape.padding_idx, shape.dim};
        if (shape.mode == Pooling::max)
          max_rows(to, positions.as<int64_t>() + bag * shape.dim, rows, n, shape.dim, first);
        else if (weights.data)
          pool_bag(to, BagRows<true, T>{rows.table, rows.ids, weights.as<T>() + first, rows.padding_idx, rows.dim}, n,
                   shape.mode);
        else
          pool_bag(to, rows, n, shape.mode);
      }
    });
  });
}

void CpuBackend::masked_pool(const View& out, const View& positions, const View& shares, const View& in,
                             const View& mask, Pooling mode) {
  const int64_t length = in.shape[1], dim = in.shape[2];
  dispatch_floating(out.dtype, "masked_pool", [&](auto type) {
    using T = decltype(type);
    parallel_for(in.shape[0], grain_of(length * dim, elements_per_task), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const TokenRows<T> rows{in.as<T>() + i * length * dim, mask.as<bool>() + i * length, dim};
        T* const to = out.as<T>() + i * dim;
        if (mode == Pooling::max) {
          max_rows(to, positions.as<int64_t>() + i * dim, rows, length, dim, 0);
          continue;
        }
        T share = 1;
        if (mode == Pooling::mean) {
          const int64_t counted = std::count(rows.mask, rows.mask + length, true);
          shares.as<T>()[i] = share = T(1) / static_cast<T>(std::max<int64_t>(1, counted));
        }
        sum_rows(to, rows, length, dim, share);
      }
    });
  });
}

void CpuBackend::masked_pool_backward(const View& grad_in, const View& grad, const View& mask, const View& positions,
                                      const View& shares, Pooling mode) {
  const int64_t length = grad_in.shape[1], dim = grad_in.shape[2];
  dispatch_floating(grad.dtype, "masked_pool", [&](auto type) {
    using T = decltype(type);
    parallel_for(grad_in.shape[0], grain_of(length * dim, elements_per_task), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        T* const to = grad_in.as<T>() + i * length * dim;
        const T* const g = grad.as<T>() + i * dim;
        if (mode != Pooling::max) {
          spread(to, g, mask.as<bool>() + i * length, mode == Pooling::mean ? shares.as<T>()[i] : T(1), length, dim);
          continue;
        }
        std::fill_n(to, length * dim, T(0));
        const int64_t* const position = positions.as<int64_t>() + i * dim;
        for (int64_t c = 0; c < dim; ++c)
          if (position[c] >= 0) to[position[c] * dim + c] = g[c];
      }
    });
  });
}

}  // namespace roux::cpu_kernels
