// Grouping by key: a stable radix sort of (key, position) pairs from the lowest digit up, and sums over all values
// before. A few thousand pairs are sorted by one block in shared memory, in one launch; more in tiles, with three
// launches a digit: count the digits of each tile, add up the counts, move each pair to its place.
#include "cuda/by_key.h"

#include <bit>

#include "cuda/grid.h"

namespace roux::cuda {
namespace {

constexpr int most_in_one_block = 8192;

__device__ int warp_of_thread() { return static_cast<int>(threadIdx.x) / warp_size; }

/// The lanes of the warp whose digit of `Bits` bits is ours.
template <int Bits>
__device__ uint32_t lanes_with(uint32_t digit) {
  uint32_t lanes = 0xffffffffU;
  for (int bit = 0; bit < Bits; ++bit) {
    const bool set = (digit >> bit & 1) != 0;
    const uint32_t others = ballot(set);
    lanes &= set ? others : ~others;
  }
  return lanes;
}

/// Counts ours into `counter`, that of our digit and warp; returns how many of that digit the warp had before us, in
/// earlier calls and in lower lanes.
template <int Bits>
__device__ int32_t rank_in_warp(uint32_t digit, int32_t& counter) {
  const uint32_t equal = lanes_with<Bits>(digit);
  const int32_t lower = std::popcount(equal & ((uint32_t{1} << lane()) - 1));
  const int32_t before = counter;
  sync_warp();
  if (lower == 0) counter = before + std::popcount(equal);
  sync_warp();
  return before + lower;
}

// ---- One block -----------------------------------------------------------------------------------------------------

/// The items of a block that sorts: item k of a thread stands at place(k), so that places ascend with the warp, then k,
/// then the lane.
template <int Threads, int Items>
struct BlockSort {
  static constexpr int digit_bits = 6, digits = 1 << digit_bits, warps = Threads / warp_size;
  static constexpr int stride = warps + 1;  // of counters: equal warps of different digits lie in different banks

  uint32_t key[Items];
  int32_t position[Items];

  __device__ static int place(int k) { return (warp_of_thread() * Items + k) * warp_size + lane(); }

  /// Sorts by one digit; the arguments are shared memory.
  __device__ void sort_digit(int shift, uint32_t* exchange, int32_t* counters, int32_t* warp_sums) {
    for (int i = static_cast<int>(threadIdx.x); i < digits * stride; i += Threads) counters[i] = 0;
    sync_block();
    int32_t target[Items];
    const auto counter = [&](int k) -> int32_t& {
      return counters[static_cast<int>(key[k] >> shift & (digits - 1)) * stride + warp_of_thread()];
    };
    for (int k = 0; k < Items; ++k) {
      target[k] = rank_in_warp<digit_bits>(key[k] >> shift & (digits - 1), counter(k));
    }
    sync_block();
    sum_counters(counters, warp_sums);
    for (int k = 0; k < Items; ++k) target[k] += counter(k);
    for (int k = 0; k < Items; ++k) exchange[target[k]] = key[k];
    sync_block();
    for (int k = 0; k < Items; ++k) key[k] = exchange[place(k)];
    sync_block();
    for (int k = 0; k < Items; ++k) exchange[target[k]] = static_cast<uint32_t>(position[k]);
    sync_block();
    for (int k = 0; k < Items; ++k) position[k] = static_cast<int32_t>(exchange[place(k)]);
  }

