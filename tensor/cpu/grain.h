// How much work a task of a kernel takes.
#pragma once

#include <algorithm>
#include <cstdint>

namespace roux::cpu_kernels {

/// How many items of so many elements make a task of about `elements_per_task` of them; at least one.
inline int64_t grain_of(int64_t elements, int64_t elements_per_task) {
  return std::max<int64_t>(1, elements_per_task / std::max<int64_t>(1, elements));
}

}  // namespace roux::cpu_kernels
