// Layer normalisation (Ba, Kiros & Hinton 2016, "Layer Normalization") over contiguous rows, and its gradient.
#include <cmath>

#include "cuda/block.h"
#include "cuda/cuda_backend.h"
#include "cuda/grid.h"

namespace roux::cuda {
namespace {

/// The operands of the forward pass; weight and bias may be null.
template <class T>
struct Forward {
  T *out, *mean, *rstd;
  const T *in, *weight, *bias;
  T eps;
};

// 8 bytes (of float32) and 8 flops an element: bound by memory. Rows beyond the registers are read three times. Mean
// first, then the variance around it: the difference of two large sums would lose the digits that matter.
template <class Layout, class T>
__global__ void layer_norm_kernel(Forward<T> of, int64_t rows, int64_t n) {
  ROUX_SHARED(T, scratch, warp_size);
  const RowIn<Layout, T> weight(of.weight, of.weight ? n : 0), bias(of.bias, of.bias ? n : 0);  // the same for all rows
  const T count = static_cast<T>(n);
  Layout::for_each_row(rows, [&](int64_t row, bool present) {
    const int64_t length = present ? n : 0;
    const RowIn<Layout, T> x(of.in + row * n, length);
    RowOut<Layout, T> y(of.out + row * n);
    T sum = 0, squares = 0;
    Layout::template each<T>(length, [&](int k, int64_t c) { sum += x.at(k, c); });
    const T mean = team_reduce<Layout::threads>(sum, Sum{}, scratch) / count;
    Layout::template each<T>(length, [&](int k, int64_t c) { squares += (x.at(k, c) - mean) * (x.at(k, c) - mean); });
    const T variance = team_reduce<Layout::threads>(squares, Sum{}, scratch) / count;
    const T rstd = 1 / std::sqrt(variance + of.eps);
    Layout::template each<T>(length, [&](int k, int64_t c) {
      const T normal = (x.at(k, c) - mean) * rstd;
      y.set(k, c, normal * (of.weight ? weight.at(k, c) : 1) + (of.bias ? bias.at(k, c) : 0));
    });
    y.flush(length);
    if (present && Layout::rank() == 0) {
      of.mean[row] = mean;
      of.rstd[row] = rstd;
    }
  });
}

/// What the gradients are made of; weight may be null.
template <class T>
struct Backward {
  const T *grad_out, *in, *mean, *rstd, *weight;
};

// With h = (x - mean) * rstd and d = g * weight, the gradient of h:
// grad_in = rstd * (d - mean of d - h * mean of (d * h)).
// 12 bytes (of float32) and 12 flops an element: bound by memory. Rows beyond the registers are read twice.
template <class Layout, class T>
__global__ void layer_norm_backward_kernel(T* grad_in, Backward<T> of, int64_t rows, int64_t n) {
  ROUX_SHARED(T, scratch, warp_size);
  const RowIn<Layout, T> weight(of.weight, of.weight ? n : 0);
  const T count = static_cast<T>(n);
  Layout::for_each_row(rows, [&](int64_t row, bool present) {
    const int64_t length = present ? n : 0;
    const RowIn<Layout, T> g(of.grad_out + row * n, length), x(of.in + row * n, length);
    const T mean = present ? of.mean[row] : T(0), rstd = present ? of.rstd[row] : T(0);
    RowOut<Layout, T> result(grad_in + row * n);
    const auto d = [&](int k, int64_t c) { return of.weight ? g.at(k, c) * weight.at(k, c) : g.at(k, c); };
    const auto h = [&](int k, int64_t c) { return (x.at(k, c) - mean) * rstd; };
    T sum_d = 0, sum_dh = 0;
    Layout::template each<T>(length, [&](int k, int64_t c) {
      sum_d += d(k, c);
      sum_dh += d(k, c) * h(k, c);
    });
    const T mean_d = team_reduce<Layout::threads>(sum_d, Sum{}, scratch) / count;
    const T mean_dh = team_reduce<Layout::threads>(sum_dh, Sum{}, scratch) / count;
    Layout::template each<T>(
        length, [&](int k, int64_t c) { result.set(k, c, rstd * (d(k, c) - mean_d - h(k, c) * mean_dh)); });
    result.flush(length);
  });
}

// grad_weight = sum over rows of g * h, grad_bias = sum over rows of g, here of chunks of rows: results (chunks, n).
// 8 bytes (of float32) and 5 flops an element: bound by memory.
template <class T>
__global__ void layer_norm_sums_kernel(T* weight_sums, T* bias_sums, Backward<T> of, Columns columns, int64_t length,
                                       int64_t chunks) {
  ROUX_SHARED(T, scratch, block_threads);
  for_each_row(columns.tiles() * chunks, [&](int64_t item) {
    const int64_t chunk = item % chunks, begin = chunk * length;
    const int64_t end = begin + length < columns.n ? begin + length : columns.n;
    const int64_t column = item / chunks * columns.width + static_cast<int>(threadIdx.x) % columns.width;
    const bool present = column < columns.inner;
    T weight_sum = 0, bias_sum = 0;
    for (int64_t row = begin + walker(columns); present && row < end; row += walkers(columns)) {
      const T g = of.grad_out[row * columns.inner + column];
      weight_sum += g * ((of.in[row * columns.inner + column] - of.mean[row]) * of.rstd[row]);
      bias_sum += g;
    }
    weight_sum = walkers_reduce(weight_sum, Sum{}, scratch, columns);
    bias_sum = walkers_reduce(bias_sum, Sum{}, scratch, columns);
    if (!present || walker(columns) != 0) return;
    if (weight_sums) weight_sums[chunk * columns.inner + column] = weight_sum;
    if (bias_sums) bias_sums[chunk * columns.inner + column] = bias_sum;
  });
}

// Chunks of rows side by side keep the device busy where rows are short; their sums are then reduced in order.
template <class T>
void sum_rows(CudaBackend& backend, const View& grad_weight, const View& grad_bias, const Backward<T>& of, int64_t rows,
              int64_t n) {
  constexpr int64_t length = 256;
  const int64_t chunks = rows <= length ? 1 : (rows + length - 1) / length;
  const Columns columns = columns_of(1, rows, n);
  const auto run = [&](T* weight_sums, T* bias_sums) {
    launch(layer_norm_sums_kernel<T>, blocks_for_rows(columns.tiles() * chunks), block_threads, backend.stream(),
           weight_sums, bias_sums, of, columns, length, chunks);
  };
  if (chunks == 1) return run(grad_weight.as<T>(), grad_bias.as<T>());
  const Workspace<T> weight_sums(backend, grad_weight.data ? chunks * n : 0);
  const Workspace<T> bias_sums(backend, grad_bias.data ? chunks * n : 0);
  run(weight_sums.data(), bias_sums.data());
  const auto finish = [&](const View& out, T* sums) {
    const View in{sums, dtype_of<T>, Shape{chunks, n}, contiguous_strides(Shape{chunks, n})};
    if (out.data) backend.reduce(ReduceOp::sum, out, in, {.outer = 1, .n = chunks, .inner = n});
  };
  finish(grad_weight, weight_sums.data());
  finish(grad_bias, bias_sums.data());
}

}  // namespace

void CudaBackend::layer_norm(const View& out, const View& mean, const View& rstd, const View& in, const View& weight,
                             const View& bias, double eps, int64_t rows, int64_t n) {
  dispatch_floating(in.dtype, "layer_norm", [&]<class T>(T) {
    const Forward<T> of{out.as<T>(),          mean.as<T>(),       rstd.as<T>(),       in.as<const T>(),
                        weight.as<const T>(), bias.as<const T>(), static_cast<T>(eps)};
    with_row_layout(n, has_whole_packs<T>(n, of.out, of.in, of.weight, of.bias), [&]<class Layout>(Layout) {
      launch(layer_norm_kernel<Layout, T>, Layout::grid(rows), Layout::block, stream(), of, rows, n);
    });
  });
}

void CudaBackend::layer_norm_backward(const View& grad_in, const View& grad_weight, const View& grad_bias,
                                      const View& grad_out, const View& in, const View& mean, const View& rstd,
                                      const View& weight, int64_t rows, int64_t n) {
  dispatch_floating(in.dtype, "layer_norm_backward", [&]<class T>(T) {
    const Backward<T> of{grad_out.as<const T>(), in.as<const T>(), mean.as<const T>(), rstd.as<const T>(),
                         weight.as<const T>()};
    // Before grad_in, which may be written over grad_out.
    if (grad_weight.data || grad_bias.data) sum_rows(*this, grad_weight, grad_bias, of, rows, n);
    T* const to = grad_in.as<T>();
    if (!to) return;
    with_row_layout(n, has_whole_packs<T>(n, to, of.grad_out, of.in, of.weight), [&]<class Layout>(Layout) {
      launch(layer_norm_backward_kernel<Layout, T>, Layout::grid(rows), Layout::block, stream(), to, of, rows, n);
    });
  });
}

}  // namespace roux::cuda
