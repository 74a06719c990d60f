// Positions grouped by key: what makes sums by index deterministic without atomics. Who adds into one target finds its
// sources side by side, in ascending order, and adds them in that order.
#pragma once

#include <cstdint>

#include "cuda/cuda_backend.h"
#include "cuda/pack.h"
#include "tensor/host_device.h"

namespace roux::cuda {

/// Sorted pairs as kernels see them: keys ascend, positions ascend among equal keys. Pairs that were left out come
/// last, with a key of -1.
struct Groups {
  const int64_t* keys;
  const int32_t* positions;
  int64_t count;
  const int64_t* end;  // in device memory: the largest key + 1, 0 where there is none

  /// Whether the group of some key begins at place i.
  ROUX_HOST_DEVICE bool begins_at(int64_t i) const {
    return i < count && keys[i] >= 0 && (i == 0 || keys[i - 1] != keys[i]);
  }
};

/// The positions 0 .. count - 1 by the keys that they have, in device memory. Keys outside [0, bound) are left out.
class ByKey {
 public:
  ByKey(CudaBackend& backend, const int64_t* keys, int64_t count, int64_t bound);
  Groups groups() const { return {keys_.data(), positions_.data(), count_, end_.data()}; }

 private:
  void sort_in_one_block(CudaBackend& backend, const int64_t* keys, int64_t bound);
  void sort_in_tiles(CudaBackend& backend, const int64_t* keys, int64_t bound);

  int64_t count_;
  Workspace<int64_t> keys_;
  Workspace<int32_t> positions_;
  Workspace<int64_t> end_;
};

/// Pairs of a key and a position, sorted by radix from the lowest digit up. Stable.
class RadixSort {
 public:
  RadixSort(CudaBackend& backend, int64_t count);
  /// Room for what is to be sorted: fill it, then sort.
  uint64_t* keys() const { return keys_[current_]->data(); }
  int32_t* positions() const { return positions_[current_]->data(); }
  /// By the lowest `bits` bits of the keys; keys() and positions() are the sorted ones then.
  void sort(int bits);

 private:
  CudaBackend& backend_;
  int64_t count_;
  int current_ = 0;
  Workspace<uint64_t> first_keys_, second_keys_;
  Workspace<int32_t> first_positions_, second_positions_;
  Workspace<uint64_t>* keys_[2] = {&first_keys_, &second_keys_};
  Workspace<int32_t>* positions_[2] = {&first_positions_, &second_positions_};
};

/// values[i] becomes the sum of values[0 .. i).
void exclusive_sum(CudaBackend& backend, int32_t* values, int64_t count);

/// The sum of `value` over the threads of the block before ours; `total` becomes that over all. `warp_sums`: room for
/// warp_size numbers in shared memory, free again on return.
__device__ inline int32_t block_exclusive_sum(int32_t value, int32_t* warp_sums, int32_t& total) {
  const auto sum_in_warp = [](int32_t sum) {
    for (int delta = 1; delta < warp_size; delta *= 2) {
      const int32_t below = shuffle_up(sum, delta);
      if (lane() >= delta) sum += below;
    }
    return sum;
  };
  const int warp = static_cast<int>(threadIdx.x) / warp_size, warps = static_cast<int>(blockDim.x) / warp_size;
  const int32_t sum = sum_in_warp(value);
  if (lane() == warp_size - 1) warp_sums[warp] = sum;
  sync_block();
  const int32_t sums = sum_in_warp(lane() < warps ? warp_sums[lane()] : 0);
  total = shuffle(sums, warps - 1);
  const int32_t before = shuffle(sums, warp > 0 ? warp - 1 : 0);
  sync_block();
  return sum - value + (warp > 0 ? before : 0);
}

/// a + b; integers wrap around, booleans are joined by or.
template <class T>
__device__ T sum_of(T a, T b) {
  return static_cast<T>(a + b);
}
template <>
__device__ inline bool sum_of(bool a, bool b) {
  return a || b;
}
template <>
__device__ inline int64_t sum_of(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}

/// `sum` plus load(position) for the positions of the group that begins at place i, one after the other: the order is
/// part of the result. Several loads are under way at a time, so that a long group does not wait for each.
template <class T, int N, class Load>
__device__ Pack<T, N> add_group(const Groups& groups, int64_t i, Pack<T, N> sum, Load load) {
  constexpr int batch = 8;
  const int64_t key = groups.keys[i];
  while (true) {
    Pack<T, N> loaded[batch];
    bool inside[batch];
    for (int k = 0; k < batch; ++k) {
      const int64_t place = i + k < groups.count ? i + k : i;
      const int64_t position = groups.positions[place];  // does not wait for the key
      inside[k] = i + k < groups.count && groups.keys[place] == key;
      if (inside[k]) loaded[k] = load(position);
    }
    for (int k = 0; k < batch; ++k) {
      if (!inside[k]) return sum;
      for (int e = 0; e < N; ++e) sum.at[e] = sum_of(sum.at[e], loaded[k].at[e]);
    }
    i += batch;
  }
}

}  // namespace roux::cuda
