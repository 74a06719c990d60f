// The weights that tests/oracle/attention.py gives PyTorch's layers, under our names.
#pragma once

#include <string>

#include "nn/module.h"
#include "tests/nn/pattern.h"

/// Of nn::MultiheadAttention(6, ...): PyTorch's in_proj_weight and in_proj_bias in three parts, and out_proj.
inline roux::nn::StateDict attention_weights(const std::string& prefix = "") {
  const roux::Tensor weight = pattern({18, 6}, 1), bias = pattern({18}, 2);
  roux::nn::StateDict state;
  int64_t from = 0;
  for (const char* name : {"q_proj", "k_proj", "v_proj"}) {
    state.emplace_back(prefix + name + ".weight", weight.slice(0, from, from + 6));
    state.emplace_back(prefix + name + ".bias", bias.slice(0, from, from + 6));
    from += 6;
  }
  state.emplace_back(prefix + "out_proj.weight", pattern({6, 6}, 3));
  state.emplace_back(prefix + "out_proj.bias", pattern({6}, 4));
  return state;
}

/// Of nn::TransformerEncoderLayer(6, ..., {.dim_feedforward = 5}).
inline roux::nn::StateDict encoder_layer_weights() {
  roux::nn::StateDict state = attention_weights("self_attn.");
  state.emplace_back("linear1.weight", pattern({5, 6}, 5));
  state.emplace_back("linear1.bias", pattern({5}, 6));
  state.emplace_back("linear2.weight", pattern({6, 5}, 7));
  state.emplace_back("linear2.bias", pattern({6}, 8));
  state.emplace_back("norm1.weight", pattern({6}, 9));
  state.emplace_back("norm1.bias", pattern({6}, 10));
  state.emplace_back("norm2.weight", pattern({6}, 11));
  state.emplace_back("norm2.bias", pattern({6}, 12));
  return state;
}
