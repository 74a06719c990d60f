// The functions of cuBLAS that roux calls, over OpenBLAS: put into the stream's queue like kernels.
#include <cblas.h>

#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "tensor/float16.h"
#include "tests/host_cuda/runtime.h"
#include "tests/host_cuda/tensor_cores.h"

namespace roux::host_cuda {
namespace {

struct Handle {
  cudaStream_t stream = nullptr;
};

constexpr int success = 0, invalid_value = 7, not_supported = 15;                  // of cublasStatus_t
constexpr int real_32 = 0, real_64 = 1;                                            // of cudaDataType_t
constexpr int strict_32 = 68, strict_64 = 70, fast_bfloat16 = 75, fast_tf32 = 77;  // of cublasComputeType_t

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

float rounded(float x, int compute) {
  if (compute == fast_tf32) return to_tf32(x);
  if (compute == fast_bfloat16) return to_float(BFloat16{static_cast<uint16_t>(to_bfloat16_pair(x, 0))});
  return x;
}

/// A matrix, or a copy of it rounded as the compute type says.
template <class T>
class Factor {
 public:
  Factor(const T* matrix, int64_t rows, int64_t columns, int64_t leading, int compute) : matrix_(matrix) {
    if constexpr (std::is_same_v<T, float>) {
      if (compute == strict_32) return;
      copy_.resize(static_cast<size_t>(leading * columns));
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t i = column * leading; i < column * leading + rows; ++i)
          copy_[static_cast<size_t>(i)] = rounded(matrix[i], compute);
      matrix_ = copy_.data();
    }
  }
  const T* data() const { return matrix_; }

 private:
  const T* matrix_;
  std::vector<T> copy_;
};

/// The arguments of cublasGemmStridedBatchedEx_64.
struct Gemm {
  int ta, tb;
  int64_t m, n, k, lda, ldb, ldc;
  long long stride_a, stride_b, stride_c;
  const void *a, *b;
  void* c;
  int64_t batch;
  int compute;
};

template <class T>
void run(const Gemm& p, T alpha, T beta) {
  for (int64_t i = 0; i < p.batch; ++i) {
    const Factor<T> a(static_cast<const T*>(p.a) + i * p.stride_a, p.ta ? p.k : p.m, p.ta ? p.m : p.k, p.lda,
                      p.compute);
    const Factor<T> b(static_cast<const T*>(p.b) + i * p.stride_b, p.tb ? p.n : p.k, p.tb ? p.k : p.n, p.ldb,
                      p.compute);
    gemm(p.ta, p.tb, static_cast<int>(p.m), static_cast<int>(p.n), static_cast<int>(p.k), alpha, a.data(),
         static_cast<int>(p.lda), b.data(), static_cast<int>(p.ldb), beta, static_cast<T*>(p.c) + i * p.stride_c,
         static_cast<int>(p.ldc));
  }
}

int gemm_strided_batched(void* handle, int ta, int tb, int64_t m, int64_t n, int64_t k, const void* alpha,
                         const void* a, int type_a, int64_t lda, long long stride_a, const void* b, int type_b,
                         int64_t ldb, long long stride_b, const void* beta, void* c, int type_c, int64_t ldc,
                         long long stride_c, int64_t batch, int compute, int) {
  if (m < 0 || n < 0 || k < 0 || batch < 0 || lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return invalid_value;
  const bool is_float = compute == strict_32 || compute == fast_bfloat16 || compute == fast_tf32;
  const int type = is_float ? real_32 : real_64;
  if ((!is_float && compute != strict_64) || type_a != type || type_b != type || type_c != type) return not_supported;
  const Gemm product{ta, tb, m, n, k, lda, ldb, ldc, stride_a, stride_b, stride_c, a, b, c, batch, compute};
  const auto put = [&]<class T>(T) {
    enqueue([product, alpha_value = *static_cast<const T*>(alpha),
             beta_value = *static_cast<const T*>(beta)] { run<T>(product, alpha_value, beta_value); },
            "a product of cuBLAS", static_cast<Handle*>(handle)->stream);
  };
  if (is_float)
    put(0.0F);
  else
    put(0.0);
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
  if (function == "cublasGemmStridedBatchedEx_64") return reinterpret_cast<void*>(&gemm_strided_batched);
  return nullptr;
}

}  // namespace roux::host_cuda
