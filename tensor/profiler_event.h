// One call as a profiler records it.
#pragma once

#include <cstdint>
#include <string>

namespace roux::detail {

struct ProfilerEvent {
  /// range: a ProfilerRange; the others are what they say of an operation, or a kernel.
  enum class Kind : uint8_t { kernel, forward, backward, range };

  Kind kind;
  int thread;             ///< 1, 2, ... in the order in which they took part
  std::string name;       ///< of the kernel, operation or range
  const char* operation;  ///< which a kernel belongs to; null: none
  bool in_backward;
  int64_t begin, nanoseconds;
  int64_t bytes;  ///< of kernels
};

}  // namespace roux::detail
