// GradSink: what the backward of an operation hands its inputs' gradients to. See `record` in variable.h.
#pragma once

#include "autograd/gradient.h"
#include "autograd/node.h"

namespace roux {

/// Where an operation's backward puts the gradients of its inputs. Input i is the i-th of those that `record` was
/// given; any other number is an Error.
///
/// add_broadcast() is always right, and costs nothing where there is nothing to sum or convert: take it unless you know
/// better. add() is for gradients that have their input's shape and type by construction, and says when they have not.
/// Gradients of inputs that want none are dropped, so wants() is only there to save work.
class GradSink {
 public:
  /// Whether input i wants a gradient: ask before computing one that is not free.
  bool wants(int i) const {
    check_index(i, "asked for");
    return static_cast<bool>(node_->inputs[i]);
  }
  /// The gradient of input i: its shape and dtype, or an Error that names the operation.
  void add(int i, Tensor grad);
  /// The same as rows of a table.
  void add(int i, RowGradient grad);
  /// The gradient of an input that the operation has broadcast, or promoted to another type: summed to the input's
  /// shape and converted to its type. An Error that names the operation when it does not sum to that shape.
  void add_broadcast(int i, const Tensor& grad);
  /// Shape and type of input i, which must want a gradient.
  const Shape& shape(int i) const { return wanting(i).shape; }
  DType dtype(int i) const { return wanting(i).dtype; }

 private:
  friend void detail::run_backward(detail::Node*, const Tensor&, bool);
  struct Queue;
  GradSink(detail::Node* node, Queue& queue) : node_(node), queue_(queue) {}
  void check_index(int i, const char* did) const {
    if (i < 0 || i >= node_->input_count) [[unlikely]]
      fail_index(i, did);
  }
  [[noreturn]] void fail_index(int i, const char* did) const;
  // Whether input i is to receive what backward gives for it.
  bool takes(int i) const;
  const detail::Node& wanting(int i) const;
  const detail::NodePtr& checked_input(int i) const;
  detail::Node* node_;
  Queue& queue_;
};

}  // namespace roux
