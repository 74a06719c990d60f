// Adam and its kin.
//
// The gradient of an embedding table is rows. Adam and AdamW then touch those rows alone and still give, to whoever
// looks, what they would give by a pass over the whole table every step: see nn/lazy_adam.h. That needs float32, no L2
// weight decay and betas whose memory is short beside 1,024 steps; otherwise row gradients are made dense.
#pragma once

#include <memory>
#include <vector>

#include "nn/optimizer.h"
#include "tensor/backend.h"

namespace roux::nn {

class LazyAdam;

/// Options of `Adam`, with PyTorch's names and defaults.
struct AdamOptions {
  double lr = 1e-3;         ///< the learning rate
  double beta1 = 0.9;       ///< decay of the mean of gradients, in [0, 1)
  double beta2 = 0.999;     ///< decay of the mean of their squares, in [0, 1)
  double eps = 1e-8;        ///< added to the root of that mean, after the bias correction
  double weight_decay = 0;  ///< L2: weight_decay * w is added to the gradient
  bool amsgrad = false;     ///< divide by the largest mean of squares so far (Reddi et al. 2018)
  bool maximize = false;    ///< go up instead of down
};

/// The numbers of step `step` (from 1), as kernels take them.
AdamStep adam_step(const AdamOptions& options, double lr, bool decoupled, int64_t step);

/// Options of `AdamW`, with PyTorch's names and defaults.
struct AdamWOptions {
  double lr = 1e-3;            ///< the learning rate
  double beta1 = 0.9;          ///< as in AdamOptions
  double beta2 = 0.999;        ///< as in AdamOptions
  double eps = 1e-8;           ///< as in AdamOptions
  double weight_decay = 1e-2;  ///< every step first shrinks w by the factor 1 - lr * weight_decay
  bool amsgrad = false;        ///< as in AdamOptions
  bool maximize = false;       ///< as in AdamOptions
};

/// w -= lr * m' / (sqrt(v') + eps), with m' and v' the bias-corrected means of the gradient g and of g^2 (Kingma & Ba
/// 2015, algorithm 1). A parameter's steps are counted by itself: one without a gradient stays as it is.
///
/// While a table is updated lazily, this optimizer owes movement to its rows. It pays when it is destroyed; a second
/// optimizer on that table throws until then.
class Adam : public Optimizer {
 public:
  /// Throws on options out of range, and see Optimizer.
  explicit Adam(NamedParameters parameters, const AdamOptions& options = {});
  ~Adam() override;

  /// `exp_avg`, `exp_avg_sq`, `max_exp_avg_sq` and `step` of each parameter that has had one; of tables updated lazily
  /// also the weights as they lie in memory, `raw_weight`, and what is recorded of past steps.
  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state) override;

 protected:
  /// decoupled: weight decay shrinks weights, as in AdamW, instead of adding to gradients.
  Adam(NamedParameters parameters, const AdamOptions& options, bool decoupled);

 private:
  void update() override;

  // What is kept for one parameter: dense moments, or a table updated lazily; neither before its first step.
  struct State {
    int64_t step = 0;
    Tensor exp_avg, exp_avg_sq, max_exp_avg_sq;
    std::unique_ptr<LazyAdam> lazy;
  };
  bool can_be_lazy(const Variable& parameter, const State& state) const;
  void dense_step(std::vector<size_t> waiting);

  AdamOptions options_;
  bool decoupled_;
  std::vector<State> states_;
};

/// Adam with weight decay apart from the gradient (Loshchilov & Hutter 2019).
class AdamW : public Adam {
 public:
  /// Throws on options out of range, and see Optimizer.
  explicit AdamW(NamedParameters parameters, const AdamWOptions& options = {});
};

/// Options of `SparseAdam`, with PyTorch's names and defaults.
struct SparseAdamOptions {
  double lr = 1e-3;       ///< the learning rate
  double beta1 = 0.9;     ///< as in AdamOptions
  double beta2 = 0.999;   ///< as in AdamOptions
  double eps = 1e-8;      ///< added before the bias correction, unlike Adam's
  bool maximize = false;  ///< as in AdamOptions
};

/// Adam that changes only the rows that have a gradient: their moments do not decay in between. One count of steps for
/// a parameter. Throws on dense gradients.
class SparseAdam : public Optimizer {
 public:
  /// Throws on options out of range, and see Optimizer.
  explicit SparseAdam(NamedParameters parameters, const SparseAdamOptions& options = {});

  StateDict state_dict() const override;
  void load_state_dict(const StateDict& state) override;

 private:
  void update() override;

  struct State {
    int64_t step = 0;
    Tensor exp_avg, exp_avg_sq;
  };
  SparseAdamOptions options_;
  std::vector<State> states_;
};

}  // namespace roux::nn
