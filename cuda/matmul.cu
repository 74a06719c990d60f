// Matrix products over cuBLAS. It reads matrices by columns: a row-major product c = a b is c' = b' a' to it, so the
// operands change places.
#include "cuda/cuda_backend.h"

namespace roux::cuda {

Cublas& CudaBackend::cublas() {
  if (!cublas_) {
    if (!cublas_workspace_) cublas_workspace_ = allocate(Cublas::workspace_bytes);
    cublas_ = std::make_unique<Cublas>(stream(), cublas_workspace_, Cublas::workspace_bytes);
  }
  return *cublas_;
}

void CudaBackend::matmul(const View& out, const View& a, const View& b, const MatmulShape& shape) {
  if (shape.batch * shape.m * shape.n == 0) return;
  if (shape.k == 0) {
    if (!shape.accumulate) fill(out, 0);
    return;
  }
  dispatch_floating(out.dtype, "matmul", [&](auto type) {
    using T = decltype(type);
    cublas().multiply(Cublas::Product<T>{.transpose_a = shape.transpose_b,
                                         .transpose_b = shape.transpose_a,
                                         .m = shape.n,
                                         .n = shape.m,
                                         .k = shape.k,
                                         .batch = shape.batch,
                                         .a = b.as<T>(),
                                         .lda = shape.leading_b,
                                         .stride_a = shape.batch_stride_b,
                                         .b = a.as<T>(),
                                         .ldb = shape.leading_a,
                                         .stride_b = shape.batch_stride_a,
                                         .c = out.as<T>(),
                                         .ldc = shape.n,
                                         .stride_c = shape.m * shape.n,
                                         .beta = shape.accumulate ? T(1) : T(0),
                                         .precision = shape.precision});
  });
}

}  // namespace roux::cuda
