// Embedding tables: pooling of bags, and the gradients of a table as rows.
//
// One thread has up to 16 bytes of neighbouring columns of one result and walks the ids that belong to it, in their
// order: every sum is the same whatever the device does first. Neighbouring threads have neighbouring columns, then
// neighbouring bags, so narrow tables fill blocks too. Ids outside the table contribute nothing.
#include <cmath>
#include <limits>

#include "cuda/block.h"
#include "cuda/by_key.h"
#include "cuda/grid.h"
#include "cuda/pool_rows.h"

namespace roux::cuda {
namespace {

/// The bags of one call. Offsets that lie beyond the ids are taken as their end, or their start.
struct Bags {
  const int64_t* offsets;
  BagShape shape;

  __device__ int64_t begin(int64_t bag) const {
    const int64_t offset = offsets[bag];
    return offset < 0 ? 0 : offset < shape.count ? offset : shape.count;
  }
  __device__ int64_t end(int64_t bag) const { return bag + 1 < shape.bags ? begin(bag + 1) : shape.count; }
  __device__ bool counts(int64_t id) const { return id >= 0 && id < shape.rows && id != shape.padding_idx; }

  /// The bag of the id at `position`: the last one that begins there or before.
  __device__ int64_t bag_of(int64_t position) const {
    int64_t first = 0, last = shape.bags - 1;
    while (first < last) {
      const int64_t middle = last - (last - first) / 2;
      if (offsets[middle] <= position)
        first = middle;
      else
        last = middle - 1;
    }
    return first;
  }
};

/// Calls f(i, row) for the ids of a bag that count, with their columns of the table.
template <int N, class T, class F>
__device__ void for_rows_of(const Bags& bags, int64_t bag, const int64_t* ids, const T* columns, F f) {
  const auto find = [&](int64_t i) {
    const int64_t id = ids[i];
    return bags.counts(id) ? columns + id * bags.shape.dim : nullptr;
  };
  for_rows<T, N>(bags.begin(bag), bags.end(bag), find, f);
}

// An element of a row read for each id and column, one written for each bag and column, an addition (and with weights a
// multiplication) each; the 8 bytes of an id are shared by the threads of its bag: bound by memory.
template <class T, int N>
__global__ void pool_kernel(T* out, const T* table, const int64_t* ids, const T* weights, Bags bags) {
  const int64_t columns = bags.shape.dim / N;
  for_each_index(bags.shape.bags * columns, [=](int64_t i) {
    const int64_t bag = i / columns, column = i % columns * N;
    Pack<T, N> sum{};
    int64_t counted = 0;
    for_rows_of<N>(bags, bag, ids, table + column, [&](int64_t place, const Pack<T, N>& row) {
      const T weight = weights ? weights[place] : T(1);
      for (int e = 0; e < N; ++e) sum.at[e] += row.at[e] * weight;
      ++counted;
    });
    if (bags.shape.mode == Pooling::mean) {
      const T scale = T(1) / static_cast<T>(counted > 1 ? counted : 1);
      for (int e = 0; e < N; ++e) sum.at[e] *= scale;
    }
    store_pack(out + bag * bags.shape.dim + column, sum);
  });
}

// The same with 8 bytes of position written beside each result.
template <class T, int N>
__global__ void pool_max_kernel(T* out, int64_t* positions, const T* table, const int64_t* ids, Bags bags) {
  const int64_t columns = bags.shape.dim / N;
  for_each_index(bags.shape.bags * columns, [=](int64_t i) {
    const int64_t bag = i / columns, column = i % columns * N, at = bag * bags.shape.dim + column;
    Maxima<T, N> maxima;
    for_rows_of<N>(bags, bag, ids, table + column,
                   [&](int64_t place, const Pack<T, N>& row) { maxima.add(place, row); });
    maxima.store(out + at, positions + at);
  });
}

// ---- Gradients -----------------------------------------------------------------------------------------------------

// bag_of[i] and factor[i], by which the bag's gradient goes to the row of id i: its weight, or the share in a mean.
template <class T>
__global__ void bag_factors_kernel(int32_t* bag_of, T* factor, const int64_t* slots, const T* weights, Bags bags) {
  const int64_t warps = static_cast<int64_t>(gridDim.x) * blockDim.x / warp_size;
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / warp_size;
  for (int64_t bag = first; bag < bags.shape.bags; bag += warps) {
    const int64_t begin = bags.begin(bag), end = bags.end(bag);
    T share = 1;
    if (bags.shape.mode == Pooling::mean) {
      int64_t counted = 0;
      for (int64_t i = begin + lane(); i < end; i += warp_size) counted += slots[i] >= 0;
      counted = warp_reduce(counted, Sum{});
      share = T(1) / static_cast<T>(counted > 1 ? counted : 1);
    }
    for (int64_t i = begin + lane(); i < end; i += warp_size) {
      bag_of[i] = static_cast<int32_t>(bag);
      factor[i] = weights ? weights[i] : share;
    }
  }
}

/// What position p adds to columns [c, c + N) of its row: a row of gradients of its own.
template <class T>
struct OwnGradient {
  const T* grad;
  int64_t dim;

