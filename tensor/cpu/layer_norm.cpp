// Layer normalisation (Ba, Kiros & Hinton 2016, "Layer Normalization") over contiguous rows, and its gradient.
#include <algorithm>
#include <cmath>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/lanes.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

constexpr int64_t elements_per_task = 16384;
constexpr int64_t column_width = 64;
constexpr int64_t rows_per_sum = 64;

int64_t grain_of(int64_t elements) { return std::max<int64_t>(1, elements_per_task / std::max<int64_t>(1, elements)); }

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

// grad_weight = sum over rows of g * h, grad_bias = sum over rows of g, for columns [first, first + width). Sums of a
// few rows each are added up, which keeps the digits of long sums.
template <class T>
void sum_columns(T* grad_weight, T* grad_bias, const T* g, const T* x, const T* mean, const T* rstd, int64_t rows,
                 int64_t n, int64_t first, int64_t width) {
  T weight_total[column_width] = {}, bias_total[column_width] = {};
  for (int64_t begin = 0; begin < rows; begin += rows_per_sum) {
    T weight_sum[column_width] = {}, bias_sum[column_width] = {};
    for (int64_t row = begin; row < std::min(rows, begin + rows_per_sum); ++row) {
      const T* const g_row = g + row * n + first;
      const T* const x_row = x + row * n + first;
      for (int64_t c = 0; c < width; ++c) {
        weight_sum[c] += g_row[c] * ((x_row[c] - mean[row]) * rstd[row]);
        bias_sum[c] += g_row[c];
      }
    }
    for (int64_t c = 0; c < width; ++c) {
      weight_total[c] += weight_sum[c];
      bias_total[c] += bias_sum[c];
    }
  }
  if (grad_weight) std::copy_n(weight_total, width, grad_weight + first);
  if (grad_bias) std::copy_n(bias_total, width, grad_bias + first);
}

}  // namespace

void CpuBackend::layer_norm(const View& out, const View& mean, const View& rstd, const View& in, const View& weight,
                            const View& bias, double eps, int64_t rows, int64_t n) {
  dispatch_floating(in.dtype, "layer_norm", [&]<class T>(T) {
    parallel_for(rows, grain_of(n), [&](int64_t begin, int64_t end) {
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
    if (grad_weight.data || grad_bias.data) {  // before grad_in, which may be written over grad_out
      const int64_t groups = (n + column_width - 1) / column_width;
      parallel_for(groups, grain_of(rows * column_width), [&](int64_t begin, int64_t end) {
        for (int64_t first = begin * column_width; first < std::min(n, end * column_width); first += column_width) {
          sum_columns(grad_weight.as<T>(), grad_bias.as<T>(), g, x, means, rstds, rows, n, first,
                      std::min(column_width, n - first));
        }
      });
    }
    if (!grad_in.data) return;
    parallel_for(rows, grain_of(n), [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        backward_row(grad_in.as<T>() + row * n, g + row * n, x + row * n, means[row], rstds[row], weight.as<const T>(),
                     n);
      }
    });
  });
}

}  // namespace roux::cpu_kernels
