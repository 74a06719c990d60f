// Differentiable elementwise operations: the result, then what backward does with `g`, the gradient of the result.
// Operands of different shapes broadcast to the shape of the result; add_broadcast sums their gradients back.
#include "autograd/ops.h"

namespace roux {
namespace {

// A tensor that only the gradient of `receiver` needs.
Saved saved_for(const Variable& receiver, const Tensor& tensor, const char* what) {
  return saved(receiver.requires_grad() ? tensor : Tensor(), what);
}

// g where `mask` is true, 0 elsewhere.
Tensor keep(const Tensor& g, const Tensor& mask) { return where(mask, g, Tensor::scalar(0, g.dtype(), g.device())); }

// The part of g that goes to a in maximum(a, b), or with a and b exchanged in minimum: half of it where they are equal.
Tensor larger_share(const Tensor& g, const Tensor& a, const Tensor& b) {
  return masked_fill(where(eq(a, b), mul(g, 0.5), g), lt(a, b), 0);
}

// tanh, sigmoid and relu find their gradient in the result alone, by one kernel.
Variable record_from_result(const char* name, BinaryOp backward, const Variable& x, const Tensor& y) {
  return record(name, y, {x}, [backward, y = saved(y, "result")](const Tensor& g, GradSink& to) {
    if (to.wants(0)) to.add(0, elementwise_backward(backward, g, y));
  });
}

}  // namespace

// --- Two operands, broadcast. ---

Variable add(const Variable& a, const Variable& b) {
  return record("add", add(a.data_or_undefined(), b.data_or_undefined()), {a, b}, [](const Tensor& g, GradSink& to) {
    to.add_broadcast(0, g);
    to.add_broadcast(1, g);
  });
}

Variable sub(const Variable& a, const Variable& b) {
  return record("sub", sub(a.data_or_undefined(), b.data_or_undefined()), {a, b}, [](const Tensor& g, GradSink& to) {
    to.add_broadcast(0, g);
    if (to.wants(1)) to.add_broadcast(1, neg(g));
  });
}

Variable mul(const Variable& a, const Variable& b) {
  const Tensor x = a.data_or_undefined(), y = b.data_or_undefined();
  return record("mul", mul(x, y), {a, b},
                [x = saved_for(b, x, "input"), y = saved_for(a, y, "input")](const Tensor& g, GradSink& to) {
                  if (to.wants(0)) to.add_broadcast(0, g * y);
                  if (to.wants(1)) to.add_broadcast(1, g * x);
                });
}

// With q = a / b: d/da = 1 / b, d/db = -q / b.
Variable div(const Variable& a, const Variable& b) {
  const Tensor y = b.data_or_undefined();
  const Tensor quotient = div(a.data_or_undefined(), y);
  return record("div", quotient, {a, b},
                [y = saved(y, "input"), q = saved_for(b, quotient, "result")](const Tensor& g, GradSink& to) {
                  const Tensor scaled = g / y;
                  to.add_broadcast(0, scaled);
                  if (to.wants(1)) to.add_broadcast(1, neg(scaled * q));
                });
}

Variable pow(const Variable& a, const Variable& b) {
  const Tensor x = a.data_or_undefined(), exponent = b.data_or_undefined();
  const Tensor result = pow(x, exponent);
  return record("pow", result, {a, b},
                [x = saved(x, "input"), p = saved_for(a, exponent, "input"), y = saved_for(b, result, "result")](
                    const Tensor& g, GradSink& to) {
                  // p x^(p - 1), and 0 for p = 0 even at x = 0.
                  if (to.wants(0)) to.add_broadcast(0, masked_fill(g * p * pow(x, p - 1), eq(p, 0), 0));
                  if (to.wants(1)) to.add_broadcast(1, masked_fill(g * y * log(x), eq(x, 0), 0));
                });
}

Variable maximum(const Variable& a, const Variable& b) {
  const Tensor x = a.data_or_undefined(), y = b.data_or_undefined();
  return record("maximum", maximum(x, y), {a, b},
                [x = saved(x, "input"), y = saved(y, "input")](const Tensor& g, GradSink& to) {
                  if (to.wants(0)) to.add_broadcast(0, larger_share(g, x, y));
                  if (to.wants(1)) to.add_broadcast(1, larger_share(g, y, x));
                });
}

Variable minimum(const Variable& a, const Variable& b) {
  const Tensor x = a.data_or_undefined(), y = b.data_or_undefined();
  return record("minimum", minimum(x, y), {a, b},
                [x = saved(x, "input"), y = saved(y, "input")](const Tensor& g, GradSink& to) {
                  if (to.wants(0)) to.add_broadcast(0, larger_share(g, y, x));
                  if (to.wants(1)) to.add_broadcast(1, larger_share(g, x, y));
                });
}

// --- A number as operand. ---

Variable add(const Variable& a, Scalar b) {
  return record("add", add(a.data_or_undefined(), b), {a}, [](const Tensor& g, GradSink& to) { to.add(0, g); });
}

Variable sub(const Variable& a, Scalar b) {
  return record("sub", sub(a.data_or_undefined(), b), {a}, [](const Tensor& g, GradSink& to) { to.add(0, g); });
}

Variable sub(Scalar a, const Variable& b) {
  return record("sub", sub(a, b.data_or_undefined()), {b}, [](const Tensor& g, GradSink& to) { to.add(0, neg(g)); });
}

Variable mul(const Variable& a, Scalar b) {
  return record("mul", mul(a.data_or_undefined(), b), {a},
                [b](const Tensor& g, GradSink& to) { to.add(0, mul(g, b)); });
}

Variable div(const Variable& a, Scalar b) {
  return record("div", div(a.data_or_undefined(), b), {a},
                [b](const Tensor& g, GradSink& to) { to.add(0, div(g, b)); });
}

// With q = a / b: d/db = -q / b.
Variable div(Scalar a, const Variable& b) {
  const Tensor y = b.data_or_undefined();
  const Tensor quotient = div(a, y);
  return record("div", quotient, {b},
                [y = saved(y, "input"), q = saved(quotient, "result")](const Tensor& g, GradSink& to) {
                  to.add(0, neg(g * q / y));
                });
}

Variable pow(const Variable& a, Scalar b) {
  const Tensor x = a.data_or_undefined();
  const double p = b.to_double();
  return record("pow", pow(x, b), {a}, [p, x = saved(x, "input")](const Tensor& g, GradSink& to) {
    to.add(0, p == 0 ? Tensor::zeros(g.shape(), g.dtype(), g.device()) : g * mul(pow(x, p - 1), p));
  });
}

// --- Choices. ---

Variable where(const Tensor& condition, const Variable& a, const Variable& b) {
  return record("where", where(condition, a.data_or_undefined(), b.data_or_undefined()), {a, b},
                [condition = saved(condition, "condition")](const Tensor& g, GradSink& to) {
                  if (to.wants(0)) to.add_broadcast(0, keep(g, condition));
                  if (to.wants(1)) to.add_broadcast(1, masked_fill(g, condition, 0));
                });
}

Variable masked_fill(const Variable& x, const Tensor& mask, Scalar value) {
  return record("masked_fill", masked_fill(x.data_or_undefined(), mask, value), {x},
                [mask = saved(mask, "mask")](const Tensor& g, GradSink& to) { to.add(0, masked_fill(g, mask, 0)); });
}

Variable clamp(const Variable& x, double low, double high) {
  const Tensor input = x.data_or_undefined();
  return record("clamp", clamp(input, low, high), {x},
                [low, high, x = saved(input, "input")](const Tensor& g, GradSink& to) {
                  to.add(0, masked_fill(g, logical_or(le(x, low), ge(x, high)), 0));
                });
}

// --- One operand: (...) -> the same shape. ---

Variable neg(const Variable& x) {
  return record("neg", neg(x.data_or_undefined()), {x}, [](const Tensor& g, GradSink& to) { to.add(0, neg(g)); });
}

Variable abs(const Variable& x) {
  const Tensor input = x.data_or_undefined();
  return record("abs", abs(input), {x},
                [x = saved(input, "input")](const Tensor& g, GradSink& to) { to.add(0, g * sign(x)); });
}

Variable square(const Variable& x) {
  const Tensor input = x.data_or_undefined();
  return record("square", square(input), {x},
                [x = saved(input, "input")](const Tensor& g, GradSink& to) { to.add(0, g * mul(x, 2)); });
}

Variable sqrt(const Variable& x) {
  const Tensor y = sqrt(x.data_or_undefined());
  return record("sqrt", y, {x}, [y = saved(y, "result")](const Tensor& g, GradSink& to) { to.add(0, g / mul(y, 2)); });
}

// d/dx x^(-1/2) = -1/2 y^3.
Variable rsqrt(const Variable& x) {
  const Tensor y = rsqrt(x.data_or_undefined());
  return record("rsqrt", y, {x},
                [y = saved(y, "result")](const Tensor& g, GradSink& to) { to.add(0, mul(g * y * square(y), -0.5)); });
}

Variable reciprocal(const Variable& x) {
  const Tensor y = reciprocal(x.data_or_undefined());
  return record("reciprocal", y, {x},
                [y = saved(y, "result")](const Tensor& g, GradSink& to) { to.add(0, neg(g * square(y))); });
}

Variable exp(const Variable& x) {
  const Tensor y = exp(x.data_or_undefined());
  return record("exp", y, {x}, [y = saved(y, "result")](const Tensor& g, GradSink& to) { to.add(0, g * y); });
}

Variable log(const Variable& x) {
  const Tensor input = x.data_or_undefined();
  return record("log", log(input), {x},
                [x = saved(input, "input")](const Tensor& g, GradSink& to) { to.add(0, g / x); });
}

Variable tanh(const Variable& x) {
  return record_from_result("tanh", BinaryOp::tanh_backward, x, tanh(x.data_or_undefined()));
}

Variable sigmoid(const Variable& x) {
  return record_from_result("sigmoid", BinaryOp::sigmoid_backward, x, sigmoid(x.data_or_undefined()));
}

Variable relu(const Variable& x) {
  return record_from_result("relu", BinaryOp::relu_backward, x, relu(x.data_or_undefined()));
}

// d/dx erf(x) = 2 / sqrt(pi) exp(-x^2).
Variable erf(const Variable& x) {
  const Tensor input = x.data_or_undefined();
  return record("erf", erf(input), {x}, [x = saved(input, "input")](const Tensor& g, GradSink& to) {
    to.add(0, g * mul(exp(neg(square(x))), 1.1283791670955126));
  });
}

Variable gelu(const Variable& x, bool approximate) {
  const Tensor input = x.data_or_undefined();
  const BinaryOp backward = approximate ? BinaryOp::gelu_tanh_backward : BinaryOp::gelu_backward;
  return record("gelu", gelu(input, approximate), {x},
                [backward, x = saved(input, "input")](const Tensor& g, GradSink& to) {
                  to.add(0, elementwise_backward(backward, g, x));
                });
}

Variable softplus(const Variable& x) {
  const Tensor input = x.data_or_undefined();
  return record("softplus", softplus(input), {x},
                [x = saved(input, "input")](const Tensor& g, GradSink& to) { to.add(0, g * sigmoid(x)); });
}

}  // namespace roux
