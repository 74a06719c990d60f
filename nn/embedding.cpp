// Tables: how they start, and what happens to them before a lookup.
#include "nn/embedding.h"

namespace roux::nn {
namespace {

template <class Options>
void check_options(const Options& options, int64_t rows, const char* layer) {
  if (options.padding_idx)
    ROUX_CHECK(*options.padding_idx >= -rows && *options.padding_idx < rows, layer, "padding_idx is ",
               *options.padding_idx, ", outside a table of ", rows, " rows");
  if (options.max_norm)
    ROUX_CHECK(*options.max_norm >= 0, layer, "max_norm is ", *options.max_norm, ", expected 0 or more");
  ROUX_CHECK(options.norm_type > 0, layer, "norm_type is ", options.norm_type, ", expected more than 0");
}

// The index that operations take: counted from the front, -1 for none.
template <class Options>
int64_t padding_index(const Options& options, int64_t rows) {
  const int64_t index = options.padding_idx.value_or(-1);
  return options.padding_idx && index < 0 ? index + rows : index;
}

// Standard normal, with zeros for the padding.
template <class Options>
Variable new_table(int64_t rows, int64_t dim, const Options& options, const char* layer) {
  ROUX_CHECK(rows >= 0 && dim >= 0, layer, "found sizes ", rows, " and ", dim, ", expected 0 or more");
  check_options(options, rows, layer);
  if (!options.init) return Variable(Tensor::empty({rows, dim}), true);
  Tensor table = Tensor::randn({rows, dim});
  if (options.padding_idx) table.select(0, padding_index(options, rows)).zero_();
  return Variable(table, true);
}

template <class Options>
Variable pretrained_table(const Tensor& table, bool freeze, const Options& options, const char* layer) {
  ROUX_CHECK(table.defined() && table.dim() == 2, layer, "from_pretrained takes a table of shape (rows, dim)");
  ROUX_CHECK(table.dtype() == float32 || table.dtype() == float64, layer,
             "from_pretrained takes float32 or float64, found ", table.dtype());
  check_options(options, table.size(0), layer);
  return Variable(table.clone(), !freeze);
}

// Scales rows that are about to be looked up, and are longer than max_norm, down to it.
void renormalize(const Variable& table, const Tensor& ids, double max_norm, double norm_type, const char* operation) {
  check_ids(ids, table.size(0), operation);
  if (PendingRows* const pending = table.pending_rows()) pending->commit(unique(ids).rows);
  Tensor data = table.raw();
  renormalize_rows_(data, ids, max_norm, norm_type);
}

}  // namespace

Embedding::Embedding(Variable table, const EmbeddingOptions& options)
    : weight(std::move(table)),
      options_(options),
      operation_{.padding_idx = padding_index(options, weight.size(0)),
                 .scale_grad_by_freq = options.scale_grad_by_freq} {
  add("weight", weight);
}

Embedding::Embedding(int64_t num_embeddings, int64_t embedding_dim, const EmbeddingOptions& options)
    : Embedding(new_table(num_embeddings, embedding_dim, options, "Embedding"), options) {}

Embedding Embedding::from_pretrained(const Tensor& table, bool freeze, const EmbeddingOptions& options) {
  return Embedding(pretrained_table(table, freeze, options, "Embedding"), options);
}

Variable Embedding::forward(const Tensor& ids) {
  if (options_.max_norm) renormalize(weight, ids, *options_.max_norm, options_.norm_type, "embedding");
  return embedding(weight, ids, operation_);
}

EmbeddingBag::EmbeddingBag(Variable table, const EmbeddingBagOptions& options)
    : weight(std::move(table)),
      options_(options),
      operation_{.mode = options.mode,
                 .padding_idx = padding_index(options, weight.size(0)),
                 .include_last_offset = options.include_last_offset,
                 .scale_grad_by_freq = options.scale_grad_by_freq,
                 .per_sample_weights = {}} {
  ROUX_CHECK(!options.scale_grad_by_freq || options.mode != Pooling::max, "EmbeddingBag",
             "scale_grad_by_freq has no meaning with mode max");
  add("weight", weight);
}

EmbeddingBag::EmbeddingBag(int64_t num_embeddings, int64_t embedding_dim, const EmbeddingBagOptions& options)
    : EmbeddingBag(new_table(num_embeddings, embedding_dim, options, "EmbeddingBag"), options) {}

EmbeddingBag EmbeddingBag::from_pretrained(const Tensor& table, bool freeze, const EmbeddingBagOptions& options) {
  return EmbeddingBag(pretrained_table(table, freeze, options, "EmbeddingBag"), options);
}

Variable EmbeddingBag::forward(const Tensor& ids, const Tensor& offsets, const Variable& per_sample_weights) {
  if (options_.max_norm) renormalize(weight, ids, *options_.max_norm, options_.norm_type, "embedding_bag");
  if (!per_sample_weights.defined()) return embedding_bag(weight, ids, offsets, operation_);
  EmbeddingBagLookup weighted = operation_;
  weighted.per_sample_weights = per_sample_weights;
  return embedding_bag(weight, ids, offsets, weighted);
}

}  // namespace roux::nn
