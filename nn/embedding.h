// Embedding and EmbeddingBag: tables of vectors that are looked up by id.
//
// The gradient of a table is always rows, the few that a batch touched (autograd/gradient.h), in every mode.
#pragma once

#include <optional>

#include "autograd/ops.h"
#include "nn/module.h"

namespace roux::nn {

using roux::Pooling;

/// Options of `Embedding`, with PyTorch's names and defaults.
struct EmbeddingOptions {
  std::optional<int64_t> padding_idx = {};  ///< its row starts as zeros and is never trained; negative: from the end
  std::optional<double> max_norm = {};      ///< longer rows are scaled down to it in place when looked up
  double norm_type = 2;                     ///< p of the norm that max_norm bounds
  bool scale_grad_by_freq = false;          ///< divides a row's gradient by the number of its occurrences in the batch
  bool init = true;                         ///< false: the table is left as the memory is, for whoever sets it next
};

/// A table (num_embeddings, embedding_dim), standard normal at the start.
class Embedding : public Module {
 public:
  /// Throws when a size is negative, padding_idx outside the table, max_norm negative or norm_type not positive.
  Embedding(int64_t num_embeddings, int64_t embedding_dim, const EmbeddingOptions& options = {});
  /// A table that starts as a copy of `table` (rows, dim); frozen: not trained. The padding row keeps its values.
  static Embedding from_pretrained(const Tensor& table, bool freeze = true, const EmbeddingOptions& options = {});

  /// ids int64, any shape -> its shape + (embedding_dim). Throws for ids outside the table.
  Variable forward(const Tensor& ids);
  Variable operator()(const Tensor& ids) { return forward(ids); }

  Variable weight;  ///< (num_embeddings, embedding_dim)

 private:
  Embedding(Variable table, const EmbeddingOptions& options);

  EmbeddingOptions options_;
  EmbeddingLookup operation_;
};

/// Options of `EmbeddingBag`, with PyTorch's names and defaults.
struct EmbeddingBagOptions {
  Pooling mode = Pooling::mean;             ///< how the rows of a bag become one: sum, mean or max
  std::optional<int64_t> padding_idx = {};  ///< left out of the pooling and of the mean's divisor; see EmbeddingOptions
  std::optional<double> max_norm = {};      ///< as in EmbeddingOptions
  double norm_type = 2;                     ///< as in EmbeddingOptions
  bool scale_grad_by_freq = false;          ///< as in EmbeddingOptions; not with mode max
  bool include_last_offset = false;         ///< offsets have one entry more: the number of ids
  bool init = true;                         ///< as in EmbeddingOptions
};

/// A table whose rows are looked up and pooled in one step, without the (n, embedding_dim) tensor between.
class EmbeddingBag : public Module {
 public:
  /// Throws as Embedding does, and for scale_grad_by_freq with mode max.
  EmbeddingBag(int64_t num_embeddings, int64_t embedding_dim, const EmbeddingBagOptions& options = {});
  static EmbeddingBag from_pretrained(const Tensor& table, bool freeze = true, const EmbeddingBagOptions& options = {});

  /// ids int64 (n), offsets int64 (bags), rising from 0: bag i holds ids[offsets[i]] to ids[offsets[i + 1] - 1].
  /// ids (bags, length) without offsets: each row is a bag. Result (bags, embedding_dim); an empty bag is zeros.
  /// per_sample_weights, of the shape of ids, multiply the rows: mode sum only.
  Variable forward(const Tensor& ids, const Tensor& offsets = {}, const Variable& per_sample_weights = {});
  Variable operator()(const Tensor& ids, const Tensor& offsets = {}, const Variable& per_sample_weights = {}) {
    return forward(ids, offsets, per_sample_weights);
  }

  Variable weight;  ///< (num_embeddings, embedding_dim)

 private:
  EmbeddingBag(Variable table, const EmbeddingBagOptions& options);

  EmbeddingBagOptions options_;
  EmbeddingBagLookup operation_;
};

}  // namespace roux::nn
