// Conversions between any two element types: the same definitions for every backend.
#pragma once

#include <cstdint>
#include <limits>
#include <type_traits>

#include "tensor/host_device.h"
#include "tensor/view.h"

namespace roux::functions {

/// dispatch over all element types.
template <class F>
void dispatch_all(DType dtype, const char* operation, F&& f) {
  dispatch<float, double, int64_t, bool, int32_t, Float16, BFloat16>(dtype, operation, f);
}

/// Through float for the 16-bit floats, directly otherwise. As an integer, a fraction is cut, one that does not fit
/// becomes the nearest that does, and NaN becomes 0.
template <class Out, class In>
ROUX_HOST_DEVICE constexpr Out convert(In x) {
  if constexpr (std::is_same_v<Out, In>) {
    return x;
  } else if constexpr (std::is_same_v<In, Float16> || std::is_same_v<In, BFloat16>) {
    return convert<Out>(to_float(x));
  } else if constexpr (std::is_same_v<Out, Float16>) {
    return to_float16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<Out, BFloat16>) {
    return to_bfloat16(static_cast<float>(x));
  } else if constexpr (std::is_same_v<Out, bool>) {
    return x != In{0};
  } else if constexpr (std::is_floating_point_v<In> && std::is_integral_v<Out>) {
    constexpr auto low = static_cast<double>(std::numeric_limits<Out>::min());  // a power of two: exact
    const auto wide = static_cast<double>(x);
    if (!(wide >= low)) return wide != wide ? Out{0} : std::numeric_limits<Out>::min();
    return wide < -low ? static_cast<Out>(wide) : std::numeric_limits<Out>::max();
  } else {
    return static_cast<Out>(x);
  }
}

/// What a tensor of this type is filled with.
template <class Out>
Out convert_scalar(Scalar value) {
  return value.is_integral() ? convert<Out>(value.to_int64()) : convert<Out>(value.to_double());
}

/// `convert` as a function object.
template <class Out>
struct Convert {
  template <class In>
  ROUX_HOST_DEVICE constexpr Out operator()(In x) const {
    return convert<Out>(x);
  }
};

}  // namespace roux::functions
