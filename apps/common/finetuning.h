// Fine-tuning as a program does it: a model from a folder, its texts encoded, training with checkpoints.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "apps/common/finetune_options.h"
#include "apps/common/recipe_report.h"
#include "apps/common/transformer_classifier.h"

namespace roux::apps {

/// The model of FOLDER with a head for these labels, and which part of it trains; says on standard output what is new.
std::unique_ptr<TransformerClassifier> load_for_finetuning(const FinetuneOptions& options,
                                                           const TokenizerEncoder& encoder,
                                                           const std::vector<std::string>& labels);

/// The tokenizer of FOLDER, for texts as long as the model and --max-length allow.
TokenizerEncoder load_encoder(const FinetuneOptions& options);

/// Reads, splits and encodes the texts.
RecipeData read_texts(const FinetuneOptions& options, const TokenizerEncoder& encoder);

/// Trains, from the checkpoint where --resume asks for it and there is one; writes checkpoints, and shows how far it
/// is. The result has the model and its scores on the validation texts.
ModelResult finetune(std::unique_ptr<TransformerClassifier> model, const RecipeData& data,
                     const FinetuneOptions& options);

}  // namespace roux::apps
