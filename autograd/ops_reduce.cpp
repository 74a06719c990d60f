// Differentiable reductions, order and softmax. A reduction's gradient comes back over the reduced dimensions by
// broadcasting: it is seen with those dimensions at length 1 (`kept`), whether the result had them or not.
#include "autograd/ops.h"

namespace roux {
namespace {

// The shape of a reduction's result with keepdim.
Shape kept_shape(const Shape& shape, const Axes& axes) {
  if (axes.empty()) return Shape::filled(shape.size(), 1);
  Shape kept = shape;
  for (const int64_t axis : axes) kept[wrap_axis(axis, shape.size(), "reduction")] = 1;
  return kept;
}

// How many values each value of the result came from.
int64_t reduced_count(const Shape& shape, const Shape& kept) {
  int64_t count = 1;
  for (int i = 0; i < shape.size(); ++i) count *= kept[i] == shape[i] ? 1 : shape[i];
  return count;
}

// amax and amin: the gradient of an extreme is shared by the values that are equal to it.
Variable record_extreme(const char* name, const Variable& x, const Tensor& input, const Tensor& y, const Axes& axes) {
  const Shape kept = kept_shape(input.shape(), axes);
  return record(name, y, {x},
                [axes, kept, x = saved(input, "input"), y = saved(y, "result")](const Tensor& g, GradSink& to) {
                  const Tensor equal = eq(x, y.get().reshape(kept));
                  to.add(0, equal * (g.reshape(kept) / sum(equal, axes, true)));
                });
}

// max, min, sort and topk: result element j of a line along `axis` was x's element indices[j], and so goes its
// gradient.
VariableIndices record_selected(const char* name, const Variable& x, const ValuesIndices& result, int64_t axis,
                                bool keepdim) {
  const bool single = x.dim() == 0;
  Variable values =
      record(name, result.values, {x},
             [single, axis, keepdim, indices = saved(result.indices, "indices")](const Tensor& g, GradSink& to) {
               if (single) return to.add(0, g);
               const Tensor zeros = Tensor::zeros(to.shape(0), g.dtype(), g.device());
               const Tensor& places = indices;
               to.add(0, keepdim ? scatter_add(zeros, axis, places, g)
                                 : scatter_add(zeros, axis, places.unsqueeze(axis), g.unsqueeze(axis)));
             });
  return {std::move(values), result.indices};
}

Variable record_softmax(const char* name, const Variable& x, const Tensor& y, int64_t axis, bool log) {
  return record(name, y, {x}, [axis, log, y = saved(y, "result")](const Tensor& g, GradSink& to) {
    to.add(0, softmax_backward(g, y, axis, log));
  });
}

}  // namespace

Variable sum(const Variable& x, const Axes& axes, bool keepdim) {
  const Tensor y = sum(x.data_or_undefined(), axes, keepdim);
  return record("sum", y, {x}, [kept = kept_shape(x.shape(), axes)](const Tensor& g, GradSink& to) {
    to.add(0, g.reshape(kept).expand(to.shape(0)));
  });
}

Variable mean(const Variable& x, const Axes& axes, bool keepdim) {
  const Tensor y = mean(x.data_or_undefined(), axes, keepdim);
  return record("mean", y, {x}, [kept = kept_shape(x.shape(), axes)](const Tensor& g, GradSink& to) {
    const auto count = static_cast<double>(reduced_count(to.shape(0), kept));
    to.add(0, div(g, count).reshape(kept).expand(to.shape(0)));
  });
}

// d/dx = 2 (x - mean) / (n - correction): the mean's own share sums to 0.
Variable var(const Variable& x, const Axes& axes, bool keepdim, int64_t correction) {
  const Tensor input = x.data_or_undefined();
  const Tensor y = var(input, axes, keepdim, correction);
  return record("var", y, {x},
                [axes, correction, kept = kept_shape(input.shape(), axes), x = saved(input, "input")](const Tensor& g,
                                                                                                      GradSink& to) {
                  const auto divisor = static_cast<double>(reduced_count(to.shape(0), kept) - correction);
                  to.add(0, (x - mean(x, axes, true)) * div(g, divisor / 2).reshape(kept));
                });
}

// The product of the others: y / x without zeros; where one value is 0, that one alone has a gradient; with more, none.
Variable prod(const Variable& x, const Axes& axes, bool keepdim) {
  const Tensor input = x.data_or_undefined();
  return record(
      "prod", prod(input, axes, keepdim), {x},
      [axes, kept = kept_shape(input.shape(), axes), x = saved(input, "input")](const Tensor& g, GradSink& to) {
        const Tensor zero = eq(x, 0);
        const Tensor nonzero = masked_fill(x, zero, 1);
        const Tensor others = prod(nonzero, axes, true) / nonzero;
        const Tensor zeros_elsewhere = ne(sum(zero, axes, true), zero.to(int64));
        to.add(0, masked_fill(g.reshape(kept) * others, zeros_elsewhere, 0));
      });
}

Variable amax(const Variable& x, const Axes& axes, bool keepdim) {
  const Tensor input = x.data_or_undefined();
  return record_extreme("amax", x, input, amax(input, axes, keepdim), axes);
}

Variable amin(const Variable& x, const Axes& axes, bool keepdim) {
  const Tensor input = x.data_or_undefined();
  return record_extreme("amin", x, input, amin(input, axes, keepdim), axes);
}

// x: any shape -> (); d/dx = x / norm.
Variable norm(const Variable& x) {
  const Tensor input = x.data_or_undefined();
  const Tensor y = norm(input);
  return record("norm", y, {x}, [x = saved(input, "input"), y = saved(y, "result")](const Tensor& g, GradSink& to) {
    to.add(0, x * masked_fill(g / y, eq(y, 0), 0));
  });
}

VariableIndices max(const Variable& x, int64_t axis, bool keepdim) {
  return record_selected("max", x, max(x.data_or_undefined(), axis, keepdim), axis, keepdim);
}

VariableIndices min(const Variable& x, int64_t axis, bool keepdim) {
  return record_selected("min", x, min(x.data_or_undefined(), axis, keepdim), axis, keepdim);
}

VariableIndices sort(const Variable& x, int64_t axis, bool descending) {
  return record_selected("sort", x, sort(x.data_or_undefined(), axis, descending), axis, true);
}

VariableIndices topk(const Variable& x, int64_t k, int64_t axis, bool largest) {
  return record_selected("topk", x, topk(x.data_or_undefined(), k, axis, largest), axis, true);
}

Variable softmax(const Variable& x, int64_t axis) {
  return record_softmax("softmax", x, softmax(x.data_or_undefined(), axis), axis, false);
}

Variable log_softmax(const Variable& x, int64_t axis) {
  return record_softmax("log_softmax", x, log_softmax(x.data_or_undefined(), axis), axis, true);
}

}  // namespace roux
