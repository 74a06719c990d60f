// Stochastic gradient descent, with momentum where asked.
#pragma once

#include <vector>

#include "nn/optimizer.h"

namespace roux::nn {

/// Options of `SGD`, with PyTorch's names and defaults.
struct SgdOptions {
  double lr = 1e-3;         ///< the learning rate
  double momentum = 0;      ///< share of the last step's direction that is kept, 0 or more
  double dampening = 0;     ///< share of the gradient that does not go into the kept direction
  double weight_decay = 0;  ///< L2: weight_decay * w is added to the gradient
  bool nesterov = false;    ///< look ahead (Sutskever et al. 2013); needs momentum and no dampening
  bool maximize = false;    ///< go up instead of down
};

/// w -= lr * g; with momentum, g is replaced by b = momentum * b + (1 - dampening) * g, which starts as the first g,
/// and with nesterov by g + momentum * b. Row gradients of tables change those rows alone, unless momentum or weight
/// decay moves all rows: then they are made dense.
class SGD : public Optimizer {
 public:
  /// Throws on options out of range, and see Optimizer.
  explicit SGD(NamedParameters parameters, const SgdOptions& options = {});

  /// `momentum_buffer` of each parameter that has one.
  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state) override;

 private:
  void update() override;
  Tensor direction(size_t i, const Tensor& weight);
  void step_all(Tensor& weight, const Tensor& direction);

  SgdOptions options_;
  std::vector<Tensor> momentum_buffers_;
};

}  // namespace roux::nn
