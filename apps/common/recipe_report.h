// What train_recipes and finetune show: the table of models, the best one's mistakes, and all of it as JSON.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/common/recipe_data.h"
#include "apps/common/table.h"
#include "apps/common/trainer.h"
#include "nn/metrics.h"

namespace roux::apps {

/// One trained model and its scores on the validation texts.
struct ModelResult {
  std::string name;
  std::unique_ptr<TextClassifier> model;
  nn::ClassificationReport scores;
  std::vector<EpochReport> epochs;
  int64_t kept_epoch = 0;
  int64_t parameters = 0, trained_parameters = 0;  ///< of a transformer; 0: not told

  double seconds() const;
  /// Training only, of the fastest epoch.
  double titles_per_second(int64_t titles) const;
};

/// The line of an epoch, as it ends.
std::string epoch_line(const std::string& model, const EpochReport& report, int64_t epochs);
/// Index of the best model by F1.
size_t best_of(const std::vector<ModelResult>& results);
/// The course's table, with the majority class as the baseline.
Table results_table(const RecipeData& data, const std::vector<ModelResult>& results);
/// Prints it; index of the best.
size_t print_results(const RecipeData& data, const std::vector<ModelResult>& results);
void print_confusion(const RecipeData& data, const ModelResult& result);
/// Labels the course's eight titles. Only where the labels are fruit and vegetable.
void print_course_titles(const RecipeData& data, const ModelResult& result);
/// The scores of predicting the class that the training part has most of.
nn::ClassificationReport majority_baseline(const RecipeData& data);
/// Writes the run as JSON; see the README for its form.
void write_json(const std::string& path, const RecipeData& data, const std::vector<ModelResult>& results, size_t best,
                double seconds);

}  // namespace roux::apps
