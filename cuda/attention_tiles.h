// What the kernels of attention share: operands, tiles of them in shared memory, and what a query may attend to.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "cuda/attention_products.h"
#include "cuda/grid.h"
#include "cuda/random_words.h"
#include "tensor/backend.h"
#include "tensor/vector_math.h"
#include "tensor/view.h"

namespace roux::cuda {

/// A block's threads, and the rows of its tile: 16 a warp.
inline constexpr int attention_threads = 128, attention_rows = 64;

/// The first of the 16 rows of this warp.
__device__ inline int warp_row() { return static_cast<int>(threadIdx.x) / warp_size * 16; }

/// Rows of head_dim elements, one after the other for each batch and head: an operand with its strides.
template <class T>
struct HeadRows {
  T* data;
  int64_t batch_stride, head_stride, row_stride;

  explicit HeadRows(const View& view)
      : data(view.as<T>()), batch_stride(view.strides[0]), head_stride(view.strides[1]), row_stride(view.strides[2]) {}
  __device__ T* row(int64_t batch, int64_t head, int64_t i) const {
    return data + batch * batch_stride + head * head_stride + i * row_stride;
  }
  /// Whether rows are made of whole packs.
  bool is_packed(int64_t head_dim) const {
    return has_whole_packs<T>(head_dim, data) && batch_stride % pack_width<T> == 0 &&
           head_stride % pack_width<T> == 0 && row_stride % pack_width<T> == 0;
  }
};

/// What all kernels need to know. Heads are counted through all batches.
template <class T>
struct AttentionProblem {
  int64_t batch, heads, queries, keys, head_dim;
  T scale;
  bool causal, packed;  // packed: rows of all operands are made of whole packs
  const bool* mask;     // or null
  int64_t mask_strides[4];
  bool drops;
  Words words;
  uint32_t least;  // see least_kept
  T kept_scale;

  AttentionProblem(const AttentionShape& shape, const View& mask_view, const Words& random_words)
      : batch(shape.batch),
        heads(shape.heads),
        queries(shape.queries),
        keys(shape.keys),
        head_dim(shape.head_dim),
        scale(static_cast<T>(shape.scale)),
        causal(shape.causal),
        packed(false),
        mask(mask_view.as<const bool>()),
        mask_strides{},
        drops(shape.dropout > 0),
        words(random_words),
        least(least_kept(shape.dropout)),
        kept_scale(static_cast<T>(scale_of_kept(shape.dropout))) {
    for (int i = 0; mask && i < 4; ++i) mask_strides[i] = mask_view.strides[i];
  }

