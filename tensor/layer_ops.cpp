// Layer normalisation and cross entropy: checks, results, and the kernels of the operands' backend.
#include "tensor/operands.h"
#include "tensor/ops.h"

namespace roux {
namespace {

// An optional vector of n entries beside `x`.
void check_vector(const Tensor& vector, const Tensor& x, int64_t n, const char* operation, const char* name) {
  if (!vector.defined()) return;
  check_same_device(x, vector, operation, name);
  check_same_dtype(x, vector, operation, name);
  ROUX_CHECK(vector.shape() == Shape{n}, operation, name, " has shape ", vector.shape(), ", expected (", n,
             ") for an input of shape ", x.shape());
}

void check_cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options) {
  constexpr const char* operation = "cross_entropy";
  check_floating(logits, operation);
  check_defined(labels, operation, "the tensor of labels");
  check_same_device(logits, labels, operation, "the tensor of labels");
  ROUX_CHECK(logits.dim() == 2, operation, "logits have shape ", logits.shape(), ", expected (rows, classes)");
  const Shape& shape = logits.shape();
  if (labels.dtype() == int64) {
    ROUX_CHECK(labels.shape() == Shape{shape[0]}, operation, "labels have shape ", labels.shape(), ", expected (",
               shape[0], ") for logits of shape ", shape);
  } else {
    ROUX_CHECK(labels.dtype() == logits.dtype(), operation, "labels are ", labels.dtype(),
               ", expected int64, or probabilities in ", logits.dtype(), " like the logits");
    ROUX_CHECK(labels.shape() == shape, operation, "probabilities have shape ", labels.shape(), ", expected ", shape,
               " like the logits");
  }
  check_vector(options.weight, logits, shape[1], operation, "the weight");
  ROUX_CHECK(options.label_smoothing >= 0 && options.label_smoothing <= 1, operation,
             "label_smoothing out of range: found ", options.label_smoothing, ", expected 0 to 1");
}

}  // namespace

LayerNormResult layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps) {
  check_floating(x, "layer_norm");
  ROUX_CHECK(x.dim() >= 1, "layer_norm", "expected at least one dimension, found a scalar");
  const int64_t n = x.size(-1);
  check_vector(weight, x, n, "layer_norm", "the weight");
  check_vector(bias, x, n, "layer_norm", "the bias");
  ROUX_CHECK(eps >= 0, "layer_norm", "eps out of range: found ", eps, ", expected 0 or more");
  const Shape rows(x.shape().begin(), x.dim() - 1);
  const Tensor scale = weight.defined() ? weight.contiguous() : weight;
  const Tensor shift = bias.defined() ? bias.contiguous() : bias;
  LayerNormResult result{Tensor::empty(x.shape(), x.dtype(), x.device()), Tensor::empty(rows, x.dtype(), x.device()),
                         Tensor::empty(rows, x.dtype(), x.device())};
  backend(x.device())
      .layer_norm(result.output.view(), result.mean.view(), result.rstd.view(), x.contiguous().view(),
                  view_or_null(scale), view_or_null(shift), eps, rows.numel(), n);
  return result;
}

CrossEntropyResult cross_entropy(const Tensor& logits, const Tensor& labels, const CrossEntropyOptions& options) {
  check_cross_entropy(logits, labels, options);
  const int64_t rows = logits.size(0), classes = logits.size(1);
  Tensor logits_copy, labels_copy, weight_copy;
  const View logits_view = contiguous_view(logits, logits_copy);
  const View labels_view = contiguous_view(labels, labels_copy);
  const View weight_view = options.weight.defined() ? contiguous_view(options.weight, weight_copy) : View{};
  if (labels.dtype() == int64)
    backend(labels.device())
        .check(labels_view, {.kind = IndexCheck::Kind::labels,
                             .bound = classes,
                             .ignored = options.ignore_index,
                             .operation = "cross_entropy"});
  CrossEntropyResult result{Tensor::empty({rows}, logits.dtype(), logits.device()),
                            Tensor::empty({rows}, logits.dtype(), logits.device()),
                            Tensor::empty(logits.shape(), logits.dtype(), logits.device())};
  backend(logits.device())
      .cross_entropy(result.losses.view(), result.divisors.view(), result.log_probabilities.view(), logits_view,
                     labels_view, weight_view,
                     {.rows = rows,
                      .classes = classes,
                      .ignore_index = options.ignore_index,
                      .label_smoothing = options.label_smoothing});
  return result;
}

}  // namespace roux
