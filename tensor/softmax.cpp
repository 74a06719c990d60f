// softmax, its logarithm, and the gradient of both.
#include "tensor/operands.h"
#include "tensor/ops.h"

namespace roux {
namespace {

Tensor softmax_along(const Tensor& x, int64_t axis, bool log, const char* operation) {
  check_floating(x, operation);
  axis = wrap_axis(axis, x.dim(), operation);
  const Tensor result = Tensor::empty(x.shape(), x.dtype(), x.device());
  backend(x.device()).softmax(result.view(), x.contiguous().view(), along_axis(x.shape(), axis), log);
  return result;
}

}  // namespace

Tensor softmax(const Tensor& x, int64_t axis) { return softmax_along(x, axis, false, "softmax"); }

Tensor log_softmax(const Tensor& x, int64_t axis) { return softmax_along(x, axis, true, "log_softmax"); }

Tensor softmax_backward(const Tensor& grad, const Tensor& result, int64_t axis, bool log) {
  constexpr const char* operation = "softmax_backward";
  check_floating(result, operation);
  check_defined(grad, operation, "the gradient");
  check_same_device(result, grad, operation, "the gradient");
  check_same_dtype(result, grad, operation, "the gradient");
  ROUX_CHECK(grad.shape() == result.shape(), operation, "the gradient has shape ", grad.shape(), ", expected ",
             result.shape(), " like the result");
  axis = wrap_axis(axis, result.dim(), operation);
  const Tensor grad_in = Tensor::empty(result.shape(), result.dtype(), result.device());
  backend(result.device())
      .softmax_backward(grad_in.view(), grad.contiguous().view(), result.contiguous().view(),
                        along_axis(result.shape(), axis), log);
  return grad_in;
}

}  // namespace roux
