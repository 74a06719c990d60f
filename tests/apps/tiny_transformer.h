// Small transformers with random weights, as folders: what tests of embed, polysemy, finetune and predict load.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nn/transformers/config.h"

/// BERT or DistilBERT: 2 layers of 16, 2 heads; its tokens are letters, the words of `small_csv` and a few more.
roux::nn::TransformerConfig tiny_transformer_config(roux::nn::ModelType type, int64_t positions = 12);

/// Writes config.json, model.safetensors (random weights, the same each time) and vocab.txt. With labels the model
/// scores texts, else it is an encoder alone.
void write_tiny_transformer(const std::string& folder, roux::nn::ModelType type,
                            const std::vector<std::string>& labels = {}, int64_t positions = 12);
