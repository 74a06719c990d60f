// Masked pooling, composed of elementwise operations and reductions.
#include "nn/pooling.h"

#include <limits>

#include "autograd/ops.h"

namespace roux::nn {
namespace {

void check(const Variable& x, const Tensor& mask, const char* operation) {
  ROUX_CHECK(x.dim() == 3, operation, "found an input of shape ", x.shape(), ", expected (batch, length, dim)");
  ROUX_CHECK(mask.defined() && mask.dtype() == boolean, operation,
             "expected a boolean mask (hint: ne(ids, padding_idx) gives one)");
  ROUX_CHECK((mask.shape() == Shape{x.size(0), x.size(1)}), operation, "found a mask of shape ", mask.shape(),
             " beside an input of shape ", x.shape(), ", expected its first two dimensions");
}

// mask: (batch, length) -> ones and zeros of x's type, (batch, length, 1)
Tensor weights_of(const Tensor& mask, const Variable& x) { return mask.unsqueeze(-1).to(x.dtype()); }

}  // namespace

Variable masked_sum(const Variable& x, const Tensor& mask) {
  check(x, mask, "masked_sum");
  return sum(x * weights_of(mask, x), 1);
}

Variable masked_mean(const Variable& x, const Tensor& mask) {
  check(x, mask, "masked_mean");
  const Tensor weights = weights_of(mask, x);
  const Tensor counts = clamp(sum(weights, 1), 1, std::numeric_limits<double>::infinity());  // (batch, 1)
  return sum(x * weights, 1) / counts;
}

Variable masked_max(const Variable& x, const Tensor& mask) {
  check(x, mask, "masked_max");
  if (x.size(1) == 0) return sum(x, 1);
  const Tensor ignored = logical_not(mask).unsqueeze(-1);  // (batch, length, 1)
  const Variable largest = max(masked_fill(x, ignored, -std::numeric_limits<double>::infinity()), 1).values;
  return masked_fill(largest, all(ignored, 1), 0);
}

}  // namespace roux::nn
