// softmax along one dimension, and its gradient: by rows where that is the last dimension, by columns elsewhere.
#include <algorithm>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/grain.h"
#include "tensor/cpu/softmax_rows.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

constexpr int64_t elements_per_task = 8192;
constexpr int64_t column_width = softmax_columns_at_once;

/// Calls f(offset, width) for each group of neighbouring columns: element j of its column c is at
/// offset + j * inner + c.
template <class F>
void for_columns(Along along, F f) {
  const int64_t groups = (along.inner + column_width - 1) / column_width;
  const int64_t grain = grain_of(along.n * std::min(along.inner, column_width), elements_per_task);
  parallel_for(along.outer * groups, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t first = task % groups * column_width;
      f(task / groups * along.n * along.inner + first, std::min(column_width, along.inner - first));
    }
  });
}

// softmax: grad_in = y * (g - sum of g * y). Its logarithm y: grad_in = g - exp(y) * (sum of g).
template <class T>
void backward_row(T* grad_in, const T* g, const T* y, int64_t n, bool log) {
  if (log) {
    const T sum = lane_sum(n, [&](int64_t j) { return g[j]; });
    for (int64_t j = 0; j < n; ++j) grad_in[j] = g[j] - vector_math::exp(y[j]) * sum;
  } else {
    const T sum = lane_sum(n, [&](int64_t j) { return g[j] * y[j]; });
    for (int64_t j = 0; j < n; ++j) grad_in[j] = y[j] * (g[j] - sum);
  }
}

template <class T>
void backward_columns(T* grad_in, const T* g, const T* y, int64_t n, int64_t inner, int64_t width, bool log) {
  T sums[column_width] = {};
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t c = 0; c < width; ++c) sums[c] += log ? g[j * inner + c] : g[j * inner + c] * y[j * inner + c];
  }
  for (int64_t j = 0; j < n; ++j) {
    for (int64_t c = 0; c < width; ++c) {
      const int64_t at = j * inner + c;
      grad_in[at] = log ? g[at] - vector_math::exp(y[at]) * sums[c] : y[at] * (g[at] - sums[c]);
    }
  }
}

}  // namespace

void CpuBackend::softmax(const View& out, const View& in, Along along, bool log) {
  if (in.numel() == 0) return;
  dispatch_floating(in.dtype, "softmax", [&]<class T>(T) {
    T* const y = out.as<T>();
    const T* const x = in.as<const T>();
    if (along.inner == 1) {
      parallel_for(along.outer, grain_of(along.n, elements_per_task), [&](int64_t begin, int64_t end) {
        const int64_t at = begin * along.n;
        softmax_rows(y + at, x + at, end - begin, along.n, log);
      });
    } else {
      for_columns(along, [&](int64_t at, int64_t width) {
        for (int64_t j = 0; j < along.n; ++j) std::copy_n(x + at + j * along.inner, width, y + at + j * along.inner);
        softmax_columns(y + at, along.n, along.inner, width, log);
      });
    }
  });
}

void CpuBackend::softmax_backward(const View& grad_in, const View& grad_out, const View& out, Along along, bool log) {
  if (out.numel() == 0) return;
  dispatch_floating(out.dtype, "softmax_backward", [&]<class T>(T) {
    T* const to = grad_in.as<T>();
    const T* const g = grad_out.as<const T>();
    const T* const y = out.as<const T>();
    if (along.inner == 1) {
      parallel_for(along.outer, grain_of(along.n, elements_per_task), [&](int64_t begin, int64_t end) {
        for (int64_t at = begin * along.n; at < end * along.n; at += along.n) {
          backward_row(to + at, g + at, y + at, along.n, log);
        }
      });
    } else {
      for_columns(along, [&](int64_t at, int64_t width) {
        backward_columns(to + at, g + at, y + at, along.n, along.inner, width, log);
      });
    }
  });
}

}  // namespace roux::cpu_kernels
