// Clipping of gradients by their common norm.
#include "nn/clip_grad.h"

#include <cmath>

namespace roux::nn {

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

}  // namespace roux::nn
