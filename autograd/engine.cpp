// Backward: walks the graph from a result to its leaves, newest node first.
//
// Every node has a higher number than its inputs, so when the newest waiting node is taken, everything that uses its
// value has already run and its gradient is complete. One heap of waiting nodes is all that the walk needs: no
// recursion, no sorting of the graph beforehand, and the order of sums is fixed.
#include <algorithm>
#include <string>
#include <vector>

#include "autograd/variable.h"

namespace roux {

using detail::Node;
using detail::NodePtr;

namespace detail {
namespace {

[[noreturn]] void fail_released(const Node& node) {
  fail(node.name,
       "backward already ran through this result and what it saved is gone (hint: compute it again, or pass "
       "retain_graph to the first backward)");
}

// Row gradients as an operation handed them over for input i.
void check_rows(const RowGradient& grad, const Node& input, const char* operation, int i) {
  const Shape& table = input.shape;
  ROUX_CHECK(grad.rows.defined() && grad.values.defined(), operation, "backward gave input ", i,
             " undefined row gradients");
  ROUX_CHECK(grad.rows.dtype() == int64 && grad.rows.dim() == 1, operation, "backward gave input ", i,
             " rows that are ", grad.rows.dtype(), " of shape ", grad.rows.shape(), ", expected int64 (u)");
  ROUX_CHECK(table.size() == 2 && grad.values.shape() == Shape({grad.rows.size(0), table[1]}), operation,
             "backward gave input ", i, " row gradients of shape ", grad.values.shape(), " for ", grad.rows.size(0),
             " rows of a table of shape ", table);
  ROUX_CHECK(grad.values.dtype() == input.dtype, operation, "backward gave input ", i, " ", grad.values.dtype(),
             " row gradients, expected ", input.dtype);
  ROUX_CHECK(grad.rows.device() == input.device && grad.values.device() == input.device, operation,
             "backward gave input ", i, " row gradients with rows on ", grad.rows.device(), " and values on ",
             grad.values.device(), ", expected ", input.device);
  if (grad.rows.device() != cpu) return;
  const Tensor rows = grad.rows.contiguous();
  const int64_t* const row = rows.data<int64_t>();
  bool outside = false;
  for (int64_t k = 0; k < rows.numel(); ++k) outside |= (row[k] < -1) | (row[k] >= table[0]);
  ROUX_CHECK(!outside, operation, "backward gave input ", i, " gradients of rows that a table of shape ", table,
             " has not");
}

// Whether sums over what was broadcast turn a gradient of shape `from` into one of shape `to`.
bool sums_to(const Shape& from, const Shape& to) {
  const int64_t lead = from.size() - to.size();
  if (lead < 0) return false;
  for (int64_t i = 0; i < to.size(); ++i)
    if (to[i] != 1 && to[i] != from[lead + i]) return false;
  return true;
}

}  // namespace
}  // namespace detail

// Waiting nodes as a heap by number, newest on top. The queue keeps them alive: running a node drops its links.
struct GradSink::Queue {
  std::vector<NodePtr> heap;
  std::vector<bool> given;  // which inputs of the node that runs have received a gradient

