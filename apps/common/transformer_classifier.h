// A pretrained transformer with a head that scores texts, as the trainer and `predict` take classifiers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/common/classifiers.h"
#include "nn/transformers/models.h"
#include "text/padding.h"

namespace roux::apps {

class TransformerClassifier : public TextClassifier {
 public:
  using Batches = text::MaskedBatches;

  /// `padding`: how texts are filled up when a corpus is scored.
  explicit TransformerClassifier(std::unique_ptr<nn::SequenceClassificationModel> model,
                                 const text::PaddingOptions& padding = {})
      : model_(std::move(model)), padding_(padding) {
    add("model", *model_);
  }
  /// (texts, classes)
  Variable forward(const text::MaskedBatch& batch) { return model_->forward({.ids = batch.ids, .mask = batch.mask}); }
  Tensor logits(const text::Corpus& corpus) override;
  int64_t num_classes() const override { return std::ssize(model_->config().labels); }
  Device device() const override { return model_->parameters().front().data().device(); }

  nn::SequenceClassificationModel& model() { return *model_; }
  const nn::TransformerConfig& config() const { return model_->config(); }

 private:
  std::unique_ptr<nn::SequenceClassificationModel> model_;
  text::PaddingOptions padding_;
};

/// "distilbert" or "bert".
std::string type_name(const nn::TransformerConfig& config);
/// What tells models apart, for people: "distilbert, 6 layers of 768, 30,522 tokens, 2 labels".
std::string description(const nn::TransformerConfig& config);

}  // namespace roux::apps
