// Losses: what training makes small. Each gives a scalar, or with Reduction::none one loss an entry.
//
// How to add one: see nn/README.md.
#pragma once

#include "autograd/ops.h"

namespace roux::nn {

using roux::Reduction;

/// Options of `cross_entropy`, with PyTorch's names and defaults.
struct CrossEntropyOptions {
  Tensor weight = {};           ///< (classes), or undefined: all 1
  int64_t ignore_index = -100;  ///< rows with this label count for nothing
  double label_smoothing = 0;   ///< share of the target that is spread over all classes, 0 to 1 (Szegedy et al. 2016)
  Reduction reduction = Reduction::mean;  ///< mean: over the sum of the rows' weights; NaN when all rows are ignored
};

/// -log softmax(logits)[label]. logits (rows, classes); labels int64 (rows), or probabilities (rows, classes) of the
/// logits' type, for which the mean is over rows. Result () or (rows).
inline Variable cross_entropy(const Variable& logits, const Tensor& labels, const CrossEntropyOptions& options = {}) {
  return roux::cross_entropy(
      logits, labels,
      {.weight = options.weight, .ignore_index = options.ignore_index, .label_smoothing = options.label_smoothing},
      options.reduction);
}

/// Options of `binary_cross_entropy_with_logits`.
struct BinaryCrossEntropyOptions {
  Tensor weight = {};                     ///< multiplies the losses; broadcast to them
  Tensor pos_weight = {};                 ///< multiplies the loss of positive targets; broadcast: (classes), say
  Reduction reduction = Reduction::mean;  ///< of the losses of all entries to the result
};

/// -(y log sigmoid(x) + (1 - y) log(1 - sigmoid(x))), computed so that no logit overflows. logits x of any shape;
/// targets y of the same shape, probabilities or 0 and 1 of any type.
Variable binary_cross_entropy_with_logits(const Variable& logits, const Tensor& targets,
                                          const BinaryCrossEntropyOptions& options = {});

/// Options of `mse_loss`.
struct MseOptions {
  Reduction reduction = Reduction::mean;  ///< of the losses of all entries to the result
};

/// The mean or the sum of all losses, a scalar, or the losses as they are: what a loss of one's own ends with.
Variable reduce(const Variable& losses, Reduction reduction);

/// Options of `squared_hinge_loss`.
struct SquaredHingeOptions {
  Tensor weight = {};                     ///< (classes), or undefined: all 1
  int64_t ignore_index = -100;            ///< rows with this label count for nothing
  Reduction reduction = Reduction::mean;  ///< mean: over the sum of the rows' weights; NaN when all rows are ignored
};

/// Each class against the others, by a margin: the sum over classes c of max(0, 1 - t_c * scores[c])^2, t_c being 1 for
/// the label and -1 for all others (the L2 loss of linear support vector machines: Fan et al. 2008, LIBLINEAR). scores
/// (rows, classes); labels int64 (rows). Result () or (rows).
Variable squared_hinge_loss(const Variable& scores, const Tensor& labels, const SquaredHingeOptions& options = {});

/// (prediction - target)^2; both of one shape: nothing is broadcast.
Variable mse_loss(const Variable& prediction, const Variable& target, const MseOptions& options = {});

}  // namespace roux::nn
