// Clipping of gradients by their common norm.
#include "nn/clip_grad.h"

#include <cmath>

#include "tensor/ops.h"

namespace roux::nn {
namespace {

// What a gradient's numbers are: all, or those of its rows.
const Tensor& values_of(const Gradient& gradient) {
  return gradient.kind() == Gradient::Kind::rows ? gradient.rows().values : gradient.dense();
}

}  // namespace

double clip_grad_norm(const std::vector<Variable>& parameters, double max_norm) {
  ROUX_CHECK(max_norm >= 0, "clip_grad_norm", "max_norm must be at least 0, found ", max_norm);
  double sum = 0;
  for (const Variable& parameter : parameters) sum += parameter.gradient().squared_norm();
  const double norm = std::sqrt(sum);
  const double factor = max_norm / (norm + 1e-6);
  if (factor >= 1) return norm;
  for (Variable parameter : parameters)
    if (parameter.gradient().defined()) parameter.mutable_gradient().scale(factor);
  return norm;
}

void clip_gradients(const std::vector<Variable>& parameters, double max_norm) {
  std::vector<Variable> found;
  for (const Variable& parameter : parameters)
    if (parameter.gradient().defined()) found.push_back(parameter);
  if (found.empty() || found.front().device() == cpu) {
    clip_grad_norm(parameters, max_norm);
    return;
  }
  ROUX_CHECK(max_norm >= 0, "clip_grad_norm", "max_norm must be at least 0, found ", max_norm);
  Tensor sum_of_all;
  for (const Variable& parameter : found) {
    const Tensor squares = sum(square(values_of(parameter.gradient()).to(float64)));
    sum_of_all = sum_of_all.defined() ? sum_of_all + squares : squares;
  }
  const Tensor factor = clamp(max_norm / (sqrt(sum_of_all) + 1e-6), 0, 1);
  for (Variable& parameter : found) {
    Gradient& gradient = parameter.mutable_gradient();
    gradient.own_values();
    Tensor values = values_of(gradient);  // the same memory
    values.mul_(factor.to(values.dtype()));
  }
}

}  // namespace roux::nn
