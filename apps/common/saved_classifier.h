// A trained classifier as a folder: `settings.json` (which model, its sizes, the labels, the temperature),
// `model.safetensors` (weights) and the encoder's files. train_recipes and classify write it, predict and classify read
// it.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "apps/common/classifiers.h"
#include "text/feature_encoder.h"
#include "text/ngram_encoder.h"

namespace roux::apps {

/// What turns texts into ids: the course's, or one for any text.
using Encoder = std::variant<text::NgramEncoder, text::FeatureEncoder>;
/// Its number of ids.
int64_t size_of(const Encoder& encoder);
text::Corpus encode_corpus(const Encoder& encoder, const text::StringList& texts, const std::vector<int64_t>& labels);

/// All that turning a text into a label takes.
struct SavedClassifier {
  std::string name;  ///< of the model, as in `classifier_names`
  ClassifierShape shape;
  std::unique_ptr<TextClassifier> model;
  Encoder encoder;
  std::vector<std::string> labels;
  double temperature = 1;  ///< scores are divided by it before they become probabilities
};

/// A label and its probability.
struct Prediction {
  int64_t label = 0;
  double probability = 0;
};

/// The probabilities (texts, classes) of each text, on the CPU.
Tensor probabilities(TextClassifier& model, const Encoder& encoder, const text::StringList& texts,
                     double temperature = 1);
/// The most probable label of each text.
std::vector<Prediction> predict(TextClassifier& model, const Encoder& encoder, const text::StringList& texts,
                                double temperature = 1);

/// Throws when `folder` could not be written at the end, so that this shows before hours of training: it must not
/// exist, be empty, or hold a saved classifier and nothing else, and its parent must be writable.
void check_writable(const std::string& folder);

/// Writes the folder under another name first and then exchanges the two, so that at any moment `folder` holds the old
/// classifier or the new one, whole.
void save_classifier(const std::string& folder, const std::string& name, const ClassifierShape& shape,
                     TextClassifier& model, const Encoder& encoder, const std::vector<std::string>& labels,
                     double temperature = 1);

/// Throws, naming the file, when something is missing, damaged, or does not fit together.
SavedClassifier load_classifier(const std::string& folder);

}  // namespace roux::apps
