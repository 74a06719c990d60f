// TransformerEncoderLayer: attention, then a small network at each position; the block of BERT.
#pragma once

#include "nn/attention.h"
#include "nn/dropout.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"
#include "nn/transformers/config.h"

namespace roux::nn {

/// Options of `TransformerEncoderLayer`; the defaults are BERT's.
struct TransformerEncoderLayerOptions {
  int64_t dim_feedforward = 2048;            ///< width between linear1 and linear2
  Activation activation = Activation::gelu;  ///< between the two
  double dropout = 0.1;                      ///< of the output of linear2
  double attention_dropout = 0.1;            ///< of the attention weights
  double attention_output_dropout = 0.1;     ///< of the output of the attention (DistilBERT has none here)
  double layer_norm_eps = 1e-12;             ///< BERT's; PyTorch's layer of this name has 1e-5
  bool init = true;                          ///< as in LinearOptions
};

/// Post-norm, as Vaswani et al. (2017) and BERT have it:
///
///   a = norm1(x + dropout(self_attn(x)))
///   y = norm2(a + dropout(linear2(activation(linear1(a)))))
///
/// Beside PyTorch's layer of this name: GELU instead of ReLU and eps 1e-12 are the defaults; the output of the
/// attention has a dropout of its own, the activation has none; there is no norm_first.
///
///   nn::TransformerEncoderLayer layer(64, 4, {.dim_feedforward = 256});
///   Variable y = layer(x, mask);  // x (batch, length, 64); mask as in MultiheadAttention, or left out
class TransformerEncoderLayer : public Module {
 public:
  /// d_model: width of the sequence; nhead: number of heads, which divides it. Throws as MultiheadAttention does.
  TransformerEncoderLayer(int64_t d_model, int64_t nhead, const TransformerEncoderLayerOptions& options = {});

  /// x (batch, length, d_model) -> the same shape.
  Variable forward(const Variable& x, const Tensor& mask = {}, bool causal = false);
  Variable operator()(const Variable& x, const Tensor& mask = {}, bool causal = false) {
    return forward(x, mask, causal);
  }
  /// What forward gives for the first position, without the work for the others: (batch, 1, d_model). mask (batch,
  /// length), or left out.
  Variable forward_first(const Variable& x, const Tensor& mask = {});

  MultiheadAttention self_attn;  ///< each token gathers from the others
  Linear linear1, linear2;       ///< the small network at each position
  LayerNorm norm1, norm2;        ///< behind attention; behind the network

 private:
  Variable after_attention(const Variable& x, const Variable& attended);

  Dropout attention_output_dropout_, dropout_;
  Activation activation_;
};

}  // namespace roux::nn
