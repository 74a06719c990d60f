// Matrix products: shapes, broadcasting of batches, and the layouts that the kernel takes without a copy.
#include "tensor/backend.h"
#include "tensor/operands.h"
#include "tensor/ops.h"

namespace roux {
namespace {

// A stack of matrices as the kernel takes it: each is row-major, or row-major when transposed.
struct Matrices {
  Tensor tensor;
  bool transposed;
  int64_t leading, batch_stride;
};

// `x` has shape (batch..., rows, columns), batch already broadcast. Copies only what has neither layout.
Matrices as_matrices(const Tensor& x) {
  const int64_t d = x.dim(), rows = x.size(-2), columns = x.size(-1);
  const int64_t row_stride = x.strides()[d - 2], column_stride = x.strides()[d - 1];
  // The kernel steps evenly through the batch, or not at all.
  int64_t batch_stride = 0, expected = 0;
  bool even = true;
  for (int64_t i = d - 3; i >= 0; --i) {
    if (x.shape()[i] == 1) continue;
    if (expected == 0 && batch_stride == 0 && i == d - 3) batch_stride = x.strides()[i];
    even &= i == d - 3 || x.strides()[i] == expected;
    expected = x.strides()[i] * x.shape()[i];
  }
  const bool plain = (column_stride == 1 || columns == 1) && (row_stride >= columns || rows == 1);
  const bool turned = (row_stride == 1 || rows == 1) && (column_stride >= rows || columns == 1);
  if (even && plain) return {x, false, std::max(row_stride, columns), batch_stride};
  if (even && turned) return {x, true, std::max(column_stride, rows), batch_stride};
  return {x.clone(), false, columns, rows * columns};
}

// `first` and `second` are what messages call a and b.
void check_operands(const Tensor& a, const char* first, const Tensor& b, const char* second, const char* operation) {
  check_defined(a, operation, first);
  check_defined(b, operation, second);
  check_floating(a, operation);
  check_floating(b, operation);
  check_same_device(a, b, operation, second);
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b) {
  check_operands(a, "the first operand", b, "the second operand", "matmul");
  check_same_dtype(a, b, "matmul", "the second operand");
  ROUX_CHECK(a.dim() > 0 && b.dim() > 0, "matmul", "scalars have no matrix product, found shapes ", a.shape(), " and ",
             b.shape());
  const Tensor left = a.dim() == 1 ? a.unsqueeze(0) : a;
  const Tensor right = b.dim() == 1 ? b.unsqueeze(1) : b;
  ROUX_CHECK(left.size(-1) == right.size(-2), "matmul", "shapes ", a.shape(), " and ", b.shape(),
             " do not fit: the last dimension of the first must equal the one before last of the second");
  const Shape left_batch(left.shape().begin(), left.dim() - 2), right_batch(right.shape().begin(), right.dim() - 2);
  const Shape batch = broadcast_shapes(left_batch, right_batch, "matmul");
  const int64_t m = left.size(-2), k = left.size(-1), n = right.size(-1);

  const auto broadcast = [&](const Tensor& x) {
    Shape shape = batch;
    shape.push_back(x.size(-2));
    shape.push_back(x.size(-1));
    return as_matrices(x.expand(shape));
  };
  Shape shape = batch;
  shape.push_back(m);
  shape.push_back(n);
  Tensor result = Tensor::empty(shape, a.dtype(), a.device());
  // A stack on the left of one matrix on the right is one tall matrix.
  if (right_batch.numel() == 1 && left.is_contiguous()) {
    const Matrices y = as_matrices(right.reshape({k, n}));
    backend(a.device())
        .matmul(result.view(), left.view(), y.tensor.view(),
                {.m = batch.numel() * m,
                 .n = n,
                 .k = k,
                 .transpose_b = y.transposed,
                 .leading_a = k,
                 .leading_b = y.leading,
                 .precision = matmul_precision()});
  } else {
    const Matrices x = broadcast(left), y = broadcast(right);
    backend(a.device())
        .matmul(result.view(), x.tensor.view(), y.tensor.view(),
                {.batch = batch.numel(),
                 .m = m,
                 .n = n,
                 .k = k,
                 .transpose_a = x.transposed,
                 .transpose_b = y.transposed,
                 .leading_a = x.leading,
                 .leading_b = y.leading,
                 .batch_stride_a = x.batch_stride,
                 .batch_stride_b = y.batch_stride,
                 .precision = matmul_precision()});
  }
  if (a.dim() == 1) result = result.squeeze(-2);
  return b.dim() == 1 ? result.squeeze(-1) : result;
}

Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_operands(x, "the input", weight, "the weight", "linear");
  ROUX_CHECK(weight.dtype() == x.dtype(), "linear", "the weight is ", weight.dtype(), ", the input is ", x.dtype(),
             " (hint: module.to(", x.dtype(), "), or input.to(", weight.dtype(), "))");
  ROUX_CHECK(weight.dim() == 2, "linear", "the weight must have shape (out, in), found ", weight.shape());
  const int64_t n = weight.size(0), k = weight.size(1);
  ROUX_CHECK(x.dim() >= 1 && x.size(-1) == k, "linear", "input shape ", x.shape(), " does not fit weight ",
             weight.shape(), ": its last dimension must be ", k);
  Shape shape = x.shape();
  shape.back() = n;
  Tensor result = Tensor::empty(shape, x.dtype(), x.device());
  Backend& device = backend(x.device());
  if (bias.defined()) {
    check_same_device(x, bias, "linear", "the bias");
    check_same_dtype(x, bias, "linear", "the bias");
    ROUX_CHECK(bias.shape() == Shape{n}, "linear", "the bias must have shape (", n, "), found ", bias.shape());
  }
  const Tensor input = x.contiguous(), matrix = weight.contiguous();
  const MatmulShape product{.m = result.numel() / std::max<int64_t>(n, 1),
                            .n = n,
                            .k = k,
                            .transpose_b = true,
                            .leading_a = k,
                            .leading_b = k,
                            .precision = matmul_precision()};
  if (bias.defined()) {
    device.matmul_with_bias(result.view(), input.view(), matrix.view(), bias.contiguous().view(), product);
  } else {
    device.matmul(result.view(), input.view(), matrix.view(), product);
  }
  return result;
}

}  // namespace roux
