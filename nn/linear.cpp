// How a linear layer starts.
#include "nn/linear.h"

#include <cmath>

namespace roux::nn {

Linear::Linear(int64_t in_features, int64_t out_features, LinearOptions options) {
  ROUX_CHECK(in_features >= 0 && out_features >= 0, "Linear", "found sizes ", in_features, " and ", out_features,
             ", expected 0 or more");
  const double bound = in_features > 0 ? 1 / std::sqrt(static_cast<double>(in_features)) : 0;
  const auto uniform = [&](const Shape& shape) {
    return Variable(options.init ? Tensor::rand(shape).mul_(2 * bound).add_(-bound) : Tensor::empty(shape), true);
  };
  weight = uniform({out_features, in_features});
  add("weight", weight);
  if (!options.bias) return;
  bias = uniform({out_features});
  add("bias", bias);
}

}  // namespace roux::nn