  static bool older(const NodePtr& a, const NodePtr& b) { return a->sequence < b->sequence; }
  void push(const NodePtr& node) {
    if (node->queued) return;
    node->queued = true;
    heap.push_back(node);
    std::push_heap(heap.begin(), heap.end(), older);
  }
  NodePtr pop() {
    std::pop_heap(heap.begin(), heap.end(), older);
    NodePtr node = std::move(heap.back());
    heap.pop_back();
    node->queued = false;
    return node;
  }
  // An input left out would train on gradients that lack this part, and nobody would see it.
  void check_complete(const Node& node) const {
    for (int i = 0; i < node.input_count; ++i)
      ROUX_CHECK(!node.inputs[i] || given[static_cast<size_t>(i)], node.name, "backward gave input ", i, " of shape ",
                 node.inputs[i]->shape,
                 " no gradient, though it wants one (hint: give zeros where it is "
                 "0, or record detach() of an input that has none)");
  }
  // After an exception: nodes still waiting must be usable by another backward.
  ~Queue() {
    for (const NodePtr& node : heap) {
      node->queued = false;
      if (!node->is_leaf()) node->gradient.clear();
    }
  }
};

// The input that is about to receive. A second backward is refused here, before it leaves anything behind.
const NodePtr& GradSink::checked_input(int i) const {
  const NodePtr& input = node_->inputs[i];
  if (input->released) [[unlikely]]
    detail::fail_released(*input);
  queue_.given[static_cast<size_t>(i)] = true;
  return input;
}

void GradSink::fail_index(int i, const char* did) const {
  fail(node_->name, "backward ", did, " input ", i, ", expected 0 to ", node_->input_count - 1);
}

bool GradSink::takes(int i) const {
  check_index(i, "gave a gradient for");
  return static_cast<bool>(node_->inputs[i]);
}

const Node& GradSink::wanting(int i) const {
  ROUX_CHECK(wants(i), node_->name, "backward asked for the shape or type of input ", i,
             ", which wants no gradient (hint: ask wants(", i, ") first)");
  return *node_->inputs[i];
}

void GradSink::add(int i, Tensor grad) {
  if (!takes(i)) return;
  const NodePtr& input = checked_input(i);
  ROUX_CHECK(grad.defined(), node_->name, "backward gave input ", i, " an undefined gradient");
  ROUX_CHECK(
      grad.shape() == input->shape, node_->name, "backward gave input ", i, " a gradient of shape ", grad.shape(),
      ", expected ", input->shape,
      detail::sums_to(grad.shape(), input->shape) ? " (hint: add_broadcast() sums over what was broadcast)" : "");
  ROUX_CHECK(grad.dtype() == input->dtype, node_->name, "backward gave input ", i, " a ", grad.dtype(),
             " gradient, expected ", input->dtype, " (hint: add_broadcast() converts)");
  ROUX_CHECK(grad.device() == input->device, node_->name, "backward gave input ", i, " a gradient on ", grad.device(),
             ", expected ", input->device);
  if (Observer::newest()) [[unlikely]]
    detail::observe_gradient(*node_, i, grad);
  input->gradient.add(std::move(grad));
  queue_.push(input);
}

void GradSink::add(int i, RowGradient grad) {
  if (!takes(i)) return;
  const NodePtr& input = checked_input(i);
  detail::check_rows(grad, *input, node_->name, i);
  if (Observer::newest()) [[unlikely]]
    detail::observe_gradient(*node_, i, grad.values);
  input->gradient.add(std::move(grad), input->shape);
  queue_.push(input);
}

void GradSink::add_broadcast(int i, const Tensor& grad) {
  if (!takes(i)) return;
  const Node& input = *node_->inputs[i];
  ROUX_CHECK(grad.defined(), node_->name, "backward gave input ", i, " an undefined gradient");
  ROUX_CHECK(detail::sums_to(grad.shape(), input.shape), node_->name, "backward gave input ", i,
             " a gradient of shape ", grad.shape(), ", which does not sum to ", input.shape);
  add(i, sum_to(grad, input.shape).to(input.dtype));
}

namespace detail {
namespace {

thread_local constinit const char* current_operation = "backward";

// A node's gradient as one dense tensor, taken out of it.
Tensor take_gradient(Node& node) {
  Tensor grad = node.gradient.to_dense(node.shape);
  node.gradient.clear();
  if (node.retained) {
    node.retained->add(grad);
    node.retained->own_values();
  }
  return grad;
}

// While one exists, errors from within are about this operation's backward.
class Running {
 public:
  explicit Running(const char* operation) : outer_(std::exchange(current_operation, operation)) {}
  ~Running() { current_operation = outer_; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  const char* outer_;
};

// The same error, with the operation in whose backward it arose, where its text does not begin with it.
[[noreturn]] void rethrow_naming(const char* operation, const Error& error) {
  const std::string text = error.what(), name = operation;
  if (text.starts_with("[" + name + "] ")) throw;
  throw Error(text + " (in the backward of " + name + ")");
}

void run_node(Node& node, const Tensor& grad, GradSink& sink) {
  const Running running(node.name);
  const ProfilerBackward profiled(node.name);
  const uint64_t version = grad.version();
  try {
    node.run(&node, grad, sink);
  } catch (const Error& error) {
    rethrow_naming(node.name, error);
  }
  // What was changed may be what a sibling or the caller holds too.
  ROUX_CHECK(grad.version() == version, node.name,
             "backward changed the gradient it was given in place (hint: use mul(), or clone() it)");
}

}  // namespace

const char* running_operation() { return current_operation; }

void run_backward(Node* root, const Tensor& seed, bool retain_graph) {
  if (root->released) fail_released(*root);
  if (Observer::newest()) [[unlikely]]
    observe_backward_begins(*root);
  const NoGrad no_grad;  // a backward that computes with Variables records nothing: there is no double backward
  GradSink::Queue queue;
  root->references.fetch_add(1, std::memory_order_relaxed);
  queue.push(NodePtr(root));
  root->gradient.add(seed);
  while (!queue.heap.empty()) {
    const NodePtr node = queue.pop();
    if (node->is_leaf()) {  // complete: its gradient stays
      node->gradient.own_values();
      continue;
    }
    const Tensor grad = take_gradient(*node);
    GradSink sink(node.get(), queue);
    queue.given.assign(static_cast<size_t>(node->input_count), false);
    run_node(*node, grad, sink);
    queue.check_complete(*node);
    if (!retain_graph) node->release();
  }
  if (Observer::newest()) [[unlikely]]
    observe_backward_ends(*root);
}

}  // namespace detail
}  // namespace roux
