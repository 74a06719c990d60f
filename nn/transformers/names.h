// Hugging Face's names of the parameters of BERT and DistilBERT, beside ours.
#pragma once

#include <string>
#include <string_view>

#include "nn/transformers/config.h"

namespace roux::nn {

/// What transformers' files call the parameter that our modules call `name`: `encoder.layers.0.norm1.weight` of a
/// classification model is `bert.encoder.layer.0.attention.output.LayerNorm.weight`. The encoder's own parameters
/// (`layers.0.norm1.weight` of a TransformerModel) come without the prefix `bert.` or `distilbert.`.
std::string hugging_face_name(ModelType type, std::string_view name);

/// A name of a file in the one form that lookups use: without the prefix of the encoder, and with `LayerNorm.weight`
/// and `.bias` for `gamma` and `beta`, as files of 2018 say.
std::string canonical_name(ModelType type, std::string_view name);

}  // namespace roux::nn
