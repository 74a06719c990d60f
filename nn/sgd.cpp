// Stochastic gradient descent, composed of tensor operations.
#include "nn/sgd.h"

#include <cmath>
#include <utility>

#include "tensor/backend.h"

namespace roux::nn {
namespace {

// weight[rows] += scale * values. Unused room (-1) is left out.
void step_rows(const Tensor& weight, const RowGradient& gradient, const EachStep<double>& scale) {
  const int64_t count = weight.size(0);
  if (count == 0) return;
  const Tensor rows = gradient.rows.contiguous();
  const Tensor values = gradient.values.contiguous();
  const Tensor change = Tensor::zeros(values.shape(), values.dtype(), values.device());
  backend(weight.device()).add_scaled(change.view(), values.view(), scale);
  backend(weight.device())
      .index_add(weight.view(), rows.view(), change.view(), Along{.outer = 1, .n = count, .inner = weight.size(1)});
  weight.bump_version();
}

}  // namespace

SGD::SGD(NamedParameters parameters, const SgdOptions& options)
    : Optimizer(std::move(parameters), options.lr), options_(options), momentum_buffers_(count()) {
  ROUX_CHECK(options.momentum >= 0 && std::isfinite(options.momentum), "SGD", "momentum must be at least 0, found ",
             options.momentum);
  ROUX_CHECK(std::isfinite(options.dampening), "SGD", "dampening must be finite, found ", options.dampening);
  ROUX_CHECK(options.weight_decay >= 0 && std::isfinite(options.weight_decay), "SGD",
             "weight_decay must be at least 0, found ", options.weight_decay);
  ROUX_CHECK(!options.nesterov || (options.momentum > 0 && options.dampening == 0), "SGD",
             "nesterov needs momentum and no dampening, found momentum ", options.momentum, ", dampening ",
             options.dampening);
}

// Where the step goes: the gradient after sign, weight decay and momentum.
Tensor SGD::direction(size_t i, const Tensor& weight) {
  Tensor grad = parameter(i).grad();
  if (options_.maximize) grad = neg(grad);
  if (options_.weight_decay != 0) grad = add(grad, mul(weight, options_.weight_decay));
  if (options_.momentum == 0) return grad;
  Tensor& buffer = momentum_buffers_[i];
  if (buffer.defined())
    buffer.mul_(options_.momentum).add_(grad, 1 - options_.dampening);
  else
    buffer = grad.clone();
  return options_.nesterov ? add(grad, mul(buffer, options_.momentum)) : buffer;
}

void SGD::step_all(Tensor& weight, const Tensor& direction) {
  backend(weight.device()).add_scaled(weight.view(), direction.view(), [this] { return -lr(); });
  weight.bump_version();
}

void SGD::update() {
  const bool moves_all_rows = options_.momentum != 0 || options_.weight_decay != 0;
  for (size_t i = 0; i < count(); ++i) {
    const Gradient& gradient = parameter(i).gradient();
    if (!gradient.defined()) continue;
    Tensor weight = writable(i, momentum_buffers_[i]);
    if (gradient.kind() == Gradient::Kind::rows && !moves_all_rows)
      step_rows(weight, gradient.rows(), [this] { return options_.maximize ? lr() : -lr(); });
    else
      step_all(weight, direction(i, weight));
  }
}

StateDict SGD::state_dict() const {
  StateDict result{{"lr", Tensor::scalar(lr(), float64)}};
  for (size_t i = 0; i < count(); ++i)
    if (momentum_buffers_[i].defined()) result.emplace_back(name(i) + ".momentum_buffer", momentum_buffers_[i].clone());
  return result;
}

void SGD::load_state_dict(const StateDict& given) {
  StateReader reader(given, "load_state_dict");
  const double new_lr = reader.take("lr", {}, float64).item();
  std::vector<Tensor> buffers(count());
  for (size_t i = 0; i < count(); ++i) {
    const std::string key = name(i) + ".momentum_buffer";
    const Variable& variable = parameter(i);
    if (reader.has(key))
      buffers[i] = reader.take(key, variable.shape(), variable.dtype()).to(variable.device()).clone();
  }
  reader.finish();
  set_lr(new_lr);
  momentum_buffers_ = std::move(buffers);
}

}  // namespace roux::nn
