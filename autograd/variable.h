// Variable: a Tensor that remembers how it was computed, so that `backward()` can hand every input its gradient.
// What computes with Variables are functions, in ops.h; views and conversions are members.
//
// A differentiable operation is one function: compute the result from tensors, then `record` it with the lambda that
// hands each input its gradient (these examples are inside `using namespace roux;`):
//
//   // x * sigmoid(beta * x). x: (...), beta: whatever broadcasts to it -> the shape of x.
//   Variable swish(const Variable& x, const Variable& beta) {
//     const Tensor a = x.data(), b = beta.data(), s = sigmoid(a * b);
//     return record("swish", a * s, {x, beta},
//                   [a = saved(a, "x"), b = saved(b, "beta"), s = saved(s, "s")](const Tensor& grad, GradSink& to) {
//                     const Tensor slope = grad * a * s * (1 - s);  // of the result by a * b, times grad
//                     to.add_broadcast(0, grad * s + slope * b);
//                     if (to.wants(1)) to.add_broadcast(1, slope * a);
//                   });
//   }
//
// How to add an operation: write such a function, in autograd/ops*.cpp or in a file of your own.
// - What backward needs, the lambda keeps with `saved`. Saved stands in arithmetic like the tensor it holds; only its
//   members need `.get()`, as in `a.get().shape()`. A plain Tensor that is captured without `saved` gives a silently
//   wrong gradient when somebody changes it in place, and is missing in the bytes that graph() shows as kept for
//   backward.
// - The lambda must never capture its own result's Variable, for that cycle would never be freed.
// - `to.add_broadcast(i, g)` is always right; `to.add(i, g)` is for gradients of the input's own shape and type.
//   `to.wants(i)` saves the work for a gradient that nobody needs (see grad_sink.h): ask for each input by itself.
// - `grad` is shared: never change it in place.
// - What the functions on tensors do not check, ROUX_CHECK does (tensor/error.h):
//   `ROUX_CHECK(x.dim() == 2, "swish", "expected a matrix, found shape ", x.shape());`
#pragma once

#include <initializer_list>
#include <iterator>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "autograd/grad_sink.h"
#include "autograd/gradient.h"
#include "autograd/node.h"
#include "autograd/observer.h"
#include "tensor/memory.h"
#include "tensor/ops.h"
#include "tensor/tensor.h"

namespace roux {

/// What a leaf's optimiser owes to rows of it that no batch has touched lately (see nn/lazy_adam.h). Reads see
/// caught-up copies; only `commit` writes, and it does not bump the tensor's version: nothing that is observed changes.
class PendingRows {
 public:
  virtual ~PendingRows() = default;
  /// Brings these rows of the leaf's data up to date in place. ids: distinct, int64 (n); -1 entries are skipped.
  virtual void commit(const Tensor& ids) = 0;
  /// Brings all rows up to date in place.
  virtual void commit_all() = 0;
  /// Caught-up copies of these rows, (n, dim); ids need not be distinct.
  virtual Tensor rows(const Tensor& ids) const = 0;
  /// A caught-up copy of the whole table.
  virtual Tensor materialise() const = 0;
};

/// A handle to a value in a graph; copies are the same value. Data code uses Tensor, models use Variable.
class Variable {
 public:
  /// Undefined.
  Variable() = default;
  /// A constant; undefined when the tensor is. This conversion is implicit on purpose: tensors may stand wherever a
  /// model takes variables.
  Variable(const Tensor& data);
  /// A leaf; with `requires_grad` (a parameter, say) gradients accumulate in it.
  Variable(const Tensor& data, bool requires_grad);

  /// Whether it holds a value.
  bool defined() const { return static_cast<bool>(value_); }
  /// The value. With pending rows, a caught-up copy.
  Tensor data() const;
  const Shape& shape() const { return raw().shape(); }
  int64_t dim() const { return raw().dim(); }
  int64_t size(int64_t axis) const { return raw().size(axis); }
  int64_t numel() const { return raw().numel(); }
  DType dtype() const { return raw().dtype(); }
  Device device() const { return raw().device(); }
  /// The number in a Variable of one element.
  double item() const { return data().item(); }

  /// Whether backward gives it a gradient: a leaf that asks for one, or what was computed from such a leaf.
  bool requires_grad() const;
  /// Only for leaves. Throws for a computed Variable (hint: detach()).
  void set_requires_grad(bool on);
  /// Whether it was not computed from Variables: a parameter, a constant.
  bool is_leaf() const;
  /// The name of the operation that computed it; "" for a leaf.
  const char* operation() const;

