// Optimizer: what changes parameters by their gradients. See nn/sgd.h, nn/adam.h, nn/lr_schedule.h, nn/clip_grad.h.
//
//   nn::Adam optimizer(model.named_parameters(), {.lr = 1e-3});
//   for (...) {
//     optimizer.zero_grad();
//     loss(...).backward();
//     optimizer.step();
//   }
//
// How to add one: derive and keep the state of parameter i in a vector of your own. In `update`, take
// `parameter(i).gradient()` as it is (none, dense or rows) and write to what `writable(i, state)` gives, which checks
// that parameter and state still go together. Save the state under `name(i) + "." + what`, and read it back by a
// StateReader. sgd.cpp is a short example.
#pragma once

#include <string>
#include <vector>

#include "nn/module.h"

namespace roux::nn {

/// The base of all optimisers: parameters by name, their gradients, the learning rate.
class Optimizer {
 public:
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;
  virtual ~Optimizer() = default;

  /// Drops the gradients of all parameters.
  void zero_grad();
  /// Changes every parameter that has a gradient; the others, and what is kept for them, stay as they are.
  void step();

  /// By reference: a recorded step asks for the rate of each replay.
  const double& lr() const { return lr_; }
  /// Of the steps that follow. Throws when it is negative, infinite or NaN.
  void set_lr(double lr);

  /// Copies of everything that later steps depend on, by parameter: `fc.weight.exp_avg`; the learning rate as `lr`.
  /// Loading them into an optimizer of the same kind over the same parameters goes on bit for bit.
  virtual StateDict state_dict() const = 0;
  /// Replaces the state. Throws, and changes nothing, when names, shapes or types do not fit.
  virtual void load_state_dict(const StateDict& state) = 0;

 protected:
  /// What `step` does.
  virtual void update() = 0;

  /// Throws when there are no parameters, one is undefined or no leaf, one is listed twice, or `lr` is no learning
  /// rate.
  Optimizer(NamedParameters parameters, double lr);

  /// How many parameters there are.
  size_t count() const { return parameters_.size(); }
  /// The name of parameter i.
  const std::string& name(size_t i) const { return parameters_[i].name; }
  /// Parameter i.
  Variable& parameter(size_t i) { return parameters_[i].variable; }
  /// Parameter i.
  const Variable& parameter(size_t i) const { return parameters_[i].variable; }
  /// The data of parameter i, contiguous, for a step to write to. Throws when another optimizer owes movement to its
  /// rows, and when it is no longer of the dtype and on the device of `state` (which may be undefined).
  Tensor writable(size_t i, const Tensor& state);

 private:
  NamedParameters parameters_;
  double lr_ = 0;
};

/// Tensors of a state dict by name, for load_state_dict: says what is missing, and at the end what nobody asked for.
class StateReader {
 public:
  /// `operation` is what error messages begin with.
  StateReader(const StateDict& state, const char* operation);
  /// Whether the state has an entry of this name.
  bool has(const std::string& name) const;
  /// The tensor; throws when it is missing or has another shape or dtype.
  Tensor take(const std::string& name, const Shape& shape, DType dtype);
  /// Throws when a tensor was not taken.
  void finish() const;

 private:
  const Tensor* find(const std::string& name) const;

  const StateDict& state_;
  const char* operation_;
  std::vector<std::string> taken_;
};

}  // namespace roux::nn
