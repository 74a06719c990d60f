// The printed forms of classify.
#include "apps/common/classify_report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/common/report.h"
#include "apps/common/table.h"

namespace roux::apps {
namespace {

using nlohmann::ordered_json;

// More classes make a table that no terminal shows.
constexpr size_t widest_confusion = 20;

void print(const ordered_json& value) {
  std::printf("%s\n", value.dump(-1, ' ', false, ordered_json::error_handler_t::replace).c_str());
}

ordered_json to_json(const SavedClassifier& classifier, const ClassifierScores& scores) {
  ordered_json classes = ordered_json::array(), bins = ordered_json::array(), confusion = ordered_json::array();
  const std::vector<int64_t> counts = scores.labels.confusion.to_vector<int64_t>();
  const size_t count = classifier.labels.size();
  for (size_t i = 0; i < count; ++i) {
    const nn::Scores& each = scores.labels.classes[i];
    classes.push_back({{"label", classifier.labels[i]},
                       {"precision", each.precision},
                       {"recall", each.recall},
                       {"f1", each.f1},
                       {"texts", each.support}});
    confusion.push_back(std::vector<int64_t>(counts.begin() + static_cast<std::ptrdiff_t>(i * count),
                                             counts.begin() + static_cast<std::ptrdiff_t>((i + 1) * count)));
  }
  for (const nn::CalibrationBin& bin : scores.probabilities.bins)
    bins.push_back({{"texts", bin.count}, {"confidence", bin.confidence}, {"accuracy", bin.accuracy}});
  return {{"texts", scores.texts},
          {"accuracy", scores.labels.accuracy},
          {"precision", scores.labels.macro.precision},
          {"recall", scores.labels.macro.recall},
          {"f1", scores.labels.macro.f1},
          {"expected_calibration_error", scores.probabilities.expected_error},
          {"log_loss", scores.probabilities.log_loss},
          {"classes", classes},
          {"confusion", confusion},
          {"calibration_bins", bins}};
}

std::string summary(const ClassifierScores& scores) {
  return "accuracy " + fixed(scores.labels.accuracy, 4) + ", F1 " + fixed(scores.labels.macro.f1, 4);
}

}  // namespace

void print_training(const ClassifierTraining& training, const text::LabelledTexts& texts, bool json) {
  const SavedClassifier& classifier = training.classifier;
  if (json) {
    ordered_json vectors;
    if (training.vectors)
      vectors = {{"dim", training.vectors->table.size(1)},
                 {"found", training.vectors->found},
                 {"from_subwords", training.vectors->from_subwords},
                 {"not_found", training.vectors->not_found}};
    return print({{"texts", texts.size()},
                  {"labels", classifier.labels},
                  {"model", classifier.name},
                  {"features", classifier.shape.vocabulary_size},
                  {"vectors", vectors},
                  {"temperature", classifier.temperature},
                  {"held_out", training.held_out ? to_json(classifier, *training.held_out) : ordered_json()},
                  {"seconds", training.seconds}});
  }
  std::printf("%s texts, %s classes, %s features; trained in %s\n", with_commas(texts.size()).c_str(),
              with_commas(texts.num_classes()).c_str(), with_commas(classifier.shape.vocabulary_size).c_str(),
              duration(training.seconds).c_str());
  if (training.vectors) std::printf("%s\n", to_string(*training.vectors).c_str());
  if (!training.held_out) return;
  std::printf("on %s texts that a first training left out: %s\n", with_commas(training.held_out->texts).c_str(),
              summary(*training.held_out).c_str());
  std::printf("calibration error %.4f, with temperature %.4f: %.4f\n", training.uncalibrated_error,
              classifier.temperature, training.held_out->probabilities.expected_error);
}

void print_scores(const SavedClassifier& classifier, const ClassifierScores& scores, bool json) {
  if (json) return print(to_json(classifier, scores));
  std::printf("%s\n", class_table(classifier.labels, scores.labels).c_str());
  if (classifier.labels.size() <= widest_confusion)
    std::printf("%s\n", confusion_table(classifier.labels, scores.labels.confusion).c_str());
  std::printf("%s texts: %s, precision %.4f, recall %.4f\n", with_commas(scores.texts).c_str(), summary(scores).c_str(),
              scores.labels.macro.precision, scores.labels.macro.recall);
  std::printf("expected calibration error %.4f (15 bins), log loss %.4f\n", scores.probabilities.expected_error,
              scores.probabilities.log_loss);
}

void print_predictions(const SavedClassifier& classifier, const text::StringList& texts, int64_t top, bool json) {
  if (texts.size() == 0) return;
  const auto classes = static_cast<int64_t>(classifier.labels.size());
  const ValuesIndices best = topk(probabilities(*classifier.model, classifier.encoder, texts, classifier.temperature),
                                  std::min(top, classes), 1);
  const int64_t count = best.values.size(1);
  for (int64_t i = 0; i < texts.size(); ++i) {
    ordered_json labels = ordered_json::array();
    for (int64_t k = 0; k < count; ++k) {
      const std::string& label = classifier.labels[static_cast<size_t>(best.indices.data<int64_t>()[i * count + k])];
      const double probability = best.values.data<float>()[i * count + k];
      if (json)
        labels.push_back({{"label", label}, {"probability", probability}});
      else
        std::printf("%s\t%.4f\t", label.c_str(), probability);
    }
    if (json) {
      print({{"text", texts[i]}, {"labels", labels}});
    } else {
      std::fwrite(texts[i].data(), 1, texts[i].size(), stdout);
      std::fputc('\n', stdout);
    }
  }
  std::fflush(stdout);
}

}  // namespace roux::apps
