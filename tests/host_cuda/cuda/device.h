// cuda/device.h once more, on the host: found instead of it by sources that are compiled with tests/host_cuda before
// the root. Everything here means what it means there.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include "tensor/error.h"
#include "tests/host_cuda/block.h"
#include "tests/host_cuda/runtime.h"
#include "tests/host_cuda/tensor_cores.h"

#define __global__
#define __device__
#define __host__
#define threadIdx (::roux::host_cuda::current_thread->index)
#define blockIdx (::roux::host_cuda::current_block)
#define blockDim (::roux::host_cuda::block_size)
#define gridDim (::roux::host_cuda::grid_size)

// A declaration is known by the address of a variable of its own.
#define ROUX_SHARED(T, name, count)       \
  static const char name##_declaration{}; \
  T* const name = static_cast<T*>(::roux::host_cuda::shared_memory(&name##_declaration, sizeof(T) * (count)))

#define ROUX_UNROLL

namespace roux::cuda {

using host_cuda::find_symbol;
using host_cuda::Location;
using host_cuda::open_library;

inline constexpr int warp_size = 32;

inline void check_cuda(cudaError_t status, const char* operation) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  fail(operation, "CUDA says: ", cudaGetErrorString(status), " (", cudaGetErrorName(status), ")");
}

template <class... Parameters>
void launch(void (*kernel)(Parameters...), dim3 grid, dim3 block, cudaStream_t stream,
            std::type_identity_t<Parameters>... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  host_cuda::enqueue(
      {reinterpret_cast<const void*>(kernel), grid, block, [kernel, arguments...] { kernel(arguments...); }}, stream);
}

inline void sync_block(const Location& where = Location::current()) { host_cuda::barrier(where); }
inline void sync_warp(const Location& where = Location::current()) { host_cuda::from_lane(0, 0, "sync_warp", where); }

inline int lane() { return host_cuda::current_thread->number % warp_size; }

template <class T>
T shuffle_xor(T value, int mask, const Location& where = Location::current()) {
  return host_cuda::from_lane(value, lane() ^ mask, "shuffle_xor", where);
}
template <class T>
T shuffle(T value, int from, const Location& where = Location::current()) {
  return host_cuda::from_lane(value, from % warp_size, "shuffle", where);
}
template <class T>
T shuffle_up(T value, int delta, const Location& where = Location::current()) {
  return host_cuda::from_lane(value, lane() < delta ? lane() : lane() - delta, "shuffle_up", where);
}
inline uint32_t ballot(bool value, const Location& where = Location::current()) {
  uint64_t values[warp_size];
  host_cuda::warp_exchange(value ? 1 : 0, values, "ballot", where);
  uint32_t bits = 0;
  for (int i = 0; i < warp_size; ++i) bits |= static_cast<uint32_t>(values[i]) << i;
  return bits;
}

// One thread runs at a time: nothing comes between reading and writing.
template <class T, class F>
T replace_atomically(T* at, F f) {
  const T before = *at;
  *at = f(before);
  return before;
}
inline int32_t atomic_add(int32_t* at, int32_t value) {
  return replace_atomically(at, [=](int32_t x) { return x + value; });
}
inline int32_t atomic_min(int32_t* at, int32_t value) {
  return replace_atomically(at, [=](int32_t x) { return x < value ? x : value; });
}
inline int32_t atomic_max(int32_t* at, int32_t value) {
  return replace_atomically(at, [=](int32_t x) { return x > value ? x : value; });
}
inline int32_t atomic_cas(int32_t* at, int32_t expected, int32_t value) {
  return replace_atomically(at, [=](int32_t x) { return x == expected ? value : x; });
}

template <class... Parameters>
int architecture_of(void (*)(Parameters...)) {
  return host_cuda::settings.architecture;
}
inline float to_tf32(float x) { return host_cuda::to_tf32(x); }
inline uint32_t to_bfloat16_pair(float low, float high) { return host_cuda::to_bfloat16_pair(low, high); }
inline void tensor_cores_tf32(float (&sums)[4], const float (&a)[4], const float (&b)[2],
                              const Location& where = Location::current()) {
  host_cuda::multiply_tf32(sums, a, b, where);
}
inline void tensor_cores_bfloat16(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                                  const Location& where = Location::current()) {
  host_cuda::multiply_bfloat16(sums, a, b, where);
}
inline void tensor_cores_load_transposed(uint32_t (&to)[4], const void* row,
                                         const Location& where = Location::current()) {
  host_cuda::load_transposed(to, row, where);
}

inline constexpr size_t library_workspace_bytes = 1024;  // ours needs none; large blocks make comparing orders slow

inline bool keeps_freed_memory() { return host_cuda::settings.keeps_freed_memory; }

}  // namespace roux::cuda
