// Elementwise operations: promotion of types, broadcasting, the choice of a kernel's code.
#include <cmath>

#include "tensor/backend.h"
#include "tensor/operands.h"
#include "tensor/ops.h"

namespace roux {
namespace {

// The type both are computed in. Fractions are needed by division and powers.
DType common_type(DType a, DType b, BinaryOp op) {
  const DType type = promote(a, b);
  return (op == BinaryOp::div || op == BinaryOp::pow) && !is_floating(type) ? float32 : type;
}

// int32 and the 16-bit floats are for storage; arithmetic on booleans counts in int64.
void check_computing(DType type, const char* operation) {
  ROUX_CHECK(type == float32 || type == float64 || type == int64 || type == boolean, operation,
             "does not compute with ", type, " tensors (hint: convert with to(dtype))");
}

DType operand_type(DType type, BinaryOp op) { return type == boolean && !gives_boolean(op) ? int64 : type; }

Tensor binary(BinaryOp op, const Tensor& a, const Tensor& b, const char* operation) {
  check_defined(a, operation, "the first operand");
  check_defined(b, operation, "the second operand");
  check_same_device(a, b, operation, "the second operand");
  const DType type = operand_type(common_type(a.dtype(), b.dtype(), op), op);
  check_computing(type, operation);
  const Shape shape = broadcast_shapes(a.shape(), b.shape(), operation);
  const Tensor x = a.to(type), y = b.to(type);
  Tensor result = Tensor::empty(shape, gives_boolean(op) ? boolean : type, a.device());
  backend(a.device()).binary(op, result.view(), x.expand(shape).view(), y.expand(shape).view());
  return result;
}

Tensor binary(BinaryOp op, const Tensor& a, Scalar b, bool reversed, const char* operation) {
  check_defined(a, operation);
  const DType type = operand_type(common_type(a.dtype(), b.is_integral() ? boolean : DType::float16, op), op);
  // A fraction beside integers makes float32, never one of the 16-bit types.
  const DType computing = type == DType::float16 && !is_floating(a.dtype()) ? float32 : type;
  check_computing(computing, operation);
  const Tensor x = a.to(computing);
  Tensor result = Tensor::empty(a.shape(), gives_boolean(op) ? boolean : computing, a.device());
  backend(a.device()).binary_scalar(op, result.view(), x.view(), b, reversed);
  return result;
}

Tensor unary(UnaryOp op, const Tensor& x, const char* operation, double a = 0, double b = 0) {
  check_defined(x, operation);
  check_computing(x.dtype(), operation);
  Tensor result = Tensor::empty(x.shape(), x.dtype(), x.device());
  backend(x.device()).unary(op, result.view(), x.view(), a, b);
  return result;
}

// Of booleans as of 0 and 1.
Tensor unary_number(UnaryOp op, const Tensor& x, const char* operation, double a = 0, double b = 0) {
  check_defined(x, operation);
  return unary(op, x.dtype() == boolean ? x.to(int64) : x, operation, a, b);
}

Tensor unary_floating(UnaryOp op, const Tensor& x, const char* operation) {
  check_defined(x, operation);
  return unary(op, is_floating(x.dtype()) ? x : x.to(float32), operation);
}

Tensor predicate(UnaryOp op, const Tensor& x, const char* operation) {
  check_defined(x, operation);
  check_computing(x.dtype(), operation);
  Tensor result = Tensor::empty(x.shape(), boolean, x.device());
  backend(x.device()).unary(op, result.view(), x.view(), 0, 0);
  return result;
}

}  // namespace

Tensor add(const Tensor& a, const Tensor& b) { return binary(BinaryOp::add, a, b, "add"); }
Tensor sub(const Tensor& a, const Tensor& b) { return binary(BinaryOp::sub, a, b, "sub"); }
Tensor mul(const Tensor& a, const Tensor& b) { return binary(BinaryOp::mul, a, b, "mul"); }
Tensor div(const Tensor& a, const Tensor& b) { return binary(BinaryOp::div, a, b, "div"); }
Tensor pow(const Tensor& a, const Tensor& b) { return binary(BinaryOp::pow, a, b, "pow"); }
Tensor maximum(const Tensor& a, const Tensor& b) { return binary(BinaryOp::maximum, a, b, "maximum"); }
Tensor minimum(const Tensor& a, const Tensor& b) { return binary(BinaryOp::minimum, a, b, "minimum"); }

Tensor add(const Tensor& a, Scalar b) { return binary(BinaryOp::add, a, b, false, "add"); }
Tensor sub(const Tensor& a, Scalar b) { return binary(BinaryOp::sub, a, b, false, "sub"); }
Tensor sub(Scalar a, const Tensor& b) { return binary(BinaryOp::sub, b, a, true, "sub"); }
Tensor mul(const Tensor& a, Scalar b) { return binary(BinaryOp::mul, a, b, false, "mul"); }
Tensor div(const Tensor& a, Scalar b) { return binary(BinaryOp::div, a, b, false, "div"); }
Tensor div(Scalar a, const Tensor& b) { return binary(BinaryOp::div, b, a, true, "div"); }
Tensor pow(const Tensor& a, Scalar b) { return binary(BinaryOp::pow, a, b, false, "pow"); }

Tensor eq(const Tensor& a, const Tensor& b) { return binary(BinaryOp::eq, a, b, "eq"); }
Tensor ne(const Tensor& a, const Tensor& b) { return binary(BinaryOp::ne, a, b, "ne"); }
Tensor lt(const Tensor& a, const Tensor& b) { return binary(BinaryOp::lt, a, b, "lt"); }
Tensor le(const Tensor& a, const Tensor& b) { return binary(BinaryOp::le, a, b, "le"); }
Tensor gt(const Tensor& a, const Tensor& b) { return binary(BinaryOp::gt, a, b, "gt"); }
Tensor ge(const Tensor& a, const Tensor& b) { return binary(BinaryOp::ge, a, b, "ge"); }
Tensor eq(const Tensor& a, Scalar b) { return binary(BinaryOp::eq, a, b, false, "eq"); }
Tensor ne(const Tensor& a, Scalar b) { return binary(BinaryOp::ne, a, b, false, "ne"); }
Tensor lt(const Tensor& a, Scalar b) { return binary(BinaryOp::lt, a, b, false, "lt"); }
Tensor le(const Tensor& a, Scalar b) { return binary(BinaryOp::le, a, b, false, "le"); }
Tensor gt(const Tensor& a, Scalar b) { return binary(BinaryOp::gt, a, b, false, "gt"); }
Tensor ge(const Tensor& a, Scalar b) { return binary(BinaryOp::ge, a, b, false, "ge"); }
Tensor logical_and(const Tensor& a, const Tensor& b) { return binary(BinaryOp::logical_and, a, b, "logical_and"); }
Tensor logical_or(const Tensor& a, const Tensor& b) { return binary(BinaryOp::logical_or, a, b, "logical_or"); }
Tensor logical_not(const Tensor& x) { return predicate(UnaryOp::logical_not, x, "logical_not"); }
Tensor isnan(const Tensor& x) { return predicate(UnaryOp::isnan, x, "isnan"); }

Tensor neg(const Tensor& x) { return unary_number(UnaryOp::neg, x, "neg"); }
Tensor abs(const Tensor& x) { return unary_number(UnaryOp::abs, x, "abs"); }
Tensor sign(const Tensor& x) { return unary_number(UnaryOp::sign, x, "sign"); }
Tensor square(const Tensor& x) { return unary_number(UnaryOp::square, x, "square"); }
Tensor relu(const Tensor& x) { return unary_number(UnaryOp::relu, x, "relu"); }
Tensor sqrt(const Tensor& x) { return unary_floating(UnaryOp::sqrt, x, "sqrt"); }
Tensor rsqrt(const Tensor& x) { return unary_floating(UnaryOp::rsqrt, x, "rsqrt"); }
Tensor reciprocal(const Tensor& x) { return unary_floating(UnaryOp::reciprocal, x, "reciprocal"); }
Tensor exp(const Tensor& x) { return unary_floating(UnaryOp::exp, x, "exp"); }
Tensor log(const Tensor& x) { return unary_floating(UnaryOp::log, x, "log"); }
Tensor tanh(const Tensor& x) { return unary_floating(UnaryOp::tanh, x, "tanh"); }
Tensor sigmoid(const Tensor& x) { return unary_floating(UnaryOp::sigmoid, x, "sigmoid"); }
Tensor erf(const Tensor& x) { return unary_floating(UnaryOp::erf, x, "erf"); }
Tensor softplus(const Tensor& x) { return unary_floating(UnaryOp::softplus, x, "softplus"); }
Tensor gelu(const Tensor& x, bool approximate) {
  return unary_floating(approximate ? UnaryOp::gelu_tanh : UnaryOp::gelu, x, "gelu");
}

Tensor clamp(const Tensor& x, double low, double high) {
  ROUX_CHECK(low <= high, "clamp", "low ", low, " must not exceed high ", high);
  return unary_number(UnaryOp::clamp, x, "clamp", low, high);
}

Tensor elementwise_backward(BinaryOp op, const Tensor& grad, const Tensor& saved) {
  return binary(op, grad, saved, "elementwise_backward");
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  check_defined(condition, "where", "the condition");
  check_defined(a, "where", "the first choice");
  check_defined(b, "where", "the second choice");
  check_same_device(condition, a, "where", "the first choice");
  check_same_device(condition, b, "where", "the second choice");
  ROUX_CHECK(condition.dtype() == boolean, "where", "the condition must be bool, found ", condition.dtype());
  const DType type = promote(a.dtype(), b.dtype());
  check_computing(type, "where");
  const Shape shape = broadcast_shapes(condition.shape(), broadcast_shapes(a.shape(), b.shape(), "where"), "where");
  const Tensor x = a.to(type), y = b.to(type);
  Tensor result = Tensor::empty(shape, type, a.device());
  backend(a.device())
      .where(result.view(), condition.expand(shape).view(), x.expand(shape).view(), y.expand(shape).view());
  return result;
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, Scalar value) {
  check_defined(x, "masked_fill");
  check_defined(mask, "masked_fill", "the mask");
  check_same_device(x, mask, "masked_fill", "the mask");
  check_computing(x.dtype(), "masked_fill");
  ROUX_CHECK(mask.dtype() == boolean, "masked_fill", "the mask must be bool, found ", mask.dtype());
  ROUX_CHECK(broadcast_shapes(x.shape(), mask.shape(), "masked_fill") == x.shape(), "masked_fill", "mask ",
             mask.shape(), " does not broadcast to ", x.shape());
  return where(mask, Tensor::scalar(value, x.dtype(), x.device()), x);
}

}  // namespace roux
