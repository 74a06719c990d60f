// sort and topk along one dimension. A line is cut into tiles that a block sorts in its shared memory by a bitonic
// network (Batcher 1968); ties go by place, which makes that a stable sort. Sorted tiles are then merged in pairs until
// one is left, each block finding its share by merge path (Odeh et al. 2012). For a small k, tiles keep their first k
// and what they kept is sorted in turn.
#include <limits>
#include <type_traits>
#include <utility>

#include "cuda/block.h"
#include "cuda/cuda_backend.h"
#include "cuda/grid.h"

namespace roux::cuda {
namespace {

constexpr int tile_size = 2048;         // entries in shared memory: 24 KiB when sorted, 40 KiB when merged, of 48 KiB
constexpr int entries_together = 1024;  // short lines are sorted together, so that all threads have work

/// The order of values: NaN counts as larger than everything.
template <class T, bool descending>
struct Order {
  ROUX_HOST_DEVICE static constexpr bool less(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) return a < b || (b != b && a == a);
    return a < b;
  }
  ROUX_HOST_DEVICE static constexpr bool before(T a, T b) { return descending ? less(b, a) : less(a, b); }
  /// A value that nothing comes after.
  ROUX_HOST_DEVICE static constexpr T last() {
    using Limits = std::numeric_limits<T>;
    if constexpr (std::is_floating_point_v<T>) return descending ? -Limits::infinity() : Limits::quiet_NaN();
    return descending ? Limits::lowest() : Limits::max();
  }
};

/// Lines to read: [outer][n][inner] holds outer * inner of them.
template <class T>
struct LinesIn {
  const T* values;
  const int64_t* indices;  // null: the places themselves
  int64_t n, inner;

  __device__ int64_t start(int64_t line) const { return line / inner * n * inner + line % inner; }
};

/// Lines to write, of which the first n entries are wanted.
template <class T>
struct LinesOut {
  T* values;
  int64_t* indices;
  int64_t n, inner;

  __device__ void put(int64_t line, int64_t j, T value, int64_t index) const {
    if (j >= n) return;
    const int64_t at = (line / inner * n + j) * inner + line % inner;
    values[at] = value;
    indices[at] = index;
  }
};

/// How lines are cut: `tiles` tiles of tile_size, the last one shorter, or one tile; padded to a power of two.
struct Tiles {
  int64_t lines, tiles;
  int padded;
  int64_t keep;  // entries of a tile that are written, one tile's behind the other's

