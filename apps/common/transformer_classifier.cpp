// Scoring of whole corpora with a transformer.
#include "apps/common/transformer_classifier.h"

#include "text/with_commas.h"

namespace roux::apps {
namespace {

// Of a batch that is scored: enough to keep all cores at work, few enough to fit into the caches and any memory.
constexpr int64_t most_texts = 64, most_tokens = 4096;

}  // namespace

Tensor TransformerClassifier::logits(const text::Corpus& corpus) {
  const NoGrad guard;
  const bool training = is_training();
  eval();
  const Device where = device();
  Tensor scores = Tensor::empty({corpus.size(), num_classes()});
  for (const std::vector<int64_t>& texts : text::length_batches(corpus, most_texts, most_tokens)) {
    const text::TokenBatch batch = text::pad(corpus, texts, padding_);
    const nn::TransformerInput input{.ids = batch.ids.to(where), .mask = batch.attention_mask.to(where)};
    const Tensor found = model_->forward(input).data().to(cpu);
    for (size_t row = 0; row < texts.size(); ++row)
      scores.select(0, texts[row]).copy_(found.select(0, static_cast<int64_t>(row)));
  }
  train(training);
  return scores;
}

std::string type_name(const nn::TransformerConfig& config) {
  return config.model_type == nn::ModelType::distilbert ? "distilbert" : "bert";
}

std::string description(const nn::TransformerConfig& config) {
  return type_name(config) + ", " + std::to_string(config.num_hidden_layers) + " layers of " +
         text::with_commas(config.hidden_size) + ", " + text::with_commas(config.vocab_size) + " tokens, " +
         text::with_commas(std::ssize(config.labels)) + " labels";
}

}  // namespace roux::apps
