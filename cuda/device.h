// All that the CUDA sources use of CUDA beyond plain C++: how a kernel is started, shared memory, warps, atomics,
// tensor cores.
//
// Kernels and the code around them include this and nothing else of the toolkit. That is what lets tests/host_cuda
// implement this header a second time, on the host, and execute the same sources where there is no GPU. Kernels are
// `__global__ void NAME_kernel(...)`, start through `launch`, declare shared memory with ROUX_SHARED, and take their
// place from threadIdx, blockIdx, blockDim and gridDim. Blocks have whole warps, and every thread of a block reaches
// every collective: sync_block, and what begins with shuffle_, ballot, sync_warp, or tensor_cores_.
#pragma once

#include <cuda_runtime.h>
#include <dlfcn.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <utility>

#include "tensor/error.h"

namespace roux::cuda {

inline constexpr int warp_size = 32;

/// `name` is an array of `count` elements (a constant) in the shared memory of the block. Uninitialised.
#define ROUX_SHARED(T, name, count) __shared__ T name[count]

/// Stands before a loop whose counter picks variables that must stay in registers: the compiler must unroll it.
#define ROUX_UNROLL _Pragma("unroll")

/// Throws, naming the operation, when a call of the CUDA runtime did not succeed.
inline void check_cuda(cudaError_t status, const char* operation) {
  if (status == cudaSuccess) [[likely]]
    return;
  cudaGetLastError();  // the next call does not report it again
  fail(operation, "CUDA says: ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")");
}

/// Starts `kernel` on `stream`. Arguments are copied; nothing is started for a grid without blocks.
template <class... Parameters>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream,
            std::type_identity_t<Parameters>... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  void* pointers[] = {static_cast<void*>(&arguments)...};
  check_cuda(cudaLaunchKernel(reinterpret_cast<const void*>(kernel), grid, block, pointers, 0, stream), "launch");
}

/// Waits until all threads of the block are here; what they wrote to shared and device memory is then seen by all.
__device__ inline void sync_block() { __syncthreads(); }
/// The same within the warp.
__device__ inline void sync_warp() { __syncwarp(); }

/// The place of this thread in its warp.
__device__ inline int lane() { return static_cast<int>(threadIdx.x) % warp_size; }

/// `value` of the lane whose number differs from ours in the bits of `mask`.
template <class T>
__device__ T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffU, value, mask);
}
/// `value` of lane `from`.
template <class T>
__device__ T shuffle(T value, int from) {
  return __shfl_sync(0xffffffffU, value, from);
}
/// `value` of the lane `delta` below ours, our own where there is none.
template <class T>
__device__ T shuffle_up(T value, int delta) {
  return __shfl_up_sync(0xffffffffU, value, static_cast<unsigned>(delta));
}
/// Bit i is set where lane i passes true.
__device__ inline uint32_t ballot(bool value) { return __ballot_sync(0xffffffffU, value); }

// Atomics return what was there before. Only integers: sums of floats would depend on the order of threads.
__device__ inline int32_t atomic_add(int32_t* at, int32_t value) { return atomicAdd(at, value); }
__device__ inline int32_t atomic_min(int32_t* at, int32_t value) { return atomicMin(at, value); }
__device__ inline int32_t atomic_max(int32_t* at, int32_t value) { return atomicMax(at, value); }
/// Writes `value` where `expected` was found.
__device__ inline int32_t atomic_cas(int32_t* at, int32_t expected, int32_t value) {
  return atomicCAS(at, expected, value);
}

// ---- Tensor cores: products of small matrices that a warp computes together. From compute capability 8.0 on.
// ---------
//
// Lane 4 * group + member holds of a result of 16 x 8: row `group`, columns 2 * member and 2 * member + 1; then the
// same of row group + 8. PTX ISA, "Matrix multiply-accumulate operation using mma instruction", m16n8k8 and m16n8k16.

/// The architecture for which the code was written that would run, such as 80; no tensor cores below that.
template <class... Parameters>
int architecture_of(void (*kernel)(Parameters...)) {
  cudaFuncAttributes attributes{};
  check_cuda(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(kernel)), "architecture_of");
  return attributes.ptxVersion;
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
#define ROUX_TENSOR_CORES(...) __trap()
#else
#define ROUX_TENSOR_CORES(...) asm volatile(__VA_ARGS__)
#endif

/// The nearest number with 10 bits of fraction, the larger one of two.
__device__ inline float to_tf32(float x) {
  uint32_t bits = 0;
  ROUX_TENSOR_CORES("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return __uint_as_float(bits);
}
/// Both as bfloat16, the nearest, the even one of two; `low` in the lower half.
__device__ inline uint32_t to_bfloat16_pair(float low, float high) {
  uint32_t bits = 0;
  ROUX_TENSOR_CORES("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
  return bits;
}
/// sums (16, 8) += a (16, 8) * b (8, 8) of TF32 numbers. a: (group, member), (group + 8, member), then columns
/// member + 4; b: rows member and member + 4 of column `group`.
__device__ inline void tensor_cores_tf32(float (&sums)[4], const float (&a)[4], const float (&b)[2]) {
  ROUX_TENSOR_CORES(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(__float_as_uint(a[0])), "r"(__float_as_uint(a[1])), "r"(__float_as_uint(a[2])), "r"(__float_as_uint(a[3])),
        "r"(__float_as_uint(b[0])), "r"(__float_as_uint(b[1])));
}
/// sums (16, 8) += a (16, 16) * b (16, 8) of pairs of bfloat16. a: columns 2 * member and the next, of rows `group` and
/// group + 8, then columns 2 * member + 8 and the next; b: rows 2 * member and the next, then + 8, of column `group`.
__device__ inline void tensor_cores_bfloat16(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  ROUX_TENSOR_CORES(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
/// Four matrices of 8 rows with 8 elements of 16 bits, transposed: to[i] gets rows 2 * member and the next of column
/// `group` of matrix i. Lane 8 * i + r names its row r: 16 bytes of shared memory at a multiple of 16.
__device__ inline void tensor_cores_load_transposed(uint32_t (&to)[4], const void* row) {
  ROUX_TENSOR_CORES("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                    : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                    : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))
                    : "memory");
}
#undef ROUX_TENSOR_CORES

/// Whether the backend keeps freed memory for reuse.
constexpr bool keeps_freed_memory() { return true; }

/// What cuBLAS is given to work in.
inline constexpr size_t library_workspace_bytes = size_t{32} << 20;

/// A shared library by its file name, and a function of it by name; null where there is none.
inline void* open_library(const char* name) { return dlopen(name, RTLD_NOW | RTLD_LOCAL); }
inline void* find_symbol(void* library, const char* name) { return dlsym(library, name); }

}  // namespace roux::cuda
