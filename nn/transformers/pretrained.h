// Model folders as Hugging Face's transformers read and write them: config.json and model.safetensors.
//
//   nn::PretrainedReport report;
//   auto model = nn::load_sequence_classifier("distilbert-base-uncased", {"no", "yes"}, &report);
//   model->eval();
//   Variable logits = model->forward({.ids = ids, .mask = mask});
//   nn::save_pretrained("my-model", *model);
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/transformers/config.h"
#include "nn/transformers/models.h"

namespace roux::nn {

/// What loading a folder left alone or made anew. Names are Hugging Face's.
struct PretrainedReport {
  std::vector<std::string> missing;     ///< in the model, not in the file: freshly initialised (a head of the task)
  std::vector<std::string> unexpected;  ///< in the file, not in the model (another head), left alone
};

/// FOLDER/config.json. Throws for all that nn/transformers/config.h refuses.
TransformerConfig load_config(const std::string& folder);

/// Weights of FOLDER/model.safetensors, or of the files that FOLDER/model.safetensors.index.json lists, into a model
/// that was made from its config. Names are Hugging Face's, with or without the prefix (`bert.`, `distilbert.`).
/// float16, bfloat16 and float64 become the parameters' type; float32 on the CPU shares the mapped file: nothing is
/// read before it is used, and changes stay in this process. The file may be replaced meanwhile, as save_pretrained
/// does it; whoever writes into it or cuts it short changes or ends this process. What a head lacks is initialised
/// anew. Throws, and changes nothing, for encoder weights that are missing and weights of another shape or type (all
/// are listed), for another number of heads, activation or epsilon in the folder's config, and for a folder that has
/// its weights in another format only.
PretrainedReport load_pretrained(PretrainedModel& model, const std::string& folder);

/// Makes the model of FOLDER's config, without initialising what the file has. Like every new module it is in training
/// mode: call eval() to use it. `labels`: those of a new task; when there are more or fewer than the folder's own, the
/// classifier is made anew (and reported missing); with as many, the folder's classifier is kept and scores them in
/// their order. None: the folder's. Throws for a folder's classifier of several labels a text, or of a number.
std::unique_ptr<SequenceClassificationModel> load_sequence_classifier(const std::string& folder,
                                                                      const std::vector<std::string>& labels = {},
                                                                      PretrainedReport* report = nullptr);
/// The same for scores of tokens.
std::unique_ptr<TokenClassificationModel> load_token_classifier(const std::string& folder,
                                                                const std::vector<std::string>& labels = {},
                                                                PretrainedReport* report = nullptr);
/// The encoder alone, BERT's with its pooler.
std::unique_ptr<TransformerModel> load_transformer(const std::string& folder, PretrainedReport* report = nullptr);

/// Writes FOLDER/model.safetensors, in float32, and then FOLDER/config.json, which transformers load; the tokenizer's
/// files are the caller's. Makes the folder. Throws where an encoder is registered by another name than "encoder". Each
/// file is replaced in one step: whoever kills the process finds, for each, the old or the new one.
void save_pretrained(const std::string& folder, PretrainedModel& model);

}  // namespace roux::nn
