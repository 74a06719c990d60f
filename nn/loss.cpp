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

Variable squared_hinge_loss(const Variable& scores, const Tensor& labels, const SquaredHingeOptions& options) {
  constexpr const char* operation = "squared_hinge_loss";
  ROUX_CHECK(scores.defined() && scores.dim() == 2, operation, "expected scores of shape (rows, classes)");
  const int64_t rows = scores.size(0), classes = scores.size(1);
  ROUX_CHECK(labels.defined() && labels.dtype() == int64 && labels.shape() == Shape{rows}, operation,
             "expected int64 labels of shape (", rows, ") beside scores of shape ", scores.shape());
  ROUX_CHECK(!options.weight.defined() || options.weight.shape() == Shape{classes}, operation, "the weight has shape ",
             options.weight.shape(), ", expected (", classes, ")");
  const Tensor kept = ne(labels, options.ignore_index);
  const Tensor present = mul(labels, kept.to(int64));  // ignored rows have class 0, which counts for nothing
  check_ids(present, classes, operation);
  Tensor weights = kept.to(scores.dtype());
  if (options.weight.defined()) weights = weights * index_select(options.weight.to(scores.dtype()), 0, present);
  const Tensor is_label = eq(present.unsqueeze(1), Tensor::arange(0, classes, 1, int64, labels.device()));
  const Variable margins = relu(1 - scores * (is_label.to(scores.dtype()) * 2 - 1));  // (rows, classes)
  const Variable losses = sum(square(margins), 1) * weights;
  return options.reduction == Reduction::mean ? sum(losses) / sum(weights) : reduce(losses, options.reduction);
}

Variable mse_loss(const Variable& prediction, const Variable& target, const MseOptions& options) {
  ROUX_CHECK(prediction.shape() == target.shape(), "mse_loss", "the prediction has shape ", prediction.shape(),
             ", the target ", target.shape(), ", expected the same (hint: squeeze or unsqueeze one of them)");
  return reduce(square(prediction - target), options.reduction);
}

}  // namespace roux::nn
