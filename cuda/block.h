// What threads do together: reductions over a warp and a block, rows that lie over the registers of a team of threads,
// and columns that several threads walk down together. Every order of sums is fixed by the shape.
#pragma once

#include <cstdint>
#include <limits>

#include "cuda/grid.h"
#include "cuda/pack.h"
#include "tensor/host_device.h"

namespace roux::cuda {

// ---- Two values become one. ----------------------------------------------------------------------------------------

struct Sum {
  template <class T>
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const {
    return static_cast<T>(a + b);
  }
};
struct Product {
  template <class T>
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const {
    return static_cast<T>(a * b);
  }
};
/// The larger one; NaN beats everything.
struct Largest {
  template <class T>
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const {
    return b > a || b != b ? b : a;
  }
};
/// The smaller one; NaN beats everything.
struct Smallest {
  template <class T>
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const {
    return b < a || b != b ? b : a;
  }
};
/// The larger one; b counts only where it is a number.
struct LargestNumber {
  template <class T>
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const {
    return b > a ? b : a;
  }
};
struct Any {
  ROUX_HOST_DEVICE constexpr bool operator()(bool a, bool b) const { return a || b; }
};
struct All {
  ROUX_HOST_DEVICE constexpr bool operator()(bool a, bool b) const { return a && b; }
};

/// A value and its place along the dimension that is reduced.
template <class T>
struct Indexed {
  T value;
  int64_t index;
};

/// The value of the lane whose number differs from ours in the bits of `mask`; overloaded for what has several parts.
template <class T>
__device__ T exchange(T value, int mask) {
  return shuffle_xor(value, mask);
}
template <class T>
__device__ Indexed<T> exchange(Indexed<T> value, int mask) {
  return {shuffle_xor(value.value, mask), shuffle_xor(value.index, mask)};
}

// ---- Reductions. All threads that take part get the result. --------------------------------------------------------

/// Over each `width` neighbouring lanes, a power of two up to a warp, as a tree.
template <class T, class F>
__device__ T warp_reduce(T value, F f, int width = warp_size) {
  for (int mask = width / 2; mask > 0; mask /= 2) value = f(value, exchange(value, mask));
  return value;
}

/// Over a block of `threads`, a power of two. `scratch`: shared memory for one value a warp, free again afterwards.
template <int threads, class T, class F>
__device__ T block_reduce(T value, F f, T* scratch) {
  constexpr int warps = threads / warp_size;
  static_assert(warps > 0 && (warps & (warps - 1)) == 0 && warps <= warp_size);
  value = warp_reduce(value, f);
  if (lane() == 0) scratch[static_cast<int>(threadIdx.x) / warp_size] = value;
  sync_block();
  value = warp_reduce(scratch[lane() % warps], f, warps);
  sync_block();  // scratch may be written again
  return value;
}

/// Over a team: `threads` neighbouring lanes of a warp, or the whole block where they are more than a warp.
template <int threads, class T, class F>
__device__ T team_reduce(T value, F f, T* scratch) {
  if constexpr (threads <= warp_size)
    return warp_reduce(value, f, threads);
  else
    return block_reduce<threads>(value, f, scratch);
}

// ---- Rows over teams. ----------------------------------------------------------------------------------------------

/// A row lies over `threads` threads, `count` elements each in registers, neighbours in packs when `wide`. count 0: a
/// row of any length, read from memory at each pass.
template <int threads_, int count_, bool wide_>
struct RowLayout {
  static constexpr int threads = threads_, count = count_;
  static constexpr bool wide = wide_, in_registers = count > 0;
  static constexpr int block = threads > block_threads ? threads : block_threads;
  static constexpr int teams = threads <= warp_size ? block / threads : 1;  // of one block
  static_assert(threads <= warp_size || threads == block);

  __device__ static int rank() { return static_cast<int>(threadIdx.x) % threads; }

  /// The column of our element k.
  template <class T>
  __device__ static int column(int k) {
    constexpr int size = wide ? pack_width<T> : 1;
    return (k / size * threads + rank()) * size + k % size;
  }

  /// Calls f(k, column) for our elements among the first n.
  template <class T, class F>
  __device__ static void each(int64_t n, F f) {
    if constexpr (in_registers) {
      for (int k = 0; k < count; ++k) {
        const int c = column<T>(k);
        if (c < n) f(k, static_cast<int64_t>(c));
      }
    } else {
      for (int64_t c = rank(); c < n; c += threads) f(0, c);
    }
  }

