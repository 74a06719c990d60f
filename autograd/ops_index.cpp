// Differentiable joins and indexing: reading by index and adding by index are each other's gradients.
#include "autograd/ops.h"

namespace roux {
namespace {

std::vector<Tensor> tensors_of(const std::vector<Variable>& variables) {
  std::vector<Tensor> tensors;
  tensors.reserve(variables.size());
  for (const Variable& variable : variables) tensors.push_back(variable.data());
  return tensors;
}

Tensor zeros_for(const Tensor& g, const Shape& shape) { return Tensor::zeros(shape, g.dtype(), g.device()); }

}  // namespace

Variable cat(const std::vector<Variable>& variables, int64_t axis) {
  const Tensor y = cat(tensors_of(variables), axis);
  std::vector<int64_t> ends;  // of each part along `axis`
  for (const Variable& variable : variables) ends.push_back((ends.empty() ? 0 : ends.back()) + variable.size(axis));
  return record("cat", y, variables, [axis, ends = std::move(ends)](const Tensor& g, GradSink& to) {
    for (size_t i = 0; i < ends.size(); ++i) {
      const int input = static_cast<int>(i);
      if (to.wants(input)) to.add_broadcast(input, g.slice(axis, i == 0 ? 0 : ends[i - 1], ends[i]));
    }
  });
}

Variable stack(const std::vector<Variable>& variables, int64_t axis) {
  const Tensor y = stack(tensors_of(variables), axis);
  return record("stack", y, variables, [axis](const Tensor& g, GradSink& to) {
    for (int64_t i = 0; i < g.size(axis); ++i) {
      const int input = static_cast<int>(i);
      if (to.wants(input)) to.add_broadcast(input, g.select(axis, i));
    }
  });
}

Variable index_select(const Variable& x, int64_t axis, const Tensor& ids) {
  return record("index_select", index_select(x.data_or_undefined(), axis, ids), {x},
                [axis, ids = saved(ids, "ids")](const Tensor& g, GradSink& to) {
                  to.add(0, index_add(zeros_for(g, to.shape(0)), axis, ids, g));
                });
}

Variable gather(const Variable& x, int64_t axis, const Tensor& index) {
  return record("gather", gather(x.data_or_undefined(), axis, index), {x},
                [axis, index = saved(index, "index")](const Tensor& g, GradSink& to) {
                  to.add(0, scatter_add(zeros_for(g, to.shape(0)), axis, index, g));
                });
}

Variable scatter_add(const Variable& x, int64_t axis, const Tensor& index, const Variable& source) {
  return record("scatter_add", scatter_add(x.data_or_undefined(), axis, index, source.data()), {x, source},
                [axis, index = saved(index, "index")](const Tensor& g, GradSink& to) {
                  to.add(0, g);
                  if (to.wants(1)) to.add(1, gather(g, axis, index));
                });
}

Variable index_add(const Variable& x, int64_t axis, const Tensor& ids, const Variable& source) {
  return record("index_add", index_add(x.data_or_undefined(), axis, ids, source.data()), {x, source},
                [axis, ids = saved(ids, "ids")](const Tensor& g, GradSink& to) {
                  to.add(0, g);
                  if (to.wants(1)) to.add(1, index_select(g, axis, ids));
                });
}

}  // namespace roux
