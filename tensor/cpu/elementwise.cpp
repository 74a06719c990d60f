// Elementwise functions of one and two arrays: one small function object for each code, one loop for all.
#include <cmath>
#include <limits>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/strided_loop.h"
#include "tensor/vector_math.h"

namespace roux::cpu_kernels {
namespace {

// Integer arithmetic wraps like the processor's; in C++ only unsigned numbers may.
template <class T, class F>
T wrapping(T a, T b, F f) {
  if constexpr (std::is_same_v<T, int64_t>)
    return static_cast<int64_t>(f(static_cast<uint64_t>(a), static_cast<uint64_t>(b)));
  else
    return static_cast<T>(f(a, b));
}

template <class T>
T normal_density(T x) {
  return T(0.3989422804014327) * vector_math::exp(T(-0.5) * x * x);
}

template <class T>
T normal_distribution(T x) {
  return T(0.5) * (T(1) + vector_math::erf(x * T(0.7071067811865476)));
}

// The inner function of the tanh form: tanh(sqrt(2 / pi) * (x + 0.044715 x^3)).
constexpr double gelu_scale = 0.7978845608028654, gelu_cubic = 0.044715;

template <class T>
T gelu_tanh(T x) {
  return T(0.5) * x * (T(1) + vector_math::tanh(T(gelu_scale) * (x + T(gelu_cubic) * x * x * x)));
}

template <class T>
T gelu_tanh_derivative(T x) {
  const T t = vector_math::tanh(T(gelu_scale) * (x + T(gelu_cubic) * x * x * x));
  return T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * T(gelu_scale) * (T(1) + T(3 * gelu_cubic) * x * x);
}

template <class T>
T softplus(T x) {
  const T magnitude = x < 0 ? -x : x;
  const T rest = vector_math::log(T(1) + vector_math::exp(-magnitude));
  return (x > 0 ? x : T(0)) + rest;
}

template <class T>
T clamp_value(T x, T low, T high) {
  const T raised = x < low ? low : x;
  return raised > high ? high : raised;
}

// Codes that only make sense for fractions.
template <class T>
void unary_floating(UnaryOp op, const View& out, const View& in) {
  switch (op) {
    case UnaryOp::sqrt: return map<T, T>(out, in, [](T x) { return std::sqrt(x); });
    case UnaryOp::rsqrt: return map<T, T>(out, in, [](T x) { return T(1) / std::sqrt(x); });
    case UnaryOp::reciprocal: return map<T, T>(out, in, [](T x) { return T(1) / x; });
    case UnaryOp::exp: return map<T, T>(out, in, [](T x) { return vector_math::exp(x); });
    case UnaryOp::log: return map<T, T>(out, in, [](T x) { return vector_math::log(x); });
    case UnaryOp::tanh: return map<T, T>(out, in, [](T x) { return vector_math::tanh(x); });
    case UnaryOp::sigmoid: return map<T, T>(out, in, [](T x) { return vector_math::sigmoid(x); });
    case UnaryOp::erf: return map<T, T>(out, in, [](T x) { return vector_math::erf(x); });
    case UnaryOp::gelu: return map<T, T>(out, in, [](T x) { return x * normal_distribution(x); });
    case UnaryOp::gelu_tanh: return map<T, T>(out, in, [](T x) { return gelu_tanh(x); });
    case UnaryOp::softplus: return map<T, T>(out, in, [](T x) { return softplus(x); });
    default: fail("unary", "unknown code ", static_cast<int>(op));
  }
}

template <class T>
void unary_any(UnaryOp op, const View& out, const View& in, double a, double b) {
  switch (op) {
    case UnaryOp::neg: return map<T, T>(out, in, [](T x) { return wrapping(T(0), x, std::minus<>()); });
    case UnaryOp::abs: return map<T, T>(out, in, [](T x) { return x < 0 ? wrapping(T(0), x, std::minus<>()) : x; });
    case UnaryOp::sign: return map<T, T>(out, in, [](T x) { return x != x ? x : T((x > 0) - (x < 0)); });
    case UnaryOp::square: return map<T, T>(out, in, [](T x) { return wrapping(x, x, std::multiplies<>()); });
    case UnaryOp::relu: return map<T, T>(out, in, [](T x) { return x < 0 ? T(0) : x; });
    case UnaryOp::clamp: {
      constexpr double lowest = static_cast<double>(std::numeric_limits<T>::lowest());
      const T low = std::is_integral_v<T> && a <= lowest ? std::numeric_limits<T>::lowest() : static_cast<T>(a);
      const T high = std::is_integral_v<T> && b >= -lowest ? std::numeric_limits<T>::max() : static_cast<T>(b);
      return map<T, T>(out, in, [low, high](T x) { return clamp_value(x, low, high); });
    }
    default: break;
  }
  if constexpr (std::is_floating_point_v<T>) unary_floating<T>(op, out, in);
}

template <class T>
bool less_or_nan(T a, T b) {
  return a < b || a != a;
}

template <class T, class Bind>
void comparison(BinaryOp op, Bind bind) {
  switch (op) {
    case BinaryOp::eq: return bind([](T a, T b) { return a == b; });
    case BinaryOp::ne: return bind([](T a, T b) { return a != b; });
    case BinaryOp::lt: return bind([](T a, T b) { return a < b; });
    case BinaryOp::le: return bind([](T a, T b) { return a <= b; });
    case BinaryOp::gt: return bind([](T a, T b) { return a > b; });
    case BinaryOp::ge: return bind([](T a, T b) { return a >= b; });
    case BinaryOp::logical_and: return bind([](T a, T b) { return a != T(0) && b != T(0); });
    case BinaryOp::logical_or: return bind([](T a, T b) { return a != T(0) || b != T(0); });
    default: fail("binary", "unknown code ", static_cast<int>(op));
  }
}

template <class T, class Bind>
void arithmetic_floating(BinaryOp op, Bind bind) {
  switch (op) {
    case BinaryOp::div: return bind([](T a, T b) { return a / b; });
    case BinaryOp::pow: return bind([](T a, T b) { return std::pow(a, b); });
    case BinaryOp::tanh_backward: return bind([](T g, T y) { return g * (T(1) - y * y); });
    case BinaryOp::sigmoid_backward: return bind([](T g, T y) { return g * y * (T(1) - y); });
    case BinaryOp::relu_backward: return bind([](T g, T y) { return y > 0 ? g : T(0); });
    case BinaryOp::gelu_backward:
      return bind([](T g, T x) { return g * (normal_distribution(x) + x * normal_density(x)); });
    case BinaryOp::gelu_tanh_backward: return bind([](T g, T x) { return g * gelu_tanh_derivative(x); });
    default: fail("binary", "unknown code ", static_cast<int>(op));
  }
}

template <class T, class Bind>
void arithmetic(BinaryOp op, Bind bind) {
  switch (op) {
    case BinaryOp::add: return bind([](T a, T b) { return wrapping(a, b, std::plus<>()); });
    case BinaryOp::sub: return bind([](T a, T b) { return wrapping(a, b, std::minus<>()); });
    case BinaryOp::mul: return bind([](T a, T b) { return wrapping(a, b, std::multiplies<>()); });
    case BinaryOp::maximum: return bind([](T a, T b) { return less_or_nan(b, a) && b == b ? a : (a != a ? a : b); });
    case BinaryOp::minimum: return bind([](T a, T b) { return less_or_nan(a, b) ? a : b; });
    default: break;
  }
  if constexpr (std::is_floating_point_v<T>) arithmetic_floating<T>(op, bind);
}

// Calls `bind` with the function of this code: the loop is written once for arrays and once for a number as operand.
template <class T, class Bind>
void choose(BinaryOp op, Bind bind) {
  if (gives_boolean(op))
    comparison<T>(op, bind);
  else
    arithmetic<T>(op, bind);
}

}  // namespace

void CpuBackend::unary(UnaryOp op, const View& out, const View& in, double a, double b) {
  dispatch_computing(in.dtype, "unary", [&](auto type) {
    using T = decltype(type);
    if (op == UnaryOp::logical_not) return map<bool, T>(out, in, [](T x) { return x == T(0); });
    if (op == UnaryOp::isnan) return map<bool, T>(out, in, [](T x) { return x != x; });
    if constexpr (!std::is_same_v<T, bool>) unary_any<T>(op, out, in, a, b);
  });
}

void CpuBackend::binary(BinaryOp op, const View& out, const View& a, const View& b) {
  dispatch_computing(a.dtype, "binary", [&](auto type) {
    using T = decltype(type);
    choose<T>(op, [&](auto f) {
      using Out = decltype(f(T{}, T{}));
      map<Out, T>(out, a, b, f);
    });
  });
}

void CpuBackend::binary_scalar(BinaryOp op, const View& out, const View& a, Scalar b, bool reversed) {
  dispatch_computing(a.dtype, "binary", [&](auto type) {
    using T = decltype(type);
    const T number = b.to<T>();
    choose<T>(op, [&](auto f) {
      using Out = decltype(f(T{}, T{}));
      if (reversed)
        map<Out, T>(out, a, [f, number](T x) { return f(number, x); });
      else
        map<Out, T>(out, a, [f, number](T x) { return f(x, number); });
    });
  });
}

}  // namespace roux::cpu_kernels
