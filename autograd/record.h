// The templates behind record(): the closure is stored in the node's own block, without a second allocation.
#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "autograd/variable.h"
#include "tensor/memory.h"

namespace roux {

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

template <class Inputs, class Backward>
Variable record(const char* name, const Tensor& result, const Inputs& inputs, Backward&& backward) {
  if (!any_requires_grad(inputs)) return Variable(result);
  using Closure = std::decay_t<Backward>;
  using Block = NodeWith<Closure>;
  auto* node = new (allocate_memory(sizeof(Block))) Block;
  new (&node->backward) Closure(std::forward<Backward>(backward));
  node->has_closure = true;
  node->run = [](Node* self, const Tensor& grad, GradSink& to) { static_cast<Block*>(self)->backward(grad, to); };
  node->drop_closure = [](Node* self) { std::destroy_at(&static_cast<Block*>(self)->backward); };
  allocate_inputs(node, static_cast<int>(inputs.size()));
  int i = 0;
  for (const Variable& input : inputs) node->inputs[i++] = share_node(input);
  finish_node(node, name, result, sizeof(Block));
  return record_node(result, NodePtr(node));
}

}  // namespace detail

template <class Backward>
Variable record(const char* name, const Tensor& result, std::initializer_list<Variable> inputs, Backward&& backward) {
  return detail::record(name, result, inputs, std::forward<Backward>(backward));
}

template <class Backward>
Variable record(const char* name, const Tensor& result, const std::vector<Variable>& inputs, Backward&& backward) {
  return detail::record(name, result, inputs, std::forward<Backward>(backward));
}

}  // namespace roux
