// Training of a classifier that make_classifier has made, whatever its kind.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "apps/common/classifiers.h"
#include "apps/common/trainer.h"

namespace roux::apps {

/// How a training went.
struct TrainingRun {
  std::vector<EpochReport> epochs;
  int64_t kept_epoch = 0;            ///< whose weights the model has
  std::string not_replayed_because;  ///< why the steps on a CUDA device were not replayed as a graph; empty: they were
};

/// Trains `model` on one corpus and validates on another, which may be empty. `on_texts` is told how many texts were
/// trained on since the last call, `on_epoch` how an epoch went.
TrainingRun train_classifier(TextClassifier& model, const text::Corpus& train, const text::Corpus& validation,
                             const TrainerOptions& options, const std::function<void(int64_t texts)>& on_texts = {},
                             const std::function<void(const EpochReport&)>& on_epoch = {});

}  // namespace roux::apps