  /// Counters become sums of those before, by digit and then by warp. Two to a thread.
  __device__ static void sum_counters(int32_t* counters, int32_t* warp_sums) {
    static_assert(digits * warps == 2 * Threads);
    const int first = 2 * static_cast<int>(threadIdx.x);
    int32_t& a = counters[first / warps * stride + first % warps];
    int32_t& b = counters[(first + 1) / warps * stride + (first + 1) % warps];
    const int32_t counted = a;
    int32_t all = 0;
    const int32_t before = block_exclusive_sum(a + b, warp_sums, all);
    a = before;
    b = before + counted;
    sync_block();
  }
};

// 20 bytes a pair, and for each 6 bits of key 12 ballots and 6 accesses to shared memory: bound by latency.
template <int Threads, int Items>
__global__ void sort_in_block_kernel(const int64_t* keys, int32_t count, int64_t bound, int32_t bits,
                                     int64_t* sorted_keys, int32_t* sorted_positions, int64_t* end) {
  using Sort = BlockSort<Threads, Items>;
  ROUX_SHARED(uint32_t, exchange, Threads * Items);
  ROUX_SHARED(int32_t, counters, Sort::digits * Sort::stride);
  ROUX_SHARED(int32_t, warp_sums, warp_size);
  ROUX_SHARED(int32_t, largest, 1);
  if (threadIdx.x == 0) *largest = -1;
  sync_block();

  // What is left out has the key `bound`, and so has what lies behind the last pair: it stays behind.
  Sort sort;
  int32_t most = -1;
  for (int k = 0; k < Items; ++k) {
    const int i = Sort::place(k);
    const int64_t key = i < count ? keys[i] : -1;
    const bool is_key = key >= 0 && key < bound;
    sort.key[k] = static_cast<uint32_t>(is_key ? key : bound);
    sort.position[k] = i;
    if (is_key && key > most) most = static_cast<int32_t>(key);
  }
  for (int mask = warp_size / 2; mask > 0; mask /= 2) {
    const int32_t other = shuffle_xor(most, mask);
    most = most > other ? most : other;
  }
  if (lane() == 0) atomic_max(largest, most);
  for (int shift = 0; shift < bits; shift += Sort::digit_bits) sort.sort_digit(shift, exchange, counters, warp_sums);
  sync_block();

  for (int k = 0; k < Items; ++k) {
    const int i = Sort::place(k);
    if (i >= count) continue;
    sorted_keys[i] = sort.key[k] == static_cast<uint32_t>(bound) ? -1 : static_cast<int64_t>(sort.key[k]);
    sorted_positions[i] = sort.position[k];
  }
  if (threadIdx.x == 0) *end = int64_t{*largest} + 1;
}

// ---- Tiles ---------------------------------------------------------------------------------------------------------

constexpr int digit_bits = 8, digits = 1 << digit_bits;
constexpr int tile_threads = digits;  // one thread a digit where digits are counted
constexpr int tile_items = 16;
constexpr int tile = tile_threads * tile_items;
constexpr int tile_warps = tile_threads / warp_size;

__device__ uint32_t digit_of(uint64_t key, int shift) { return static_cast<uint32_t>(key >> shift) & (digits - 1); }

// counts[digit][tile]. 8 bytes a pair: bound by memory.
__global__ void count_digits_kernel(const uint64_t* keys, int64_t count, int shift, int32_t* counts) {
  ROUX_SHARED(int32_t, counted, digits);
  counted[threadIdx.x] = 0;
  sync_block();
  for (int k = 0; k < tile_items; ++k) {
    const int64_t i = int64_t{blockIdx.x} * tile + k * tile_threads + static_cast<int>(threadIdx.x);
    if (i < count) atomic_add(&counted[digit_of(keys[i], shift)], int32_t{1});
  }
  sync_block();
  counts[int64_t{threadIdx.x} * gridDim.x + blockIdx.x] = counted[threadIdx.x];
}

// begins[digit][tile]: where the tile's first pair with that digit goes. 24 bytes a pair: bound by memory, whose writes
// are scattered over as many places as there are digits.
__global__ void move_pairs_kernel(const uint64_t* keys, const int32_t* positions, int64_t count, int shift,
                                  const int32_t* begins, uint64_t* sorted_keys, int32_t* sorted_positions) {
  constexpr int stride = tile_warps + 1;
  ROUX_SHARED(int32_t, counters, digits * stride);
  for (int warp = 0; warp < tile_warps; ++warp) counters[static_cast<int>(threadIdx.x) * stride + warp] = 0;
  sync_block();
  const int64_t first = int64_t{blockIdx.x} * tile + warp_of_thread() * warp_size * tile_items + lane();
  // Pairs behind the last one count as ones of the last digit: nothing comes after them.
  uint64_t key[tile_items];
  int32_t rank[tile_items];
  for (int k = 0; k < tile_items; ++k) {
    const int64_t i = first + k * warp_size;
    key[k] = i < count ? keys[i] : ~uint64_t{0};
    const uint32_t digit = digit_of(key[k], shift);
    rank[k] = rank_in_warp<digit_bits>(digit, counters[digit * stride + static_cast<uint32_t>(warp_of_thread())]);
  }
  sync_block();
  int32_t begin = begins[int64_t{threadIdx.x} * gridDim.x + blockIdx.x];
  for (int warp = 0; warp < tile_warps; ++warp) {
    int32_t& counter = counters[static_cast<int>(threadIdx.x) * stride + warp];
    const int32_t counted = counter;
    counter = begin;
    begin += counted;
  }
  sync_block();
  for (int k = 0; k < tile_items; ++k) {
    const int64_t i = first + k * warp_size;
    if (i >= count) continue;
    const uint32_t digit = digit_of(key[k], shift);
    const int32_t target = rank[k] + counters[digit * stride + static_cast<uint32_t>(warp_of_thread())];
    sorted_keys[target] = key[k];
    sorted_positions[target] = positions[i];
  }
}

__global__ void enter_pairs_kernel(const int64_t* keys, int64_t count, int64_t bound, uint64_t* out_keys,
                                   int32_t* out_positions) {
  for_each_index(count, [=](int64_t i) {
    const bool is_key = keys[i] >= 0 && keys[i] < bound;
    out_keys[i] = static_cast<uint64_t>(is_key ? keys[i] : bound);
    out_positions[i] = static_cast<int32_t>(i);
  });
}

__global__ void finish_pairs_kernel(const uint64_t* sorted, const int32_t* sorted_positions, int64_t count,
                                    int64_t bound, int64_t* keys, int32_t* positions, int64_t* end) {
  const auto limit = static_cast<uint64_t>(bound);
  for_each_index(count, [=](int64_t i) {
    keys[i] = sorted[i] < limit ? static_cast<int64_t>(sorted[i]) : -1;
    positions[i] = sorted_positions[i];
    const bool is_last = sorted[i] < limit && (i + 1 == count || sorted[i + 1] >= limit);
    if (is_last) *end = static_cast<int64_t>(sorted[i]) + 1;
    if (i == 0 && sorted[0] >= limit) *end = 0;
  });
}

// ---- Sums ----------------------------------------------------------------------------------------------------------

constexpr int sum_threads = 1024, sum_items = 4, sum_tile = sum_threads * sum_items;

/// The values of this thread in its tile: neighbours.
struct TileValues {
  int32_t at[sum_items];
  int64_t first;

