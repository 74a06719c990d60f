// How work on the rows of tables is cut: into bags, into blocks of columns, and into tasks.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "tensor/backend.h"
#include "tensor/cpu/grain.h"
#include "tensor/cpu/simd.h"

namespace roux::cpu_kernels {

/// About how many numbers a task reads and writes.
inline constexpr int64_t elements_per_task = 32768;

/// The bags of one call.
struct Bags {
  const int64_t* offsets;
  BagShape shape;

  int64_t begin(int64_t bag) const { return offsets[bag]; }
  int64_t end(int64_t bag) const { return bag + 1 < shape.bags ? offsets[bag + 1] : shape.count; }
  /// How many of them make a task.
  int64_t grain() const {
    return grain_of(shape.dim * (1 + shape.count / std::max<int64_t>(1, shape.bags)), elements_per_task);
  }
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