  ROUX_HOST_DEVICE int together() const { return padded < entries_together ? entries_together / padded : 1; }
  ROUX_HOST_DEVICE int64_t groups() const { return (lines * tiles + together() - 1) / together(); }
};

/// Sorts each `padded` neighbours of `count` entries, both powers of two. All threads of the block take part.
template <class T, bool descending>
__device__ void sort_bitonic(T* values, int32_t* places, int padded, int count) {
  for (int size = 2; size <= padded; size *= 2) {
    for (int stride = size / 2; stride > 0; stride /= 2) {
      sync_block();
      for (int pair = static_cast<int>(threadIdx.x); pair < count / 2; pair += block_threads) {
        const int i = 2 * pair - (pair & (stride - 1)), j = i + stride;
        const T a = values[i], b = values[j];
        const int32_t a_place = places[i], b_place = places[j];
        using By = Order<T, descending>;
        const bool in_order = By::before(a, b) || (!By::before(b, a) && a_place < b_place);
        const bool forwards = (i & (padded - 1) & size) == 0;
        if (in_order != forwards) {
          values[i] = b;
          values[j] = a;
          places[i] = b_place;
          places[j] = a_place;
        }
      }
    }
  }
  sync_block();
}

// 16 bytes (of float32) an entry, and log2(n) * (log2(n) + 1) / 4 steps of 24 bytes each in shared memory: bound by
// shared memory from a few dozen entries a line on.
template <class T, bool descending>
__global__ void sort_tiles_kernel(LinesOut<T> out, LinesIn<T> in, Tiles tiles) {
  ROUX_SHARED(T, values, tile_size);
  ROUX_SHARED(int32_t, places, tile_size);
  const int padded = tiles.padded, count = padded * tiles.together();
  for_each_row(tiles.groups(), [&](int64_t group) {
    // Entry e of the group: place e % padded of its tile. f(e, line, first entry of the tile, entries of it, place).
    const auto each = [&](auto f) {
      for (int e = static_cast<int>(threadIdx.x); e < count; e += block_threads) {
        const int64_t item = group * tiles.together() + e / padded, begin = item % tiles.tiles * tile_size;
        const int64_t left = item < tiles.lines * tiles.tiles ? in.n - begin : 0;
        f(e, item / tiles.tiles, begin, left, e % padded);
      }
    };
    each([&](int e, int64_t line, int64_t begin, int64_t left, int place) {
      values[e] = place < left ? in.values[in.start(line) + (begin + place) * in.inner] : Order<T, descending>::last();
      places[e] = place;
    });
    sort_bitonic<T, descending>(values, places, padded, count);
    each([&](int e, int64_t line, int64_t begin, int64_t left, int place) {
      if (place >= left || place >= tiles.keep) return;
      const int64_t from = begin + places[e];
      const int64_t index = in.indices ? in.indices[in.start(line) + from * in.inner] : from;
      out.put(line, begin / tile_size * tiles.keep + place, values[e], index);
    });
    sync_block();  // the next group is read into the same memory
  });
}

/// How many of the first `taken` entries of two merged runs come from run a; of equals, those of a come first.
template <class T, bool descending>
__device__ int64_t merge_path(const T* a, int64_t a_count, const T* b, int64_t b_count, int64_t taken) {
  int64_t low = taken > b_count ? taken - b_count : 0, high = taken < a_count ? taken : a_count;
  while (low < high) {
    const int64_t middle = (low + high) / 2;
    if (Order<T, descending>::before(b[taken - 1 - middle], a[middle]))
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

/// order[e] = which of `count` entries is the e-th of two merged runs, for e in [begin, end).
template <class T, bool descending>
__device__ void merge_here(int32_t* order, const T* values, int a_count, int count, int begin, int end) {
  const T* const b = values + a_count;
  const int b_count = count - a_count;
  int i = static_cast<int>(merge_path<T, descending>(values, a_count, b, b_count, begin)), j = begin - i;
  for (int e = begin; e < end; ++e) {
    const bool from_b = i == a_count || (j < b_count && Order<T, descending>::before(b[j], values[i]));
    order[e] = from_b ? a_count + j++ : i++;
  }
}

// 24 bytes (of float32) an entry: bound by memory. A block makes tile_size entries of two runs' merged line: it brings
// what they are made of into shared memory, where each thread merges a few.
template <class T, bool descending>
__global__ void merge_runs_kernel(LinesOut<T> out, LinesIn<T> in, int64_t lines, int64_t run) {
  constexpr int per_thread = tile_size / block_threads;
  ROUX_SHARED(T, values, tile_size);
  ROUX_SHARED(int64_t, indices, tile_size);
  ROUX_SHARED(int32_t, order, tile_size);
  ROUX_SHARED(int64_t, bounds, 2);
  const int thread = static_cast<int>(threadIdx.x);
  const int64_t tiles = (in.n + tile_size - 1) / tile_size;
  for_each_row(lines * tiles, [&](int64_t item) {
    const int64_t line = item / tiles, first = item % tiles * tile_size, pair = first / (2 * run) * (2 * run);
    const T* const a = in.values + line * in.n + pair;
    const int64_t left = in.n - pair, a_count = left < run ? left : run;
    const int64_t b_count = left - a_count < run ? left - a_count : run;
    const int64_t begin = first - pair, most = a_count + b_count - begin, count = most < tile_size ? most : tile_size;
    if (thread < 2)
      bounds[thread] = merge_path<T, descending>(a, a_count, a + a_count, b_count, begin + (thread == 0 ? 0 : count));
    sync_block();
    const int64_t a_begin = bounds[0], b_begin = begin - a_begin;
    const int a_here = static_cast<int>(bounds[1] - a_begin), here = static_cast<int>(count);
    for (int e = thread; e < here; e += block_threads) {
      const int64_t from = e < a_here ? a_begin + e : a_count + b_begin + (e - a_here);
      values[e] = a[from];
      indices[e] = in.indices[line * in.n + pair + from];
    }
    sync_block();
    const int own = thread * per_thread < here ? thread * per_thread : here;
    const int own_end = own + per_thread < here ? own + per_thread : here;
    merge_here<T, descending>(order, values, a_here, here, own, own_end);
    sync_block();  // neighbours in memory are written by neighbours in the warp
    for (int e = thread; e < here; e += block_threads) out.put(line, first + e, values[order[e]], indices[order[e]]);
    sync_block();  // the next item is read into the same memory
  });
}

template <class T>
struct Lines {
  Workspace<T> values;
  Workspace<int64_t> indices;
  int64_t n;
  Lines(Backend& backend, int64_t lines, int64_t length)
      : values(backend, lines * length), indices(backend, lines * length), n(length) {}
  LinesIn<T> in() const { return {values.data(), indices.data(), n, 1}; }
  LinesOut<T> out() const { return {values.data(), indices.data(), n, 1}; }
};

template <class T, bool descending>
void sort_tiles(CudaBackend& backend, const LinesOut<T>& out, const LinesIn<T>& in, int64_t lines, int64_t keep) {
  const int64_t tiles = (in.n + tile_size - 1) / tile_size;
  const Tiles cut{lines, tiles, power_of_two_above(in.n, tile_size), keep};
  launch(sort_tiles_kernel<T, descending>, blocks_for_rows(cut.groups()), block_threads, backend.stream(), out, in,
         cut);
}

template <class T, bool descending>
void sort_by_merging(CudaBackend& backend, const LinesOut<T>& out, const LinesIn<T>& in, int64_t lines) {
  const Lines<T> one(backend, lines, in.n), other(backend, lines, in.n);
  const Lines<T>*from = &one, *to = &other;
  sort_tiles<T, descending>(backend, one.out(), in, lines, tile_size);
  const dim3 grid = blocks_for_rows(lines * ((in.n + tile_size - 1) / tile_size));
  for (int64_t run = tile_size; run < in.n; run *= 2) {
    const bool is_last = 2 * run >= in.n;
    launch(merge_runs_kernel<T, descending>, grid, block_threads, backend.stream(), is_last ? out : to->out(),
           from->in(), lines, run);
    std::swap(from, to);
  }
}

/// The first out.n of each line, in order.
template <class T, bool descending>
void sort_lines(CudaBackend& backend, const LinesOut<T>& out, const LinesIn<T>& in, int64_t lines) {
  const int64_t k = out.n;
  if (in.n <= tile_size) return sort_tiles<T, descending>(backend, out, in, lines, k);
  if (k > tile_size / 4) return sort_by_merging<T, descending>(backend, out, in, lines);
  const int64_t tiles = (in.n + tile_size - 1) / tile_size, last = in.n - (tiles - 1) * tile_size;
  const Lines<T> kept(backend, lines, (tiles - 1) * k + (last < k ? last : k));
  sort_tiles<T, descending>(backend, kept.out(), in, lines, k);
  sort_lines<T, descending>(backend, out, kept.in(), lines);
}

template <class T>
void sort_views(CudaBackend& backend, const View& values, const View& indices, const View& in, Along along, int64_t k,
                bool descending) {
  const LinesOut<T> to{values.as<T>(), indices.as<int64_t>(), k, along.inner};
  const LinesIn<T> from{in.as<const T>(), nullptr, along.n, along.inner};
  const int64_t lines = along.outer * along.inner;
  if (descending)
    sort_lines<T, true>(backend, to, from, lines);
  else
    sort_lines<T, false>(backend, to, from, lines);
}

}  // namespace

void CudaBackend::sort(const View& values, const View& indices, const View& in, Along along, bool descending) {
  if (values.numel() == 0) return;
  dispatch_computing(in.dtype, "sort",
                     [&]<class T>(T) { sort_views<T>(*this, values, indices, in, along, along.n, descending); });
}

void CudaBackend::topk(const View& values, const View& indices, const View& in, Along along, int64_t k, bool largest) {
  if (values.numel() == 0) return;
  dispatch_computing(in.dtype, "topk",
                     [&]<class T>(T) { sort_views<T>(*this, values, indices, in, along, k, largest); });
}

}  // namespace roux::cuda
