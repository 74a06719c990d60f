// Matrix products: which of several ways a product takes. Tiny ones are written out; float32 and bfloat16 go through
// kernels of our own (matmul_panels.h); float64, and float32 where those kernels have no fused multiply-add, through
// CBLAS. OpenBLAS runs on one thread and we tile the result by its shape, so that the bits do not depend on the number
// of threads.
#include <cblas.h>

#include <algorithm>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/lanes.h"
#include "tensor/cpu/matmul_panels.h"
#include "tensor/cpu/scratch.h"
#include "tensor/float16.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

// Of the result, both ways: large enough for OpenBLAS's blocking, small enough to share out.
constexpr int64_t tile = 384;
// Multiplications below which CBLAS's checks and packing outweigh the product itself.
constexpr int64_t small_product = 16 * 1024;

bool is_small(const MatmulShape& s) { return s.m * s.n * s.k <= small_product && !(s.transpose_a && s.transpose_b); }

void gemm(const float* a, const float* b, float* c, const MatmulShape& s, int64_t m, int64_t n, int64_t leading_c) {
  cblas_sgemm(CblasRowMajor, s.transpose_a ? CblasTrans : CblasNoTrans, s.transpose_b ? CblasTrans : CblasNoTrans,
              static_cast<int>(m), static_cast<int>(n), static_cast<int>(s.k), 1.0f, a, static_cast<int>(s.leading_a),
              b, static_cast<int>(s.leading_b), s.accumulate ? 1.0f : 0.0f, c, static_cast<int>(leading_c));
}

void gemm(const double* a, const double* b, double* c, const MatmulShape& s, int64_t m, int64_t n, int64_t leading_c) {
  cblas_dgemm(CblasRowMajor, s.transpose_a ? CblasTrans : CblasNoTrans, s.transpose_b ? CblasTrans : CblasNoTrans,
              static_cast<int>(m), static_cast<int>(n), static_cast<int>(s.k), 1.0, a, static_cast<int>(s.leading_a), b,
              static_cast<int>(s.leading_b), s.accumulate ? 1.0 : 0.0, c, static_cast<int>(leading_c));
}

// Rows of a times rows of b: each entry is a dot product of two contiguous rows.
template <class T>
void small_dot_products(const T* a, const T* b, T* c, const MatmulShape& s) {
  for (int64_t i = 0; i < s.m; ++i) {
    for (int64_t j = 0; j < s.n; ++j) {
      const T* const x = a + i * s.leading_a;
      const T* const y = b + j * s.leading_b;
      const T dot = lane_sum(s.k, [x, y](int64_t l) { return x[l] * y[l]; });
      c[i * s.n + j] = s.accumulate ? c[i * s.n + j] + dot : dot;
    }
  }
}

// Every other layout but both transposed: rows of c are sums of scaled rows of b.
template <class T>
void small_row_sums(const T* a, const T* b, T* c, const MatmulShape& s) {
  const int64_t step_i = s.transpose_a ? 1 : s.leading_a, step_l = s.transpose_a ? s.leading_a : 1;
  for (int64_t i = 0; i < s.m; ++i) {
    T* const __restrict row = c + i * s.n;
    if (!s.accumulate) std::fill_n(row, s.n, T(0));
    for (int64_t l = 0; l < s.k; ++l) {
      const T factor = a[i * step_i + l * step_l];
      const T* const __restrict y = b + l * s.leading_b;
      for (int64_t j = 0; j < s.n; ++j) row[j] += factor * y[j];
    }
  }
}

template <class T>
void blas_product(const T* a, const T* b, T* c, const MatmulShape& s) {
  const int64_t rows = (s.m + tile - 1) / tile, columns = (s.n + tile - 1) / tile;
  parallel_for(rows * columns, 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t i = t / columns * tile, j = t % columns * tile;
      gemm(a + (s.transpose_a ? i : i * s.leading_a), b + (s.transpose_b ? j * s.leading_b : j), c + i * s.n + j, s,
           std::min(tile, s.m - i), std::min(tile, s.n - j), s.n);
    }
  });
}

}  // namespace

template <class T>
void plain_product(const T* a, const T* b, T* c, const T* bias, MatmulShape s) {
  if (bias) {
    for (int64_t i = 0; i < s.m; ++i) std::copy_n(bias, s.n, c + i * s.n);
    s.accumulate = true;
  }
  if (!is_small(s)) return blas_product(a, b, c, s);
  if (s.transpose_b) return small_dot_products(a, b, c, s);
  small_row_sums(a, b, c, s);
}
template void plain_product(const float*, const float*, float*, const float*, MatmulShape);
template void plain_product(const double*, const double*, double*, const double*, MatmulShape);

