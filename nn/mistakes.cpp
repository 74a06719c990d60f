// The usual mistakes, each seen by what operations and backwards are given.
#include "nn/mistakes.h"

#include <cstdio>
#include <string_view>
#include <utility>

#include "nn/optimizer_writes.h"

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
    parameters_.push_back({name, variable, owner_of(name, modules), false, 0});
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
      check_mode("", parameter);
    }
    check_graph(name, input);
  }
}

void MistakeDetector::backward_begins(const detail::Node&) {
  // Without an optimiser, a changed table is one whose rows its max_norm has shortened.
  if (!ended_ || detail::optimizer_writes == writes_) return;
  for (const Parameter& parameter : parameters_) {
    if (!parameter.variable.gradient().defined() || parameter.variable.raw().version() == parameter.version) continue;
    return report("zero_grad", "[backward] adds to gradients from before the last step, that of '" + parameter.name +
                                   "' among them (hint: optimizer.zero_grad() before each backward)");
  }
}

void MistakeDetector::backward_ends(const detail::Node&) {
  writes_ = detail::optimizer_writes;
  bool any_used = false;
  for (Parameter& parameter : parameters_) {
    parameter.version = parameter.variable.raw().version();
    any_used |= parameter.used;
  }
  if (!any_used || std::exchange(ended_, true)) return;
  for (const Parameter& parameter : parameters_)
    if (!parameter.used && parameter.variable.requires_grad())
      report(
          parameter.name,
          "[backward] '" + parameter.name +
              "' requires a gradient, and no operation has read it: forward never uses it (hint: use it, or leave it "
              "out)");
}

}  // namespace roux::nn
