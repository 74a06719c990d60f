// What is checked of indices before kernels follow them: on the host at once, on other devices by a kernel whose
// finding the next synchronisation throws. One rule for what is wrong, one text for each finding.
#pragma once

#include <cstdint>

#include "tensor/host_device.h"

namespace roux {

/// What must hold of int64 values, by kind:
///   ids      each lies in [0, bound)
///   labels   each lies in [0, bound) or is `ignored`
///   offsets  of bags among `bound` ids: they begin with 0, do not fall and do not exceed `bound`; with `ends`, the
///   last
///            one is `bound`
struct IndexCheck {
  enum class Kind : uint8_t { ids, labels, offsets };

  Kind kind = Kind::ids;
  int64_t bound = 0;
  int64_t ignored = -100;
  bool ends = false;
  const char* operation = "";  // a literal

  /// Is entry i of these n values wrong?
  ROUX_HOST_DEVICE bool wrong(const int64_t* values, int64_t n, int64_t i) const {
    const int64_t value = values[i];
    if (kind == Kind::offsets) {
      const bool begins = i > 0 || value == 0, rises = i == 0 || value >= values[i - 1];
      return !begins || !rises || value > bound || (ends && i == n - 1 && value != bound);
    }
    const bool outside = static_cast<uint64_t>(value) >= static_cast<uint64_t>(bound);
    return outside && !(kind == Kind::labels && value == ignored);
  }
};

/// The first wrong entry: its value, and the one before it (0 at the start).
struct IndexFinding {
  int64_t position = 0, value = 0, before = 0;
};

/// Throws the error that tells of this finding.
[[noreturn]] void fail_index(const IndexCheck& check, const IndexFinding& found);

}  // namespace roux
