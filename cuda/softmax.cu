// softmax along one dimension, its logarithm, and the gradient of both: rows where that is the last dimension, columns
// elsewhere.
#include "cuda/block.h"
#include "cuda/cuda_backend.h"
#include "cuda/grid.h"
#include "cuda/softmax_rows.h"

namespace roux::cuda {
namespace {

// 8 bytes (of float32) and about 20 flops an element: bound by memory. Rows beyond the registers are read twice.
template <class Layout, class T>
__global__ void softmax_rows_kernel(T* out, const T* in, int64_t rows, int64_t n, bool log) {
  ROUX_SHARED(Exponentials<T>, scratch, warp_size);
  Layout::for_each_row(rows, [&](int64_t row, bool present) {
    const int64_t length = present ? n : 0;
    const RowIn<Layout, T> x(in + row * n, length);
    RowOut<Layout, T> y(out + row * n);
    const Exponentials<T> all = sum_exponentials(x, length, scratch);
    if (log) {
      const T log_sum = vector_math::log(all.sum);
      Layout::template each<T>(length, [&](int k, int64_t c) { y.set(k, c, x.at(k, c) - all.largest - log_sum); });
    } else {
      const T scale = 1 / all.sum;
      Layout::template each<T>(
          length, [&](int k, int64_t c) { y.set(k, c, vector_math::exp(x.at(k, c) - all.largest) * scale); });
    }
    y.flush(length);
  });
}

// softmax: grad_in = y * (g - sum of g * y). Its logarithm y: grad_in = g - exp(y) * (sum of g).
// 12 bytes (of float32) and 4 flops (with the logarithm 15) an element: bound by memory.
template <class Layout, class T>
__global__ void softmax_backward_rows_kernel(T* grad_in, const T* grad_out, const T* out, int64_t rows, int64_t n,
                                             bool log) {
  ROUX_SHARED(T, scratch, warp_size);
  Layout::for_each_row(rows, [&](int64_t row, bool present) {
    const int64_t length = present ? n : 0;
    const RowIn<Layout, T> g(grad_out + row * n, length), y(out + row * n, length);
    RowOut<Layout, T> result(grad_in + row * n);
    T sum = 0;
    Layout::template each<T>(length, [&](int k, int64_t c) { sum += log ? g.at(k, c) : g.at(k, c) * y.at(k, c); });
    sum = team_reduce<Layout::threads>(sum, Sum{}, scratch);
    Layout::template each<T>(length, [&](int k, int64_t c) {
      const T grad = g.at(k, c), value = y.at(k, c);
      result.set(k, c, log ? grad - vector_math::exp(value) * sum : value * (grad - sum));
    });
    result.flush(length);
  });
}

// 12 bytes (of float32) and about 30 flops an element: bound by memory. Columns are read twice.
template <class T>
__global__ void softmax_columns_kernel(T* out, const T* in, Columns columns, bool log) {
  ROUX_SHARED(Exponentials<T>, scratch, block_threads);
  for_each_column(columns, [&](int64_t column, bool present) {
    const int64_t at = present ? columns.start(column) : 0, n = present ? columns.n : 0;
    auto all = Exponentials<T>::none();
    for (int64_t j = walker(columns); j < n; j += walkers(columns)) all.add(in[at + j * columns.inner]);
    all = walkers_reduce(all, JoinExponentials{}, scratch, columns);
    const T last = log ? vector_math::log(all.sum) : 1 / all.sum;
    for (int64_t j = walker(columns); j < n; j += walkers(columns)) {
      const T x = in[at + j * columns.inner] - all.largest;
      out[at + j * columns.inner] = log ? x - last : vector_math::exp(x) * last;
    }
  });
}

// 20 bytes (of float32) and 4 flops (with the logarithm 15) an element: bound by memory. Columns are read twice.
template <class T>
__global__ void softmax_backward_columns_kernel(T* grad_in, const T* grad_out, const T* out, Columns columns,
                                                bool log) {
  ROUX_SHARED(T, scratch, block_threads);
  for_each_column(columns, [&](int64_t column, bool present) {
    const int64_t start = present ? columns.start(column) : 0, n = present ? columns.n : 0;
    T sum = 0;
    for (int64_t j = walker(columns); j < n; j += walkers(columns)) {
      const int64_t at = start + j * columns.inner;
      sum += log ? grad_out[at] : grad_out[at] * out[at];
    }
    sum = walkers_reduce(sum, Sum{}, scratch, columns);
    for (int64_t j = walker(columns); j < n; j += walkers(columns)) {
      const int64_t at = start + j * columns.inner;
      grad_in[at] = log ? grad_out[at] - vector_math::exp(out[at]) * sum : out[at] * (grad_out[at] - sum);
    }
  });
}

}  // namespace

void CudaBackend::softmax(const View& out, const View& in, Along along, bool log) {
  if (in.numel() == 0) return;
  dispatch_floating(in.dtype, "softmax", [&]<class T>(T) {
    T* const y = out.as<T>();
    const T* const x = in.as<const T>();
    if (along.inner > 1) {
      const Columns columns = columns_of(along.outer, along.n, along.inner);
      launch(softmax_columns_kernel<T>, blocks_for_rows(columns.tiles()), block_threads, stream(), y, x, columns, log);
      return;
    }
    with_row_layout(along.n, has_whole_packs<T>(along.n, y, x), [&]<class Layout>(Layout) {
      launch(softmax_rows_kernel<Layout, T>, Layout::grid(along.outer), Layout::block, stream(), y, x, along.outer,
             along.n, log);
    });
  });
}

void CudaBackend::softmax_backward(const View& grad_in, const View& grad_out, const View& out, Along along, bool log) {
  if (out.numel() == 0) return;
  dispatch_floating(out.dtype, "softmax_backward", [&]<class T>(T) {
    T* const to = grad_in.as<T>();
    const T* const g = grad_out.as<const T>();
    const T* const y = out.as<const T>();
    if (along.inner > 1) {
      const Columns columns = columns_of(along.outer, along.n, along.inner);
      launch(softmax_backward_columns_kernel<T>, blocks_for_rows(columns.tiles()), block_threads, stream(), to, g, y,
             columns, log);
      return;
    }
    with_row_layout(along.n, has_whole_packs<T>(along.n, to, g, y), [&]<class Layout>(Layout) {
      launch(softmax_backward_rows_kernel<Layout, T>, Layout::grid(along.outer), Layout::block, stream(), to, g, y,
             along.outer, along.n, log);
    });
  });
}

}  // namespace roux::cuda