  /// So many keys, counted from the first one, may `query` attend to at most.
  __device__ int64_t keys_of(int64_t query) const {
    const int64_t end = causal ? query + keys - queries + 1 : keys;
    return end < 0 ? 0 : end < keys ? end : keys;
  }
  /// The first query that may attend to `key`.
  __device__ int64_t first_query_of(int64_t key) const {
    const int64_t first = causal ? key - (keys - queries) : 0;
    return first > 0 ? first : 0;
  }
};

/// The score of a key that a query may not attend to. It is finite: a query that may attend to none then attends to all
/// alike, and beside any other score it weighs nothing.
template <class T>
inline constexpr T masked_score = std::numeric_limits<T>::lowest();

/// The log-sum-exp of a query that may attend to no key, by which backward knows it.
template <class T>
inline constexpr T no_score = -std::numeric_limits<T>::infinity();

/// What is known of a score before it is computed.
enum ScoreFlag : uint8_t {
  score_exists = 1,
  score_attends = 2,
  weight_kept = 4,  // by dropout
};

template <int columns>
inline constexpr int flag_stride = columns + 4;

/// The flags of rows x columns queries and keys. Four neighbouring weights share a block of random words.
template <int rows, int columns, class T>
__device__ void find_flags(uint8_t* flags, const AttentionProblem<T>& of, int64_t head, int64_t first_query,
                           int64_t first_key) {
  constexpr int blocks = columns / 4 + 1;
  const bool* const mask =
      of.mask ? of.mask + head / of.heads * of.mask_strides[0] + head % of.heads * of.mask_strides[1] : nullptr;
  for (int i = static_cast<int>(threadIdx.x); i < rows * blocks; i += attention_threads) {
    const int row = i / blocks;
    const int64_t query = first_query + row, weight = (head * of.queries + query) * of.keys + first_key;
    const int64_t block = weight / 4 + i % blocks;
    const int first = static_cast<int>(block * 4 - weight);
    if (first >= columns) continue;
    const std::array<uint32_t, 4> drawn = of.drops ? of.words.block(block) : std::array<uint32_t, 4>{};
    for (int k = 0; k < 4; ++k) {
      const int column = first + k;
      const int64_t key = first_key + column;
      if (column < 0 || column >= columns) continue;
      uint8_t flag = 0;
      if (query < of.queries && key < of.keys) {
        flag = score_exists;
        if (key < of.keys_of(query) && (!mask || mask[query * of.mask_strides[2] + key * of.mask_strides[3]]))
          flag |= score_attends;
        if (drawn[static_cast<size_t>(k)] >> 8 >= of.least) flag |= weight_kept;
      }
      flags[row * flag_stride<columns> + column] = flag;
    }
  }
}

/// Rows of an operand in shared memory, or `width` columns of them.
template <class Products, int rows, int width>
struct alignas(16) Tile {
  typename Products::Element at[rows * row_stride<Products, width>];
};

/// Reads rows `first` on, columns `column` on, of an operand with `count` rows into a tile; zeros where there is
/// nothing.
template <class Products, int rows, int width, class T>
__device__ void load_tile(Tile<Products, rows, width>& tile, const HeadRows<const T>& from,
                          const AttentionProblem<T>& of, int64_t head, int64_t first, int64_t count, int64_t column) {
  constexpr int size = pack_width<T>, packs = width / size;
  for (int i = static_cast<int>(threadIdx.x); i < rows * packs; i += attention_threads) {
    const int row = i / packs, at = i % packs * size;
    Pack<T, size> numbers{};
    if (first + row < count) {
      const T* const source = from.row(head / of.heads, head % of.heads, first + row) + column + at;
      const int64_t left = of.head_dim - column - at;
      if (of.packed && left > 0) {
        numbers = load_pack<size>(source);
      } else {
        for (int k = 0; k < size; ++k)
          if (k < left) numbers.at[k] = source[k];
      }
    }
    Products::store(tile.at + row * row_stride<Products, width> + at / Products::packing, numbers);
  }
}

/// Writes the 16 rows of a warp, from row `first` of `count` on, times `factors` by row: results as products leave
/// them.
template <int n, class T>
__device__ void store_rows(const HeadRows<T>& to, const AttentionProblem<T>& of, int64_t head, int64_t first,
                           int64_t count, int64_t column, const T (&results)[n][4], const T (&factors)[2]) {
  ROUX_UNROLL
  for (int r = 0; r < 2; ++r) {
    const int64_t row = first + result_row(2 * r);
    if (row >= count) continue;
    T* const target = to.row(head / of.heads, head % of.heads, row);
    ROUX_UNROLL
    for (int j = 0; j < n; ++j) {
      const int64_t at = column + 8 * j + result_column(0);
      const Pack<T, 2> pair{results[j][2 * r] * factors[r], results[j][2 * r + 1] * factors[r]};
      if (of.packed && at < of.head_dim) {
        store_pack(target + at, pair);
      } else {
        if (at < of.head_dim) target[at] = pair.at[0];
        if (at + 1 < of.head_dim) target[at + 1] = pair.at[1];
      }
    }
  }
}

/// What a block computes: a tile of rows of one head, and of these `width` columns. Longer rows are made in parts, by
/// as many blocks; each sums the scores over all chunks of `width`.
struct AttentionItem {
  int64_t head, first, column;
};

template <int width>
struct AttentionGrid {
  int64_t tiles, parts, heads;

  AttentionGrid(int64_t batch_heads, int64_t rows, int64_t head_dim)
      : tiles((rows + attention_rows - 1) / attention_rows),
        parts(head_dim > width ? (head_dim + width - 1) / width : 1),
        heads(batch_heads) {}
  __device__ int64_t items() const { return tiles * parts * heads; }
  __device__ AttentionItem item(int64_t i) const {
    return {i / (tiles * parts), i % tiles * attention_rows, i / tiles % parts * width};
  }
  dim3 blocks() const { return blocks_for_rows(tiles * parts * heads); }
};

/// Calls f(Products, width) with the kind of products and, as an integral_constant, the columns of tiles.
template <class F>
void with_attention_products(DType dtype, const AttentionShape& shape, bool has_tensor_cores, F f) {
  constexpr std::integral_constant<int, 32> narrow{};
  constexpr std::integral_constant<int, 64> wide{};
  const auto pick = [&](auto products) { shape.head_dim <= narrow ? f(products, narrow) : f(products, wide); };
  if (dtype == DType::float64) return f(OrdinaryProducts<double>{}, narrow);
  ROUX_CHECK(dtype == DType::float32, "attention", "found ", dtype, ", expected float32 or float64");
  if (shape.precision == MatmulPrecision::highest || !has_tensor_cores) return pick(OrdinaryProducts<float>{});
  if (shape.precision == MatmulPrecision::high) return pick(Tf32Products{});
  pick(BFloat16Products{});
}

}  // namespace roux::cuda
