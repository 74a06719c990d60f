// How work on the rows of tables is cut: into bags, into blocks of columns, and into tasks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "tensor/backend.h"
#include "tensor/cpu/simd.h"

namespace roux::cpu_kernels {

/// How many items of `elements` each make a task.
inline int64_t grain_of(int64_t elements) {
  constexpr int64_t elements_per_task = 32768;
  return std::max<int64_t>(1, elements_per_task / std::max<int64_t>(1, elements));
}

/// The bags of one call.
struct Bags {
  const int64_t* offsets;
  BagShape shape;

  int64_t begin(int64_t bag) const { return offsets[bag]; }
  int64_t end(int64_t bag) const { return bag + 1 < shape.bags ? offsets[bag + 1] : shape.count; }
  /// How many of them make a task.
  int64_t grain() const { return grain_of(shape.dim * (1 + shape.count / std::max<int64_t>(1, shape.bags))); }
};

/// Calls f(c, width, access) for the column blocks of [begin, end): 4 vectors wide, then 1, then the rest of one.
template <class T, class F>
[[gnu::always_inline]] inline void for_column_blocks(int64_t begin, int64_t end, F&& f) {
  constexpr int64_t lanes = Simd<T>::lanes;
  int64_t c = begin;
  for (; c + 4 * lanes <= end; c += 4 * lanes) f(c, std::integral_constant<int, 4>{}, WholeVector<T>{});
  for (; c + lanes <= end; c += lanes) f(c, std::integral_constant<int, 1>{}, WholeVector<T>{});
  if (c < end) f(c, std::integral_constant<int, 1>{}, PartOfVector<T>{end - c});
}

}  // namespace roux::cpu_kernels
