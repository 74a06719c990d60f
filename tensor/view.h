// What kernels see of a tensor, and the codes by which one entry of the backend serves many operations.
#pragma once

#include <cstdint>

#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace roux {

/// A strided array as a kernel sees it: no ownership, no checks. Strides count elements and may be 0 (broadcast).
struct View {
  void* data = nullptr;          ///< the first element, on the tensor's device
  DType dtype = DType::float32;  ///< of the elements
  Shape shape;                   ///< of the array
  Strides strides;               ///< from one element to the next, along each dimension

  /// How many elements there are.
  int64_t numel() const { return shape.numel(); }
  /// The first element; T is not compared with `dtype`.
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

/// A number that keeps whether it was written as an integer: it decides the type of `tensor op number`.
class Scalar {
 public:
  /// Implicit, so that numbers can stand beside tensors.
  Scalar(double value) : value_(value), integer_(truncated(value)), integral_(false) {}
  Scalar(float value) : Scalar(static_cast<double>(value)) {}
  Scalar(int value) : Scalar(static_cast<int64_t>(value)) {}
  Scalar(int64_t value) : value_(static_cast<double>(value)), integer_(value), integral_(true) {}
  Scalar(bool value) : Scalar(static_cast<int64_t>(value)) {}

  /// Whether it was written as an integer or a bool.
  bool is_integral() const { return integral_; }
  /// The number as that type; towards zero, and NaN as 0, where that is an integer.
  double to_double() const { return value_; }
  int64_t to_int64() const { return integer_; }
  /// The same for the type T of a tensor's elements; of bool, whether it is not 0.
  template <class T>
  T to() const {
    if constexpr (dtype_of<T> == DType::boolean)
      return value_ != 0;
    else if constexpr (dtype_of<T> == DType::int64 || dtype_of<T> == DType::int32)
      return static_cast<T>(integer_);
    else
      return static_cast<T>(value_);
  }

 private:
  // Towards zero; NaN gives 0, what is out of range the nearest number that is in it.
  static int64_t truncated(double value) {
    if (value >= 0x1p63) return INT64_MAX;
    if (value <= -0x1p63) return INT64_MIN;
    return value != value ? 0 : static_cast<int64_t>(value);
  }

  double value_;
  int64_t integer_;
  bool integral_;
};

/// Elementwise functions of one tensor. `a` and `b` are the parameters of those that take any.
enum class UnaryOp : uint8_t {
  neg,
  abs,
  sign,
  square,
  sqrt,
  rsqrt,
  reciprocal,
  exp,
  log,
  tanh,
  sigmoid,
  relu,
  erf,
  gelu,       // x * Phi(x), Phi the normal distribution function (Hendrycks & Gimpel 2016)
  gelu_tanh,  // its tanh approximation
  softplus,   // log(1 + exp(x)), without overflow
  clamp,      // to [a, b]; NaN stays
  logical_not,
  isnan,
};

/// Elementwise functions of two tensors. Comparisons and logical ones write boolean. The `*_backward` ones take the
/// gradient first, then what the operation saved.
enum class BinaryOp : uint8_t {
  add,
  sub,
  mul,
  div,
  pow,
  maximum,
  minimum,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  logical_and,
  logical_or,
  tanh_backward,       // g * (1 - y^2), y = tanh(x)
  sigmoid_backward,    // g * y * (1 - y), y = sigmoid(x)
  relu_backward,       // g where y > 0, else 0
  gelu_backward,       // g * d/dx gelu(x)
  gelu_tanh_backward,  // g * d/dx gelu_tanh(x)
};

constexpr bool gives_boolean(BinaryOp op) { return op >= BinaryOp::eq && op <= BinaryOp::logical_or; }

enum class ReduceOp : uint8_t { sum, prod, amax, amin, any, all };

/// A contiguous array seen around one dimension: [outer][n][inner].
struct Along {
  int64_t outer = 1, n = 1, inner = 1;  ///< elements before the dimension, along it and behind it
};

/// How a bag of embedding rows becomes one row.
enum class Pooling : uint8_t { sum, mean, max };

/// `bags` rows out of `count` ids: bag i pools the table rows of ids [offsets[i], offsets[i + 1]), the last one the
/// rest.
struct BagShape {
  int64_t bags = 0, count = 0, rows = 0, dim = 0;  ///< bags and ids; the table is rows x dim
  Pooling mode = Pooling::mean;                    ///< sum, mean or max
  int64_t padding_idx = -1;                        ///< -1: none; its entries count for nothing
};

}  // namespace roux
