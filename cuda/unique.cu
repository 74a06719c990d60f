// Distinct ids in the order of first occurrence. Up to a few thousand are found by one block, through a hash table of
// positions in shared memory; more by sorting them.
//
// The number of distinct ids stays on the device: there is one row for each id, -1 behind the distinct ones.
#include <bit>

#include "cuda/by_key.h"
#include "cuda/grid.h"

namespace roux::cuda {
namespace {

constexpr int ids_a_thread = 4;
constexpr int most_in_one_block = 1024 * ids_a_thread;
constexpr int table_places = 2 * most_in_one_block;

/// Positions of ids by open addressing: a place that is in use has a position of its id, in the end the first one.
struct PositionTable {
  int32_t* places;  // in shared memory
  int32_t shift;    // there are 2^(64 - shift) places, at least twice as many as ids

  __device__ int32_t count() const { return int32_t{1} << (64 - shift); }

  /// The place of the id at position i.
  __device__ int32_t enter(const int64_t* ids, int32_t i) const {
    const int64_t id = ids[i];
    auto place = static_cast<int32_t>((static_cast<uint64_t>(id) * 0x9E3779B97F4A7C15U) >> shift);
    while (true) {
      const int32_t found = atomic_cas(&places[place], int32_t{-1}, i);
      if (found < 0) return place;
      if (ids[found] == id) break;
      place = (place + 1) & (count() - 1);
    }
    atomic_min(&places[place], i);  // the place keeps its id, whichever position it shows
    return place;
  }
};

// 24 bytes an id, two or three atomics in shared memory: bound by latency. Which place an id has in the table depends
// on the order of threads; which position the place has in the end does not.
__global__ void unique_in_block_kernel(const int64_t* ids, int32_t count, int64_t exclude, int32_t shift, int64_t* rows,
                                       int64_t* slots) {
  ROUX_SHARED(int32_t, places, table_places);
  ROUX_SHARED(int32_t, warp_sums, warp_size);
  const PositionTable table{places, shift};
  for (int i = static_cast<int>(threadIdx.x); i < table.count(); i += static_cast<int>(blockDim.x)) places[i] = -1;
  sync_block();
  const int32_t begin = static_cast<int32_t>(threadIdx.x) * ids_a_thread;
  int32_t place[ids_a_thread];
  for (int k = 0; k < ids_a_thread; ++k) {
    const int32_t i = begin + k;
    const bool counts = i < count && !(exclude >= 0 && ids[i] == exclude);
    place[k] = counts ? table.enter(ids, i) : -1;
  }
  sync_block();
  bool is_first[ids_a_thread];
  int32_t firsts = 0, distinct = 0;
  for (int k = 0; k < ids_a_thread; ++k) {
    is_first[k] = place[k] >= 0 && places[place[k]] == begin + k;
    firsts += is_first[k];
  }
  int32_t slot = block_exclusive_sum(firsts, warp_sums, distinct);
  for (int k = 0; k < ids_a_thread; ++k) {
    if (!is_first[k]) continue;
    rows[slot] = ids[begin + k];
    places[place[k]] = slot++;  // every thread has seen the position
  }
  sync_block();
  for (int k = 0; k < ids_a_thread; ++k) {
    const int32_t i = begin + k;
    if (i >= count) continue;
    slots[i] = place[k] >= 0 ? places[place[k]] : -1;
    if (i >= distinct) rows[i] = -1;
  }
}

__global__ void enter_ids_kernel(const int64_t* ids, int64_t count, uint64_t* keys, int32_t* positions) {
  for_each_index(count, [=](int64_t i) {
    keys[i] = static_cast<uint64_t>(ids[i]);
    positions[i] = static_cast<int32_t>(i);
  });
}

/// Ids in order of size, with their positions.
struct SortedIds {
  const uint64_t* keys;
  const int32_t* positions;
  int64_t count, exclude;

  __device__ bool excluded(int64_t i) const { return exclude >= 0 && keys[i] == static_cast<uint64_t>(exclude); }
  __device__ bool is_first(int64_t i) const { return i == 0 || keys[i - 1] != keys[i]; }
  /// The first place of the id that stands at place i.
  __device__ int64_t first_of(int64_t i) const {
    int64_t begin = 0, end = i;  // keys before `begin` are smaller, those from `end` to i are equal
    while (begin < end) {
      const int64_t middle = begin + (end - begin) / 2;
      if (keys[middle] < keys[i])
        begin = middle + 1;
      else
        end = middle;
    }
    return begin;
  }
};

// firsts[position]: whether an id stands there for the first time. One entry more than there are positions.
__global__ void mark_firsts_kernel(SortedIds ids, int32_t* firsts) {
  for_each_index(ids.count, [=](int64_t i) {
    firsts[ids.positions[i]] = ids.is_first(i) && !ids.excluded(i);
    if (i == 0) firsts[ids.count] = 0;
  });
}

// slot_at[position]: how many ids stood for the first time before it.
__global__ void write_slots_kernel(SortedIds ids, const int32_t* slot_at, int64_t* rows, int64_t* slots) {
  for_each_index(ids.count, [=](int64_t i) {
    if (i >= slot_at[ids.count]) rows[i] = -1;
    const bool excluded = ids.excluded(i);
    const int64_t slot = excluded ? -1 : slot_at[ids.positions[ids.first_of(i)]];
    slots[ids.positions[i]] = slot;
    if (!excluded && ids.is_first(i)) rows[slot] = static_cast<int64_t>(ids.keys[i]);
  });
}

}  // namespace

int64_t CudaBackend::unique(const View& rows, const View& slots, const View& ids, int64_t exclude) {
  const int64_t count = ids.numel();
  if (count == 0) return 0;
  const auto* const id = ids.as<const int64_t>();
  if (count <= most_in_one_block) {
    // A thread has neighbouring ids, so that slots are counted in the order of positions.
    const int64_t warps = (count + ids_a_thread * warp_size - 1) / (ids_a_thread * warp_size);
    const int32_t shift = 64 - std::bit_width(2 * static_cast<uint64_t>(count) - 1);
    launch(unique_in_block_kernel, dim3(1), dim3(static_cast<unsigned>(warps * warp_size)), stream(), id,
           static_cast<int32_t>(count), exclude, shift, rows.as<int64_t>(), slots.as<int64_t>());
    return count;
  }
  const dim3 grid = blocks_for(count), block(block_threads);
  RadixSort sort(*this, count);
  launch(enter_ids_kernel, grid, block, stream(), id, count, sort.keys(), sort.positions());
  sort.sort(64);
  const SortedIds sorted{sort.keys(), sort.positions(), count, exclude};
  const Workspace<int32_t> firsts(*this, count + 1);
  launch(mark_firsts_kernel, grid, block, stream(), sorted, firsts.data());
  exclusive_sum(*this, firsts.data(), count + 1);
  launch(write_slots_kernel, grid, block, stream(), sorted, firsts.data(), rows.as<int64_t>(), slots.as<int64_t>());
  return count;
}

}  // namespace roux::cuda
