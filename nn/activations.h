// Activation functions as layers, for Sequential; elsewhere call the functions of autograd/ops.h. Any shape.
#pragma once

#include "autograd/ops.h"
#include "nn/module.h"

namespace roux::nn {

/// max(x, 0).
class ReLU : public Layer {
 public:
  /// x of any shape -> the same shape.
  Variable forward(const Variable& x) override { return relu(x); }
};

/// The hyperbolic tangent of every entry.
class Tanh : public Layer {
 public:
  /// x of any shape -> the same shape.
  Variable forward(const Variable& x) override { return tanh(x); }
};

/// 1 / (1 + exp(-x)).
class Sigmoid : public Layer {
 public:
  /// x of any shape -> the same shape.
  Variable forward(const Variable& x) override { return sigmoid(x); }
};

/// How GELU computes the normal distribution function: exactly, by erf, or by the tanh approximation.
enum class Approximate : uint8_t { none, tanh };

/// x * Phi(x), Phi the normal distribution function (Hendrycks & Gimpel 2016).
class GELU : public Layer {
 public:
  /// `tanh` computes Hendrycks and Gimpel's approximation.
  explicit GELU(Approximate approximate = Approximate::none) : approximate_(approximate) {}
  /// x of any shape -> the same shape.
  Variable forward(const Variable& x) override { return gelu(x, approximate_ == Approximate::tanh); }

 private:
  Approximate approximate_;
};

}  // namespace roux::nn