  /// Replaces the data of a leaf, which stays the same parameter: `to`, loading and gradcheck do this. The shape may
  /// not change; another type or device drops the gradient.
  void set_data(const Tensor& data);
  /// The leaf's data for writing in place; all pending rows are committed first.
  Tensor& mutable_data();

  /// The accumulated gradient; undefined when there is none. Row gradients are made dense.
  Tensor grad() const;
  /// The gradient as it is: none, dense or rows.
  const Gradient& gradient() const;
  Gradient& mutable_gradient();
  /// Drops the gradient: it is none then, not zeros.
  void zero_grad();
  /// Keeps the gradient of a computed Variable when backward passes it: added up over backwards, like a leaf's.
  void retain_grad();

  /// Gradients of this scalar with respect to every leaf it was computed from, added to what they hold. Releases what
  /// the operations saved: a second backward through them throws. After an Error from within, leaves may hold parts of
  /// the gradients (zero_grad() clears them); graph and leaves stay usable.
  void backward() const;
  /// The same for any shape, from the gradient of this value. retain_graph: keep what was saved for another backward.
  void backward(const Tensor& seed, bool retain_graph = false) const;
  /// The same value as a constant, sharing storage; a copy while an optimiser owes rows of it movement.
  Variable detach() const;

  /// Views and conversions as of Tensor; gradients flow through them.
  Variable reshape(const Shape& shape) const;
  Variable flatten(int64_t start = 0, int64_t end = -1) const;
  Variable transpose(int64_t axis0, int64_t axis1) const;
  Variable permute(const Axes& axes) const;
  Variable squeeze(int64_t axis) const;
  Variable squeeze() const;
  Variable unsqueeze(int64_t axis) const;
  Variable slice(int64_t axis, int64_t start, int64_t end, int64_t step = 1) const;
  Variable select(int64_t axis, int64_t index) const;
  Variable expand(const Shape& shape) const;
  Variable contiguous() const;
  Variable to(DType dtype) const;
  Variable to(Device device) const;

  // For operations and optimisers.

  /// The data without catching up pending rows.
  const Tensor& raw() const;
  /// data(), or an undefined tensor where the Variable is undefined: an operand that may be left out, or one that the
  /// operation on tensors refuses by its own name.
  Tensor data_or_undefined() const;
  /// The optimiser's pending rows, or null.
  PendingRows* pending_rows() const;
  /// Installs (or, with null, removes) them. Throws when another optimiser's are there.
  void set_pending_rows(PendingRows* pending);
  detail::Node* node() const;
  /// Whether both are the same Variable, whatever the values are; eq() of tensors compares those.
  friend bool operator==(const Variable& a, const Variable& b) { return a.value_ == b.value_; }

 private:
  friend Variable record_node(const Tensor&, detail::NodePtr);

  detail::ValuePtr value_;
};

/// A Variable with the name that messages, files and figures of the graph give it.
struct NamedVariable {
  std::string name;   ///< with dots between the parts: "encoder.layers.0.weight"
  Variable variable;  ///< the same value and gradient as the original's, not a copy
};

/// While one exists, its thread records nothing: results are constants.
class NoGrad {
 public:
  NoGrad() : before_(std::exchange(recording_, false)) {}
  ~NoGrad() { recording_ = before_; }
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;
  /// Whether operations of this thread are recorded.
  static bool recording() { return recording_; }

 private:
  static thread_local constinit bool recording_;
  bool before_;
};

/// While one exists, copies of a Saved made on its thread leave their tensors in it: a copy of a backward function
/// lists what that function keeps.
class SavedList {
 public:
  SavedList() : before_(std::exchange(current_, this)) {}
  ~SavedList() { current_ = before_; }
  SavedList(const SavedList&) = delete;
  SavedList& operator=(const SavedList&) = delete;
  std::vector<Tensor> tensors;  ///< in the order of the copies

 private:
  friend class Saved;
  static thread_local constinit SavedList* current_;
  SavedList* before_;
};

/// A tensor that backward will need: it stands for it in arithmetic, `.get()` is for its members. Reading it after it
/// was changed in place throws: its gradient would be wrong.
class Saved {
 public:
  /// `what` is the name that the error gives it.
  explicit Saved(Tensor tensor, const char* what) : tensor_(std::move(tensor)), what_(what) {
    if (tensor_.defined()) version_ = tensor_.version();
  }
  Saved(const Saved& other) : tensor_(other.tensor_), what_(other.what_), version_(other.version_) {
    if (SavedList::current_ && tensor_.defined()) [[unlikely]]
      SavedList::current_->tensors.push_back(tensor_);
  }
  Saved(Saved&&) = default;
  Saved& operator=(const Saved&) = default;
  Saved& operator=(Saved&&) = default;
  /// The tensor, after the check. `[tanh] saved result was modified in place (version 3, saved at 2)`.
  const Tensor& get() const {
    if (tensor_.defined() && tensor_.version() != version_) [[unlikely]]
      modified();
    return tensor_;
  }
  operator const Tensor&() const { return get(); }

