// All that the CUDA sources use of CUDA beyond plain C++: how a kernel is started, shared memory, warps, atomics.
//
// Kernels and the code around them include this and nothing else of the toolkit. That is what lets tests/host_cuda
// implement this header a second time, on the host, and execute the same sources where there is no GPU. Kernels are
// `__global__ void NAME_kernel(...)`, start through `launch`, declare shared memory with ROUX_SHARED, and take their
// place from threadIdx, blockIdx, blockDim and gridDim. Blocks have whole warps, and every thread of a block reaches
// every collective: sync_block, and what begins with shuffle_, ballot, or sync_warp.
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

/// Whether the backend keeps freed memory for reuse.
constexpr bool keeps_freed_memory() { return true; }

/// What cuBLAS is given to work in.
inline constexpr size_t library_workspace_bytes = size_t{32} << 20;

/// A shared library by its file name, and a function of it by name; null where there is none.
inline void* open_library(const char* name) { return dlopen(name, RTLD_NOW | RTLD_LOCAL); }
inline void* find_symbol(void* library, const char* name) { return dlsym(library, name); }

}  // namespace roux::cuda
