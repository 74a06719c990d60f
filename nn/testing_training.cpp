// The check that trains a module.
#include <cmath>

#include "nn/adam.h"
#include "nn/module_guards.h"
#include "nn/testing.h"

namespace roux::nn {
namespace {

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
