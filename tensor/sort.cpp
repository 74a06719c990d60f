// sort and topk: checks, results, and the kernel of the operand's backend.
#include "tensor/operands.h"
#include "tensor/ops.h"

namespace roux {

ValuesIndices sort(const Tensor& x, int64_t axis, bool descending) {
  check_defined(x, "sort");
  axis = wrap_axis(axis, x.dim(), "sort");
  ValuesIndices result{Tensor::empty(x.shape(), x.dtype(), x.device()), Tensor::empty(x.shape(), int64, x.device())};
  backend(x.device())
      .sort(result.values.view(), result.indices.view(), x.contiguous().view(), along_axis(x.shape(), axis),
            descending);
  return result;
}

ValuesIndices topk(const Tensor& x, int64_t k, int64_t axis, bool largest) {
  check_defined(x, "topk");
  axis = wrap_axis(axis, x.dim(), "topk");
  ROUX_CHECK(k >= 0 && k <= x.size(axis), "topk", "k out of range: found ", k, ", expected 0 to ", x.size(axis),
             ", the length of dimension ", axis, " of ", x.shape());
  Shape shape = x.shape();
  shape[axis] = k;
  ValuesIndices result{Tensor::empty(shape, x.dtype(), x.device()), Tensor::empty(shape, int64, x.device())};
  backend(x.device())
      .topk(result.values.view(), result.indices.view(), x.contiguous().view(), along_axis(x.shape(), axis), k,
            largest);
  return result;
}

}  // namespace roux
