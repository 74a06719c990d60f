// MistakeDetector: says so when a training loop makes one of the usual mistakes.
//
//   nn::MistakeDetector detector(model);
//   train(model);
//
// It is a scope, not a variable of the environment: it has to know the model to name its parameters, it watches one
// thread's training and not that of everybody else in the process, and a library's behaviour is its caller's to choose.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "autograd/observer.h"
#include "nn/module.h"

namespace roux::nn {

/// While one exists, its thread's work with `model`, which must outlive it, is watched for:
/// - gradients that pile up: an optimiser steps by gradients that hold those of its last step too (zero_grad was
///   forgotten; several backwards before one step are meant).
/// - a step without gradients: forward has read a parameter since its optimiser's last step, and no gradient has
///   arrived (backward was forgotten, or detach() or data() cuts the way).
/// - a graph that is kept alive: an operation takes a result of a graph whose backward has run (`total += loss`).
/// - a module left in training mode: its parameters are read, or dropout acts, under NoGrad.
/// - a parameter that requires a gradient and that no operation has read by the end of the first backward.
/// Each kind of mistake is reported once, a parameter that is never used once for each.
class MistakeDetector : public Observer {
 public:
  /// report: gets each mistake as a line of text; without one they are printed to stderr. It may throw, which ends the
  /// operation or the backward in which the mistake was seen.
  explicit MistakeDetector(Module& model, std::function<void(const std::string&)> report = {});

  /// All that were found so far.
  const std::vector<std::string>& mistakes() const { return mistakes_; }

  void operation(const char* name, const Tensor& result, std::span<const Variable> inputs) override;
  void backward_begins(const detail::Node& root) override;
  void backward_ends(const detail::Node& root) override;
  void optimizer_step(std::span<const NamedVariable> parameters) override;

 private:
  struct Parameter {
    std::string name;
    Variable variable;
    Module* owner;
    bool used = false;           // by any operation
    bool read = false;           // by a recorded operation since the last step
    bool stepped = false;        // with a gradient, since when no backward has begun
    bool kept_gradient = false;  // a backward has added to the gradient of the last step
  };

  Parameter* find(const Variable& variable);
  void check_mode(const char* operation, const Parameter* read);
  void check_graph(const char* operation, const Variable& input);
  void check_gradients(const std::vector<Parameter*>& stepping);
  void report(const std::string& kind, const std::string& mistake);

  std::function<void(const std::string&)> report_;
  std::vector<Parameter> parameters_;
  std::vector<std::string> mistakes_;
  std::set<std::string> seen_;  // kinds
  bool ended_ = false;          // a backward has
};

}  // namespace roux::nn
