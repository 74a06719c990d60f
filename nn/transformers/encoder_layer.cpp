// The two halves of an encoder block, and which activation stands between its linear layers.
#include "nn/transformers/encoder_layer.h"

namespace roux::nn {
namespace {

Variable activated(const Variable& x, Activation activation) {
  switch (activation) {
    case Activation::gelu: return gelu(x);
    case Activation::gelu_tanh: return gelu(x, true);
    case Activation::relu: return relu(x);
  }
  fail("TransformerEncoderLayer", "there is no activation ", static_cast<int>(activation));
}

}  // namespace

TransformerEncoderLayer::TransformerEncoderLayer(int64_t d_model, int64_t nhead,
                                                 const TransformerEncoderLayerOptions& options)
    : self_attn(d_model, nhead, {.dropout = options.attention_dropout, .init = options.init}),
      linear1(d_model, options.dim_feedforward, {.init = options.init}),
      linear2(options.dim_feedforward, d_model, {.init = options.init}),
      norm1(d_model, {.eps = options.layer_norm_eps}),
      norm2(d_model, {.eps = options.layer_norm_eps}),
      attention_output_dropout_(options.attention_output_dropout),
      dropout_(options.dropout),
      activation_(options.activation) {
  add("self_attn", self_attn);
  add("norm1", norm1);
  add("linear1", linear1);
  add("linear2", linear2);
  add("norm2", norm2);
  add("attention_output_dropout", attention_output_dropout_);
  add("dropout", dropout_);
}

Variable TransformerEncoderLayer::forward(const Variable& x, const Tensor& mask, bool causal) {
  return after_attention(x, self_attn(x, mask, causal));
}

Variable TransformerEncoderLayer::forward_first(const Variable& x, const Tensor& mask) {
  ROUX_CHECK(x.defined() && x.dim() == 3 && x.size(1) >= 1, "TransformerEncoderLayer",
             "found a sequence without a first position");
  ROUX_CHECK(!mask.defined() || mask.dim() == 2, "TransformerEncoderLayer", "found a mask of shape ", mask.shape(),
             ", expected (batch, length)");
  const Variable first = x.slice(1, 0, 1);
  return after_attention(first, self_attn(first, x, x, mask));
}

Variable TransformerEncoderLayer::after_attention(const Variable& x, const Variable& attended) {
  const Variable a = norm1(x + attention_output_dropout_(attended));
  return norm2(a + dropout_(linear2(activated(linear1(a), activation_))));
}

}  // namespace roux::nn
