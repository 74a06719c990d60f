// Pooling over padded sequences: one row for each sequence, from its tokens that count.
#include <algorithm>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/pool_rows.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

// How many sequences of `elements` each make a task.
int64_t grain_of(int64_t elements) { return std::max<int64_t>(1, 32768 / std::max<int64_t>(1, elements)); }

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

void CpuBackend::masked_pool(const View& out, const View& positions, const View& shares, const View& in,
                             const View& mask, Pooling mode) {
  const int64_t length = in.shape[1], dim = in.shape[2];
  dispatch_floating(out.dtype, "masked_pool", [&](auto type) {
    using T = decltype(type);
    parallel_for(in.shape[0], grain_of(length * dim), [&](int64_t begin, int64_t end) {
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
    parallel_for(grad_in.shape[0], grain_of(length * dim), [&](int64_t begin, int64_t end) {
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
