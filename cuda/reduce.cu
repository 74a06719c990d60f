// Reductions along one dimension of [outer][n][inner]. Rows (inner == 1) go to lanes of a warp or to blocks, columns to
// threads side by side; what is long is cut into chunks whose results are reduced in turn. The shape alone decides how,
// so sums have the same bits every time.
#include <limits>
#include <type_traits>

#include "cuda/block.h"
#include "cuda/cuda_backend.h"
#include "cuda/grid.h"

namespace roux::cuda {
namespace {

/// Values become one value.
template <class T, class F>
struct Plain {
  using Element = T;
  using Value = T;
  using Join = F;
  struct In {
    const T* values;
    __device__ Value at(int64_t i, int64_t) const { return values[i]; }
    __device__ static Value make(T value, int64_t) { return value; }
    bool is_original() const { return true; }
  };
  struct Out {
    T* values;
    __device__ void put(int64_t i, Value value) const { values[i] = value; }
  };
  struct Partials {
    Workspace<T> values;
    Partials(Backend& backend, int64_t count) : values(backend, count) {}
    In in() const { return {values.data()}; }
    Out out() const { return {values.data()}; }
  };
};

/// The better of two: NaN before everything, then the larger or smaller value, then the lower place.
template <bool largest>
struct Better {
  template <class T>
  ROUX_HOST_DEVICE static constexpr bool wins(T a, T b) {
    return (largest ? a > b : a < b) || (a != a && b == b);
  }
  template <class T>
  ROUX_HOST_DEVICE constexpr Indexed<T> operator()(Indexed<T> a, Indexed<T> b) const {
    return wins(b.value, a.value) || (!wins(a.value, b.value) && b.index < a.index) ? b : a;
  }
};

/// Values become the best one and its place.
template <class T, class F>
struct WithIndex {
  using Element = T;
  using Value = Indexed<T>;
  using Join = F;
  struct In {
    const T* values;
    const int64_t* indices;  // null: the places themselves
    __device__ Value at(int64_t i, int64_t place) const { return {values[i], indices ? indices[i] : place}; }
    __device__ static Value make(T value, int64_t place) { return {value, place}; }
    bool is_original() const { return indices == nullptr; }
  };
  struct Out {
    T* values;
    int64_t* indices;
    __device__ void put(int64_t i, Value value) const {
      values[i] = value.value;
      indices[i] = value.index;
    }
  };
  struct Partials {
    Workspace<T> values;
    Workspace<int64_t> indices;
    Partials(Backend& backend, int64_t count) : values(backend, count), indices(backend, count) {}
    In in() const { return {values.data(), indices.data()}; }
    Out out() const { return {values.data(), indices.data()}; }
  };
};

// 4 bytes (of float32) and 1 flop an element: bound by memory. Short rows: `width` lanes a row, so that neighbours in
// memory are read by neighbours in the warp.
template <class R>
__global__ void reduce_short_rows_kernel(typename R::Out out, typename R::In in, int64_t rows, int64_t n, int width,
                                         typename R::Value start) {
  const typename R::Join join;
  const int teams = block_threads / width, rank = static_cast<int>(threadIdx.x) % width;
  for_each_row((rows + teams - 1) / teams, [&](int64_t group) {
    const int64_t row = group * teams + static_cast<int>(threadIdx.x) / width;
    typename R::Value value = start;
    if (row < rows) {
      for (int64_t j = rank; j < n; j += width) value = join(value, in.at(row * n + j, j));
    }
    value = warp_reduce(value, join, width);
    if (row < rows && rank == 0) out.put(row, value);
  });
}

/// Rows of n in chunks; wide: they can be read in packs.
struct Chunks {
  int64_t rows, n, length, count;
  bool wide;
};

// 4 bytes (of float32) and 1 flop an element: bound by memory. A block a chunk.
template <class R>
__global__ void reduce_chunks_kernel(typename R::Out out, typename R::In in, Chunks chunks, typename R::Value start) {
  using T = typename R::Element;
  const typename R::Join join;
  ROUX_SHARED(typename R::Value, scratch, warp_size);
  for_each_row(chunks.rows * chunks.count, [&](int64_t item) {
    const int64_t row = item / chunks.count, begin = item % chunks.count * chunks.length;
    const int64_t end = begin + chunks.length < chunks.n ? begin + chunks.length : chunks.n;
    const int64_t at = row * chunks.n;
    typename R::Value value = start;
    if (chunks.wide) {
      constexpr int size = pack_width<T>;
      for (int64_t j = begin + static_cast<int64_t>(threadIdx.x) * size; j < end; j += block_threads * size) {
        const auto pack = load_pack<size>(in.values + at + j);
        for (int i = 0; i < size; ++i) value = join(value, in.make(pack.at[i], j + i));
      }
    } else {
      for (int64_t j = begin + threadIdx.x; j < end; j += block_threads) value = join(value, in.at(at + j, j));
    }
    value = block_reduce<block_threads>(value, join, scratch);
    if (threadIdx.x == 0) out.put(item, value);
  });
}

// 4 bytes (of float32) and 1 flop an element: bound by memory. A block takes some columns of one chunk of rows; the
// results are [outer][chunks][inner].
template <class R>
__global__ void reduce_columns_kernel(typename R::Out out, typename R::In in, Columns columns, int64_t length,
                                      int64_t chunks, typename R::Value start) {
  const typename R::Join join;
  ROUX_SHARED(typename R::Value, scratch, block_threads);
  for_each_row(columns.tiles() * chunks, [&](int64_t item) {
    const int64_t chunk = item % chunks, begin = chunk * length;
    const int64_t end = begin + length < columns.n ? begin + length : columns.n;
    const int64_t column = item / chunks * columns.width + static_cast<int>(threadIdx.x) % columns.width;
    const bool present = column < columns.count();
    typename R::Value value = start;
    if (present) {
      const int64_t at = columns.start(column);
      for (int64_t j = begin + walker(columns); j < end; j += walkers(columns))
        value = join(value, in.at(at + j * columns.inner, j));
    }
    value = walkers_reduce(value, join, scratch, columns);
    if (present && walker(columns) == 0)
      out.put((column / columns.inner * chunks + chunk) * columns.inner + column % columns.inner, value);
  });
}

// With as many blocks as that a device is busy, chunks may be long; else they are cut shorter. No thread adds up more
// than a few hundred values one by one.
constexpr int64_t enough_blocks = 512;

template <class R>
void reduce_rows(CudaBackend& backend, typename R::Out out, typename R::In in, int64_t rows, int64_t n,
                 typename R::Value start) {
  constexpr int64_t longest_for_warp = 1024, long_chunk = 65536, short_chunk = 8192;
  if (n <= longest_for_warp) {
    const int width = power_of_two_above(n, warp_size), teams = block_threads / width;
    launch(reduce_short_rows_kernel<R>, blocks_for_rows((rows + teams - 1) / teams), block_threads, backend.stream(),
           out, in, rows, n, width, start);
    return;
  }
  const int64_t length = rows >= enough_blocks ? long_chunk : short_chunk, count = (n + length - 1) / length;
  const bool wide = in.is_original() && has_whole_packs<typename R::Element>(n, in.values);
  const Chunks chunks{rows, n, length, count, wide};
  const auto run = [&](typename R::Out to) {
    launch(reduce_chunks_kernel<R>, blocks_for_rows(rows * count), block_threads, backend.stream(), to, in, chunks,
           start);
  };
  if (count == 1) return run(out);
  const typename R::Partials partials(backend, rows * count);
  run(partials.out());
  reduce_rows<R>(backend, out, partials.in(), rows, count, start);
}

template <class R>
void reduce_columns(CudaBackend& backend, typename R::Out out, typename R::In in, Along along,
                    typename R::Value start) {
  constexpr int64_t long_chunk = 4096, short_chunk = 512;
  const Columns columns = columns_of(along.outer, along.n, along.inner);
  const int64_t length = columns.tiles() >= enough_blocks ? long_chunk : short_chunk;
  const int64_t chunks = along.n <= length ? 1 : (along.n + length - 1) / length;
  const auto run = [&](typename R::Out to) {
    launch(reduce_columns_kernel<R>, blocks_for_rows(columns.tiles() * chunks), block_threads, backend.stream(), to, in,
           columns, length, chunks, start);
  };
  if (chunks == 1) return run(out);
  const typename R::Partials partials(backend, along.outer * chunks * along.inner);
  run(partials.out());
  reduce_columns<R>(backend, out, partials.in(), {along.outer, chunks, along.inner}, start);
}

template <class R>
void reduce_along(CudaBackend& backend, typename R::Out out, typename R::In in, Along along, typename R::Value start) {
  if (along.inner == 1) return reduce_rows<R>(backend, out, in, along.outer, along.n, start);
  reduce_columns<R>(backend, out, in, along, start);
}

template <class T, class F>
void reduce_values(CudaBackend& backend, const View& out, const View& in, Along along, T start) {
  reduce_along<Plain<T, F>>(backend, {out.as<T>()}, {in.as<const T>()}, along, start);
}

template <class T>
constexpr T lowest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                          : std::numeric_limits<T>::lowest();
template <class T>
constexpr T highest = std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                                           : std::numeric_limits<T>::max();

template <class T>
void reduce_numbers(CudaBackend& backend, ReduceOp op, const View& out, const View& in, Along along) {
  switch (op) {
    case ReduceOp::sum: return reduce_values<T, Sum>(backend, out, in, along, T(0));
    case ReduceOp::prod: return reduce_values<T, Product>(backend, out, in, along, T(1));
    case ReduceOp::amax: return reduce_values<T, Largest>(backend, out, in, along, lowest<T>);
    case ReduceOp::amin: return reduce_values<T, Smallest>(backend, out, in, along, highest<T>);
    default: fail("reduce", "unknown code ", static_cast<int>(op));
  }
}

template <class T, bool largest>
void reduce_to_best(CudaBackend& backend, const View& values, const View& indices, const View& in, Along along) {
  // Loses against everything that is there: no place is as high.
  const Indexed<T> start{largest ? lowest<T> : highest<T>, std::numeric_limits<int64_t>::max()};
  reduce_along<WithIndex<T, Better<largest>>>(backend, {values.as<T>(), indices.as<int64_t>()},
                                              {in.as<const T>(), nullptr}, along, start);
}

}  // namespace

void CudaBackend::reduce(ReduceOp op, const View& out, const View& in, Along along) {
  if (out.numel() == 0) return;
  if (op == ReduceOp::any) return reduce_values<bool, Any>(*this, out, in, along, false);
  if (op == ReduceOp::all) return reduce_values<bool, All>(*this, out, in, along, true);
  dispatch<float, double, int64_t>(in.dtype, "reduce",
                                   [&]<class T>(T) { reduce_numbers<T>(*this, op, out, in, along); });
}

void CudaBackend::reduce_with_index(bool largest, const View& values, const View& indices, const View& in,
                                    Along along) {
  if (values.numel() == 0) return;
  dispatch_computing(in.dtype, "reduce", [&]<class T>(T) {
    if (largest)
      reduce_to_best<T, true>(*this, values, indices, in, along);
    else
      reduce_to_best<T, false>(*this, values, indices, in, along);
  });
}

}  // namespace roux::cuda
