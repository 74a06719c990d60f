// Learns to label texts of any kind, from examples: sentiment, spam, intent, topic.
//
//   build/apps/classify train --data SMSSpamCollection --save build/spam
//   build/apps/classify test build/spam --data more.tsv
//   build/apps/classify predict build/spam "You have won a prize"
//
// Read it from the bottom: one function a command. What a text is made into stands in text/feature_encoder.h, the model
// in apps/common/classifiers.h, the two trainings in apps/common/classify_training.h; train_recipes.cpp is the same for
// the course's titles, with all steps in sight.
#include <unistd.h>

#include <cstdio>

#include "apps/common/classify_options.h"
#include "apps/common/classify_report.h"
#include "apps/common/classify_training.h"
#include "apps/common/program.h"
#include "apps/common/text_lines.h"
#include "tensor/parallel.h"

namespace roux::apps {
namespace {

// With --json nothing but JSON goes to standard output.
text::LabelledTexts read(const ClassifyOptions& options, const std::vector<std::string>& known_labels) {
  text::ReadOptions reading = options.read_options();
  reading.label_names = known_labels;
  text::LabelledTexts texts = text::read_labelled(options.data, reading);
  std::fprintf(options.json ? stderr : stdout, "%s\n", to_string(texts.report).c_str());
  return texts;
}

void train(const ClassifyOptions& options) {
  check_writable(options.folder);
  const text::LabelledTexts texts = read(options, {});
  const ClassifierTraining training = train_text_classifier(options, texts, !options.json);
  const SavedClassifier& made = training.classifier;
  save_classifier(options.folder, made.name, made.shape, *made.model, made.encoder, made.labels, made.temperature);
  print_training(training, texts, options.json);
  if (!options.json) std::printf("saved to %s\n", options.folder.c_str());
}

SavedClassifier load(const ClassifyOptions& options) {
  SavedClassifier classifier = load_classifier(options.folder);
  classifier.model->to(Device::parse(options.device));
  return classifier;
}

void test(const ClassifyOptions& options) {
  const SavedClassifier classifier = load(options);
  const text::LabelledTexts texts = read(options, classifier.labels);
  print_scores(classifier, score_classifier(classifier, texts), options.json);
}

void predict(const ClassifyOptions& options) {
  const SavedClassifier classifier = load(options);
  const auto print = [&](const auto& lines) {
    text::StringList texts;
    for (const auto& line : lines) texts.push_back(line);
    print_predictions(classifier, texts, options.top, options.json);
  };
  if (!options.texts.empty()) return print(options.texts);
  TextLines input(STDIN_FILENO);
  for (std::vector<std::string_view> lines; input.next(lines);) print(lines);
}

int classify(int argc, char** argv) {
  const std::optional<ClassifyOptions> options = parse_classify_options(argc, argv);
  if (!options) return 0;
  if (options->threads > 0) set_num_threads(options->threads);
  switch (options->command) {
    case ClassifyOptions::Command::train: train(*options); break;
    case ClassifyOptions::Command::test: test(*options); break;
    case ClassifyOptions::Command::predict: predict(*options); break;
  }
  return 0;
}

}  // namespace
}  // namespace roux::apps

int main(int argc, char** argv) {
  return roux::apps::run_program("classify", [&] { return roux::apps::classify(argc, argv); });
}
