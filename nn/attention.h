// MultiheadAttention: each position of a sequence gathers what it needs from others (Vaswani et al. 2017, section 3.2).
#pragma once

#include "autograd/ops.h"
#include "nn/linear.h"
#include "nn/module.h"

namespace roux::nn {

/// Options of `MultiheadAttention`.
struct MultiheadAttentionOptions {
  double dropout = 0;  ///< probability with which an attention weight becomes 0 in training; the others are scaled up
  bool bias = true;    ///< whether the four linear layers have one
  bool init = true;    ///< whether weights start as said below; false: as the memory is
};

/// out_proj(concatenation over heads of softmax(q_h k_h^T / sqrt(head_dim)) v_h), where q = q_proj(query), and so on;
/// head h sees columns [h * head_dim, (h + 1) * head_dim) of each, head_dim = embed_dim / num_heads.
///
///   nn::MultiheadAttention attention(64, 4, {.dropout = 0.1});
///   Variable y = attention(x);                    // every token looks at every token
///   Variable z = attention(x, mask);              // mask (batch, length), true where there is a token
///   Variable w = attention(x, {}, true);          // causal: a token looks at itself and what is before it
///   Variable u = attention(x, memory, memory);    // of a decoder: queries from x, keys and values from elsewhere
///
/// Masks are boolean, true where a query may look at a key: (batch, keys), (batch, queries, keys), or 4 dimensions that
/// broadcast to (batch, heads, queries, keys). A query that may look at nothing looks at all keys alike.
///
/// Differs from PyTorch's layer of this name: there a key_padding_mask is true where a key is hidden, two dimensions
/// are (queries, keys) (here: mask.unsqueeze(0)), and in_proj_weight holds q_proj, k_proj and v_proj below each other.
/// New weights are PyTorch's: q, k, v uniform within sqrt(1.5 / embed_dim) (Xavier over the three together), out_proj
/// as a Linear, biases 0.
class MultiheadAttention : public Module {
 public:
  /// Throws when num_heads does not divide embed_dim, a size is less than 1, or dropout outside [0, 1].
  MultiheadAttention(int64_t embed_dim, int64_t num_heads, const MultiheadAttentionOptions& options = {});

  /// Self-attention. x (batch, length, embed_dim) -> the same shape.
  Variable forward(const Variable& x, const Tensor& mask = {}, bool causal = false) {
    return forward(x, x, x, mask, causal);
  }
  /// query (batch, queries, embed_dim), key and value (batch, keys, embed_dim) -> the shape of query. causal: query i
  /// looks at keys up to i + keys - queries, so the last query sees all of them.
  Variable forward(const Variable& query, const Variable& key, const Variable& value, const Tensor& mask = {},
                   bool causal = false);
  Variable operator()(const Variable& x, const Tensor& mask = {}, bool causal = false) {
    return forward(x, mask, causal);
  }
  Variable operator()(const Variable& query, const Variable& key, const Variable& value, const Tensor& mask = {},
                      bool causal = false) {
    return forward(query, key, value, mask, causal);
  }

  /// The length of a position's vector, and how many heads share it.
  int64_t embed_dim() const { return embed_dim_; }
  int64_t num_heads() const { return num_heads_; }

  Linear q_proj, k_proj, v_proj, out_proj;  ///< each (embed_dim -> embed_dim)

 private:
  void init_as_one(int64_t embed_dim);
  // (batch, length, embed_dim) -> (batch, heads, length, head_dim), a view.
  Variable heads(const Variable& x) const;

  int64_t embed_dim_, num_heads_;
  double dropout_;
  Generator generator_;
};

}  // namespace roux::nn
