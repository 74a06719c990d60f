// cuBLAS, opened when the first product asks for it: a program that needs none neither loads it nor fails without it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/device.h"
#include "tensor/precision.h"

namespace roux::cuda {

/// Column-major products over cuBLAS on one stream. float32 is strict unless a product allows less.
class Cublas {
 public:
  /// Bytes of device memory that cuBLAS works in, given by the caller: it allocates nothing itself, so that products
  /// can be part of a CUDA graph.
  static constexpr size_t workspace_bytes = library_workspace_bytes;

  /// Throws, naming what was looked for, when there is no cuBLAS.
  Cublas(cudaStream_t stream, void* workspace, size_t bytes);
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;
  ~Cublas();

  /// c[i] = beta * c[i] + op(a[i]) * op(b[i]), all column-major: op(a) is m x k, op(b) is k x n, c is m x n; `lda` and
  /// so on are elements from one column to the next, `stride_a` and so on from one matrix to the next.
  template <class T>
  struct Product {
    bool transpose_a, transpose_b;
    int64_t m, n, k, batch;
    const T* a;
    int64_t lda, stride_a;
    const T* b;
    int64_t ldb, stride_b;
    T* c;
    int64_t ldc, stride_c;
    T beta;
    MatmulPrecision precision = MatmulPrecision::highest;  // of float32
  };
  void multiply(const Product<float>& product);
  void multiply(const Product<double>& product);

 private:
  void* handle_ = nullptr;
};

}  // namespace roux::cuda
