// Reading and adding by index. Additions to one element happen in the order of the source: tasks divide the result,
// never the source.
#include <algorithm>
#include <type_traits>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/grain.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

constexpr int64_t elements_per_task = 16384;
constexpr int64_t column_width = 256;

/// a + b; integers wrap around, booleans are joined by or.
template <class T>
T sum_of(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) return a || b;
  if constexpr (std::is_same_v<T, int64_t>) return static_cast<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  return static_cast<T>(a + b);
}

/// Calls f(outer, first, width) for each group of neighbouring columns [first, first + width) of [0, inner).
template <class F>
void for_columns(Along along, int64_t count, F f) {
  const int64_t groups = (along.inner + column_width - 1) / column_width;
  const int64_t grain = grain_of(count * std::min(along.inner, column_width), elements_per_task);
  parallel_for(along.outer * groups, grain, [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t first = task % groups * column_width;
      f(task / groups, first, std::min(column_width, along.inner - first));
    }
  });
}

}  // namespace

// Looks whether there is any first: no branch in the common case.
void CpuBackend::check(const View& values, const IndexCheck& check) {
  const auto* const value = values.as<const int64_t>();
  const int64_t count = values.numel();
  bool any = false;
  if (check.kind == IndexCheck::Kind::ids) {
    for (int64_t i = 0; i < count; ++i) any |= static_cast<uint64_t>(value[i]) >= static_cast<uint64_t>(check.bound);
  } else {
    for (int64_t i = 0; i < count; ++i) any |= check.wrong(value, count, i);
  }
  if (!any) [[likely]]
    return;
  int64_t i = 0;
  while (!check.wrong(value, count, i)) ++i;
  fail_index(check, {.position = i, .value = value[i], .before = i > 0 ? value[i - 1] : 0});
}

void CpuBackend::index_select(const View& out, const View& in, const View& ids, Along along) {
  const int64_t count = ids.numel(), inner = along.inner;
  dispatch_computing(in.dtype, "index_select", [&]<class T>(T) {
    const T* const from = in.as<const T>();
    const int64_t* const id = ids.as<const int64_t>();
    T* const to = out.as<T>();
    parallel_for(along.outer * count, grain_of(inner, elements_per_task), [&](int64_t begin, int64_t end) {
      for (int64_t slice = begin; slice < end; ++slice) {
        const int64_t source = slice / count * along.n + id[slice % count];
        std::copy_n(from + source * inner, inner, to + slice * inner);
      }
    });
  });
}

void CpuBackend::index_add(const View& out, const View& ids, const View& in, Along along) {
  const int64_t count = ids.numel(), inner = along.inner;
  dispatch_computing(in.dtype, "index_add", [&]<class T>(T) {
    const T* const from = in.as<const T>();
    const int64_t* const id = ids.as<const int64_t>();
    T* const to = out.as<T>();
    for_columns(along, count, [&](int64_t outer, int64_t first, int64_t width) {
      for (int64_t j = 0; j < count; ++j) {
        if (id[j] < 0) continue;
        const T* const source = from + (outer * count + j) * inner + first;
        T* const target = to + (outer * along.n + id[j]) * inner + first;
        for (int64_t i = 0; i < width; ++i) target[i] = sum_of(target[i], source[i]);
      }
    });
  });
}

void CpuBackend::gather(const View& out, const View& in, const View& index, Along along, int64_t count) {
  const int64_t inner = along.inner;
  dispatch_computing(in.dtype, "gather", [&]<class T>(T) {
    const T* const from = in.as<const T>();
    const int64_t* const id = index.as<const int64_t>();
    T* const to = out.as<T>();
    parallel_for(along.outer * count, grain_of(inner, elements_per_task), [&](int64_t begin, int64_t end) {
      for (int64_t slice = begin; slice < end; ++slice) {
        const T* const source = from + slice / count * along.n * inner;
        for (int64_t i = 0; i < inner; ++i) to[slice * inner + i] = source[id[slice * inner + i] * inner + i];
      }
    });
  });
}

void CpuBackend::scatter_add(const View& out, const View& index, const View& in, Along along, int64_t count) {
  const int64_t inner = along.inner;
  dispatch_computing(in.dtype, "scatter_add", [&]<class T>(T) {
    const T* const from = in.as<const T>();
    const int64_t* const id = index.as<const int64_t>();
    T* const to = out.as<T>();
    for_columns(along, count, [&](int64_t outer, int64_t first, int64_t width) {
      T* const target = to + outer * along.n * inner;
      for (int64_t j = 0; j < count; ++j) {
        const int64_t slice = (outer * count + j) * inner;
        for (int64_t i = first; i < first + width; ++i) {
          T& sum = target[id[slice + i] * inner + i];
          sum = sum_of(sum, from[slice + i]);
        }
      }
    });
  });
}

}  // namespace roux::cpu_kernels
