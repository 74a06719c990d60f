// LayerNorm: normalisation of each row by its own mean and variance (Ba et al. 2016).
#pragma once

#include "autograd/ops.h"
#include "nn/module.h"

namespace roux::nn {

/// Options of `LayerNorm`.
struct LayerNormOptions {
  double eps = 1e-5;               ///< added to the variance
  bool elementwise_affine = true;  ///< whether a learned weight (ones at the start) multiplies the result
  bool bias = true;                ///< whether a learned bias (zeros at the start) is added; only beside the weight
};

/// (x - mean) / sqrt(variance + eps) * weight + bias over the last dimension. x (..., size) -> the same shape.
class LayerNorm : public Layer {
 public:
  /// Throws when `size` is less than 1, or eps negative.
  explicit LayerNorm(int64_t size, const LayerNormOptions& options = {}) : size_(size), eps_(options.eps) {
    ROUX_CHECK(size >= 1, "LayerNorm", "the size is ", size, ", expected 1 or more");
    ROUX_CHECK(eps_ >= 0, "LayerNorm", "eps is ", eps_, ", expected 0 or more");
    if (!options.elementwise_affine) return;
    weight = Variable(Tensor::ones({size}), true);
    add("weight", weight);
    if (!options.bias) return;
    bias = Variable(Tensor::zeros({size}), true);
    add("bias", bias);
  }
  /// Throws when the last dimension is not `size`.
  Variable forward(const Variable& x) override {
    ROUX_CHECK(x.dim() >= 1 && x.size(-1) == size_, "LayerNorm", "found shape ", x.shape(), ", expected (..., ", size_,
               ")");
    return layer_norm(x, weight, bias, eps_);
  }

  Variable weight;  ///< (size), or undefined
  Variable bias;    ///< (size), or undefined

 private:
  int64_t size_;
  double eps_;
};

}  // namespace roux::nn
