// Observer: what watches the operations of its thread. Anomaly mode, the detector of beginners' mistakes and summaries
// of models are observers; where there is none, each operation pays one branch that is never taken.
//
// How to write one: derive, override what you want to see, and make one where watching shall begin, on the stack:
//
//   struct CountOperations : Observer {
//     int64_t count = 0;
//     void operation(const char*, const Tensor&, std::span<const Variable>) override { ++count; }
//   };
#pragma once

#include <span>

#include "autograd/node.h"
#include "tensor/profiler.h"
#include "tensor/tensor.h"

namespace roux {

class Variable;
struct NamedVariable;

/// Sees what its thread computes with Variables from its construction to its destruction. Observers end in the reverse
/// order of their beginning. What an observer itself computes is not observed. An exception out of one of its functions
/// ends the operation or the backward that it was called from.
class Observer {
 public:
  Observer();
  virtual ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  /// Operation `name` has computed `result` from these inputs, recorded or not (see NoGrad). Inputs may be undefined.
  virtual void operation(const char* name, const Tensor& result, std::span<const Variable> inputs);
  /// A backward starts from this node.
  virtual void backward_begins(const detail::Node& root);
  /// The backward of `node` has handed its input i this gradient; of a row gradient, the values.
  virtual void gradient(const detail::Node& node, int i, const Tensor& grad);
  /// The backward has reached every leaf. It is not called when an exception ended it.
  virtual void backward_ends(const detail::Node& root);
  /// An optimiser is about to change those of its parameters that have a gradient.
  virtual void optimizer_step(std::span<const NamedVariable> parameters);

  /// The newest observer of this thread, or null.
  static Observer* newest() { return newest_; }

 private:
  friend class ObserverCalls;
  static thread_local constinit Observer* newest_;
  Observer* outer_;
};

namespace detail {

/// Whether anybody wants to hear of operations.
inline bool observed() { return Observer::newest() != nullptr || profiling(); }
/// Tells this thread's observers and the profiler of an operation.
void observe_operation(const char* name, const Tensor& result, std::span<const Variable> inputs);
void observe_backward_begins(const Node& root);
void observe_gradient(const Node& node, int i, const Tensor& grad);
void observe_backward_ends(const Node& root);
void observe_optimizer_step(std::span<const NamedVariable> parameters);

}  // namespace detail

}  // namespace roux
