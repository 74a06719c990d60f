// Backward: walks the graph from a result to its leaves, newest node first.
//
// Every node has a higher number than its inputs, so when the newest waiting node is taken, everything that uses its
// value has already run and its gradient is complete. One heap of waiting nodes is all that the walk needs: no
// recursion, no sorting of the graph beforehand, and the order of sums is fixed.
#include <algorithm>
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

// Row gradients as an operation handed them over for input i, a table of this shape.
void check_rows(const RowGradient& grad, const Shape& table, DType dtype, const char* operation, int i) {
  ROUX_CHECK(grad.rows.defined() && grad.values.defined(), operation, "backward gave input ", i,
             " undefined row gradients");
  ROUX_CHECK(grad.rows.dtype() == int64 && grad.rows.dim() == 1, operation, "backward gave input ", i,
             " rows that are ", grad.rows.dtype(), " of shape ", grad.rows.shape(), ", expected int64 (u)");
  ROUX_CHECK(table.size() == 2 && grad.values.shape() == Shape({grad.rows.size(0), table[1]}), operation,
             "backward gave input ", i, " row gradients of shape ", grad.values.shape(), " for ", grad.rows.size(0),
             " rows of a table of shape ", table);
  ROUX_CHECK(grad.values.dtype() == dtype, operation, "backward gave input ", i, " ", grad.values.dtype(),
             " row gradients, expected ", dtype);
  if (grad.rows.device() != cpu) return;
  const Tensor rows = grad.rows.contiguous();
  const int64_t* const row = rows.data<int64_t>();
  bool outside = false;
  for (int64_t k = 0; k < rows.numel(); ++k) outside |= (row[k] < -1) | (row[k] >= table[0]);
  ROUX_CHECK(!outside, operation, "backward gave input ", i, " gradients of rows that a table of shape ", table,
             " has not");
}

}  // namespace
}  // namespace detail

// Waiting nodes as a heap by number, newest on top. The queue keeps them alive: running a node drops its links.
struct GradSink::Queue {
  std::vector<NodePtr> heap;

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
  return input;
}

void GradSink::add(int i, Tensor grad) {
  if (!wants(i)) return;
  const NodePtr& input = checked_input(i);
  ROUX_CHECK(grad.defined() && grad.shape() == input->shape, node_->name, "backward gave input ", i,
             " a gradient of shape ", grad.defined() ? to_string(grad.shape()) : "(undefined)", ", expected ",
             input->shape, " (hint: add_broadcast() sums over what was broadcast)");
  ROUX_CHECK(grad.dtype() == input->dtype, node_->name, "backward gave input ", i, " a ", grad.dtype(),
             " gradient, expected ", input->dtype);
  input->gradient.add(std::move(grad));
  queue_.push(input);
}

void GradSink::add(int i, RowGradient grad) {
  if (!wants(i)) return;
  const NodePtr& input = checked_input(i);
  detail::check_rows(grad, input->shape, input->dtype, node_->name, i);
  input->gradient.add(std::move(grad), input->shape);
  queue_.push(input);
}

void GradSink::add_broadcast(int i, const Tensor& grad) {
  if (wants(i)) add(i, sum_to(grad, shape(i)).to(dtype(i)));
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

}  // namespace

const char* running_operation() { return current_operation; }

void run_backward(Node* root, const Tensor& seed, bool retain_graph) {
  if (root->released) fail_released(*root);
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
    const char* const outer = std::exchange(current_operation, node->name);
    try {
      node->run(node.get(), grad, sink);
    } catch (...) {
      current_operation = outer;
      throw;
    }
    current_operation = outer;
    if (!retain_graph) node->release();
  }
}

}  // namespace detail
}  // namespace roux
