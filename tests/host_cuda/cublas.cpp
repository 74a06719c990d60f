// The functions of cuBLAS that roux calls, over OpenBLAS: put into the stream's queue like kernels.
#include <cblas.h>

#include <cstring>
#include <string>

#include "tests/host_cuda/runtime.h"

namespace roux::host_cuda {
namespace {

struct Handle {
  cudaStream_t stream = nullptr;
};

constexpr int success = 0, invalid_value = 7;  // of cublasStatus_t

int create(void** handle) {
  *handle = new Handle;
  return success;
}

int destroy(void* handle) {
  delete static_cast<Handle*>(handle);
  return success;
}

int set_stream(void* handle, cudaStream_t stream) {
  static_cast<Handle*>(handle)->stream = stream;
  return success;
}

int set_workspace(void*, void* data, size_t) {
  add_work_area(data);
  return success;
}

CBLAS_TRANSPOSE transpose(int operation) { return operation == 0 ? CblasNoTrans : CblasTrans; }

void gemm(int ta, int tb, int m, int n, int k, float alpha, const float* a, int lda, const float* b, int ldb,
          float beta, float* c, int ldc) {
  cblas_sgemm(CblasColMajor, transpose(ta), transpose(tb), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void gemm(int ta, int tb, int m, int n, int k, double alpha, const double* a, int lda, const double* b, int ldb,
          double beta, double* c, int ldc) {
  cblas_dgemm(CblasColMajor, transpose(ta), transpose(tb), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

template <class T>
int gemm_strided_batched(void* handle, int ta, int tb, int64_t m, int64_t n, int64_t k, const T* alpha, const T* a,
                         int64_t lda, long long stride_a, const T* b, int64_t ldb, long long stride_b, const T* beta,
                         T* c, int64_t ldc, long long stride_c, int64_t batch) {
  if (m < 0 || n < 0 || k < 0 || batch < 0 || lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return invalid_value;
  enqueue(
      [=, alpha_value = *alpha, beta_value = *beta] {
        for (int64_t i = 0; i < batch; ++i)
          gemm(ta, tb, static_cast<int>(m), static_cast<int>(n), static_cast<int>(k), alpha_value, a + i * stride_a,
               static_cast<int>(lda), b + i * stride_b, static_cast<int>(ldb), beta_value, c + i * stride_c,
               static_cast<int>(ldc));
      },
      "a product of cuBLAS", static_cast<Handle*>(handle)->stream);
  return success;
}

}  // namespace

void* open_library(const char* name) {
  static char library;
  return settings.has_cublas && std::string(name).starts_with("libcublas") ? &library : nullptr;
}

void* find_symbol(void*, const char* name) {
  const std::string function = name;
  if (function == "cublasCreate_v2") return reinterpret_cast<void*>(&create);
  if (function == "cublasDestroy_v2") return reinterpret_cast<void*>(&destroy);
  if (function == "cublasSetStream_v2") return reinterpret_cast<void*>(&set_stream);
  if (function == "cublasSetWorkspace_v2") return reinterpret_cast<void*>(&set_workspace);
  if (function == "cublasSgemmStridedBatched_64") return reinterpret_cast<void*>(&gemm_strided_batched<float>);
  if (function == "cublasDgemmStridedBatched_64") return reinterpret_cast<void*>(&gemm_strided_batched<double>);
  return nullptr;
}

}  // namespace roux::host_cuda
