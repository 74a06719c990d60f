// Pooling over padded sequences: checks, results, and the kernels of the operands' backend.
#include "tensor/operands.h"
#include "tensor/ops.h"

namespace roux {

MaskedPoolResult masked_pool(const Tensor& x, const Tensor& mask, Pooling mode) {
  constexpr const char* operation = "masked_pool";
  check_floating(x, operation);
  ROUX_CHECK(x.dim() == 3, operation, "found an input of shape ", x.shape(), ", expected (batch, length, dim)");
  ROUX_CHECK(mask.defined() && mask.dtype() == boolean, operation,
             "expected a boolean mask (hint: ne(ids, padding_idx) gives one)");
  check_same_device(x, mask, operation, "the mask");
  const int64_t batch = x.size(0), dim = x.size(2);
  ROUX_CHECK((mask.shape() == Shape{batch, x.size(1)}), operation, "found a mask of shape ", mask.shape(),
             " beside an input of shape ", x.shape(), ", expected its first two dimensions");
  MaskedPoolResult result{.output = Tensor::empty({batch, dim}, x.dtype(), x.device()), .positions = {}, .shares = {}};
  if (mode == Pooling::max) result.positions = Tensor::empty({batch, dim}, int64, x.device());
  if (mode == Pooling::mean) result.shares = Tensor::empty({batch}, x.dtype(), x.device());
  Tensor x_copy, mask_copy;
  backend(x.device())
      .masked_pool(result.output.view(), view_or_null(result.positions), view_or_null(result.shares),
                   contiguous_view(x, x_copy), contiguous_view(mask, mask_copy), mode);
  return result;
}

}  // namespace roux
