// A small BERT or DistilBERT, and a batch for it, as the tests of transformers use them.
#pragma once

#include <cstdint>
#include <vector>

#include "nn/transformers/models.h"

/// Vocabulary 11, 6 positions, 8 wide, 2 heads, 3 labels.
inline roux::nn::TransformerConfig tiny_config(roux::nn::ModelType type, int64_t layers) {
  roux::nn::TransformerConfig config;
  config.model_type = type;
  config.vocab_size = 11;
  config.max_position_embeddings = 6;
  config.num_hidden_layers = layers;
  config.num_attention_heads = 2;
  config.hidden_size = 8;
  config.intermediate_size = 12;
  config.labels = {"no", "yes", "perhaps"};
  return config;
}

/// With weights so large that each of them shows in the result.
inline roux::nn::TransformerConfig wide_range(roux::nn::TransformerConfig config) {
  config.initializer_range = 0.5;
  return config;
}

constexpr int64_t tiny_lengths[] = {3, 5};

/// Two texts of 3 and 5 tokens; BERT's with two token types.
inline roux::nn::TransformerInput tiny_input(roux::nn::ModelType type) {
  using roux::Tensor;
  roux::nn::TransformerInput input{
      .ids = Tensor::from(std::vector<int64_t>{1, 7, 2, 0, 0, 1, 9, 9, 4, 2}, {2, 5}),
      .mask = lt(Tensor::arange(0, 5).unsqueeze(0), Tensor::from(std::vector<int64_t>{3, 5}).unsqueeze(1))};
  if (type == roux::nn::ModelType::bert) input.token_types = gt(input.ids, 6).to(roux::int64);
  return input;
}

inline roux::Tensor tiny_labels() { return roux::Tensor::from(std::vector<int64_t>{2, 0}); }
