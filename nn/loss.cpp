// Losses that are composed of smaller operations.
#include "nn/loss.h"

namespace roux::nn {

Variable reduce(const Variable& losses, Reduction reduction) {
  switch (reduction) {
    case Reduction::mean: return mean(losses);
    case Reduction::sum: return sum(losses);
    case Reduction::none: break;
  }
  return losses;
}

namespace {

// Throws unless `factor`, where it is given, broadcasts to `shape`.
void check_factor(const Tensor& factor, const Shape& shape, const char* name) {
  if (!factor.defined()) return;
  ROUX_CHECK(broadcast_shapes(factor.shape(), shape, "binary_cross_entropy_with_logits") == shape,
             "binary_cross_entropy_with_logits", name, " has shape ", factor.shape(), ", which does not broadcast to ",
             shape);
}

}  // namespace

// With softplus(-x) = -log sigmoid(x) and 1 - sigmoid(x) = sigmoid(x) * exp(-x):
//   loss = (1 - y) x + (1 + (pos_weight - 1) y) softplus(-x)
Variable binary_cross_entropy_with_logits(const Variable& logits, const Tensor& targets,
                                          const BinaryCrossEntropyOptions& options) {
  ROUX_CHECK(logits.defined() && targets.defined(), "binary_cross_entropy_with_logits", "an operand is undefined");
  ROUX_CHECK(targets.shape() == logits.shape(), "binary_cross_entropy_with_logits", "targets have shape ",
             targets.shape(), ", expected ", logits.shape(), " like the logits");
  check_factor(options.weight, logits.shape(), "weight");
  check_factor(options.pos_weight, logits.shape(), "pos_weight");
  const Tensor y = targets.to(logits.dtype());
  const Variable log_part = softplus(-logits);
  const Variable positive =
      options.pos_weight.defined() ? log_part * (1 + (options.pos_weight.to(logits.dtype()) - 1) * y) : log_part;
  Variable losses = logits * (1 - y) + positive;
  if (options.weight.defined()) losses = losses * options.weight.to(logits.dtype());
  return reduce(losses, options.reduction);
}

Variable mse_loss(const Variable& prediction, const Variable& target, const MseOptions& options) {
  ROUX_CHECK(prediction.shape() == target.shape(), "mse_loss", "the prediction has shape ", prediction.shape(),
             ", the target ", target.shape(), ", expected the same (hint: squeeze or unsqueeze one of them)");
  return reduce(square(prediction - target), options.reduction);
}

}  // namespace roux::nn
