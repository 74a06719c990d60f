// What classify prints: as tables for people, or as JSON.
#pragma once

#include <string>
#include <vector>

#include "apps/common/classify_training.h"

namespace roux::apps {

void print_training(const ClassifierTraining& training, const text::LabelledTexts& texts, bool json);
void print_scores(const SavedClassifier& classifier, const ClassifierScores& scores, bool json);
/// A line for each text: its `top` labels with their probabilities, and the text, tabs between; or a JSON object.
void print_predictions(const SavedClassifier& classifier, const text::StringList& texts, int64_t top, bool json);

}  // namespace roux::apps
