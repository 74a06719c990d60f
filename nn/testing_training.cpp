// The checks that run a module as its users will: on a device, and in training. And the inputs for them.
#include <cmath>
#include <utility>

#include "nn/adam.h"
#include "nn/testing.h"
#include "nn/testing_guards.h"
#include "tensor/backend.h"
#include "tensor/random.h"

namespace roux::nn {
namespace {

using Forward = std::function<Variable(const std::vector<Variable>&)>;

constexpr Device gpu{DeviceType::cuda, 0};

// What one device computed, by the names that messages give it.
struct Run {
  std::vector<std::pair<std::string, Tensor>> values;  // undefined: a gradient that did not arrive
};

// The gradient that backward starts from: of either sign and away from 0, the same on every device.
Tensor make_cotangent(const Variable& result) {
  return random_values(result.shape(), 1, result.dtype()).to(result.device());
}

Run run_on(Device device, const std::vector<Tensor>& inputs, const Forward& forward,
           const NamedParameters& parameters) {
  std::vector<Variable> variables;
  for (size_t i = 0; i < inputs.size(); ++i) {
    ROUX_CHECK(inputs[i].defined(), "agrees_on_cuda", "input ", i, " is undefined");
    variables.push_back(Variable(inputs[i].to(device), is_floating(inputs[i].dtype())));
  }
  const Variable result = forward(variables);
  ROUX_CHECK(result.defined(), "agrees_on_cuda", "forward gave an undefined result");
  ROUX_CHECK(result.device() == device, "agrees_on_cuda", "the inputs are on ", device, ", the result is on ",
             result.device(), " (hint: new tensors belong on x.device(), parameters are registered with add())");
  Run run;
  run.values.emplace_back("the result", result.data());
  if (!result.requires_grad()) return run;
  result.backward(make_cotangent(result));
  for (const auto& [name, parameter] : parameters) run.values.emplace_back("the gradient of " + name, parameter.grad());
  for (size_t i = 0; i < variables.size(); ++i)
    run.values.emplace_back("the gradient of input " + std::to_string(i), variables[i].grad());
  return run;
}

CheckResult compare(const Run& found, const Run& expected, const CloseOptions& options) {
  for (size_t i = 0; i < expected.values.size(); ++i) {
    const auto& [name, value] = expected.values[i];
    if (!value.defined() && !found.values[i].second.defined()) continue;
    const CheckResult same = close(found.values[i].second, value, options);
    if (!same) return {false, "[agrees_on_cuda] " + name + " differs from the CPU's: " + same.message};
  }
  return {true, "[agrees_on_cuda] result and gradients are those of the CPU"};
}

std::string skipped() { return "[agrees_on_cuda] skipped: " + cuda_unavailable_reason(0); }

// The first loss against what guessing costs; empty when it is fine.
std::string misses_guessing(double first, const TrainingCheckOptions& options) {
  const double guessing = std::log(static_cast<double>(options.num_classes));
  if (options.num_classes == 0 || std::abs(first - guessing) <= options.tolerance * guessing) return "";
  return "[check_training] the first loss is " + roux::detail::error_text(first) + ", expected about ln " +
         std::to_string(options.num_classes) + " = " + roux::detail::error_text(guessing) +
         (first > guessing ? " (hint: a new model's scores should lie near 0; and is the loss a mean over the batch?)"
                           : " (hint: are there as many classes? does the model see the labels, or is the loss divided "
                             "twice?)");
}

// `fc.weight, fc.bias`: those that require a gradient and have none.
std::string without_gradient(const Module& module) {
  std::string names;
  for (const auto& [name, parameter] : module.named_parameters())
    if (parameter.requires_grad() && !parameter.gradient().defined()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

}  // namespace

Tensor random_values(const Shape& shape, uint64_t seed, DType dtype) {
  ROUX_CHECK(is_floating(dtype), "random_values", "found ", dtype, ", expected a floating-point type");
  const int64_t n = shape.numel();
  Generator generator(seed);
  const Tensor order = Tensor::randperm(n, cpu, generator).to(float64);
  // A quarter, not half of a step: the middle one of an odd number would be 0.
  return ((order + 0.25) * (4.0 / static_cast<double>(n > 0 ? n : 1)) - 2.0).reshape(shape).to(dtype);
}

Tensor random_ids(const Shape& shape, int64_t num_ids, uint64_t seed) {
  ROUX_CHECK(num_ids >= 1, "random_ids", "found ", num_ids, " ids, expected at least 1");
  Generator generator(seed);
  return Tensor::randint(0, num_ids, shape, cpu, generator);
}

CheckResult agrees_on_cuda(Module& module, const std::vector<Tensor>& inputs, const Forward& forward,
                           const CloseOptions& options) {
  if (!cuda_backend(0)) return {true, skipped()};
  detail::ModuleGuard guard(module, "agrees_on_cuda");
  const auto on = [&](Device device) {
    guard.restart_generators();
    module.to(device);
    return run_on(device, inputs, forward, module.named_parameters());
  };
  const Run expected = on(cpu);
  return compare(on(gpu), expected, options);
}

CheckResult agrees_on_cuda(const Forward& f, const std::vector<Tensor>& inputs, const CloseOptions& options) {
  if (!cuda_backend(0)) return {true, skipped()};
  return compare(run_on(gpu, inputs, f, {}), run_on(cpu, inputs, f, {}), options);
}

CheckResult check_training(Module& module, const std::function<Variable()>& loss, const TrainingCheckOptions& options) {
  const detail::EvalGuard eval(module);
  const detail::ModuleGuard guard(module, "check_training");
  for (auto& [name, parameter] : module.named_parameters()) parameter.set_data(parameter.data().clone());
  Adam optimizer(module.named_parameters(), {.lr = options.lr});
  double first = 0, last = 0;
  for (int64_t step = 0; step <= options.steps; ++step) {
    optimizer.zero_grad();
    const Variable value = loss();
    const roux::detail::Node* const leaf = step == 0 ? detail::unknown_leaf(value, detail::trainable(module)) : nullptr;
    if (leaf) return {false, "[check_training] " + detail::unregistered(*leaf)};
    last = value.item();
    if (!std::isfinite(last))
      return {false, "[check_training] the loss is " + roux::detail::error_text(last) + " after " +
                         std::to_string(step) + " steps (hint: a logarithm of 0, or an infinity minus another?)"};
    if (step == 0) {
      first = last;
      const std::string misses = misses_guessing(first, options);
      if (!misses.empty()) return {false, misses};
    }
    value.backward();
    const std::string untouched = step == 0 ? without_gradient(module) : "";
    if (!untouched.empty())
      return {false, "[check_training] no gradient reaches " + untouched +
                         " (hint: does forward use it as a Variable, "
                         "not its data()? freeze what is not to be trained by set_requires_grad(false))"};
    optimizer.step();
  }
  const std::string course = "from " + roux::detail::error_text(first) + " to " + roux::detail::error_text(last) +
                             " in " + std::to_string(options.steps) + " steps on one batch";
  if (last <= options.remaining * first) return {true, "[check_training] the loss went " + course};
  return {false,
          "[check_training] the loss only went " + course + ", expected at most " +
              roux::detail::error_text(options.remaining * first) +
              " (hint: does gradcheck pass? do equal inputs have different labels? else more steps, another lr)"};
}

}  // namespace roux::nn