  template <int N>
  __device__ Pack<T, N> load(int64_t p, int64_t c) const {
    return load_pack<N>(grad + p * dim + c);
  }
};

/// The bag of each position, as bag_factors_kernel has found it. Where offsets are wrong some positions are in no bag.
struct BagOf {
  const int32_t* found;
  Bags bags;

  /// -1 where there is none.
  __device__ int64_t operator()(int64_t position) const {
    const int64_t bag = found[position];
    const bool is_bag = bag >= 0 && bag < bags.shape.bags;
    return is_bag && bags.begin(bag) <= position && position < bags.end(bag) ? bag : -1;
  }
};

/// The gradient of its bag, times its factor.
template <class T>
struct BagGradient {
  const T* grad;
  int64_t dim;
  BagOf bag_of;
  const T* factor;

  template <int N>
  __device__ Pack<T, N> load(int64_t p, int64_t c) const {
    const int64_t bag = bag_of(p);
    if (bag < 0) return Pack<T, N>{};
    Pack<T, N> value = load_pack<N>(grad + bag * dim + c);
    for (int e = 0; e < N; ++e) value.at[e] *= factor[p];
    return value;
  }
};

/// The gradient of its bag where it was the maximum.
template <class T>
struct MaxGradient {
  const T* grad;
  int64_t dim;
  BagOf bag_of;
  const int64_t* positions;

