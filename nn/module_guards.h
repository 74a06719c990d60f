// What checks (nn/testing.h) and summaries put back when they end, on every way out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "autograd/variable.h"
#include "nn/module.h"

namespace roux::nn::detail {

/// A leaf that `result` was computed from and that is none of `known`; null when there is none.
const roux::detail::Node* unknown_leaf(const Variable& result, const std::vector<NamedVariable>& known);
/// The parameters that require a gradient. The names of the others are added to `frozen`.
std::vector<NamedVariable> trainable(const Module& module, std::string* frozen = nullptr);
/// `forward uses a parameter of shape (4) that is not registered (hint: ...)`.
std::string unregistered(const roux::detail::Node& leaf);

/// Everything that checks must leave as it was: parameters and buffers with their types and devices, random numbers.
/// Parameters are put back as the tensors they were, so what changes them in place must work on copies.
class ModuleGuard {
 public:
  /// Throws, as `check`, when an optimiser still owes rows to a parameter.
  ModuleGuard(const Module& module, const char* check) {
    for (const auto& [name, parameter] : module.named_parameters()) {
      ROUX_CHECK(!parameter.pending_rows(), check, "an optimizer still owes rows to the parameter ", name,
                 " (hint: destroy the optimizer first)");
      parameters_.emplace_back(parameter, parameter.raw());
    }
    for (const auto& [name, buffer] : module.named_buffers()) buffers_.emplace_back(buffer, *buffer, buffer->clone());
    for (const auto& [name, generator] : module.named_generators()) generators_.emplace_back(generator, *generator);
  }
  ModuleGuard(const ModuleGuard&) = delete;
  ModuleGuard& operator=(const ModuleGuard&) = delete;
  ~ModuleGuard() {
    restart_generators();
    for (auto& [parameter, data] : parameters_) {
      parameter.zero_grad();
      parameter.set_data(data);
    }
    for (Buffer& buffer : buffers_) *buffer.member = buffer.tensor.copy_(buffer.values);
  }
  void restart_generators() {
    for (auto& [generator, start] : generators_) *generator = start;
  }

 private:
  struct Buffer {
    Buffer(Tensor* target, Tensor original, Tensor copy)
        : member(target), tensor(std::move(original)), values(std::move(copy)) {}
    Tensor* member;
    Tensor tensor, values;
  };
  std::vector<std::pair<Variable, Tensor>> parameters_;
  std::vector<Buffer> buffers_;
  std::vector<std::pair<Generator*, Generator>> generators_;
};

/// Evaluation, and the modes of all modules put back afterwards.
class EvalGuard {
 public:
  explicit EvalGuard(Module& module) {
    for (const auto& [name, below] : module.named_modules()) modes_.emplace_back(below, below->is_training());
    module.eval();
  }
  EvalGuard(const EvalGuard&) = delete;
  EvalGuard& operator=(const EvalGuard&) = delete;
  ~EvalGuard() {  // from the top down: train() reaches everything below
    for (const auto& [module, training] : modes_) module->train(training);
  }

 private:
  std::vector<std::pair<Module*, bool>> modes_;
};

}  // namespace roux::nn::detail
