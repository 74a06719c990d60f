// Sorting along one dimension. Each line is copied beside its indices, ordered there, and written back; ties go by
// index, which makes any sort a stable one.
#include <algorithm>
#include <type_traits>
#include <vector>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/grain.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

constexpr int64_t elements_per_task = 2048;

template <class T>
struct Entry {
  T value;
  int64_t index;
};

/// The order of values: NaN counts as larger than everything.
template <class T>
bool less(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) return a < b || (b != b && a == a);
  return a < b;
}

/// Brings the first k of the order to the front, in order.
template <class T>
void order_line(std::vector<Entry<T>>& line, int64_t k, bool descending) {
  const auto order = [&](auto before) {
    if (k < static_cast<int64_t>(line.size()) / 8) {
      std::partial_sort(line.begin(), line.begin() + k, line.end(), before);
    } else {
      std::sort(line.begin(), line.end(), before);
    }
  };
  if (descending) {
    order([](const Entry<T>& a, const Entry<T>& b) {
      return less(b.value, a.value) || (!less(a.value, b.value) && a.index < b.index);
    });
  } else {
    order([](const Entry<T>& a, const Entry<T>& b) {
      return less(a.value, b.value) || (!less(b.value, a.value) && a.index < b.index);
    });
  }
}

template <class T>
void sort_lines(T* values, int64_t* indices, const T* in, Along along, int64_t k, bool descending) {
  const int64_t grain = grain_of(along.n, elements_per_task);
  parallel_for(along.outer * along.inner, grain, [&](int64_t begin, int64_t end) {
    std::vector<Entry<T>> line(static_cast<size_t>(along.n));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t outer = i / along.inner, inner = i % along.inner;
      const T* from = in + outer * along.n * along.inner + inner;
      for (int64_t j = 0; j < along.n; ++j) line[static_cast<size_t>(j)] = {from[j * along.inner], j};
      order_line(line, k, descending);
      const int64_t to = outer * k * along.inner + inner;
      for (int64_t j = 0; j < k; ++j) {
        values[to + j * along.inner] = line[static_cast<size_t>(j)].value;
        indices[to + j * along.inner] = line[static_cast<size_t>(j)].index;
      }
    }
  });
}

}  // namespace

void CpuBackend::sort(const View& values, const View& indices, const View& in, Along along, bool descending) {
  dispatch_computing(in.dtype, "sort", [&]<class T>(T) {
    sort_lines(values.as<T>(), indices.as<int64_t>(), in.as<const T>(), along, along.n, descending);
  });
}

void CpuBackend::topk(const View& values, const View& indices, const View& in, Along along, int64_t k, bool largest) {
  dispatch_computing(in.dtype, "topk", [&]<class T>(T) {
    sort_lines(values.as<T>(), indices.as<int64_t>(), in.as<const T>(), along, k, largest);
  });
}

}  // namespace roux::cpu_kernels
