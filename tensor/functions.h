// The elementwise functions of one and two numbers, one function object for each code: the same definitions for every
// backend. `choose_unary` and `choose_binary` turn a run-time code into one of them.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <type_traits>

#include "tensor/host_device.h"
#include "tensor/vector_math.h"
#include "tensor/view.h"

namespace roux::functions {

// ---- Numbers. -------------------------------------------------------------------------------------------------------

/// Integer arithmetic wraps like the processor's; in C++ only unsigned numbers may.
template <class T, class F>
ROUX_HOST_DEVICE constexpr T wrapping(T a, T b, F f) {
  if constexpr (std::is_same_v<T, int64_t>)
    return static_cast<int64_t>(f(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
  else
    return static_cast<T>(f(a, b));
}

template <class T>
ROUX_HOST_DEVICE T normal_density(T x) {
  return T(0.3989422804014327) * vector_math::exp(T(-0.5) * x * x);
}

template <class T>
ROUX_HOST_DEVICE T normal_distribution(T x) {
  return T(0.5) * (T(1) + vector_math::erf(x * T(0.7071067811865476)));
}

// The inner function of the tanh form of gelu: tanh(sqrt(2 / pi) * (x + 0.044715 x^3)).
inline constexpr double gelu_scale = 0.7978845608028654, gelu_cubic = 0.044715;

template <class T>
ROUX_HOST_DEVICE constexpr bool less_or_nan(T a, T b) {
  return a < b || a != a;
}

// ---- Functions of one number. ---------------------------------------------------------------------------------------

template <class T>
struct Negative {
  ROUX_HOST_DEVICE constexpr T operator()(T x) const { return wrapping(T(0), x, std::minus<>()); }
};

template <class T>
struct Absolute {
  // Not x < 0: of -0.0 it is 0.0.
  ROUX_HOST_DEVICE constexpr T operator()(T x) const { return x <= 0 ? wrapping(T(0), x, std::minus<>()) : x; }
};

template <class T>
struct Sign {
  ROUX_HOST_DEVICE constexpr T operator()(T x) const { return x != x ? x : T((x > 0) - (x < 0)); }
};

template <class T>
struct Square {
  ROUX_HOST_DEVICE constexpr T operator()(T x) const { return wrapping(x, x, std::multiplies<>()); }
};

template <class T>
struct Relu {
  ROUX_HOST_DEVICE constexpr T operator()(T x) const { return x < 0 ? T(0) : x; }
};

template <class T>
struct LogicalNot {
  ROUX_HOST_DEVICE constexpr bool operator()(T x) const { return x == T(0); }
};

template <class T>
struct IsNan {
  ROUX_HOST_DEVICE constexpr bool operator()(T x) const { return x != x; }
};

/// To [low, high]; NaN stays.
template <class T>
struct Clamp {
  T low, high;

  /// An integer's bounds are at most its least and its largest number.
  Clamp(double a, double b) {
    constexpr double lowest = static_cast<double>(std::numeric_limits<T>::lowest());
    low = std::is_integral_v<T> && a <= lowest ? std::numeric_limits<T>::lowest() : static_cast<T>(a);
    high = std::is_integral_v<T> && b >= -lowest ? std::numeric_limits<T>::max() : static_cast<T>(b);
  }
  ROUX_HOST_DEVICE constexpr T operator()(T x) const {
    const T raised = x < low ? low : x;
    return raised > high ? high : raised;
  }
};

template <class T>
struct SquareRoot {
  ROUX_HOST_DEVICE T operator()(T x) const { return std::sqrt(x); }
};

template <class T>
struct ReciprocalSquareRoot {
  ROUX_HOST_DEVICE T operator()(T x) const { return T(1) / std::sqrt(x); }
};

template <class T>
struct Reciprocal {
  ROUX_HOST_DEVICE constexpr T operator()(T x) const { return T(1) / x; }
};

template <class T>
struct Exp {
  ROUX_HOST_DEVICE T operator()(T x) const { return vector_math::exp(x); }
};

template <class T>
struct Log {
  ROUX_HOST_DEVICE T operator()(T x) const { return vector_math::log(x); }
};

template <class T>
struct Tanh {
  ROUX_HOST_DEVICE T operator()(T x) const { return vector_math::tanh(x); }
};

template <class T>
struct Sigmoid {
  ROUX_HOST_DEVICE T operator()(T x) const { return vector_math::sigmoid(x); }
};

template <class T>
struct Erf {
  ROUX_HOST_DEVICE T operator()(T x) const { return vector_math::erf(x); }
};

template <class T>
struct Gelu {
  ROUX_HOST_DEVICE T operator()(T x) const { return x * normal_distribution(x); }
};

template <class T>
struct GeluTanh {
  ROUX_HOST_DEVICE T operator()(T x) const {
    return T(0.5) * x * (T(1) + vector_math::tanh(T(gelu_scale) * (x + T(gelu_cubic) * x * x * x)));
  }
};

template <class T>
struct Softplus {
  ROUX_HOST_DEVICE T operator()(T x) const {
    const T magnitude = x < 0 ? -x : x;
    const T rest = vector_math::log(T(1) + vector_math::exp(-magnitude));
    return (x > 0 ? x : T(0)) + rest;
  }
};

// ---- Functions of two numbers. --------------------------------------------------------------------------------------

template <class T>
struct Add {
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const { return wrapping(a, b, std::plus<>()); }
};

template <class T>
struct Subtract {
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const { return wrapping(a, b, std::minus<>()); }
};

template <class T>
struct Multiply {
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const { return wrapping(a, b, std::multiplies<>()); }
};

template <class T>
struct Maximum {
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const { return less_or_nan(b, a) && b == b ? a : (a != a ? a : b); }
};

template <class T>
struct Minimum {
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const { return less_or_nan(a, b) ? a : b; }
};

template <class T>
struct Divide {
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const { return a / b; }
};

template <class T>
struct Power {
  ROUX_HOST_DEVICE T operator()(T a, T b) const { return std::pow(a, b); }
};

template <class T>
struct Equal {
  ROUX_HOST_DEVICE constexpr bool operator()(T a, T b) const { return a == b; }
};

template <class T>
struct NotEqual {
  ROUX_HOST_DEVICE constexpr bool operator()(T a, T b) const { return a != b; }
};

template <class T>
struct Less {
  ROUX_HOST_DEVICE constexpr bool operator()(T a, T b) const { return a < b; }
};

template <class T>
struct LessEqual {
  ROUX_HOST_DEVICE constexpr bool operator()(T a, T b) const { return a <= b; }
};

template <class T>
struct Greater {
  ROUX_HOST_DEVICE constexpr bool operator()(T a, T b) const { return a > b; }
};

template <class T>
struct GreaterEqual {
  ROUX_HOST_DEVICE constexpr bool operator()(T a, T b) const { return a >= b; }
};

template <class T>
struct LogicalAnd {
  ROUX_HOST_DEVICE constexpr bool operator()(T a, T b) const { return a != T(0) && b != T(0); }
};

template <class T>
struct LogicalOr {
  ROUX_HOST_DEVICE constexpr bool operator()(T a, T b) const { return a != T(0) || b != T(0); }
};

// Gradients: of g, the gradient of the result, and of what the operation saved, its result y or its operand x.

template <class T>
struct TanhBackward {
  ROUX_HOST_DEVICE constexpr T operator()(T g, T y) const { return g * (T(1) - y * y); }
};

template <class T>
struct SigmoidBackward {
  ROUX_HOST_DEVICE constexpr T operator()(T g, T y) const { return g * y * (T(1) - y); }
};

template <class T>
struct ReluBackward {
  ROUX_HOST_DEVICE constexpr T operator()(T g, T y) const { return y > 0 ? g : T(0); }
};

template <class T>
struct GeluBackward {
  ROUX_HOST_DEVICE T operator()(T g, T x) const { return g * (normal_distribution(x) + x * normal_density(x)); }
};

template <class T>
struct GeluTanhBackward {
  ROUX_HOST_DEVICE T operator()(T g, T x) const {
    const T t = vector_math::tanh(T(gelu_scale) * (x + T(gelu_cubic) * x * x * x));
    const T derivative =
        T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * T(gelu_scale) * (T(1) + T(3 * gelu_cubic) * x * x);
    return g * derivative;
  }
};

/// a + alpha * b.
template <class T>
struct AddScaled {
  T alpha;
  ROUX_HOST_DEVICE constexpr T operator()(T a, T b) const {
    return wrapping(a, wrapping(alpha, b, std::multiplies<>()), std::plus<>());
  }
};

// ---- From a code to its function. -----------------------------------------------------------------------------------

namespace detail {

// Codes that only make sense for fractions.
template <class T, class Bind>
void choose_unary_floating(UnaryOp op, Bind bind) {
  switch (op) {
    case UnaryOp::sqrt: return bind(SquareRoot<T>{});
    case UnaryOp::rsqrt: return bind(ReciprocalSquareRoot<T>{});
    case UnaryOp::reciprocal: return bind(Reciprocal<T>{});
    case UnaryOp::exp: return bind(Exp<T>{});
    case UnaryOp::log: return bind(Log<T>{});
    case UnaryOp::tanh: return bind(Tanh<T>{});
    case UnaryOp::sigmoid: return bind(Sigmoid<T>{});
    case UnaryOp::erf: return bind(Erf<T>{});
    case UnaryOp::gelu: return bind(Gelu<T>{});
    case UnaryOp::gelu_tanh: return bind(GeluTanh<T>{});
    case UnaryOp::softplus: return bind(Softplus<T>{});
    default: fail("unary", "unknown code ", static_cast<int>(op));
  }
}

template <class T, class Bind>
void choose_unary_number(UnaryOp op, double a, double b, Bind bind) {
  switch (op) {
    case UnaryOp::neg: return bind(Negative<T>{});
    case UnaryOp::abs: return bind(Absolute<T>{});
    case UnaryOp::sign: return bind(Sign<T>{});
    case UnaryOp::square: return bind(Square<T>{});
    case UnaryOp::relu: return bind(Relu<T>{});
    case UnaryOp::clamp: return bind(Clamp<T>(a, b));
    default: break;
  }
  if constexpr (std::is_floating_point_v<T>) choose_unary_floating<T>(op, bind);
}

template <class T, class Bind>
void choose_comparison(BinaryOp op, Bind bind) {
  switch (op) {
    case BinaryOp::eq: return bind(Equal<T>{});
    case BinaryOp::ne: return bind(NotEqual<T>{});
    case BinaryOp::lt: return bind(Less<T>{});
    case BinaryOp::le: return bind(LessEqual<T>{});
    case BinaryOp::gt: return bind(Greater<T>{});
    case BinaryOp::ge: return bind(GreaterEqual<T>{});
    case BinaryOp::logical_and: return bind(LogicalAnd<T>{});
    case BinaryOp::logical_or: return bind(LogicalOr<T>{});
    default: fail("binary", "unknown code ", static_cast<int>(op));
  }
}

template <class T, class Bind>
void choose_arithmetic_floating(BinaryOp op, Bind bind) {
  switch (op) {
    case BinaryOp::div: return bind(Divide<T>{});
    case BinaryOp::pow: return bind(Power<T>{});
    case BinaryOp::tanh_backward: return bind(TanhBackward<T>{});
    case BinaryOp::sigmoid_backward: return bind(SigmoidBackward<T>{});
    case BinaryOp::relu_backward: return bind(ReluBackward<T>{});
    case BinaryOp::gelu_backward: return bind(GeluBackward<T>{});
    case BinaryOp::gelu_tanh_backward: return bind(GeluTanhBackward<T>{});
    default: fail("binary", "unknown code ", static_cast<int>(op));
  }
}

template <class T, class Bind>
void choose_arithmetic(BinaryOp op, Bind bind) {
  switch (op) {
    case BinaryOp::add: return bind(Add<T>{});
    case BinaryOp::sub: return bind(Subtract<T>{});
    case BinaryOp::mul: return bind(Multiply<T>{});
    case BinaryOp::maximum: return bind(Maximum<T>{});
    case BinaryOp::minimum: return bind(Minimum<T>{});
    default: break;
  }
  if constexpr (std::is_floating_point_v<T>) choose_arithmetic_floating<T>(op, bind);
}

}  // namespace detail

/// Calls `bind` with the function of this code for numbers of type T; `a` and `b` are the parameters of those that take
/// any.
template <class T, class Bind>
void choose_unary(UnaryOp op, double a, double b, Bind bind) {
  if (op == UnaryOp::logical_not) return bind(LogicalNot<T>{});
  if (op == UnaryOp::isnan) return bind(IsNan<T>{});
  if constexpr (!std::is_same_v<T, bool>) detail::choose_unary_number<T>(op, a, b, bind);
}

/// Calls `bind` with the function of this code for two numbers of type T.
template <class T, class Bind>
void choose_binary(BinaryOp op, Bind bind) {
  if (gives_boolean(op))
    detail::choose_comparison<T>(op, bind);
  else
    detail::choose_arithmetic<T>(op, bind);
}

}  // namespace roux::functions
