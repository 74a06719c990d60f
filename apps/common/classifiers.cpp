// Scoring of whole corpora, and classifiers by name.
#include "apps/common/classifiers.h"

namespace roux::apps {
namespace {

constexpr int64_t scoring_batch = 256;  // wide enough to amortise each call, narrow enough that padding stays small

// Scores (texts, classes), batch by batch; the model's mode is put back.
template <class Model>
Tensor score(Model& model, const text::Corpus& corpus, int64_t num_classes) {
  const NoGrad guard;
  const bool training = model.is_training();
  model.eval();
  const Device device = model.fc.weight.device();
  typename Model::Batches batches(corpus, {.batch_size = scoring_batch});
  Tensor scores = Tensor::empty({corpus.size(), num_classes});
  int64_t done = 0;
  for (const auto& batch : batches) {
    const int64_t count = batch.labels.numel();
    scores.slice(0, done, done + count).copy_(model.forward(text::to(batch, device)).data());
    done += count;
  }
  model.train(training);
  return scores;
}

}  // namespace

Tensor EmbeddingBagClassifier::logits(const text::Corpus& corpus) { return score(*this, corpus, fc.weight.size(0)); }
Tensor PooledClassifier::logits(const text::Corpus& corpus) { return score(*this, corpus, fc.weight.size(0)); }

std::unique_ptr<TextClassifier> make_classifier(const std::string& name, const ClassifierShape& shape) {
  if (name == "embedding_bag") return std::make_unique<EmbeddingBagClassifier>(shape);
  if (name == "mean") return std::make_unique<PooledClassifier>(shape, Pooling::mean);
  if (name == "max") return std::make_unique<PooledClassifier>(shape, Pooling::max);
  if (name == "sum") return std::make_unique<PooledClassifier>(shape, Pooling::sum);
  std::string known;
  for (const std::string& each : classifier_names) known += (known.empty() ? "" : ", ") + each;
  fail("classifier", "unknown model '", name, "' (expected: ", known, ")");
}

}  // namespace roux::apps
