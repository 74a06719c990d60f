// Layer normalisation (Ba, Kiros & Hinton 2016, "Layer Normalization") over contiguous rows, and its gradient.
#include <algorithm>
#include <cmath>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/grain.h"
#include "tensor/cpu/lanes.h"
#include "tensor/cpu/scratch.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

constexpr int64_t elements_per_task = 16384;
constexpr int64_t rows_per_block = 32;

// Mean first, then the variance around it: the difference of two large sums would lose the digits that matter.
template <class T>
void normalize_row(T* out, T& mean, T& rstd, const T* x, const T* weight, const T* bias, T eps, int64_t n) {
  const T count = static_cast<T>(n);
  const T m = lane_sum(n, [&](int64_t j) { return x[j]; }) / count;
  const T variance = lane_sum(n, [&](int64_t j) { return (x[j] - m) * (x[j] - m); }) / count;
  const T r = 1 / std::sqrt(variance + eps);
  for (int64_t j = 0; j < n; ++j) out[j] = (x[j] - m) * r * (weight ? weight[j] : 1) + (bias ? bias[j] : 0);
  mean = m;
  rstd = r;
}

// With h = (x - mean) * rstd and d = g * weight, the gradient of h:
// grad_in = rstd * (d - mean of d - h * mean of (d * h)).
template <class T>
void backward_row(T* grad_in, const T* g, const T* x, T mean, T rstd, const T* weight, int64_t n) {
  const auto d = [&](int64_t j) { return weight ? g[j] * weight[j] : g[j]; };
  const auto h = [&](int64_t j) { return (x[j] - mean) * rstd; };
  const T count = static_cast<T>(n);
  const T mean_d = lane_sum(n, d) / count;
  const T mean_dh = lane_sum(n, [&](int64_t j) { return d(j) * h(j); }) / count;
  for (int64_t j = 0; j < n; ++j) grad_in[j] = rstd * (d(j) - mean_d - h(j) * mean_dh);
}

// Adds one row's part to grad_weight = sum over rows of g * h and grad_bias = sum over rows of g.
template <class T>
void add_row(T* __restrict weight_sum, T* __restrict bias_sum, const T* __restrict g, const T* __restrict x, T mean,
             T rstd, int64_t n) {
  for (int64_t c = 0; c < n; ++c) {
    weight_sum[c] += g[c] * ((x[c] - mean) * rstd);
    bias_sum[c] += g[c];
  }
}

// sums: [blocks][2][n], of blocks of rows; `which` is 0 or 1. Sums of a few rows each are added up, which keeps the
// digits of long sums.
template <class T>
void add_blocks(T* out, const T* sums, int64_t which, int64_t blocks, int64_t n) {
  if (!out) return;
  std::fill_n(out, n, T(0));
  for (int64_t block = 0; block < blocks; ++block) {
    const T* const part = sums + (2 * block + which) * n;
    for (int64_t c = 0; c < n; ++c) out[c] += part[c];
  }
}

}  // namespace

void CpuBackend::layer_norm(const View& out, const View& mean, const View& rstd, const View& in, const View& weight,
                            const View& bias, double eps, int64_t rows, int64_t n) {
  dispatch_floating(in.dtype, "layer_norm", [&]<class T>(T) {
    parallel_for(rows, grain_of(n, elements_per_task), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        normalize_row(out.as<T>() + row * n, mean.as<T>()[row], rstd.as<T>()[row], in.as<const T>() + row * n,
                      weight.as<const T>(), bias.as<const T>(), static_cast<T>(eps), n);
      }
    });
  });
}

void CpuBackend::layer_norm_backward(const View& grad_in, const View& grad_weight, const View& grad_bias,
                                     const View& grad_out, const View& in, const View& mean, const View& rstd,
                                     const View& weight, int64_t rows, int64_t n) {
  dispatch_floating(in.dtype, "layer_norm_backward", [&]<class T>(T) {
    const T* const g = grad_out.as<const T>();
    const T* const x = in.as<const T>();
    const T* const means = mean.as<const T>();
    const T* const rstds = rstd.as<const T>();
    const bool sums_wanted = grad_weight.data || grad_bias.data;
    const int64_t blocks = (rows + rows_per_block - 1) / rows_per_block;
    const Scratch<T> sums(sums_wanted ? 2 * blocks * n : 0);
    // Each row is read once: its part in the sums first, for grad_in may be written over grad_out.
    parallel_for(blocks, grain_of(n * rows_per_block, elements_per_task), [&](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        T* const weight_sum = sums.get() + 2 * block * n;
        if (sums_wanted) std::fill_n(weight_sum, 2 * n, T(0));
        for (int64_t row = block * rows_per_block; row < std::min(rows, (block + 1) * rows_per_block); ++row) {
          const int64_t at = row * n;
          if (sums_wanted) add_row(weight_sum, weight_sum + n, g + at, x + at, means[row], rstds[row], n);
          if (grad_in.data)
            backward_row(grad_in.as<T>() + at, g + at, x + at, means[row], rstds[row], weight.as<const T>(), n);
        }
      }
    });
    add_blocks(grad_weight.as<T>(), sums.get(), 0, blocks, n);
    add_blocks(grad_bias.as<T>(), sums.get(), 1, blocks, n);
  });
}

}  // namespace roux::cpu_kernels
