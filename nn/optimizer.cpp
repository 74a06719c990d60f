// What all optimizers share: the list of parameters, the learning rate, reading of state dicts.
#include "nn/optimizer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "autograd/observer.h"

namespace roux::nn {

Optimizer::Optimizer(NamedParameters parameters, double lr) : parameters_(std::move(parameters)) {
  ROUX_CHECK(!parameters_.empty(), "optimizer",
             "there are no parameters (hint: is each registered with add(\"name\", member)?)");
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const auto& [name, variable] = parameters_[i];
    ROUX_CHECK(variable.defined(), "optimizer", "the parameter '", name, "' is undefined");
    ROUX_CHECK(variable.is_leaf(), "optimizer", "the parameter '", name, "' was computed by ", variable.operation(),
               ", expected a leaf");
    for (size_t j = 0; j < i; ++j) {
      ROUX_CHECK(!(parameters_[j].variable == variable), "optimizer", "the parameters '", parameters_[j].name,
                 "' and '", name, "' are the same");
      ROUX_CHECK(parameters_[j].name != name, "optimizer", "two parameters are called '", name, "'");
    }
  }
  set_lr(lr);
}

void Optimizer::zero_grad() {
  for (auto& [name, variable] : parameters_) variable.zero_grad();
}

void Optimizer::step() {
  if (Observer::newest()) roux::detail::observe_optimizer_step(parameters_);
  update();
}

void Optimizer::set_lr(double lr) {
  ROUX_CHECK(lr >= 0 && std::isfinite(lr), "optimizer",
             "the learning rate must be a finite number of at least 0, found ", lr);
  lr_ = lr;
}

Tensor Optimizer::writable(size_t i, const Tensor& state) {
  auto& [name, variable] = parameters_[i];
  ROUX_CHECK(!variable.pending_rows(), "optimizer", "another optimizer keeps rows of '", name,
             "' pending (hint: destroy that one first)");
  ROUX_CHECK(!state.defined() || (variable.dtype() == state.dtype() && variable.device() == state.device()),
             "optimizer", "'", name, "' is now ", variable.dtype(), " on ", variable.device(),
             ", its optimizer's state ", state.dtype(), " on ", state.device(),
             " (hint: make the optimizer after to(device) or to(dtype))");
  if (!variable.raw().is_contiguous()) variable.set_data(variable.raw().contiguous());
  return variable.mutable_data();
}

StateReader::StateReader(const StateDict& state, const char* operation) : state_(state), operation_(operation) {}

const Tensor* StateReader::find(const std::string& name) const {
  for (const auto& [key, tensor] : state_)
    if (key == name) return &tensor;
  return nullptr;
}

bool StateReader::has(const std::string& name) const { return find(name) != nullptr; }

Tensor StateReader::take(const std::string& name, const Shape& shape, DType dtype) {
  const Tensor* const found = find(name);
  ROUX_CHECK(found && found->defined(), operation_, "the state has no '", name, "'");
  ROUX_CHECK(found->shape() == shape && found->dtype() == dtype, operation_, "'", name, "' is ", found->dtype(),
             " of shape ", found->shape(), ", expected ", dtype, " of shape ", shape);
  taken_.push_back(name);
  return *found;
}

void StateReader::finish() const {
  for (const auto& [name, tensor] : state_)
    ROUX_CHECK(std::find(taken_.begin(), taken_.end(), name) != taken_.end(), operation_,
               "the state has an unexpected '", name, "'");
}

}  // namespace roux::nn
