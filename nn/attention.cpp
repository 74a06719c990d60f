// From sequences to heads and back; the attention itself is one operation, autograd/ops.h.
#include "nn/attention.h"

#include <cmath>

#include "nn/init.h"

namespace roux::nn {
namespace {

// The mask with all four dimensions: (batch, heads, queries, keys), of length 1 where it does not differ.
Tensor with_heads(const Tensor& mask) {
  if (!mask.defined()) return mask;
  ROUX_CHECK(mask.dim() >= 2 && mask.dim() <= 4, "MultiheadAttention", "found a mask of shape ", mask.shape(),
             ", expected (batch, keys), (batch, queries, keys) or (batch, heads, queries, keys)");
  if (mask.dim() == 2) return mask.unsqueeze(1).unsqueeze(1);
  return mask.dim() == 3 ? mask.unsqueeze(1) : mask;
}

LinearOptions linear_options(const MultiheadAttentionOptions& options) {
  return {.bias = options.bias, .init = options.init};
}

int64_t checked_dim(int64_t embed_dim, int64_t num_heads) {
  ROUX_CHECK(embed_dim >= 1 && num_heads >= 1 && embed_dim % num_heads == 0, "MultiheadAttention", "found embed_dim ",
             embed_dim, " and num_heads ", num_heads, ", expected the first to be a multiple of the second");
  return embed_dim;
}

}  // namespace

MultiheadAttention::MultiheadAttention(int64_t embed_dim, int64_t num_heads, const MultiheadAttentionOptions& options)
    : q_proj(checked_dim(embed_dim, num_heads), embed_dim, linear_options(options)),
      k_proj(embed_dim, embed_dim, linear_options(options)),
      v_proj(embed_dim, embed_dim, linear_options(options)),
      out_proj(embed_dim, embed_dim, linear_options(options)),
      embed_dim_(embed_dim),
      num_heads_(num_heads),
      dropout_(options.dropout),
      generator_(new_stream()) {
  ROUX_CHECK(dropout_ >= 0 && dropout_ <= 1, "MultiheadAttention", "dropout is ", dropout_,
             ", expected a probability from 0 to 1");
  if (options.init) init_as_one(embed_dim);
  add("q_proj", q_proj);
  add("k_proj", k_proj);
  add("v_proj", v_proj);
  add("out_proj", out_proj);
  add("generator", generator_);
}

// Xavier's bounds of one layer with embed_dim inputs and 3 * embed_dim outputs, which is what the three are.
void MultiheadAttention::init_as_one(int64_t embed_dim) {
  const double bound = std::sqrt(6.0 / static_cast<double>(embed_dim + 3 * embed_dim));
  for (Linear* const layer : {&q_proj, &k_proj, &v_proj}) init::uniform_(layer->weight, -bound, bound);
  for (Linear* const layer : {&q_proj, &k_proj, &v_proj, &out_proj})
    if (layer->bias.defined()) init::constant_(layer->bias, 0);
}

Variable MultiheadAttention::heads(const Variable& x) const {
  return x.reshape({x.size(0), x.size(1), num_heads_, embed_dim_ / num_heads_}).transpose(1, 2);
}

Variable MultiheadAttention::forward(const Variable& query, const Variable& key, const Variable& value,
                                     const Tensor& mask, bool causal) {
  for (const Variable* x : {&query, &key, &value})
    ROUX_CHECK(x->defined() && x->dim() == 3 && x->size(2) == embed_dim_, "MultiheadAttention", "found an input of ",
               x->defined() ? "shape " + to_string(x->shape()) : "no shape", ", expected (batch, length, ", embed_dim_,
               ")");
  AttentionOptions options{.mask = with_heads(mask), .causal = causal};
  if (is_training() && dropout_ > 0) {
    options.dropout = dropout_;
    options.generator = &generator_;
  }
  const Variable mixed = attention(heads(q_proj(query)), heads(k_proj(key)), heads(v_proj(value)), options);
  // (batch, heads, queries, head_dim) -> (batch, queries, embed_dim); in memory it lies that way already.
  return out_proj(mixed.transpose(1, 2).reshape({query.size(0), query.size(1), embed_dim_}));
}

}  // namespace roux::nn
