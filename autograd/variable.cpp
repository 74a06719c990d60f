// Variables and the life of graph nodes.
#include "autograd/variable.h"

#include <algorithm>
#include <new>

#include "tensor/memory.h"

namespace roux {

thread_local constinit bool NoGrad::recording_ = true;
thread_local constinit SavedList* SavedList::current_ = nullptr;

namespace detail {
namespace {

// Counts up on each thread; a node is numbered after its inputs even when those come from another thread.
thread_local constinit uint64_t next_sequence = 1;

std::atomic<int64_t> node_count{0};

// Nodes whose last handle is gone, waiting to be freed.
struct Graveyard {
  Node* first = nullptr;
  bool draining = false;
};
thread_local constinit Graveyard graveyard;

void free_node(Node* node) noexcept {
  node->release();
  delete node->retained;
  const size_t bytes = node->bytes;
  node->~Node();
  free_memory(node, bytes);
  node_count.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace

void Node::retain_gradient() {
  if (!retained && !is_leaf()) retained = new Gradient;
}

void Node::release() {
  released = true;
  if (has_closure) {
    has_closure = false;
    drop_or_list(this, nullptr);
  }
  for (int i = 0; i < input_count; ++i) inputs[i] = NodePtr();
  if (inputs != few_inputs && inputs) {
    std::destroy_n(inputs, input_count);
    free_memory(inputs, sizeof(NodePtr) * static_cast<size_t>(input_count));
  }
  inputs = nullptr;
  input_count = 0;
}

// Freeing a node frees its inputs' handles, which may be the last ones too: instead of recursing, those nodes are put
// on a list that the outermost call works off.
void Node::destroy(Node* node) noexcept {
  node->next_dead = graveyard.first;
  graveyard.first = node;
  if (graveyard.draining) return;
  graveyard.draining = true;
  while (Node* const dead = graveyard.first) {
    graveyard.first = dead->next_dead;
    free_node(dead);
  }
  graveyard.draining = false;
}

void Value::destroy(Value* value) noexcept {
  value->~Value();
  free_memory(value, sizeof(Value));
}

ValuePtr make_value(const Tensor& data, NodePtr node) {
  auto* value = new (allocate_memory(sizeof(Value))) Value;
  value->data = data;
  value->node = std::move(node);
  return ValuePtr(value);
}

NodePtr make_leaf(const Tensor& data) {
  auto* node = new (allocate_memory(sizeof(Node))) Node;
  finish_node(node, "", data, sizeof(Node));
  return NodePtr(node);
}

void allocate_inputs(Node* node, int count) {
  node->input_count = count;
  if (count <= Node::inline_inputs) {
    node->inputs = node->few_inputs;
    return;
  }
  node->inputs = static_cast<NodePtr*>(allocate_memory(sizeof(NodePtr) * static_cast<size_t>(count)));
  std::uninitialized_value_construct_n(node->inputs, count);
}

void finish_node(Node* node, const char* name, const Tensor& result, size_t bytes) {
  uint64_t newest_input = 0;
  for (int i = 0; i < node->input_count; ++i)
    if (node->inputs[i]) newest_input = std::max(newest_input, node->inputs[i]->sequence);
  next_sequence = std::max(next_sequence, newest_input + 1);
  node->sequence = next_sequence++;
  node->name = name;
  node->shape = result.shape();
  node->dtype = result.dtype();
  node->device = result.device();
  node->bytes = bytes;
  node_count.fetch_add(1, std::memory_order_relaxed);
}

void fail_result(const char* name, const Tensor& result) {
  ROUX_CHECK(result.defined(), name, "record() was given an undefined result");
  fail(name, "record() was given a ", result.dtype(),
       " result, and only floating-point values have gradients (hint: return the tensor itself, a constant)");
}

NodePtr share_node(const Variable& variable) {
  Node* const node = variable.node();
  if (!node) return NodePtr();
  node->references.fetch_add(1, std::memory_order_relaxed);
  return NodePtr(node);
}

}  // namespace detail

int64_t live_nodes() { return detail::node_count.load(std::memory_order_relaxed); }

Variable record_node(const Tensor& result, detail::NodePtr node) {
  Variable variable;
  variable.value_ = detail::make_value(result, std::move(node));
  return variable;
}

void Saved::modified() const {
  fail(detail::running_operation(), "saved ", what_, " was modified in place (version ", tensor_.version(),
       ", saved at ", version_,
       "): its gradient would be wrong (hint: change a clone() of it, or change it after backward)");
}

Variable::Variable(const Tensor& data) : Variable(data, false) {}

Variable::Variable(const Tensor& data, bool requires_grad) {
  if (data.defined()) value_ = detail::make_value(data, detail::NodePtr());
  if (requires_grad) set_requires_grad(true);
}

const Tensor& Variable::raw() const {
  ROUX_CHECK(defined(), "variable", "the variable is undefined");
  return value_->data;
}

Tensor Variable::data() const {
  const Tensor& tensor = raw();
  return value_->pending ? value_->pending->materialise() : tensor;
}

Tensor Variable::data_or_undefined() const { return defined() ? data() : Tensor(); }

detail::Node* Variable::node() const { return value_ ? value_->node.get() : nullptr; }
bool Variable::requires_grad() const { return node() != nullptr; }
bool Variable::is_leaf() const { return !node() || node()->is_leaf(); }
const char* Variable::operation() const { return node() ? node()->name : ""; }

void Variable::set_requires_grad(bool on) {
  const Tensor& tensor = raw();
  ROUX_CHECK(is_leaf(), "set_requires_grad", "this variable was computed by ", operation(),
             " (hint: detach() it first)");
  ROUX_CHECK(!on || is_floating(tensor.dtype()), "set_requires_grad",
             "only floating-point tensors have gradients, found ", tensor.dtype());
  if (on == requires_grad()) return;
  value_->node = on ? detail::make_leaf(tensor) : detail::NodePtr();
}

void Variable::set_data(const Tensor& data) {
  ROUX_CHECK(is_leaf(), "set_data", "this variable was computed by ", operation(),
             "; only a leaf's data can be replaced");
  ROUX_CHECK(data.defined() && data.shape() == shape(), "set_data", "found shape ",
             data.defined() ? to_string(data.shape()) : "(undefined)", ", expected ", shape());
  ROUX_CHECK(!node() || is_floating(data.dtype()), "set_data", "found ", data.dtype(),
             " data for a parameter, expected floating point");
  if (value_->pending) value_->pending->commit_all();
  if (detail::Node* const leaf = node()) {
    if (dtype() != data.dtype() || device() != data.device()) leaf->gradient.clear();
    leaf->dtype = data.dtype();
    leaf->device = data.device();
  }
  value_->data = data;
}

Tensor& Variable::mutable_data() {
  raw();
  ROUX_CHECK(is_leaf(), "mutable_data", "this variable was computed by ", operation(), " (hint: detach() it first)");
  if (value_->pending) value_->pending->commit_all();
  return value_->data;
}

PendingRows* Variable::pending_rows() const { return value_ ? value_->pending : nullptr; }

void Variable::set_pending_rows(PendingRows* pending) {
  raw();
  ROUX_CHECK(!pending || !value_->pending, "optimizer",
             "this parameter already belongs to another optimizer that keeps "
             "rows of it pending (hint: destroy that one first)");
  value_->pending = pending;
}

const Gradient& Variable::gradient() const {
  static const Gradient none;
  if (!node()) return none;
  return node()->retained ? *node()->retained : node()->gradient;
}

Gradient& Variable::mutable_gradient() {
  ROUX_CHECK(node(), "gradient", "this variable does not require a gradient");
  return node()->retained ? *node()->retained : node()->gradient;
}

Tensor Variable::grad() const { return gradient().to_dense(shape()); }

void Variable::zero_grad() {
  if (node()) mutable_gradient().clear();
}

void Variable::retain_grad() {
  ROUX_CHECK(node(), "retain_grad", "this variable does not require a gradient");
  node()->retain_gradient();
}

void Variable::backward() const {
  ROUX_CHECK(defined(), "backward", "the variable is undefined");
  ROUX_CHECK(numel() == 1, "backward", "only a scalar can start without a seed, found shape ", shape(),
             " (hint: sum() or mean() it, or pass the gradient of this value)");
  backward(Tensor::ones(shape(), dtype(), device()));
}

void Variable::backward(const Tensor& seed, bool retain_graph) const {
  ROUX_CHECK(defined(), "backward", "the variable is undefined");
  ROUX_CHECK(
      node(), "backward",
      "nothing was recorded for this variable: no input requires a gradient, or it was computed under NoGrad or "
      "inside a backward (hint: Variable(tensor, true) requires one; data() and detach() lead out of the graph)");
  ROUX_CHECK(seed.defined(), "backward", "the seed is undefined");
  ROUX_CHECK(seed.shape() == shape() && seed.dtype() == dtype() && seed.device() == device(), "backward",
             "the seed is a ", seed.dtype(), " tensor of shape ", seed.shape(), " on ", seed.device(), ", expected ",
             dtype(), ", ", shape(), " and ", device(), " like the value");
  detail::run_backward(node(), seed, retain_graph);
}

Variable Variable::detach() const { return Variable(data()); }

}  // namespace roux
