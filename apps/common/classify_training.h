// How classify learns: one training that leaves some texts out, which tell how good it is and fit the temperature, and
// one on all texts, whose classifier is kept.
#pragma once

#include <optional>

#include "apps/common/classify_options.h"
#include "apps/common/saved_classifier.h"
#include "nn/calibration.h"
#include "nn/metrics.h"
#include "text/word_vectors/embedding_table.h"

namespace roux::apps {

/// How probable labels were right on texts that training had not seen.
struct ClassifierScores {
  int64_t texts = 0;
  nn::ClassificationReport labels;
  nn::CalibrationReport probabilities;
};

struct ClassifierTraining {
  SavedClassifier classifier;
  std::optional<ClassifierScores> held_out;     ///< of the first training; nothing where no texts were left out
  double uncalibrated_error = 0;                ///< the expected calibration error before the temperature
  std::optional<text::EmbeddingTable> vectors;  ///< what the word vectors started from, where that was asked for
  double seconds = 0;
};

/// Trains as the options say; both trainings run side by side where there are threads. `verbose`: progress on a
/// terminal.
ClassifierTraining train_text_classifier(const ClassifyOptions& options, const text::LabelledTexts& texts,
                                         bool verbose);

/// Scores a classifier on texts whose labels are its own.
ClassifierScores score_classifier(const SavedClassifier& classifier, const text::LabelledTexts& texts);

}  // namespace roux::apps