namespace {

/// One product of matrices: c = (bias, or c if s.accumulate, or 0) + a * b. `bias` has n numbers, or is null.
void product(const double* a, const double* b, double* c, const double* bias, const MatmulShape& s) {
  plain_product(a, b, c, bias, s);
}

ProductOperand left_operand(const float* a, const MatmulShape& s) {
  return {.data = a, .step = s.transpose_a ? 1 : s.leading_a, .depth_step = s.transpose_a ? s.leading_a : 1};
}
ProductOperand right_operand(const float* b, const MatmulShape& s) {
  return {.data = b, .step = s.transpose_b ? s.leading_b : 1, .depth_step = s.transpose_b ? 1 : s.leading_b};
}
ProductResult result_of(float* c, const float* bias, const MatmulShape& s) {
  if (bias) return {.out = c, .leading = s.n, .initial = bias, .leading_initial = 0};
  return {.out = c, .leading = s.n, .initial = s.accumulate ? c : nullptr, .leading_initial = s.n};
}

void float32_product(const float* a, const float* b, float* c, const float* bias, const MatmulShape& s) {
  const PanelKernel* const kernel = float32_kernel();
  if (!kernel || is_small(s)) return plain_product(a, b, c, bias, s);
  const ProductOperand left = left_operand(a, s), right = right_operand(b, s);
  const ProductResult result = result_of(c, bias, s);
  if (left.depth_step == 1 && right.depth_step == 1) {
    if (is_few_rows(s.m)) return multiply_few_rows(result, left, right, s.m, s.n, s.k);
    if (s.n == 1 && !bias) {  // a column is a row
      const ProductResult row{.out = c, .leading = s.m, .initial = result.initial, .leading_initial = s.m};
      return multiply_few_rows(row, right, left, 1, s.m, s.k);
    }
  }
  multiply_panels(*kernel, result, left, right, s.m, s.n, s.k);
}

/// rows x columns of `from`, rounded to bfloat16, without gaps.
void round_matrix(float* to, const float* from, int64_t rows, int64_t columns, int64_t leading) {
  parallel_for(rows, std::max<int64_t>(1, (1 << 15) / columns), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t j = 0; j < columns; ++j) to[i * columns + j] = to_float(to_bfloat16(from[i * leading + j]));
  });
}

}  // namespace

void rounded_product(const float* a, const float* b, float* c, const float* bias, MatmulShape s) {
  const int64_t rows_a = s.transpose_a ? s.k : s.m, columns_a = s.transpose_a ? s.m : s.k;
  const int64_t rows_b = s.transpose_b ? s.n : s.k, columns_b = s.transpose_b ? s.k : s.n;
  const Scratch<float> memory(rows_a * columns_a + rows_b * columns_b);
  float* const rounded_a = memory.get();
  float* const rounded_b = rounded_a + rows_a * columns_a;
  round_matrix(rounded_a, a, rows_a, columns_a, s.leading_a);
  round_matrix(rounded_b, b, rows_b, columns_b, s.leading_b);
  s.leading_a = columns_a;
  s.leading_b = columns_b;
  float32_product(rounded_a, rounded_b, c, bias, s);
}

namespace {

void product(const float* a, const float* b, float* c, const float* bias, const MatmulShape& s) {
  if (s.precision != MatmulPrecision::medium) return float32_product(a, b, c, bias, s);
  const PanelKernel* const kernel = bfloat16_kernel();
  if (!kernel) return rounded_product(a, b, c, bias, s);
  multiply_panels(*kernel, result_of(c, bias, s), left_operand(a, s), right_operand(b, s), s.m, s.n, s.k);
}

}  // namespace

void CpuBackend::matmul(const View& out, const View& a, const View& b, const MatmulShape& shape) {
  if (shape.m == 0 || shape.n == 0 || shape.batch == 0) return;
  if (shape.k == 0) {
    if (!shape.accumulate) fill(out, 0);
    return;
  }
  dispatch_floating(out.dtype, "matmul", [&](auto type) {
    using T = decltype(type);
    const int64_t work = std::max<int64_t>(1, shape.m * shape.n * shape.k);
    parallel_for(shape.batch, std::max<int64_t>(1, (1 << 18) / work), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        product(a.as<T>() + i * shape.batch_stride_a, b.as<T>() + i * shape.batch_stride_b,
                out.as<T>() + i * shape.m * shape.n, static_cast<const T*>(nullptr), shape);
    });
  });
}

void CpuBackend::matmul_with_bias(const View& out, const View& a, const View& b, const View& bias,
                                  const MatmulShape& shape) {
  if (shape.k == 0 || shape.m == 0 || shape.n == 0) return Backend::matmul_with_bias(out, a, b, bias, shape);
  dispatch_floating(out.dtype, "matmul", [&](auto type) {
    using T = decltype(type);
    product(a.as<T>(), b.as<T>(), out.as<T>(), bias.as<const T>(), shape);
  });
}

}  // namespace roux::cpu_kernels
