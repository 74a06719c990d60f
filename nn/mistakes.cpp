// The usual mistakes, each seen by what operations and backwards are given.
#include "nn/mistakes.h"

#include <algorithm>
#include <cstdio>
#include <string_view>
#include <utility>

namespace roux::nn {
namespace {

// The module that holds the parameter of this name.
Module* owner_of(const std::string& parameter, const std::vector<std::pair<std::string, Module*>>& modules) {
  const size_t dot = parameter.rfind('.');
  const std::string prefix = dot == std::string::npos ? "" : parameter.substr(0, dot);
  for (const auto& [name, module] : modules)
    if (name == prefix) return module;
  return nullptr;
}

// What an operation's backward computes is not recorded, and no evaluation either.
bool in_backward() { return std::string_view(detail::running_operation()) != "backward"; }

bool released(const detail::Node& node) {
  if (node.released) return true;
  for (int i = 0; i < node.input_count; ++i)
    if (node.inputs[i] && node.inputs[i]->released) return true;
  return false;
}

}  // namespace

MistakeDetector::MistakeDetector(Module& model, std::function<void(const std::string&)> report)
    : report_(std::move(report)) {
  const auto modules = model.named_modules();
  for (const auto& [name, variable] : model.named_parameters())
    parameters_.push_back({name, variable, owner_of(name, modules)});
}

MistakeDetector::Parameter* MistakeDetector::find(const Variable& variable) {
  for (Parameter& parameter : parameters_)
    if (parameter.variable == variable) return &parameter;
  return nullptr;
}

void MistakeDetector::report(const std::string& kind, const std::string& mistake) {
  if (!seen_.insert(kind).second) return;
  mistakes_.push_back(mistake);
  if (report_) {
    report_(mistake);
  } else {
    std::fprintf(stderr, "%s\n", mistake.c_str());
  }
}

void MistakeDetector::check_mode(const char* operation, const Parameter* read) {
  if (NoGrad::recording() || in_backward()) return;
  if (read && read->owner && read->owner->is_training())
    report("eval", "[eval] '" + read->name +
                       "' is read under NoGrad by a module in training mode (hint: model.eval() before "
                       "evaluating, model.train() after it)");
  if (std::string_view(operation) == "dropout")
    report("eval",
           "[eval] dropout acts under NoGrad: a module was left in training mode (hint: model.eval() before "
           "evaluating, model.train() after it; it reaches what add() has registered)");
}

void MistakeDetector::check_graph(const char* operation, const Variable& input) {
  if (!NoGrad::recording() || !input.node() || !released(*input.node())) return;
  report(
      "graph",
      std::string("[") + operation + "] takes a result of " + input.operation() +
          " from a graph whose backward has run, and keeps that graph alive (hint: `total += loss.item()`, or detach() "
          "what is only looked at)");
}

void MistakeDetector::operation(const char* name, const Tensor&, std::span<const Variable> inputs) {
  check_mode(name, nullptr);
  for (const Variable& input : inputs) {
    if (!input.defined()) continue;
    if (Parameter* const parameter = find(input)) {
      parameter->used = true;
      parameter->read |= NoGrad::recording();
      check_mode("", parameter);
    }
    check_graph(name, input);
  }
}

void MistakeDetector::backward_begins(const detail::Node&) {
  for (Parameter& parameter : parameters_) {
    const bool before = std::exchange(parameter.stepped, false) || parameter.kept_gradient;
    parameter.kept_gradient = before && parameter.variable.gradient().defined();
  }
}

void MistakeDetector::backward_ends(const detail::Node&) {
  const bool any_used =
      std::any_of(parameters_.begin(), parameters_.end(), [](const Parameter& parameter) { return parameter.used; });
  if (!any_used || std::exchange(ended_, true)) return;
  for (const Parameter& parameter : parameters_)
    if (!parameter.used && parameter.variable.requires_grad())
      report(
          parameter.name,
          "[backward] '" + parameter.name +
              "' requires a gradient, and no operation has read it: forward never uses it (hint: use it, or leave it "
              "out)");
}

void MistakeDetector::check_gradients(const std::vector<Parameter*>& stepping) {
  const auto has_gradient = [](const Parameter* parameter) { return parameter->variable.gradient().defined(); };
  const bool any = std::any_of(stepping.begin(), stepping.end(), has_gradient);
  for (const Parameter* const parameter : stepping) {
    if (!parameter->read || !parameter->variable.requires_grad() || has_gradient(parameter)) continue;
    if (!any)
      return report("no gradient", "[step] no parameter has a gradient (hint: loss.backward() before the step)");
    report("no gradient", "[step] '" + parameter->name +
                              "' was read and has no gradient (hint: does a detach() or data() stand between it and "
                              "the loss? does the loss use what was computed from it?)");
  }
}

void MistakeDetector::optimizer_step(std::span<const NamedVariable> parameters) {
  std::vector<Parameter*> stepping;
  for (const auto& [name, variable] : parameters)
    if (Parameter* const parameter = find(variable)) stepping.push_back(parameter);
  check_gradients(stepping);
  for (Parameter* const parameter : stepping) {
    parameter->read = false;
    parameter->stepped = parameter->variable.gradient().defined();
    if (std::exchange(parameter->kept_gradient, false) && parameter->stepped)
      report("zero_grad", "[step] the gradient of '" + parameter->name +
                              "' holds that of the last step too (hint: optimizer.zero_grad() before each backward)");
  }
}

}  // namespace roux::nn
