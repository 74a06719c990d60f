// Reductions: any set of axes becomes one contiguous dimension [outer][n][inner] for the kernel.
#include <cmath>

#include "tensor/backend.h"
#include "tensor/operands.h"
#include "tensor/ops.h"

namespace roux {
namespace {

struct Reduction {
  Tensor input;  // contiguous
  Along along;
  Shape result;  // with or without the reduced dimensions
};

// Brings the reduced axes together: they stay in place when they are neighbours already, else they move to the end.
Reduction prepare(const Tensor& x, const Axes& axes, bool keepdim, const char* operation) {
  check_defined(x, operation);
  bool reduced[Dims::max_size] = {};
  for (const int64_t axis : axes) {
    const int64_t place = wrap_axis(axis, x.dim(), operation);
    ROUX_CHECK(!reduced[place], operation, "dimension ", axis, " appears twice in ", axes);
    reduced[place] = true;
  }
  if (axes.empty()) std::fill_n(reduced, x.dim(), true);

  Reduction plan;
  int64_t first = -1, last = -1, count = 0;
  Axes order;
  for (int64_t i = 0; i < x.dim(); ++i) {
    if (reduced[i]) {
      if (first < 0) first = i;
      last = i;
      ++count;
      if (keepdim) plan.result.push_back(1);
    } else {
      order.push_back(i);
      plan.result.push_back(x.shape()[i]);
    }
  }
  if (count == 0) {  // only a scalar has nothing to reduce
    plan.input = x.contiguous();
    return plan;
  }
  const bool neighbours = last - first + 1 == count;
  if (neighbours) {
    plan.input = x.contiguous();
    for (int64_t i = 0; i < x.dim(); ++i)
      (i < first ? plan.along.outer : i <= last ? plan.along.n : plan.along.inner) *= x.shape()[i];
  } else {
    for (int64_t i = 0; i < x.dim(); ++i) (reduced[i] ? plan.along.n : plan.along.outer) *= x.shape()[i];
    for (int64_t i = 0; i < x.dim(); ++i)
      if (reduced[i]) order.push_back(i);
    plan.input = x.permute(order).contiguous();
  }
  return plan;
}

Tensor reduce(ReduceOp op, const Tensor& x, const Axes& axes, bool keepdim, const char* operation) {
  const Reduction plan = prepare(x, axes, keepdim, operation);
  Tensor result = Tensor::empty(plan.result, x.dtype(), x.device());
  backend(x.device()).reduce(op, result.view(), plan.input.view(), plan.along);
  return result;
}

// Sums and products of integers and booleans are int64.
Tensor as_number(const Tensor& x, const char* operation) {
  check_defined(x, operation);
  return x.dtype() == boolean ? x.to(int64) : x;
}

int64_t reduced_count(const Tensor& x, const Tensor& result) { return result.numel() ? x.numel() / result.numel() : 0; }

Tensor extreme(ReduceOp op, const Tensor& x, const Axes& axes, bool keepdim, const char* operation) {
  const Reduction plan = prepare(x, axes, keepdim, operation);
  ROUX_CHECK(plan.along.n > 0 || plan.result.numel() == 0, operation, "shape ", x.shape(),
             " has no elements along the reduced dimensions, so there is no such value");
  if (x.dtype() == boolean)
    return reduce(op == ReduceOp::amax ? ReduceOp::any : ReduceOp::all, x, axes, keepdim, operation);
  Tensor result = Tensor::empty(plan.result, x.dtype(), x.device());
  backend(x.device()).reduce(op, result.view(), plan.input.view(), plan.along);
  return result;
}

ValuesIndices extreme_with_index(bool largest, const Tensor& x, int64_t axis, bool keepdim, const char* operation) {
  check_defined(x, operation);
  if (x.dim() == 0) return {x.clone(), Tensor::scalar(0, int64, x.device())};
  const Reduction plan = prepare(x, axis, keepdim, operation);
  ROUX_CHECK(plan.along.n > 0, operation, "dimension ", axis, " of shape ", x.shape(), " is empty");
  ValuesIndices result{Tensor::empty(plan.result, x.dtype(), x.device()),
                       Tensor::empty(plan.result, int64, x.device())};
  backend(x.device())
      .reduce_with_index(largest, result.values.view(), result.indices.view(), plan.input.view(), plan.along);
  return result;
}

}  // namespace

Tensor sum(const Tensor& x, const Axes& axes, bool keepdim) {
  return reduce(ReduceOp::sum, as_number(x, "sum"), axes, keepdim, "sum");
}

Tensor prod(const Tensor& x, const Axes& axes, bool keepdim) {
  return reduce(ReduceOp::prod, as_number(x, "prod"), axes, keepdim, "prod");
}

Tensor mean(const Tensor& x, const Axes& axes, bool keepdim) {
  check_defined(x, "mean");
  const Tensor total = sum(is_floating(x.dtype()) ? x : x.to(float32), axes, keepdim);
  return div(total, static_cast<double>(reduced_count(x, total)));
}

Tensor var(const Tensor& x, const Axes& axes, bool keepdim, int64_t correction) {
  check_floating(x, "var");
  const Tensor squares = sum(square(x - mean(x, axes, true)), axes, keepdim);
  return div(squares, static_cast<double>(reduced_count(x, squares) - correction));
}

Tensor amax(const Tensor& x, const Axes& axes, bool keepdim) {
  return extreme(ReduceOp::amax, x, axes, keepdim, "amax");
}
Tensor amin(const Tensor& x, const Axes& axes, bool keepdim) {
  return extreme(ReduceOp::amin, x, axes, keepdim, "amin");
}

Tensor any(const Tensor& x, const Axes& axes, bool keepdim) {
  check_defined(x, "any");
  return reduce(ReduceOp::any, x.to(boolean), axes, keepdim, "any");
}

Tensor all(const Tensor& x, const Axes& axes, bool keepdim) {
  check_defined(x, "all");
  return reduce(ReduceOp::all, x.to(boolean), axes, keepdim, "all");
}

Tensor norm(const Tensor& x) {
  check_floating(x, "norm");
  return sqrt(sum(square(x.to(float64)))).to(x.dtype());
}

Tensor sum_to(const Tensor& grad, const Shape& shape) {
  if (grad.shape() == shape) return grad;
  ROUX_CHECK(broadcast_shapes(grad.shape(), shape, "sum_to") == grad.shape(), "sum_to", "shape ", shape,
             " does not broadcast to ", grad.shape());
  const int64_t lead = grad.dim() - shape.size();
  Axes axes;
  for (int64_t i = 0; i < grad.dim(); ++i)
    if (i < lead || (shape[i - lead] == 1 && grad.shape()[i] != 1)) axes.push_back(i);
  return sum(grad, axes, true).reshape(shape);
}

ValuesIndices max(const Tensor& x, int64_t axis, bool keepdim) {
  return extreme_with_index(true, x, axis, keepdim, "max");
}
ValuesIndices min(const Tensor& x, int64_t axis, bool keepdim) {
  return extreme_with_index(false, x, axis, keepdim, "min");
}

Tensor argmax(const Tensor& x, int64_t axis, bool keepdim) {
  return extreme_with_index(true, x, axis, keepdim, "argmax").indices;
}

Tensor argmin(const Tensor& x, int64_t axis, bool keepdim) {
  return extreme_with_index(false, x, axis, keepdim, "argmin").indices;
}

}  // namespace roux
