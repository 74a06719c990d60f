// cuBLAS through dlopen. The few functions that are needed are declared here, as cublas_v2.h of CUDA 12 and 13 has
// them, so that building takes no header of it.
#include "cuda/cublas.h"

namespace roux::cuda {
namespace {

using Handle = void*;
using Status = int;     // cublasStatus_t; 0 is success
using Operation = int;  // cublasOperation_t; 0: as it is, 1: transposed

// Of cudaDataType_t, cublasComputeType_t and cublasGemmAlgo_t.
enum DataType : int { real_32 = 0, real_64 = 1 };
enum Compute : int { strict_32 = 68, fast_bfloat16 = 75, fast_tf32 = 77, strict_64 = 70 };
enum Algorithm : int { chosen_by_library = -1 };

using GemmFunction = Status (*)(Handle, Operation, Operation, int64_t, int64_t, int64_t, const void*, const void*,
                                DataType, int64_t, long long, const void*, DataType, int64_t, long long, const void*,
                                void*, DataType, int64_t, long long, int64_t, Compute, Algorithm);

/// The functions of the library.
struct Functions {
  Status (*create)(Handle*);
  Status (*destroy)(Handle);
  Status (*set_stream)(Handle, cudaStream_t);
  Status (*set_workspace)(Handle, void*, size_t);
  GemmFunction gemm;
};

template <class F>
void find(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(find_symbol(library, name));
  ROUX_CHECK(function, "cublas", "the library has no ", name, " (hint: roux takes the cuBLAS of CUDA 12 or newer)");
}

Functions load() {
  void* library = nullptr;
  for (const char* name : {"libcublas.so.13", "libcublas.so.12", "libcublas.so"})
    if ((library = open_library(name))) break;
  ROUX_CHECK(library, "cublas",
             "matrix products on a CUDA device need cuBLAS: found none of libcublas.so.13, libcublas.so.12 and "
             "libcublas.so (hint: install the CUDA Toolkit's cuBLAS, or name its folder in LD_LIBRARY_PATH)");
  Functions all{};
  find(library, "cublasCreate_v2", all.create);
  find(library, "cublasDestroy_v2", all.destroy);
  find(library, "cublasSetStream_v2", all.set_stream);
  find(library, "cublasSetWorkspace_v2", all.set_workspace);
  find(library, "cublasGemmStridedBatchedEx_64", all.gemm);
  return all;
}

const Functions& functions() {
  static const Functions all = load();  // tried again after a failure
  return all;
}

void check(Status status, const char* what) {
  ROUX_CHECK(status == 0, "cublas", what, " failed with status ", status, " of cublasStatus_t");
}

// Factors that may be rounded are so in registers; they and the results are float32 in memory, and so are the sums.
Compute compute_type(MatmulPrecision precision) {
  switch (precision) {
    case MatmulPrecision::highest: return strict_32;
    case MatmulPrecision::high: return fast_tf32;
    case MatmulPrecision::medium: return fast_bfloat16;
  }
  return strict_32;
}

template <class T>
void multiply_with(Handle handle, const Cublas::Product<T>& p, DataType type, Compute compute) {
  const T alpha = 1;
  check(functions().gemm(handle, p.transpose_a, p.transpose_b, p.m, p.n, p.k, &alpha, p.a, type, p.lda, p.stride_a, p.b,
                         type, p.ldb, p.stride_b, &p.beta, p.c, type, p.ldc, p.stride_c, p.batch, compute,
                         chosen_by_library),
        "the product");
}

}  // namespace

Cublas::Cublas(cudaStream_t stream, void* workspace, size_t bytes) {
  check(functions().create(&handle_), "cublasCreate");
  check(functions().set_stream(handle_, stream), "cublasSetStream");
  check(functions().set_workspace(handle_, workspace, bytes), "cublasSetWorkspace");
}

Cublas::~Cublas() { functions().destroy(handle_); }

void Cublas::multiply(const Product<float>& product) {
  multiply_with(handle_, product, real_32, compute_type(product.precision));
}
void Cublas::multiply(const Product<double>& product) { multiply_with(handle_, product, real_64, strict_64); }

}  // namespace roux::cuda
