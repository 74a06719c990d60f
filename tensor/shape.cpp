// Rules on shapes that need no tensor: printing, wrapping of negative axes, broadcasting.
#include "tensor/shape.h"

namespace roux {

std::string to_string(const Dims& dims) {
  std::string text = "(";
  for (int i = 0; i < dims.size(); ++i) text += (i ? ", " : "") + std::to_string(dims[i]);
  return text + ")";
}

int64_t wrap_axis(int64_t axis, int64_t dim, const char* operation) {
  ROUX_CHECK(axis >= -dim && axis < dim, operation, "dimension out of range: found ", axis, ", expected ", -dim, " to ",
             dim - 1, " for a tensor of ", dim, " dimensions");
  return axis < 0 ? axis + dim : axis;
}

Strides contiguous_strides(const Shape& shape) {
  Strides strides = shape;
  uint64_t stride = 1;  // of a shape with a 0 in it the product may wrap, and nobody will step by it
  for (int i = shape.size() - 1; i >= 0; --i) {
    strides[i] = static_cast<int64_t>(stride);
    stride *= static_cast<uint64_t>(shape[i]);
  }
  return strides;
}

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* operation) {
  if (a == b) return a;
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  Shape result = longer;
  const int lead = longer.size() - shorter.size();
  for (int i = 0; i < shorter.size(); ++i) {
    const int64_t x = longer[lead + i], y = shorter[i];
    ROUX_CHECK(x == y || x == 1 || y == 1, operation, "shapes ", a, " and ", b,
               " do not broadcast: dimensions must be equal or 1, counted from the last");
    result[lead + i] = x == 1 ? y : x;
  }
  return result;
}

}  // namespace roux
