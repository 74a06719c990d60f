// Module: a named tree of parameters, buffers and child modules. Layers and models derive from it.
//
// How to write one: make parameters, buffers and children members, and register each in the constructor by
// `add("name", member)`. The module refers to its members, therefore it can be neither copied nor moved. Inside a
// module `add` means this registration: the sum of two Variables is `a + b`, or `roux::add(a, b)` in full.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "autograd/variable.h"
#include "tensor/random.h"
#include "tensor/safetensors.h"
#include "tensor/tensor.h"

namespace roux::nn {

/// Parameters with their names, which are dotted paths: `encoder.fc.weight`.
using NamedParameters = std::vector<NamedVariable>;
/// Copies of parameters and persistent buffers by name, in the order of their registration.
using StateDict = NamedTensors;

/// What load_state_dict left alone.
struct LoadReport {
  std::vector<std::string> missing;     ///< in the module, not in the state
  std::vector<std::string> unexpected;  ///< in the state, not in the module
};

/// The base of layers and models: parameters, buffers and children by name, and what can be done to all of them.
class Module {
 public:
  Module(const Module&) = delete;  // neither copied nor moved: keep many of them in a ModuleList (nn/sequential.h)
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  // --- Mode. A new module is in training mode. ---

  /// Sets the mode of this module and all below it.
  void train(bool on = true);
  /// Evaluation: dropout does nothing.
  void eval() { train(false); }
  bool is_training() const { return training_; }

  /// The name of its class, without namespaces: `Linear`.
  std::string class_name() const;

  // --- What it holds. Everything of the module itself comes first, then its children's in order of registration. ---

  /// Each parameter once, under its first name. The Variables are handles: the parameters themselves, not copies.
  NamedParameters named_parameters() const;
  std::vector<Variable> parameters() const;
  /// Buffers, the non-persistent ones too: the members themselves.
  std::vector<std::pair<std::string, Tensor*>> named_buffers() const;
  /// Generators of random numbers, whose counters a checkpoint keeps; they are not in the state dict.
  std::vector<std::pair<std::string, Generator*>> named_generators() const;
  /// This module under the name "", and every module below it; a shared one under each of its names.
  std::vector<std::pair<std::string, Module*>> named_modules();
  /// Number of elements of all parameters, or of those that require a gradient.
  int64_t num_parameters(bool only_trainable = false) const;

  /// Drops the gradients of all parameters.
  void zero_grad();

  // --- Where it lives. Parameters stay the same Variables, their data is replaced and gradients are dropped. ---

  /// Moves parameters and buffers to `device`.
  void to(Device device);
  /// float32 or float64, for floating-point parameters and buffers; others stay as they are.
  void to(DType dtype);

  // --- State. ---

  /// Copies of all parameters, with what an optimiser still owes to them, and of the persistent buffers.
  StateDict state_dict() const;
  /// Copies values into parameters and persistent buffers by name, converting between floating-point types. Throws, and
  /// changes nothing, when a shape or type does not fit or a name appears twice, and if `strict` also when names are
  /// missing or unexpected. Gradients stay.
  LoadReport load_state_dict(const StateDict& state, bool strict = true);

 protected:
  Module() = default;

  // Registration, in the constructor. Names are not empty, have no dot, and are unique within the module; otherwise an
  // Error. What is registered must live as long as the module: members do.

  /// A parameter: a leaf. One that does not require a gradient is frozen.
  void add(const std::string& name, Variable& parameter);
  void add(const std::string& name, Module& child);
  void add(const std::string& name, Generator& generator);
  void add(const std::string&, Tensor&) = delete;  // a buffer: add_buffer(); a parameter: Variable(tensor, true)
  /// A tensor that is not trained. Persistent buffers are part of the state dict.
  void add_buffer(const std::string& name, Tensor& buffer, bool persistent = true);

 private:
  template <class T>
  struct Named {
    std::string name;
    T* target;
  };
  struct NamedBuffer : Named<Tensor> {
    bool persistent;
  };
  struct StateEntry;

  // Calls visit(prefix, module) for `module` and all below it.
  template <class M, class Visit>
  static void walk(M& module, const std::string& prefix, const Visit& visit);
  void check_name(const std::string& name) const;
  std::vector<StateEntry> state_entries() const;

  std::vector<Named<Variable>> parameters_;
  std::vector<NamedBuffer> buffers_;
  std::vector<Named<Module>> children_;
  std::vector<Named<Generator>> generators_;
  bool training_ = true;
};

/// What is told of the results of this thread's layers; see nn/summary.h.
class LayerWatcher {
 public:
  /// Called after each call of a layer.
  virtual void result(const Module& layer, const Variable& result) = 0;
  static thread_local constinit LayerWatcher* current;  ///< null: none

 protected:
  ~LayerWatcher() = default;
};

/// A module of one input and one result: what Sequential is made of.
class Layer : public Module {
 public:
  /// x -> the layer's result; shapes are the layer's own matter.
  virtual Variable forward(const Variable& x) = 0;
  /// forward; where there is a LayerWatcher, it is told of the result.
  Variable operator()(const Variable& x) {
    Variable result = forward(x);
    if (LayerWatcher::current) [[unlikely]]
      LayerWatcher::current->result(*this, result);
    return result;
  }
};

}  // namespace roux::nn
