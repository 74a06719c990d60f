// A trained classifier as a folder: `settings.json` (which model, its sizes, the labels), `model.safetensors` (weights)
// and the encoder's files. train_recipes writes it, predict reads it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/common/classifiers.h"
#include "text/ngram_encoder.h"

namespace roux::apps {

/// All that turning a text into a label takes.
struct SavedClassifier {
  std::string name;  ///< of the model, as in `classifier_names`
  ClassifierShape shape;
  std::unique_ptr<TextClassifier> model;
  text::NgramEncoder encoder;
  std::vector<std::string> labels;
};

/// A label and its probability.
struct Prediction {
  int64_t label = 0;
  double probability = 0;
};

/// The most probable label of each text.
std::vector<Prediction> predict(TextClassifier& model, const text::NgramEncoder& encoder,
                                const text::StringList& texts);

/// Throws when `folder` could not be written at the end, so that this shows before hours of training: it must not
/// exist, be empty, or hold a saved classifier, and its parent must be writable.
void check_writable(const std::string& folder);

/// Writes the folder under another name first and then exchanges the two, so that at any moment `folder` holds the old
/// classifier or the new one, whole.
void save_classifier(const std::string& folder, const std::string& name, const ClassifierShape& shape,
                     TextClassifier& model, const text::NgramEncoder& encoder, const std::vector<std::string>& labels);

/// Throws, naming the file, when something is missing, damaged, or does not fit together.
SavedClassifier load_classifier(const std::string& folder);

}  // namespace roux::apps
