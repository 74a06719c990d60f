// From a classifier to the trainer of its class.
#include "apps/common/train_classifier.h"

namespace roux::apps {
namespace {

template <class Model>
TrainingRun train_model(Model& model, const text::Corpus& train, const text::Corpus& validation,
                        const TrainerOptions& options, const std::function<void(int64_t)>& on_texts,
                        const std::function<void(const EpochReport&)>& on_epoch) {
  Trainer<Model> trainer(model, train, validation, options);
  trainer.run(
      [&](int64_t texts) {
        if (on_texts) on_texts(texts);
        return true;
      },
      on_epoch);
  const bool replays = options.device != cpu;
  return {trainer.history(), trainer.kept_epoch(), replays ? trainer.not_replayed_because() : ""};
}

}  // namespace

TrainingRun train_classifier(TextClassifier& model, const text::Corpus& train, const text::Corpus& validation,
                             const TrainerOptions& options, const std::function<void(int64_t)>& on_texts,
                             const std::function<void(const EpochReport&)>& on_epoch) {
  if (auto* bag = dynamic_cast<EmbeddingBagClassifier*>(&model))
    return train_model(*bag, train, validation, options, on_texts, on_epoch);
  if (auto* pooled = dynamic_cast<PooledClassifier*>(&model))
    return train_model(*pooled, train, validation, options, on_texts, on_epoch);
  if (auto* linear = dynamic_cast<LinearClassifier*>(&model))
    return train_model(*linear, train, validation, options, on_texts, on_epoch);
  fail("train_classifier", "the model is of a class that it does not know");
}

}  // namespace roux::apps
