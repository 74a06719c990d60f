// Differentiable products and layers: matmul, linear, embedding tables, pooling, layer normalisation, dropout, cross
// entropy.
#include "autograd/ops.h"

#include <limits>

#include "tensor/backend.h"
#include "tensor/operands.h"

namespace roux {
namespace {

// What a kernel reads in backward must be contiguous; operands that are left out stay so.
Tensor contiguous_or_none(const Tensor& x) { return x.defined() ? x.contiguous() : x; }

// The matrix transposes of a stack of matrices.
Tensor transposed(const Tensor& x) { return x.transpose(-2, -1); }

}  // namespace

// a: (..., m, k), b: (..., k, n) -> (..., m, n); vectors as in tensor/ops.h.
Variable matmul(const Variable& a, const Variable& b) {
  const Tensor x = a.data_or_undefined(), y = b.data_or_undefined();
  return record("matmul", matmul(x, y), {a, b},
                [x = saved(x, "input"), y = saved(y, "input")](const Tensor& grad, GradSink& to) {
                  // Vectors become matrices of one row or column, and so does the gradient.
                  const bool left_vector = x.get().dim() == 1, right_vector = y.get().dim() == 1;
                  const Tensor left = left_vector ? x.get().unsqueeze(0) : x.get();
                  const Tensor right = right_vector ? y.get().unsqueeze(1) : y.get();
                  Tensor full = right_vector ? grad.unsqueeze(-1) : grad;
                  if (left_vector) full = full.unsqueeze(-2);
                  if (to.wants(0))
                    to.add(0, sum_to(matmul(full, transposed(right)), left.shape()).reshape(x.get().shape()));
                  if (to.wants(1))
                    to.add(1, sum_to(matmul(transposed(left), full), right.shape()).reshape(y.get().shape()));
                });
}

// x: (..., in), weight: (out, in), bias: (out) -> (..., out)
Variable linear(const Variable& x, const Variable& weight, const Variable& bias) {
  const Tensor input = x.data_or_undefined(), matrix = weight.data_or_undefined();
  const Tensor result = linear(input, matrix, bias.data_or_undefined());
  return record("linear", result, {x, weight, bias},
                [input = saved(input, "input"), matrix = saved(matrix, "weight")](const Tensor& grad, GradSink& to) {
                  const int64_t out = matrix.get().size(0), in = matrix.get().size(1);
                  const Tensor rows = grad.reshape({grad.numel() / std::max<int64_t>(out, 1), out});
                  if (to.wants(0)) to.add(0, matmul(rows, matrix.get()).reshape(input.get().shape()));
                  if (to.wants(1)) to.add(1, matmul(transposed(rows), input.get().reshape({rows.size(0), in})));
                  if (to.wants(2)) to.add(2, sum(rows, 0));
                });
}

namespace {

// Divides each row's gradient by how often its id occurred. Unused room stays as it is.
void divide_by_frequency(Tensor& values, const Tensor& slots) {
  const Tensor ones = Tensor::ones({slots.numel(), 1}, values.dtype(), values.device());
  const Tensor counts = Tensor::empty({values.size(0), 1}, values.dtype(), values.device());
  backend(values.device()).embedding_backward(counts.view(), ones.view(), slots.view());
  values.div_(clamp(counts, 1, std::numeric_limits<double>::infinity()));
}

// The table's data for a forward over `ids`. Pending rows are committed when the step is recorded; otherwise the rows
// are read as caught-up copies, `ids` becomes their places among the copies, and so does `padding` (-1: none).
Tensor table_for(const Variable& table, Tensor& ids, int64_t& padding, const UniqueIds& distinct, bool recorded) {
  PendingRows* const pending = table.pending_rows();
  if (!pending) return table.raw();
  if (recorded) {
    pending->commit(distinct.rows);
    return table.raw();
  }
  if (padding < 0) {
    const UniqueIds all = unique(ids);
    ids = all.slots.reshape(ids.shape());
    return pending->rows(all.rows);
  }
  // In front of all others the padding gets the first place, whether or not it is among the ids.
  const Tensor first = Tensor::full({1}, padding, int64, ids.device());
  const UniqueIds all = unique(cat({first, ids.reshape({-1})}));
  ids = all.slots.slice(0, 1, all.slots.numel()).reshape(ids.shape());
  padding = 0;
  return pending->rows(all.rows);
}

// The distinct ids of a lookup; there are never more than the table has rows.
UniqueIds distinct_ids(const Tensor& ids, int64_t padding, int64_t rows) {
  UniqueIds distinct = unique(ids, padding);
  if (distinct.rows.numel() > rows) distinct.rows = distinct.rows.slice(0, 0, rows);  // of the room that is not used
  return distinct;
}

bool records(const Variable& table) { return NoGrad::recording() && table.requires_grad(); }

void check_table(const Variable& table, const Tensor& ids, const char* operation) {
  ROUX_CHECK(table.defined() && table.dim() == 2, operation, "the table must have shape (rows, dim)");
  check_ids(ids, table.size(0), operation);
}

}  // namespace

// table: (rows, dim), ids: (...) -> (..., dim)
Variable embedding(const Variable& table, const Tensor& ids, const EmbeddingLookup& options) {
  check_table(table, ids, "embedding");
  const bool recorded = records(table);
  Tensor places = ids;
  UniqueIds distinct;
  if (recorded) distinct = distinct_ids(ids, options.padding_idx, table.size(0));
  int64_t no_padding = -1;  // its row is looked up like any other
  const Tensor result = embedding(table_for(table, places, no_padding, distinct, recorded), places);
  return record("embedding", result, {table},
                [ids = saved(distinct.rows, "distinct ids"), places = saved(distinct.slots, "places"),
                 by_frequency = options.scale_grad_by_freq](const Tensor& grad, GradSink& to) {
                  if (!to.wants(0)) return;
                  const Tensor &rows = ids, &slots = places;
                  const int64_t dim = to.shape(0)[1];
                  Tensor values = Tensor::empty({rows.size(0), dim}, grad.dtype(), grad.device());
                  const Tensor each = grad.contiguous().reshape({slots.numel(), dim});
                  backend(grad.device()).embedding_backward(values.view(), each.view(), slots.view());
                  if (by_frequency) divide_by_frequency(values, slots);
                  to.add(0, RowGradient{rows, values});
                });
}

namespace {

// What the backward of a bag needs beside the gradient.
struct BagBackward {
  Saved positions, ids, offsets;  // of EmbeddingBagResult
  Saved rows, slots;              // of UniqueIds
  Saved weights, table;
  BagShape shape;
  bool by_frequency;

