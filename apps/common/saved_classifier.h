// A trained classifier as a folder: `settings.json` (which model, its sizes, the labels, the temperature),
// `model.safetensors` (weights) and the encoder's files; a transformer's also is a folder as Hugging Face's
// transformers read it. train_recipes, classify and finetune write it, predict and classify read it.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "apps/common/classifiers.h"
#include "apps/common/saved_folder.h"
#include "apps/common/tokenizer_encoder.h"
#include "nn/transformers/config.h"
#include "text/feature_encoder.h"
#include "text/ngram_encoder.h"

namespace roux::apps {

/// What turns texts into ids: the course's, one for any text, or a transformer's tokenizer.
using Encoder = std::variant<text::NgramEncoder, text::FeatureEncoder, TokenizerEncoder>;
/// Its number of ids.
int64_t size_of(const Encoder& encoder);
text::Corpus encode_corpus(const Encoder& encoder, const text::StringList& texts, const std::vector<int64_t>& labels);

/// All that turning a text into a label takes.
struct SavedClassifier {
  std::string name;  ///< of the model: as in `classifier_names`, or the type of the transformer
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

/// Writes the folder as `replace_folder` does: at any moment it holds the old classifier or the new one, whole. Throws
/// as `check_writable` does, and when a weight is no number.
void save_classifier(const std::string& folder, const std::string& name, const ClassifierShape& shape,
                     TextClassifier& model, const Encoder& encoder, const std::vector<std::string>& labels,
                     double temperature = 1);

/// The sizes of a transformer, for `save_classifier`.
ClassifierShape shape_of(const nn::TransformerConfig& config);

/// Reads such a folder, or a Hugging Face folder of a transformer that was trained to classify texts. Throws, naming
/// the file, when something is missing, damaged, or does not fit together.
SavedClassifier load_classifier(const std::string& folder);

}  // namespace roux::apps