 private:
  [[noreturn]] void modified() const;
  Tensor tensor_;
  const char* what_;
  uint64_t version_ = 0;
};
/// Keeps `tensor` for backward; `what` names it in the error message.
inline Saved saved(const Tensor& tensor, const char* what = "tensor") { return Saved(tensor, what); }

/// What `record` takes: a function of the result's gradient and of where the inputs' gradients go.
template <class F>
concept BackwardFunction = requires(std::decay_t<F>& backward, const Tensor& grad, GradSink& to) {
  backward(grad, to);
};

/// Makes `result` a Variable that was computed by operation `name` from `inputs`. In backward, `backward(grad, to)` is
/// called once with the gradient of the result (its shape and dtype) and hands each input that wants one its gradient,
/// zeros too; leaving one out is an Error.
/// `grad` is shared: never change it in place, which is an Error. Nothing is recorded meanwhile. `name` must outlive
/// the graph (a literal). Where no input requires a gradient, or under NoGrad, the result is a constant.
template <BackwardFunction Backward>
Variable record(const char* name, const Tensor& result, std::initializer_list<Variable> inputs, Backward&& backward);
/// The same for a number of inputs known only at run time.
template <BackwardFunction Backward>
Variable record(const char* name, const Tensor& result, const std::vector<Variable>& inputs, Backward&& backward);

/// Number of graph nodes alive on all threads: for tests that nothing leaks.
int64_t live_nodes();

// --- The templates behind record(): the closure is stored in the node's own block, without a second allocation. ---

Variable record_node(const Tensor& result, detail::NodePtr node);

namespace detail {

/// Whether an operation on these inputs has to be recorded.
template <class Inputs>
bool any_requires_grad(const Inputs& inputs) {
  if (!NoGrad::recording()) return false;
  for (const Variable& input : inputs)
    if (input.node()) return true;
  return false;
}

NodePtr share_node(const Variable& variable);
/// Throws: this result cannot be recorded.
[[noreturn]] void fail_result(const char* name, const Tensor& result);

template <class Inputs, class Backward>
Variable record(const char* name, const Tensor& result, const Inputs& inputs, Backward&& backward) {
  if (observed()) [[unlikely]]
    observe_operation(name, result, {std::data(inputs), std::size(inputs)});
  if (!any_requires_grad(inputs)) return Variable(result);
  if (!result.defined() || !is_floating(result.dtype())) [[unlikely]]
    fail_result(name, result);
  using Closure = std::decay_t<Backward>;
  using Block = NodeWith<Closure>;
  auto* node = new (allocate_memory(sizeof(Block))) Block;
  new (&node->backward) Closure(std::forward<Backward>(backward));
  node->has_closure = true;
  node->run = [](Node* self, const Tensor& grad, GradSink& to) { static_cast<Block*>(self)->backward(grad, to); };
  node->drop_or_list = [](Node* self, SavedList* list) {
    Closure& closure = static_cast<Block*>(self)->backward;
    if (!list) {
      std::destroy_at(&closure);
    } else if constexpr (std::is_copy_constructible_v<Closure>) {
      [[maybe_unused]] const Closure copy(closure);  // lists itself
    }
  };
  allocate_inputs(node, static_cast<int>(inputs.size()));
  int i = 0;
  for (const Variable& input : inputs) node->inputs[i++] = share_node(input);
  finish_node(node, name, result, sizeof(Block));
  return record_node(result, NodePtr(node));
}

}  // namespace detail

template <BackwardFunction Backward>
Variable record(const char* name, const Tensor& result, std::initializer_list<Variable> inputs, Backward&& backward) {
  return detail::record(name, result, inputs, std::forward<Backward>(backward));
}

template <BackwardFunction Backward>
Variable record(const char* name, const Tensor& result, const std::vector<Variable>& inputs, Backward&& backward) {
  return detail::record(name, result, inputs, std::forward<Backward>(backward));
}

}  // namespace roux