  void operator()(const Tensor& grad, GradSink& to) const {
    const Tensor dense = grad.contiguous();
    Backend& device = backend(grad.device());
    if (to.wants(0)) {
      Tensor values = Tensor::empty({rows.get().size(0), shape.dim}, grad.dtype(), grad.device());
      device.embedding_bag_backward(values.view(), dense.view(), slots.get().view(), offsets.get().view(),
                                    view_or_null(weights.get()), view_or_null(positions.get()), shape);
      if (by_frequency) divide_by_frequency(values, slots);
      to.add(0, RowGradient{rows, values});
    }
    if (to.wants(1)) {
      Tensor grad_weights = Tensor::empty({shape.count}, grad.dtype(), grad.device());
      device.embedding_bag_weights_backward(grad_weights.view(), dense.view(), table.get().view(), ids.get().view(),
                                            offsets.get().view(), shape);
      to.add(1, grad_weights.reshape(to.shape(1)));
    }
  }
};

}  // namespace

// table: (rows, dim), ids: (n) with offsets (bags), or ids (bags, length) -> (bags, dim)
Variable embedding_bag(const Variable& table, const Tensor& ids, const Tensor& offsets,
                       const EmbeddingBagLookup& options) {
  check_table(table, ids, "embedding_bag");
  ROUX_CHECK(!(options.scale_grad_by_freq && options.mode == Pooling::max), "embedding_bag",
             "scale_grad_by_freq has no meaning with mode max");
  const Variable& weights = options.per_sample_weights;
  const bool table_recorded = records(table);
  Tensor places = ids;
  UniqueIds distinct;
  if (table_recorded) distinct = distinct_ids(ids, options.padding_idx, table.size(0));
  BagPooling forward{.mode = options.mode,
                     .padding_idx = options.padding_idx,
                     .include_last_offset = options.include_last_offset,
                     .per_sample_weights = weights.data_or_undefined()};
  const Tensor data = table_for(table, places, forward.padding_idx, distinct, table_recorded);
  const EmbeddingBagResult result = embedding_bag(data, places, offsets, forward);
  return record(
      "embedding_bag", result.output, {table, weights},
      BagBackward{saved(result.positions, "positions"), saved(result.ids, "ids"), saved(result.offsets, "offsets"),
                  saved(distinct.rows, "distinct ids"), saved(distinct.slots, "places"),
                  saved(contiguous_or_none(forward.per_sample_weights), "weights"),
                  saved(weights.defined() ? data.contiguous() : Tensor(), "table"), result.shape,
                  options.scale_grad_by_freq});
}

// x: (batch, length, dim), mask: (batch, length) -> (batch, dim)
Variable masked_pool(const Variable& x, const Tensor& mask, Pooling mode) {
  const MaskedPoolResult result = masked_pool(x.data_or_undefined(), mask, mode);
  return record("masked_pool", result.output, {x},
                [mask = saved(contiguous_or_none(mask), "mask"), positions = saved(result.positions, "positions"),
                 shares = saved(result.shares, "shares"), mode](const Tensor& grad, GradSink& to) {
                  if (!to.wants(0)) return;
                  const Tensor grad_in = Tensor::empty(to.shape(0), grad.dtype(), grad.device());
                  Tensor copy;
                  backend(grad.device())
                      .masked_pool_backward(grad_in.view(), contiguous_view(grad, copy), mask.get().view(),
                                            view_or_null(positions.get()), view_or_null(shares.get()), mode);
                  to.add(0, grad_in);
                });
}

// x: (..., n), weight, bias: (n) -> the same shape as x
Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias, double eps) {
  const Tensor input = x.data_or_undefined(), scale = contiguous_or_none(weight.data_or_undefined());
  const LayerNormResult result = layer_norm(input, scale, bias.data_or_undefined(), eps);
  return record("layer_norm", result.output, {x, weight, bias},
                [input = saved(input, "input"), scale = saved(scale, "weight"), mean = saved(result.mean, "mean"),
                 rstd = saved(result.rstd, "rstd")](const Tensor& grad, GradSink& to) {
                  const Tensor in = input.get().contiguous(), g = grad.contiguous();
                  const int64_t n = in.size(-1);
                  const auto output = [&](int i, const Shape& shape) {
                    return to.wants(i) ? Tensor::empty(shape, grad.dtype(), grad.device()) : Tensor();
                  };
                  const Tensor grad_in = output(0, in.shape()), grad_weight = output(1, {n}),
                               grad_bias = output(2, {n});
                  backend(grad.device())
                      .layer_norm_backward(view_or_null(grad_in), view_or_null(grad_weight), view_or_null(grad_bias),
                                           g.view(), in.view(), mean.get().view(), rstd.get().view(),
                                           view_or_null(scale.get()), in.numel() / std::max<int64_t>(n, 1), n);
                  if (to.wants(0)) to.add(0, grad_in);
                  if (to.wants(1)) to.add(1, grad_weight);
                  if (to.wants(2)) to.add(2, grad_bias);
                });
}

