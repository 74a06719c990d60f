// The graph: values, and the nodes that backward walks. Users see these through Variable and, inside a backward,
// GradSink (grad_sink.h); see engine.cpp for the walk.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "autograd/gradient.h"

namespace roux {

class GradSink;
class PendingRows;
class SavedList;

namespace detail {

/// A counted pointer to T, which brings `references` and a static `destroy(T*)`.
template <class T>
class Counted {
 public:
  Counted() = default;
  /// Takes over the one reference that a new T is born with.
  explicit Counted(T* owned) : target_(owned) {}
  Counted(const Counted& other) noexcept : target_(other.target_) {
    if (target_) target_->references.fetch_add(1, std::memory_order_relaxed);
  }
  Counted(Counted&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
  Counted& operator=(Counted other) noexcept {
    std::swap(target_, other.target_);
    return *this;
  }
  ~Counted() {
    if (target_ && target_->references.fetch_sub(1, std::memory_order_acq_rel) == 1) T::destroy(target_);
  }
  explicit operator bool() const { return target_ != nullptr; }
  T* get() const { return target_; }
  T* operator->() const { return target_; }
  T& operator*() const { return *target_; }
  friend bool operator==(const Counted& a, const Counted& b) { return a.target_ == b.target_; }

 private:
  T* target_ = nullptr;
};

struct Node;
using NodePtr = Counted<Node>;

/// What backward knows of one value: where its gradient gathers and how to pass it on to the inputs. A leaf has no
/// inputs and no closure; its gradient stays. Nodes are numbered in the order of their creation, inputs before results.
struct Node {
  static constexpr int inline_inputs = 4;

  std::atomic<int64_t> references{1};
  uint64_t sequence = 0;
  const char* name = "";
  Shape shape;  // of the value; its gradient has the same
  DType dtype = DType::float32;
  Device device;
  bool queued = false;    // waits in a backward
  bool released = false;  // backward has passed and dropped what was saved
  bool has_closure = false;
  int input_count = 0;
  NodePtr* inputs = nullptr;  // null entries: inputs without gradient
  NodePtr few_inputs[inline_inputs];
  Gradient gradient;             // a leaf's, over all backwards; else what has arrived in the present one
  Gradient* retained = nullptr;  // of a computed value that keeps its gradient
  void (*run)(Node*, const Tensor& grad, GradSink& to) = nullptr;
  void (*drop_or_list)(Node*, SavedList*) = nullptr;  // without a list, destroys the closure
  size_t bytes = 0;                                   // of the block, closure included
  Node* next_dead = nullptr;                          // while it waits to be freed

  bool is_leaf() const { return run == nullptr; }
  /// Keeps a computed value's gradients in `retained` from now on.
  void retain_gradient();
  /// Frees what the operation saved and its links to the inputs.
  void release();
  /// Frees the node, and every node that is no longer needed then, without recursion.
  static void destroy(Node* node) noexcept;
};

/// The closure lies behind the node in one block.
template <class Backward>
struct NodeWith : Node {
  union {
    Backward backward;
  };
  NodeWith() {}
  ~NodeWith() {}
};

/// What the handles of one Variable share.
struct Value {
  std::atomic<int64_t> references{1};
  Tensor data;
  NodePtr node;  // null: a constant
  PendingRows* pending = nullptr;

  static void destroy(Value* value) noexcept;
};
using ValuePtr = Counted<Value>;

ValuePtr make_value(const Tensor& data, NodePtr node);
/// A leaf's node.
NodePtr make_leaf(const Tensor& data);
/// Numbers the node after its inputs, counts it, and notes what kind of value it has.
void finish_node(Node* node, const char* name, const Tensor& result, size_t bytes);
/// Room for `count` inputs.
void allocate_inputs(Node* node, int count);
void run_backward(Node* root, const Tensor& seed, bool retain_graph);
/// The name of the operation whose backward runs on this thread; "backward" when none does.
const char* running_operation();

}  // namespace detail

}  // namespace roux
