// Reading and adding by index. Reads move bytes and do not care what they are. Additions to one element happen in the
// order of the source: indices are grouped by what they name, and one thread adds up a group.
#include <type_traits>

#include "cuda/block.h"
#include "cuda/by_key.h"
#include "cuda/grid.h"

namespace roux::cuda {
namespace {

// ---- Checks --------------------------------------------------------------------------------------------------------

constexpr int check_threads = 1024;
constexpr int64_t check_in_one_block = 16384;
constexpr int64_t check_blocks = 1024;

__device__ void enter(IndexReport* report, const IndexCheck& check, const int64_t* values, int64_t position) {
  if (position == INT64_MAX || report->reported != 0) return;
  report->check = check;
  report->found = {position, values[position], position > 0 ? values[position - 1] : 0};
  report->reported = 1;
}

// The first position of a wrong value, INT64_MAX where there is none: that of each block into `firsts`, or, where that
// is null, that of all into `report`. 8 bytes a value: bound by memory, of few values by latency.
__global__ void find_wrong_kernel(const int64_t* values, int64_t count, IndexCheck check, int64_t* firsts,
                                  IndexReport* report) {
  ROUX_SHARED(int64_t, warp_values, warp_size);
  int64_t first = INT64_MAX;
  for_each_index(count, [&](int64_t i) {
    if (i < first && check.wrong(values, count, i)) first = i;
  });
  first = block_reduce<check_threads>(first, Smallest{}, warp_values);
  if (threadIdx.x != 0) return;
  if (firsts)
    firsts[blockIdx.x] = first;
  else
    enter(report, check, values, first);
}

__global__ void report_first_kernel(const int64_t* firsts, int64_t blocks, const int64_t* values, IndexCheck check,
                                    IndexReport* report) {
  ROUX_SHARED(int64_t, warp_values, warp_size);
  int64_t first = INT64_MAX;
  for_each_index(blocks, [&](int64_t i) { first = firsts[i] < first ? firsts[i] : first; });
  first = block_reduce<check_threads>(first, Smallest{}, warp_values);
  if (threadIdx.x == 0) enter(report, check, values, first);
}

// ---- Reads ---------------------------------------------------------------------------------------------------------

/// So many bytes, whatever they mean, moved at once.
template <int Bytes>
struct alignas(Bytes) Unit {
  uint8_t bytes[Bytes];
};

// Twice Bytes a unit, and an id for each slice: bound by memory.
template <int Bytes>
__global__ void select_slices_kernel(Unit<Bytes>* out, const Unit<Bytes>* in, const int64_t* ids, int64_t count,
                                     Along along) {
  for_each_index(along.outer * count * along.inner, [=](int64_t i) {
    const int64_t slice = i / along.inner, id = ids[slice % count];
    const bool inside = id >= 0 && id < along.n;
    out[i] = inside ? in[(slice / count * along.n + id) * along.inner + i % along.inner] : Unit<Bytes>{};
  });
}

// 8 bytes an element, and twice its own: bound by memory.
template <int Bytes>
__global__ void gather_kernel(Unit<Bytes>* out, const Unit<Bytes>* in, const int64_t* index, int64_t count,
                              Along along) {
  for_each_index(along.outer * count * along.inner, [=](int64_t i) {
    const int64_t outer = i / (along.inner * count), id = index[i];
    const bool inside = id >= 0 && id < along.n;
    out[i] = inside ? in[(outer * along.n + id) * along.inner + i % along.inner] : Unit<Bytes>{};
  });
}

// ---- Additions -----------------------------------------------------------------------------------------------------

// One thread adds N neighbouring columns of a group. At each source: N elements read, an addition each, 12 bytes of key
// and position that threads share; at each target N elements read and written: bound by memory.
template <class T, int N>
__global__ void add_slices_kernel(T* out, const T* in, Groups groups, Along along) {
  const int64_t columns = along.inner / N;
  for_each_index(along.outer * groups.count * columns, [=](int64_t i) {
    const int64_t column = i % columns * N, place = i / columns % groups.count, outer = i / columns / groups.count;
    if (!groups.begins_at(place)) return;
    T* const target = out + (outer * along.n + groups.keys[place]) * along.inner + column;
    const T* const source = in + outer * groups.count * along.inner + column;
    const auto load = [=](int64_t j) { return load_pack<N>(source + j * along.inner); };
    store_pack(target, add_group(groups, place, load_pack<N>(target), load));
  });
}

// One thread a column: for few indices a column, or very many columns. 8 bytes of index, 3 elements: bound by memory.
template <class T>
__global__ void scatter_columns_kernel(T* out, const T* in, const int64_t* index, int64_t count, Along along) {
  for_each_index(along.outer * along.inner, [=](int64_t i) {
    const int64_t outer = i / along.inner, inner = i % along.inner;
    for (int64_t j = 0; j < count; ++j) {
      const int64_t from = (outer * count + j) * along.inner + inner, id = index[from];
      if (id < 0 || id >= along.n) continue;
      T& target = out[(outer * along.n + id) * along.inner + inner];
      target = sum_of(target, in[from]);
    }
  });
}

// The element of the result that each element of the source goes to, -1 for none.
__global__ void scatter_targets_kernel(int64_t* targets, const int64_t* index, int64_t count, Along along) {
  for_each_index(along.outer * count * along.inner, [=](int64_t i) {
    const int64_t outer = i / (along.inner * count), id = index[i];
    const bool inside = id >= 0 && id < along.n;
    targets[i] = inside ? (outer * along.n + id) * along.inner + i % along.inner : -1;
  });
}

/// Calls f(std::integral_constant<int, bytes>) with the largest unit that slices of `bytes` bytes are made of.
template <class F>
void with_unit(int64_t bytes, const void* out, const void* in, F f) {
  const auto bits = static_cast<uintptr_t>(bytes) | reinterpret_cast<uintptr_t>(out) | reinterpret_cast<uintptr_t>(in);
  if (bits % 16 == 0) return f(std::integral_constant<int, 16>{});
  if (bits % 8 == 0) return f(std::integral_constant<int, 8>{});
  if (bits % 4 == 0) return f(std::integral_constant<int, 4>{});
  return f(std::integral_constant<int, 1>{});
}

}  // namespace

void CudaBackend::check(const View& values, const IndexCheck& check) {
  const auto* const value = values.as<const int64_t>();
  const int64_t count = values.numel();
  if (count == 0) return;
  const dim3 block(check_threads);
  if (count <= check_in_one_block)
    return launch(find_wrong_kernel, dim3(1), block, stream(), value, count, check, nullptr, report_);
  const int64_t blocks = std::min((count + 4 * check_threads - 1) / (4 * check_threads), check_blocks);
  const Workspace<int64_t> firsts(*this, blocks);
  launch(find_wrong_kernel, dim3(static_cast<unsigned>(blocks)), block, stream(), value, count, check, firsts.data(),
         nullptr);
  launch(report_first_kernel, dim3(1), block, stream(), firsts.data(), blocks, value, check, report_);
}

void CudaBackend::index_select(const View& out, const View& in, const View& ids, Along along) {
  dispatch_computing(in.dtype, "index_select", [](auto) {});
  const int64_t bytes = along.inner * size_of(in.dtype), count = ids.numel();
  with_unit(bytes, out.data, in.data, [&](auto width) {
    constexpr int unit = decltype(width)::value;
    const Along units{along.outer, along.n, bytes / unit};
    launch(select_slices_kernel<unit>, blocks_for(units.outer * count * units.inner), dim3(block_threads), stream(),
           out.as<Unit<unit>>(), in.as<const Unit<unit>>(), ids.as<const int64_t>(), count, units);
  });
}

void CudaBackend::gather(const View& out, const View& in, const View& index, Along along, int64_t count) {
  dispatch_computing(in.dtype, "gather", [&](auto type) {
    constexpr int bytes = sizeof(type);
    launch(gather_kernel<bytes>, blocks_for(along.outer * count * along.inner), dim3(block_threads), stream(),
           out.as<Unit<bytes>>(), in.as<const Unit<bytes>>(), index.as<const int64_t>(), count, along);
  });
}

void CudaBackend::index_add(const View& out, const View& ids, const View& in, Along along) {
  if (in.numel() == 0) return;
  const ByKey by_id(*this, ids.as<const int64_t>(), ids.numel(), along.n);
  const Groups groups = by_id.groups();
  dispatch_computing(in.dtype, "index_add", [&](auto type) {
    using T = decltype(type);
    const auto add = [&](auto kernel, int64_t width) {
      launch(kernel, blocks_for(along.outer * groups.count * (along.inner / width)), dim3(block_threads), stream(),
             out.as<T>(), in.as<const T>(), groups, along);
    };
    constexpr int width = std::is_floating_point_v<T> ? pack_width<T> : 1;
    if (width > 1 && has_whole_packs<T>(along.inner, out.as<T>(), in.as<T>()))
      add(add_slices_kernel<T, width>, width);
    else
      add(add_slices_kernel<T, 1>, 1);
  });
}

void CudaBackend::scatter_add(const View& out, const View& index, const View& in, Along along, int64_t count) {
  // So many columns fill the device, so few indices a column take no longer than to sort them.
  constexpr int64_t many_columns = 32768, few_indices = 32;
  const int64_t total = in.numel();
  if (total == 0) return;
  const auto* const id = index.as<const int64_t>();
  dispatch_computing(in.dtype, "scatter_add", [&](auto type) {
    using T = decltype(type);
    if (count <= few_indices || along.outer * along.inner >= many_columns)
      return launch(scatter_columns_kernel<T>, blocks_for(along.outer * along.inner), dim3(block_threads), stream(),
                    out.as<T>(), in.as<const T>(), id, count, along);
    const Workspace<int64_t> targets(*this, total);
    launch(scatter_targets_kernel, blocks_for(total), dim3(block_threads), stream(), targets.data(), id, count, along);
    const int64_t results = along.outer * along.n * along.inner;
    const ByKey by_target(*this, targets.data(), total, results);
    launch(add_slices_kernel<T, 1>, blocks_for(total), dim3(block_threads), stream(), out.as<T>(), in.as<const T>(),
           by_target.groups(), Along{.outer = 1, .n = results, .inner = 1});
  });
}

}  // namespace roux::cuda