// x: (...) -> the same shape
Variable dropout(const Variable& x, double p, Generator& generator) {
  const DropoutResult result = dropout(x.data(), p, generator);
  return record(
      "dropout", result.output, {x}, [mask = saved(result.mask, "mask"), p](const Tensor& grad, GradSink& to) {
        if (!to.wants(0)) return;
        const Tensor g = grad.contiguous();
        const Tensor grad_in = Tensor::empty(g.shape(), g.dtype(), g.device());
        backend(g.device()).masked_scale(grad_in.view(), g.view(), mask.get().view(), p < 1 ? 1 / (1 - p) : 0);
        to.add(0, grad_in);
      });
}

// logits: (rows, classes) -> () or, without reduction, (rows)
Variable cross_entropy(const Variable& logits, const Tensor& labels, const CrossEntropyOptions& options,
                       Reduction reduction) {
  const CrossEntropyResult result = cross_entropy(logits.data(), labels, options);
  const int64_t rows = result.log_probabilities.size(0), classes = result.log_probabilities.size(1);
  Tensor loss = result.losses, divisor;
  if (reduction == Reduction::sum) loss = sum(loss);
  if (reduction == Reduction::mean) {
    loss = Tensor::empty({}, loss.dtype(), loss.device());
    divisor = Tensor::empty({}, loss.dtype(), loss.device());
    backend(loss.device())
        .cross_entropy_mean(loss.view(), divisor.view(), result.losses.view(), result.divisors.view());
  }
  const CrossEntropyShape shape{rows, classes, options.ignore_index, options.label_smoothing};
  return record(
      "cross_entropy", loss, {logits},
      [shape, labels = saved(labels.contiguous(), "labels"),
       weight = saved(contiguous_or_none(options.weight), "class weights"), divisor = saved(divisor, "divisor"),
       log_probabilities = saved(result.log_probabilities, "log probabilities")](const Tensor& grad, GradSink& to) {
        if (!to.wants(0)) return;
        const Tensor each = grad.expand({shape.rows});
        const Tensor grad_logits = Tensor::empty({shape.rows, shape.classes}, grad.dtype(), grad.device());
        backend(grad.device())
            .cross_entropy_backward(grad_logits.view(), each.view(), view_or_null(divisor.get()),
                                    log_probabilities.get().view(), labels.get().view(), view_or_null(weight.get()),
                                    shape);
        to.add(0, grad_logits);
      });
}

}  // namespace roux
