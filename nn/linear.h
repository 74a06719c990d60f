// Linear: a fully connected layer.
#pragma once

#include "autograd/ops.h"
#include "nn/module.h"

namespace roux::nn {

/// Options of `Linear`.
struct LinearOptions {
  bool bias = true;  ///< whether a learned bias is added
  bool init = true;  ///< false: weight and bias are left as the memory is, for whoever sets them right afterwards
};

/// y = x W^T + b. x (..., in_features) -> (..., out_features). Weight and bias start uniform in
/// [-1/sqrt(in_features), 1/sqrt(in_features)), from the default generator.
class Linear : public Layer {
 public:
  /// Throws when a size is negative.
  Linear(int64_t in_features, int64_t out_features, LinearOptions options = {});
  /// x (..., in_features) -> (..., out_features).
  Variable forward(const Variable& x) override { return linear(x, weight, bias); }

  Variable weight;  ///< (out_features, in_features)
  Variable bias;    ///< (out_features), or undefined
};

}  // namespace roux::nn