  __device__ TileValues(const int32_t* values, int64_t count)
      : first(int64_t{blockIdx.x} * sum_tile + static_cast<int>(threadIdx.x) * sum_items) {
    for (int k = 0; k < sum_items; ++k) at[k] = first + k < count ? values[first + k] : 0;
  }
  __device__ int32_t sum() const {
    int32_t sum = 0;
    for (const int32_t value : at) sum += value;
    return sum;
  }
};

__global__ void tile_sums_kernel(const int32_t* values, int64_t count, int32_t* sums) {
  ROUX_SHARED(int32_t, warp_sums, warp_size);
  const TileValues mine(values, count);
  int32_t total = 0;
  block_exclusive_sum(mine.sum(), warp_sums, total);
  if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

// before[tile]: the sum of all tiles before, or null where there is one tile.
__global__ void sum_tiles_kernel(int32_t* values, int64_t count, const int32_t* before) {
  ROUX_SHARED(int32_t, warp_sums, warp_size);
  const TileValues mine(values, count);
  int32_t total = 0;
  int32_t sum = block_exclusive_sum(mine.sum(), warp_sums, total) + (before ? before[blockIdx.x] : 0);
  for (int k = 0; k < sum_items; ++k) {
    if (mine.first + k < count) values[mine.first + k] = sum;
    sum += mine.at[k];
  }
}

}  // namespace

void exclusive_sum(CudaBackend& backend, int32_t* values, int64_t count) {
  const int64_t tiles = (count + sum_tile - 1) / sum_tile;
  const dim3 grid(static_cast<unsigned>(tiles)), block(sum_threads);
  if (tiles <= 1) return launch(sum_tiles_kernel, grid, block, backend.stream(), values, count, nullptr);
  const Workspace<int32_t> sums(backend, tiles);
  launch(tile_sums_kernel, grid, block, backend.stream(), values, count, sums.data());
  exclusive_sum(backend, sums.data(), tiles);
  launch(sum_tiles_kernel, grid, block, backend.stream(), values, count, sums.data());
}

RadixSort::RadixSort(CudaBackend& backend, int64_t count)
    : backend_(backend),
      count_(count),
      first_keys_(backend, count),
      second_keys_(backend, count),
      first_positions_(backend, count),
      second_positions_(backend, count) {}

void RadixSort::sort(int bits) {
  if (count_ == 0) return;
  const int64_t tiles = (count_ + tile - 1) / tile;
  const dim3 grid(static_cast<unsigned>(tiles)), block(tile_threads);
  const Workspace<int32_t> counts(backend_, tiles * digits);
  for (int shift = 0; shift < bits; shift += digit_bits) {
    const uint64_t* const from_keys = keys();
    const int32_t* const from_positions = positions();
    launch(count_digits_kernel, grid, block, backend_.stream(), from_keys, count_, shift, counts.data());
    exclusive_sum(backend_, counts.data(), tiles * digits);
    current_ = 1 - current_;
    launch(move_pairs_kernel, grid, block, backend_.stream(), from_keys, from_positions, count_, shift, counts.data(),
           keys(), positions());
  }
}

ByKey::ByKey(CudaBackend& backend, const int64_t* keys, int64_t count, int64_t bound)
    : count_(count), keys_(backend, count), positions_(backend, count), end_(backend, 1) {
  ROUX_CHECK(count <= INT32_MAX, "by_key", "too many indices: ", count);
  if (count <= most_in_one_block && bound <= INT32_MAX)
    sort_in_one_block(backend, keys, bound);
  else
    sort_in_tiles(backend, keys, bound);
}

void ByKey::sort_in_one_block(CudaBackend& backend, const int64_t* keys, int64_t bound) {
  const int bits = std::bit_width(static_cast<uint64_t>(bound));
  const auto sort = [&](auto kernel, unsigned threads) {
    launch(kernel, dim3(1), dim3(threads), backend.stream(), keys, static_cast<int32_t>(count_), bound, bits,
           keys_.data(), positions_.data(), end_.data());
  };
  if (count_ <= 1024)
    sort(sort_in_block_kernel<256, 4>, 256);
  else if (count_ <= 4096)
    sort(sort_in_block_kernel<1024, 4>, 1024);
  else
    sort(sort_in_block_kernel<1024, 8>, 1024);
}

void ByKey::sort_in_tiles(CudaBackend& backend, const int64_t* keys, int64_t bound) {
  if (count_ == 0) return sort_in_one_block(backend, keys, 0);
  RadixSort sort(backend, count_);
  const dim3 grid = blocks_for(count_), block(block_threads);
  launch(enter_pairs_kernel, grid, block, backend.stream(), keys, count_, bound, sort.keys(), sort.positions());
  sort.sort(std::bit_width(static_cast<uint64_t>(bound)));
  launch(finish_pairs_kernel, grid, block, backend.stream(), sort.keys(), sort.positions(), count_, bound, keys_.data(),
         positions_.data(), end_.data());
}

}  // namespace roux::cuda
