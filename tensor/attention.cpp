// Attention: checks, results, and the kernels of the operands' backend.
#include <cmath>
#include <limits>

#include "tensor/operands.h"
#include "tensor/ops.h"

namespace roux {
namespace {

constexpr const char* operation = "attention";

void check_operand(const Tensor& x, const Tensor& q, const char* name) {
  check_defined(x, operation, name);
  check_same_device(q, x, operation, name);
  check_same_dtype(q, x, operation, name);
  ROUX_CHECK(x.dim() == 4, operation, name, " has shape ", x.shape(), ", expected (batch, heads, keys, head_dim)");
  for (const int64_t axis : {0, 1, 3})
    ROUX_CHECK(x.size(axis) == q.size(axis), operation, name, " has shape ", x.shape(), ", q has ", q.shape(),
               "; expected the same batch, heads and head_dim");
}

void check_operands(const Tensor& q, const Tensor& k, const Tensor& v) {
  check_floating(q, operation);
  ROUX_CHECK(q.dim() == 4, operation, "q has shape ", q.shape(),
             ", expected (batch, heads, queries, head_dim) (hint: x.reshape({batch, length, heads, head_dim})"
             ".transpose(1, 2))");
  ROUX_CHECK(q.size(3) >= 1, operation, "head_dim must be at least 1, found q of shape ", q.shape());
  check_operand(k, q, "k");
  check_operand(v, q, "v");
  ROUX_CHECK(k.size(2) == v.size(2), operation, "k has ", k.size(2), " keys, v has ", v.size(2), " values");
}

void check_mask(const Tensor& mask, const Tensor& q, const Shape& scores) {
  check_same_device(q, mask, operation, "the mask");
  ROUX_CHECK(mask.dtype() == boolean, operation, "the mask is ", mask.dtype(),
             ", expected bool, true where a query may attend to a key (hint: mask.to(boolean))");
  bool fits = mask.dim() <= 4;
  for (int64_t i = 1; fits && i <= mask.dim(); ++i) fits = mask.size(-i) == 1 || mask.size(-i) == scores[4 - i];
  ROUX_CHECK(fits, operation, "the mask has shape ", mask.shape(), ", which does not broadcast to (batch, heads, ",
             "queries, keys) = ", scores,
             " (hint: mask.unsqueeze(1).unsqueeze(1) of a mask of tokens, which is (batch, keys))");
}

AttentionShape shape_of(const Tensor& q, const Tensor& k, const AttentionOptions& options) {
  AttentionShape shape{.batch = q.size(0),
                       .heads = q.size(1),
                       .queries = q.size(2),
                       .keys = k.size(2),
                       .head_dim = q.size(3),
                       .scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(3)))),
                       .causal = options.causal,
                       .dropout = options.dropout,
                       .precision = matmul_precision()};
  ROUX_CHECK(std::isfinite(shape.scale), operation, "the scale must be finite, found ", shape.scale);
  ROUX_CHECK(shape.dropout >= 0 && shape.dropout <= 1, operation, "dropout must be between 0 and 1, found ",
             shape.dropout);
  ROUX_CHECK(shape.dropout == 0 || options.generator, operation, "dropout needs a generator");
  return shape;
}

// The mask with strides for all four dimensions; undefined without one.
Tensor expanded(const Tensor& mask, const AttentionShape& shape) {
  return mask.defined() ? mask.expand({shape.batch, shape.heads, shape.queries, shape.keys}) : mask;
}

// Kernels read rows.
Tensor with_rows(const Tensor& x) { return x.strides().back() == 1 ? x : x.contiguous(); }

// (batch, heads, n, head_dim), in memory (batch, n, heads, head_dim): joining the heads is then a view.
Tensor joinable(const Tensor& like) {
  return Tensor::empty({like.size(0), like.size(2), like.size(1), like.size(3)}, like.dtype(), like.device())
      .transpose(1, 2);
}

}  // namespace

AttentionResult attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options) {
  check_operands(q, k, v);
  const AttentionShape shape = shape_of(q, k, options);
  if (options.mask.defined()) check_mask(options.mask, q, {shape.batch, shape.heads, shape.queries, shape.keys});
  AttentionResult result{joinable(q), Tensor::empty({shape.batch, shape.heads, shape.queries}, q.dtype(), q.device()),
                         shape.dropout > 0 ? Tensor::zeros({1}, int64, q.device()) : Tensor()};
  if (shape.keys == 0) {  // sums of nothing
    result.output.zero_();
    result.log_sum_exp.fill_(-std::numeric_limits<double>::infinity());
    return result;
  }
  if (result.output.numel() == 0) return result;
  const Tensor mask = expanded(options.mask, shape);
  backend(q.device())
      .attention(result.output.view(), result.log_sum_exp.view(), view_or_null(result.place), with_rows(q).view(),
                 with_rows(k).view(), with_rows(v).view(), view_or_null(mask), shape, options.generator);
  return result;
}

AttentionGradients attention_backward(const Tensor& grad, const Tensor& q, const Tensor& k, const Tensor& v,
                                      const AttentionResult& result, const AttentionOptions& options) {
  check_operands(q, k, v);
  const AttentionShape shape = shape_of(q, k, options);
  if (options.mask.defined()) check_mask(options.mask, q, {shape.batch, shape.heads, shape.queries, shape.keys});
  for (const Tensor* const like_q : {&grad, &result.output})
    ROUX_CHECK(like_q->defined() && like_q->shape() == q.shape() && like_q->dtype() == q.dtype() &&
                   like_q->device() == q.device(),
               operation, "the result or its gradient is not as q, ", q.shape(), " of ", q.dtype());
  AttentionGradients gradients{joinable(q), joinable(k), joinable(v)};
  if (shape.keys == 0 || grad.numel() == 0) {
    for (Tensor* const gradient : {&gradients.q, &gradients.k, &gradients.v}) gradient->zero_();
    return gradients;
  }
  const Tensor mask = expanded(options.mask, shape);
  backend(q.device())
      .attention_backward(gradients.q.view(), gradients.k.view(), gradients.v.view(), with_rows(grad).view(),
                          with_rows(q).view(), with_rows(k).view(), with_rows(v).view(), result.output.view(),
                          result.log_sum_exp.view(), view_or_null(result.place), view_or_null(mask), shape,
                          options.generator);
  return gradients;
}

}  // namespace roux
