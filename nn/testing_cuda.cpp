// The check that a device computes what the CPU does.
#include <utility>

#include "nn/module_guards.h"
#include "nn/testing.h"
#include "tensor/backend.h"

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

}  // namespace

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

}  // namespace roux::nn
