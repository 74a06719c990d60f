// Dropout: noise against overfitting (Srivastava et al. 2014).
#pragma once

#include "autograd/ops.h"
#include "nn/module.h"

namespace roux::nn {

/// In training, zeroes each element with probability p and scales the others by 1 / (1 - p); in evaluation it is the
/// identity. Any shape. Throws when p lies outside [0, 1].
///
/// It has a stream of random numbers of its own, the next of the default generator when it is made; see
/// Module::named_generators.
class Dropout : public Layer {
 public:
  /// p: the probability with which an entry becomes 0 in training. Throws unless it lies in [0, 1].
  explicit Dropout(double p = 0.5) : p_(p), generator_(new_stream()) {
    ROUX_CHECK(p >= 0 && p <= 1, "Dropout", "p is ", p, ", expected a probability from 0 to 1");
    add("generator", generator_);
  }
  /// x of any shape -> the same shape; in evaluation x itself.
  Variable forward(const Variable& x) override { return is_training() && p_ > 0 ? dropout(x, p_, generator_) : x; }
  /// The probability it was made with.
  double p() const { return p_; }

 private:
  double p_;
  Generator generator_;
};

}  // namespace roux::nn