  template <int N>
  __device__ Pack<T, N> load(int64_t p, int64_t c) const {
    const int64_t bag = bag_of(p), at = bag * dim + c;
    if (bag < 0) return Pack<T, N>{};
    Pack<T, N> value = load_pack<N>(grad + at);
    for (int e = 0; e < N; ++e) value.at[e] = positions[at + e] == p ? value.at[e] : T(0);
    return value;
  }
};

// Rows of gradients by slot. Slots have no gaps, so rows from groups.end on have nothing and become zeros. An element
// read for each id and column, one written for each row and column, an addition or two each: bound by memory.
template <int N, class T, class Source>
__global__ void sum_rows_kernel(T* values, int64_t rows, int64_t dim, Groups groups, Source source) {
  const int64_t columns = dim / N, used = *groups.end;
  const int64_t places = groups.count > rows ? groups.count : rows;
  for_each_index(places * columns, [=](int64_t i) {
    const int64_t place = i / columns, column = i % columns * N;
    if (place >= used && place < rows) store_pack(values + place * dim + column, Pack<T, N>{});
    if (!groups.begins_at(place)) return;
    const auto load = [=](int64_t p) { return source.template load<N>(p, column); };
    store_pack(values + groups.keys[place] * dim + column, add_group(groups, place, Pack<T, N>{}, load));
  });
}

/// values (rows, dim) from what the positions of `slots` add.
template <class T, class Source>
void sum_rows(CudaBackend& backend, const View& values, const View& slots, const T* grad, const Source& source) {
  const int64_t rows = values.shape[0], dim = values.shape[1];
  const ByKey by_slot(backend, slots.as<const int64_t>(), slots.numel(), rows);
  const int64_t places = std::max(rows, slots.numel());
  if (has_whole_packs<T>(dim, values.as<T>(), grad)) {
    constexpr int width = pack_width<T>;
    launch(sum_rows_kernel<width, T, Source>, blocks_for(places * (dim / width)), dim3(block_threads), backend.stream(),
           values.as<T>(), rows, dim, by_slot.groups(), source);
  } else {
    launch(sum_rows_kernel<1, T, Source>, blocks_for(places * dim), dim3(block_threads), backend.stream(),
           values.as<T>(), rows, dim, by_slot.groups(), source);
  }
}

// One warp an id: two elements read and two flops a column: bound by memory.
template <class T>
__global__ void weight_gradients_kernel(T* grad_weights, const T* grad, const T* table, const int64_t* ids, Bags bags) {
  const int64_t warps = static_cast<int64_t>(gridDim.x) * blockDim.x / warp_size, dim = bags.shape.dim;
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / warp_size;
  for (int64_t i = first; i < bags.shape.count; i += warps) {
    const int64_t id = ids[i];
    T sum = 0;
    if (bags.shape.bags > 0 && bags.counts(id)) {
      const T* const of_bag = grad + bags.bag_of(i) * dim;
      for (int64_t c = lane(); c < dim; c += warp_size) sum += of_bag[c] * table[id * dim + c];
    }
    sum = warp_reduce(sum, Sum{});
    if (lane() == 0) grad_weights[i] = sum;
  }
}

// ---- Norms ---------------------------------------------------------------------------------------------------------

enum class Norm : uint8_t { one, two, largest, power };

/// The norm of a row, over the lanes of the warp.
template <class T>
__device__ double norm_of(const T* row, int64_t dim, Norm norm, double power) {
  double sum = 0;
  for (int64_t c = lane(); c < dim; c += warp_size) {
    const double x = std::abs(static_cast<double>(row[c]));
    if (norm == Norm::largest)
      sum = LargestNumber{}(sum, x);
    else
      sum += norm == Norm::one ? x : norm == Norm::two ? x * x : std::pow(x, power);
  }
  if (norm == Norm::largest) return warp_reduce(sum, LargestNumber{});
  sum = warp_reduce(sum, Sum{});
  return norm == Norm::one ? sum : norm == Norm::two ? std::sqrt(sum) : std::pow(sum, 1 / power);
}

// One warp a row; rows outside the table are skipped. An element read, read again from the cache and written: bound by
// memory.
template <class T>
__global__ void renormalize_kernel(T* table, int64_t table_rows, int64_t dim, const int64_t* rows, int64_t count,
                                   Norm norm, double power, double max_norm) {
  const int64_t warps = static_cast<int64_t>(gridDim.x) * blockDim.x / warp_size;
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / warp_size;
  for (int64_t i = first; i < count; i += warps) {
    if (rows[i] < 0 || rows[i] >= table_rows) continue;
    T* const row = table + rows[i] * dim;
    const double length = norm_of(row, dim, norm, power);
    if (!(length > max_norm)) continue;
    const T scale = static_cast<T>(max_norm / (length + 1e-7));
    for (int64_t c = lane(); c < dim; c += warp_size) row[c] *= scale;
  }
}

/// Blocks for `count` items with a warp each.
dim3 blocks_for_warps(int64_t count) { return blocks_for(count * warp_size); }

View list_of(int64_t* data, int64_t count) {
  return View{.data = data, .dtype = int64, .shape = {count}, .strides = {1}};
}

}  // namespace

void CudaBackend::embedding_bag(const View& out, const View& positions, const View& table, const View& ids,
                                const View& offsets, const View& weights, const BagShape& shape) {
  const Bags bags{offsets.as<const int64_t>(), shape};
  const auto* const id = ids.as<const int64_t>();
  const dim3 block(block_threads);
  dispatch_floating(out.dtype, "embedding_bag", [&](auto type) {
    using T = decltype(type);
    const bool packs = has_whole_packs<T>(shape.dim, out.as<T>(), table.as<T>());
    constexpr int width = pack_width<T>;
    const dim3 grid = blocks_for(shape.bags * (packs ? shape.dim / width : shape.dim));
    if (shape.mode == Pooling::max)
      launch(packs ? pool_max_kernel<T, width> : pool_max_kernel<T, 1>, grid, block, stream(), out.as<T>(),
             positions.as<int64_t>(), table.as<const T>(), id, bags);
    else
      launch(packs ? pool_kernel<T, width> : pool_kernel<T, 1>, grid, block, stream(), out.as<T>(), table.as<const T>(),
             id, weights.as<const T>(), bags);
  });
}

void CudaBackend::embedding_bag_backward(const View& values, const View& grad, const View& slots, const View& offsets,
                                         const View& weights, const View& positions, const BagShape& shape) {
  ROUX_CHECK(shape.bags <= INT32_MAX, "embedding_bag", "too many bags: ", shape.bags);
  const Bags bags{offsets.as<const int64_t>(), shape};
  dispatch_floating(values.dtype, "embedding_bag", [&](auto type) {
    using T = decltype(type);
    const Workspace<int32_t> bag_of(*this, shape.count);
    const Workspace<T> factor(*this, shape.count);
    launch(bag_factors_kernel<T>, blocks_for_warps(shape.bags), dim3(block_threads), stream(), bag_of.data(),
           factor.data(), slots.as<const int64_t>(), weights.as<const T>(), bags);
    const auto* const g = grad.as<const T>();
    const BagOf found{bag_of.data(), bags};
    if (shape.mode == Pooling::max)
      sum_rows(*this, values, slots, g, MaxGradient<T>{g, shape.dim, found, positions.as<const int64_t>()});
    else
      sum_rows(*this, values, slots, g, BagGradient<T>{g, shape.dim, found, factor.data()});
  });
}

void CudaBackend::embedding_bag_weights_backward(const View& grad_weights, const View& grad, const View& table,
                                                 const View& ids, const View& offsets, const BagShape& shape) {
  const Bags bags{offsets.as<const int64_t>(), shape};
  dispatch_floating(grad.dtype, "embedding_bag", [&](auto type) {
    using T = decltype(type);
    launch(weight_gradients_kernel<T>, blocks_for_warps(shape.count), dim3(block_threads), stream(),
           grad_weights.as<T>(), grad.as<const T>(), table.as<const T>(), ids.as<const int64_t>(), bags);
  });
}

void CudaBackend::embedding_backward(const View& values, const View& grad, const View& slots) {
  dispatch_floating(values.dtype, "embedding", [&](auto type) {
    using T = decltype(type);
    const auto* const g = grad.as<const T>();
    sum_rows(*this, values, slots, g, OwnGradient<T>{g, values.shape[1]});
  });
}

void CudaBackend::renormalize_rows(const View& table, const View& ids, double max_norm, double norm_type) {
  const int64_t count = ids.numel();
  const Workspace<int64_t> rows(*this, count), slots(*this, count);
  unique(list_of(rows.data(), count), list_of(slots.data(), count), ids, -1);
  const Norm norm = norm_type == 1          ? Norm::one
                    : norm_type == 2        ? Norm::two
                    : std::isinf(norm_type) ? Norm::largest
                                            : Norm::power;
  dispatch_floating(table.dtype, "embedding", [&](auto type) {
    using T = decltype(type);
    launch(renormalize_kernel<T>, blocks_for_warps(count), dim3(block_threads), stream(), table.as<T>(), table.shape[0],
           table.shape[1], rows.data(), count, norm, norm_type, max_norm);
  });
}

}  // namespace roux::cuda
