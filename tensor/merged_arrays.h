// The layout of several arrays of one shape, which every elementwise kernel begins with: common dimensions are merged,
// so that most operands are one long run and the others few of them.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/view.h"

namespace roux {

/// N arrays of one shape; dimensions are merged where every array allows it, and counted from the innermost. There is
/// at least one. A null view is a number in place of an array: its strides are 0.
template <int N>
struct MergedArrays {
  int64_t count = 1;  // elements
  int dims = 0;
  int64_t extents[Dims::max_size] = {};
  int64_t strides[N][Dims::max_size] = {};

  explicit MergedArrays(const std::array<const View*, N>& views) {
    const Shape& shape = views[0]->shape;
    for (int axis = shape.size() - 1; axis >= 0; --axis) {
      const int64_t extent = shape[axis];
      if (extent == 1) continue;
      const int inner = dims - 1;
      const auto stride = [&](int i) { return views[i] ? views[i]->strides[axis] : 0; };
      bool mergeable = dims > 0;
      for (int i = 0; i < N && mergeable; ++i) mergeable = stride(i) == strides[i][inner] * extents[inner];
      if (mergeable) {
        extents[inner] *= extent;
      } else {
        for (int i = 0; i < N; ++i) strides[i][dims] = stride(i);
        extents[dims++] = extent;
      }
      count *= extent;
    }
    if (dims == 0) extents[dims++] = 1;
  }

  /// Whether every array is one run without gaps.
  bool contiguous() const {
    for (int i = 0; i < N; ++i)
      if (strides[i][0] != 1 && count != 1) return false;
    return dims == 1;
  }
};

}  // namespace roux
