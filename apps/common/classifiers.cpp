// Scoring of whole corpora, and classifiers by name.
#include "apps/common/classifiers.h"

namespace roux::apps {
namespace {

constexpr int64_t scoring_batch = 256;  // wide enough to amortise each call, narrow enough for the cache

// Scores (texts, classes), batch by batch without padding; the model's mode is put back.
template <class Model>
Tensor score(Model& model, const text::Corpus& corpus) {
  const NoGrad guard;
  const bool training = model.is_training();
  model.eval();
  const Device device = model.device();
  text::BagBatches batches(corpus, {.batch_size = scoring_batch});
  Tensor scores = Tensor::empty({corpus.size(), model.num_classes()});
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

Tensor EmbeddingBagClassifier::logits(const text::Corpus& corpus) { return score(*this, corpus); }
Tensor PooledClassifier::logits(const text::Corpus& corpus) { return score(*this, corpus); }

Tensor LinearClassifier::logits(const text::Corpus& corpus) { return score(*this, corpus); }

Variable LinearClassifier::forward(const text::BagBatch& batch) {
  const Tensor weights = embedding(feature_weights, batch.ids).reshape({batch.ids.numel()});
  const BagPooling sums{.mode = Pooling::sum, .per_sample_weights = weights};
  const Tensor squares = embedding_bag(feature_weights, batch.ids, batch.offsets, sums).output;  // (texts, 1)
  return table(batch.ids, batch.offsets, weights) * rsqrt(clamp(squares, 1e-12, 1e12));
}

void start_from(TextClassifier& model, const Tensor& table, bool freeze) {
  const auto set = [&](Variable& weight) {
    ROUX_CHECK(weight.shape() == table.shape(), "classifier", "found word vectors of shape ", table.shape(),
               ", expected ", weight.shape());
    weight.mutable_data().copy_(table);
    weight.set_requires_grad(!freeze);
  };
  if (auto* bag = dynamic_cast<EmbeddingBagClassifier*>(&model)) return set(bag->embedding_bag.weight);
  if (auto* pooled = dynamic_cast<PooledClassifier*>(&model)) return set(pooled->embedding.weight);
  fail("classifier", "this model has no word vectors to start from (hint: embedding_bag, mean, max, sum)");
}

std::unique_ptr<TextClassifier> make_classifier(const std::string& name, const ClassifierShape& shape) {
  if (name == "embedding_bag") return std::make_unique<EmbeddingBagClassifier>(shape);
  if (name == "mean") return std::make_unique<PooledClassifier>(shape, Pooling::mean);
  if (name == "max") return std::make_unique<PooledClassifier>(shape, Pooling::max);
  if (name == "sum") return std::make_unique<PooledClassifier>(shape, Pooling::sum);
  if (name == linear_classifier) return std::make_unique<LinearClassifier>(shape);
  std::string known = linear_classifier;
  for (const std::string& each : classifier_names) known += ", " + each;
  fail("classifier", "unknown model '", name, "' (expected: ", known, ")");
}

}  // namespace roux::apps
