// The printed and the JSON form of a run.
#include "apps/common/recipe_report.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/common/report.h"
#include "apps/common/table.h"
#include "tensor/file.h"

namespace roux::apps {
namespace {

struct CourseTitle {
  const char* title;
  const char* expected;
};

// The titles that the course tries its best model on.
constexpr CourseTitle course_titles[] = {
    {"Blueberry Muffins", "fruit"},
    {"Spinach and Feta Stuffed Chicken", "vegetable"},
    {"Classic Carrot Cake with Frosting", "vegetable"},
    {"Tomato and Basil Bruschetta", "vegetable"},
    {"Avocado Toast", "fruit"},
    {"Zucchini Bread with Walnuts", "vegetable"},
    {"Lemon and Herb Roasted Chicken", "fruit"},
    {"Strawberry Rhubarb Pie", "fruit"},
};

std::vector<std::string> score_row(const std::string& name, const nn::ClassificationReport& scores) {
  return {name, fixed(scores.accuracy, 4), fixed(scores.macro.precision, 4), fixed(scores.macro.recall, 4),
          fixed(scores.macro.f1, 4)};
}

}  // namespace

nn::ClassificationReport majority_baseline(const RecipeData& data) {
  const std::vector<int64_t> counts = data.train.class_counts();
  const auto most = std::max_element(counts.begin(), counts.end()) - counts.begin();
  const std::vector<int64_t> predictions(data.validation.labels.size(), most);
  return nn::classification_report(Tensor::from(predictions), Tensor::from(data.validation.labels), data.num_classes());
}

double ModelResult::seconds() const {
  return std::accumulate(epochs.begin(), epochs.end(), 0.0,
                         [](double sum, const EpochReport& epoch) { return sum + epoch.seconds; });
}

double ModelResult::titles_per_second(int64_t titles) const {
  double fastest = 0;
  for (const EpochReport& epoch : epochs) fastest = std::max(fastest, static_cast<double>(titles) / epoch.seconds);
  return fastest;
}

std::string epoch_line(const std::string& model, const EpochReport& report, int64_t epochs) {
  const std::string padding(model.size() < 13 ? 13 - model.size() : 0, ' ');
  return model + padding + "  epoch " + std::to_string(report.epoch) + "/" + std::to_string(epochs) +
         "  training loss " + fixed(report.train_loss, 4) + "  validation loss " + fixed(report.validation_loss, 4) +
         "  F1 " + fixed(report.f1, 4) + "  " + fixed(report.seconds, 2) + " s";
}

size_t best_of(const std::vector<ModelResult>& results) {
  size_t best = 0;
  for (size_t i = 1; i < results.size(); ++i)
    if (results[i].scores.macro.f1 > results[best].scores.macro.f1) best = i;
  return best;
}

Table results_table(const RecipeData& data, const std::vector<ModelResult>& results) {
  Table table({"model", "accuracy", "precision", "recall", "F1", "seconds", "titles/s"});
  for (const ModelResult& result : results) {
    std::vector<std::string> row = score_row(result.name, result.scores);
    row.push_back(fixed(result.seconds(), 2));
    row.push_back(with_commas(static_cast<int64_t>(result.titles_per_second(data.train.size()))));
    table.add(row);
  }
  std::vector<std::string> baseline = score_row("majority class", majority_baseline(data));
  baseline.insert(baseline.end(), {"", ""});
  table.add(baseline);
  return table;
}

size_t print_results(const RecipeData& data, const std::vector<ModelResult>& results) {
  const size_t best = best_of(results);
  std::printf("\n%s\nbest by F1: %s (weights of epoch %lld)\n\n", results_table(data, results).to_string().c_str(),
              results[best].name.c_str(), static_cast<long long>(results[best].kept_epoch));
  return best;
}

void print_confusion(const RecipeData& data, const ModelResult& result) {
  std::printf("%s\n", confusion_table(data.train.label_names, result.scores.confusion).c_str());
}

void print_course_titles(const RecipeData& data, const ModelResult& result) {
  if (data.train.label_names != std::vector<std::string>{"fruit", "vegetable"}) return;
  text::StringList titles;
  for (const CourseTitle& course : course_titles) titles.push_back(course.title);
  const std::vector<Prediction> predictions = predict(*result.model, data.encoder, titles);
  Table table({"the course's titles", "expected", "predicted", "probability"});
  for (size_t i = 0; i < predictions.size(); ++i)
    table.add({course_titles[i].title, course_titles[i].expected,
               data.train.label_names[static_cast<size_t>(predictions[i].label)],
               fixed(predictions[i].probability, 4)});
  std::printf("%s", table.to_string().c_str());
}

void write_json(const std::string& path, const RecipeData& data, const std::vector<ModelResult>& results, size_t best,
                double seconds) {
  using nlohmann::ordered_json;
  ordered_json models = ordered_json::array();
  for (const ModelResult& result : results) {
    ordered_json epoch_seconds = ordered_json::array(), training_losses = epoch_seconds,
                 validation_losses = epoch_seconds;
    for (const EpochReport& epoch : result.epochs) {
      epoch_seconds.push_back(epoch.seconds);
      training_losses.push_back(epoch.train_loss);
      validation_losses.push_back(epoch.validation_loss);
    }
    models.push_back({{"name", result.name},
                      {"accuracy", result.scores.accuracy},
                      {"precision", result.scores.macro.precision},
                      {"recall", result.scores.macro.recall},
                      {"f1", result.scores.macro.f1},
                      {"epoch_seconds", epoch_seconds},
                      {"training_losses", training_losses},
                      {"validation_losses", validation_losses},
                      {"titles_per_second", result.titles_per_second(data.train.size())}});
    if (result.parameters == 0) continue;
    models.back()["parameters"] = result.parameters;
    models.back()["trained_parameters"] = result.trained_parameters;
  }
  ordered_json vectors;
  if (data.vectors)
    vectors = {{"dim", data.vectors->table.size(1)},
               {"found", data.vectors->found},
               {"from_subwords", data.vectors->from_subwords},
               {"not_found", data.vectors->not_found}};
  const ordered_json run = {{"data",
                             {{"train", data.train.size()},
                              {"validation", data.validation.size()},
                              {"vocabulary", size_of(data.encoder)},
                              {"labels", data.train.label_names}}},
                            {"vectors", vectors},
                            {"models", models},
                            {"best", results[best].name},
                            {"seconds", seconds}};
  write_file_atomically(path, run.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace roux::apps
