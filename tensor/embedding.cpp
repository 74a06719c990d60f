// Operations on embedding tables: what a caller can get wrong is checked here, on either device.
#include <limits>

#include "tensor/backend.h"
#include "tensor/operands.h"
#include "tensor/ops.h"

namespace roux {
namespace {

void check_table(const Tensor& table, const Tensor& ids, const char* operation) {
  check_floating(table, operation);
  check_defined(ids, operation, "ids");
  ROUX_CHECK(table.dim() == 2, operation, "the table must have shape (rows, dim), found ", table.shape());
  ROUX_CHECK(ids.dtype() == int64, operation, "ids must be int64, found ", ids.dtype(), " (hint: to(int64))");
  check_same_device(table, ids, operation, "ids");
}

// The starts of the bags. ids (n) come with their offsets, ids (bags, length) without.
Tensor bag_offsets(const Tensor& ids, const Tensor& offsets, bool include_last_offset) {
  if (ids.dim() == 2) {
    ROUX_CHECK(!offsets.defined(), "embedding_bag",
               "ids of 2 dimensions are bags already and take no offsets, found offsets "
               "of shape ",
               offsets.shape());
    const int64_t bags = ids.size(0), length = ids.size(1);
    if (length == 0) return Tensor::zeros({bags}, int64, ids.device());
    return Tensor::arange(0, bags * length, length, int64, ids.device());
  }
  ROUX_CHECK(ids.dim() == 1, "embedding_bag", "ids must have 1 or 2 dimensions, found shape ", ids.shape());
  ROUX_CHECK(offsets.defined(), "embedding_bag", "ids of 1 dimension need offsets: where each bag starts");
  ROUX_CHECK(offsets.dtype() == int64 && offsets.dim() == 1, "embedding_bag",
             "offsets must be int64 of 1 dimension, found ", offsets.dtype(), " of shape ", offsets.shape());
  check_same_device(ids, offsets, "embedding_bag", "offsets");
  ROUX_CHECK(!include_last_offset || offsets.numel() > 0, "embedding_bag",
             "with include_last_offset there is at least one offset, the number of ids");
  return offsets.contiguous();
}

// Offsets start at 0, do not fall and stay within the ids.
void check_offsets(const Tensor& offsets, int64_t count, bool include_last_offset) {
  ROUX_CHECK(offsets.numel() > 0 || count == 0, "embedding_bag", "there are ", count, " ids but no offsets");
  backend(offsets.device())
      .check(offsets.view(), {.kind = IndexCheck::Kind::offsets,
                              .bound = count,
                              .ends = include_last_offset,
                              .operation = "embedding_bag"});
}

void check_weights(const Tensor& weights, const Tensor& table, const Tensor& ids, Pooling mode) {
  if (!weights.defined()) return;
  ROUX_CHECK(mode == Pooling::sum, "embedding_bag", "per_sample_weights go with mode sum only");
  ROUX_CHECK(weights.shape() == ids.shape(), "embedding_bag",
             "per_sample_weights must have the shape of the ids: found ", weights.shape(), ", expected ", ids.shape());
  check_same_dtype(table, weights, "embedding_bag", "per_sample_weights");
  check_same_device(table, weights, "embedding_bag", "per_sample_weights");
}

}  // namespace

UniqueIds unique(const Tensor& ids, int64_t exclude) {
  check_defined(ids, "unique", "ids");
  ROUX_CHECK(ids.dtype() == int64, "unique", "ids must be int64, found ", ids.dtype());
  const int64_t count = ids.numel();
  ROUX_CHECK(count <= std::numeric_limits<int32_t>::max(), "unique", "too many ids: ", count);
  const Tensor flat = ids.contiguous();
  const Tensor rows = Tensor::empty({count}, int64, ids.device());
  const Tensor slots = Tensor::empty({count}, int64, ids.device());
  const int64_t distinct = backend(ids.device()).unique(rows.view(), slots.view(), flat.view(), exclude);
  return {distinct == count ? rows : rows.slice(0, 0, distinct), slots};
}

Tensor embedding(const Tensor& table, const Tensor& ids) {
  check_table(table, ids, "embedding");
  check_ids(ids, table.size(0), "embedding");
  Shape shape = ids.shape();
  shape.push_back(table.size(1));
  const Tensor out = Tensor::empty(shape, table.dtype(), table.device());
  const Tensor rows = table.contiguous(), flat = ids.contiguous();
  backend(table.device())
      .index_select(out.view(), rows.view(), flat.view(),
                    Along{.outer = 1, .n = table.size(0), .inner = table.size(1)});
  return out;
}

void renormalize_rows_(Tensor& table, const Tensor& ids, double max_norm, double norm_type) {
  constexpr const char* operation = "renormalize_rows_";
  check_floating(table, operation);
  ROUX_CHECK(table.dim() == 2 && table.is_contiguous(), operation,
             "expected a contiguous table of shape (rows, dim), found ", table.shape());
  check_defined(ids, operation, "the tensor of ids");
  check_same_device(table, ids, operation, "the tensor of ids");
  ROUX_CHECK(max_norm >= 0, operation, "max_norm is ", max_norm, ", expected 0 or more");
  ROUX_CHECK(norm_type > 0, operation, "norm_type is ", norm_type, ", expected more than 0");
  check_ids(ids, table.size(0), operation);
  const Tensor flat = ids.contiguous();
  table.bump_version();
  backend(table.device()).renormalize_rows(table.view(), flat.view(), max_norm, norm_type);
}

EmbeddingBagResult embedding_bag(const Tensor& table, const Tensor& ids, const Tensor& offsets,
                                 const BagPooling& options) {
  check_table(table, ids, "embedding_bag");
  const bool last_is_end = options.include_last_offset && ids.dim() == 1;
  const Tensor starts = bag_offsets(ids, offsets, last_is_end);
  if (ids.dim() == 1) check_offsets(starts, ids.numel(), last_is_end);
  check_weights(options.per_sample_weights, table, ids, options.mode);
  check_ids(ids, table.size(0), "embedding_bag");
  ROUX_CHECK(options.padding_idx < table.size(0), "embedding_bag", "padding_idx ", options.padding_idx,
             " lies outside the table of ", table.size(0), " rows");

  const BagShape shape{.bags = starts.numel() - (last_is_end ? 1 : 0),
                       .count = ids.numel(),
                       .rows = table.size(0),
                       .dim = table.size(1),
                       .mode = options.mode,
                       .padding_idx = options.padding_idx};
  EmbeddingBagResult result{.output = Tensor::empty({shape.bags, shape.dim}, table.dtype(), table.device()),
                            .positions = {},
                            .ids = ids.contiguous().reshape({shape.count}),
                            .offsets = starts,
                            .shape = shape};
  if (options.mode == Pooling::max) result.positions = Tensor::empty({shape.bags, shape.dim}, int64, table.device());
  const Tensor rows = table.contiguous();
  const Tensor weights = options.per_sample_weights.defined() ? options.per_sample_weights.contiguous() : Tensor();
  backend(table.device())
      .embedding_bag(result.output.view(), view_or_null(result.positions), rows.view(), result.ids.view(),
                     starts.view(), view_or_null(weights), shape);
  return result;
}

}  // namespace roux
