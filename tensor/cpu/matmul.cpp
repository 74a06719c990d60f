// Matrix products over CBLAS. OpenBLAS runs on one thread and we tile the result by its shape, so that the bits do not
// depend on the number of threads. Products too small to be worth a call of it are written out.
#include <cblas.h>

#include <algorithm>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/lanes.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

constexpr int64_t tile =
    384;  // of the result, both ways: large enough for OpenBLAS's blocking, small enough to share out
// Multiplications below which CBLAS's checks and packing outweigh the product itself.
constexpr int64_t small_product = 16 * 1024;

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
void product(const T* a, const T* b, T* c, const MatmulShape& s) {
  if (s.m * s.n * s.k <= small_product && !(s.transpose_a && s.transpose_b)) {
    if (s.transpose_b) return small_dot_products(a, b, c, s);
    return small_row_sums(a, b, c, s);
  }
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
                out.as<T>() + i * shape.m * shape.n, shape);
    });
  });
}

}  // namespace roux::cpu_kernels