  /// Calls f(row, present) as often for every thread of the block; where not `present` there is no such row.
  template <class F>
  __device__ static void for_each_row(int64_t rows, F f) {
    for (int64_t first = static_cast<int64_t>(blockIdx.x) * teams; first < rows;
         first += static_cast<int64_t>(gridDim.x) * teams) {
      const int64_t row = teams == 1 ? first : first + static_cast<int>(threadIdx.x) / threads;
      f(row, row < rows);
    }
  }
  static dim3 grid(int64_t rows) { return blocks_for_rows((rows + teams - 1) / teams); }
};

/// The elements of a row that are ours, to be read as often as one likes.
template <class Layout, class T>
class RowIn {
 public:
  __device__ RowIn(const T* row, int64_t n) : row_(row) {
    if constexpr (Layout::in_registers && Layout::wide) {
      for (int k = 0; k < Layout::count; k += pack_width<T>) {
        const int c = Layout::template column<T>(k);
        if (c < n) {
          const auto pack = load_pack<pack_width<T>>(row + c);
          for (int i = 0; i < pack_width<T>; ++i) values_[k + i] = pack.at[i];
        }
      }
    } else if constexpr (Layout::in_registers) {
      Layout::template each<T>(n, [&](int k, int64_t c) { values_[k] = row[c]; });
    }
  }
  __device__ T at(int k, int64_t c) const {
    if constexpr (Layout::in_registers)
      return values_[k];
    else
      return row_[c];
  }

 private:
  const T* row_;
  T values_[Layout::in_registers ? Layout::count : 1] = {};
};

/// The elements of a row that are ours, to be written: `flush` when all are set.
template <class Layout, class T>
class RowOut {
 public:
  __device__ explicit RowOut(T* row) : row_(row) {}
  __device__ void set(int k, int64_t c, T value) {
    if constexpr (Layout::in_registers)
      values_[k] = value;
    else
      row_[c] = value;
  }
  /// What was set; in registers only.
  __device__ T at(int k) const { return values_[k]; }
  __device__ void flush(int64_t n) const {
    if constexpr (Layout::in_registers && Layout::wide) {
      for (int k = 0; k < Layout::count; k += pack_width<T>) {
        const int c = Layout::template column<T>(k);
        if (c < n) {
          Pack<T, pack_width<T>> pack;
          for (int i = 0; i < pack_width<T>; ++i) pack.at[i] = values_[k + i];
          store_pack(row_ + c, pack);
        }
      }
    } else if constexpr (Layout::in_registers) {
      Layout::template each<T>(n, [&](int k, int64_t c) { row_[c] = values_[k]; });
    }
  }

 private:
  T* row_;
  T values_[Layout::in_registers ? Layout::count : 1] = {};
};

/// Calls f(RowLayout) with the layout for rows of n elements: the fewest threads whose registers hold a row, so that
/// what they exchange is little; blocks of many threads where a row must be read again anyway.
template <class F>
void with_row_layout(int64_t n, bool wide, F f) {
  const auto pick = [&]<int threads, int count>() {
    if (wide)
      f(RowLayout<threads, count, true>{});
    else
      f(RowLayout<threads, count, false>{});
  };
  if (n <= 32) return pick.template operator()<8, 4>();
  if (n <= 256) return pick.template operator()<32, 8>();
  if (n <= 1024) return pick.template operator()<256, 4>();
  f(RowLayout<512, 0, false>{});
}

// ---- Columns. ------------------------------------------------------------------------------------------------------

/// [outer][n][inner] as outer * inner columns of n elements. A block of block_threads takes `width` neighbouring
/// columns, a power of two; its walkers, block_threads / width to a column, take turns down it.
struct Columns {
  int64_t outer, n, inner;
  int width;

  ROUX_HOST_DEVICE int64_t count() const { return outer * inner; }
  ROUX_HOST_DEVICE int64_t tiles() const { return (count() + width - 1) / width; }
  /// The position of a column's first element; the next are `inner` apart.
  ROUX_HOST_DEVICE int64_t start(int64_t column) const { return column / inner * n * inner + column % inner; }
};

/// The smallest power of two that is at least n, at most `most`, itself one.
inline int power_of_two_above(int64_t n, int most) {
  int power = 1;
  while (power < n && power < most) power *= 2;
  return power;
}

/// Short columns have one walker; for the others, 32 columns still fill what memory gives at once.
inline Columns columns_of(int64_t outer, int64_t n, int64_t inner) {
  constexpr int64_t longest_alone = 32;
  return {outer, n, inner, power_of_two_above(outer * inner, n <= longest_alone ? block_threads : warp_size)};
}

__device__ inline int walker(const Columns& columns) { return static_cast<int>(threadIdx.x) / columns.width; }
__device__ inline int walkers(const Columns& columns) { return block_threads / columns.width; }

/// Calls f(column, present) for the columns of a tile, as often for every thread of the block.
template <class F>
__device__ void for_each_column(const Columns& columns, F f) {
  for_each_row(columns.tiles(), [&](int64_t tile) {
    const int64_t column = tile * columns.width + static_cast<int>(threadIdx.x) % columns.width;
    f(column, column < columns.count());
  });
}

/// Over the walkers of each column. `scratch`: shared memory for block_threads values, free again afterwards.
template <class T, class F>
__device__ T walkers_reduce(T value, F f, T* scratch, const Columns& columns) {
  if (walkers(columns) == 1) return value;
  const int thread = static_cast<int>(threadIdx.x);
  scratch[thread] = value;
  for (int half = walkers(columns) / 2; half > 0; half /= 2) {
    sync_block();
    if (walker(columns) < half) scratch[thread] = f(scratch[thread], scratch[thread + half * columns.width]);
  }
  sync_block();
  value = scratch[thread % columns.width];
  sync_block();  // scratch may be written again
  return value;
}

}  // namespace roux::cuda
