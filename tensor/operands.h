// What operations do with their operands before a kernel sees them: checks that several of them share, and the view of
// an array around one dimension.
#pragma once

#include "tensor/backend.h"
#include "tensor/tensor.h"

namespace roux {

/// Throws when `x` is undefined; `name` is what the message calls it.
inline void check_defined(const Tensor& x, const char* operation, const char* name = "the tensor") {
  ROUX_CHECK(x.defined(), operation, name, " is undefined");
}

/// Throws unless `x` is a defined float32 or float64 tensor.
inline void check_floating(const Tensor& x, const char* operation) {
  check_defined(x, operation);
  ROUX_CHECK(x.dtype() == float32 || x.dtype() == float64, operation, "does not take ", x.dtype(),
             " tensors, expected float32 or float64 (hint: convert with to(dtype))");
}

/// Throws when `b`, called `name` in the message, is not on the device of `a`.
inline void check_same_device(const Tensor& a, const Tensor& b, const char* operation, const char* name) {
  ROUX_CHECK(a.device() == b.device(), operation, name, " is on ", b.device(), ", expected ", a.device(),
             " like the first operand (hint: move it with to(device))");
}

/// Throws when `b`, called `name` in the message, has not the dtype of `a`.
inline void check_same_dtype(const Tensor& a, const Tensor& b, const char* operation, const char* name) {
  ROUX_CHECK(a.dtype() == b.dtype(), operation, name, " is ", b.dtype(), ", expected ", a.dtype(),
             " like the first operand (hint: convert with to(dtype))");
}

/// A contiguous array of this shape around dimension `axis`, which counts from the front.
inline Along along_axis(const Shape& shape, int64_t axis) {
  Along along{.outer = 1, .n = shape[axis], .inner = 1};
  for (int64_t i = 0; i < axis; ++i) along.outer *= shape[i];
  for (int64_t i = axis + 1; i < shape.size(); ++i) along.inner *= shape[i];
  return along;
}

/// A contiguous view of `x`; where that takes a copy, `keep` holds it. Cheaper than x.contiguous() where there is none.
inline View contiguous_view(const Tensor& x, Tensor& keep) {
  if (x.is_contiguous()) [[likely]]
    return x.view();
  keep = x.contiguous();
  return keep.view();
}

/// The view of an operand that may be undefined: null data then.
inline View view_or_null(const Tensor& x) { return x.defined() ? x.view() : View{}; }

}  // namespace roux
