// Loss curves, bars and the confusion matrix of a run.
#include "apps/common/recipe_plots.h"

#include <cstdio>

namespace roux::apps {
namespace {

constexpr int64_t most_classes_drawn = 100;

std::string loss_plot(const std::vector<ModelResult>& results) {
  std::vector<Series> series;
  for (size_t i = 0; i < results.size(); ++i) {
    const auto colour = static_cast<int64_t>(i);
    Series training{.name = results[i].name + ", training", .values = {}, .colour = colour};
    Series validation{.name = results[i].name + ", validation", .values = {}, .colour = colour, .dashed = true};
    for (const EpochReport& epoch : results[i].epochs) {
      training.values.push_back(epoch.train_loss);
      validation.values.push_back(epoch.validation_loss);
    }
    series.push_back(training);
    series.push_back(validation);
  }
  return line_svg(
      series,
      {.title = "Loss", .x_label = "epoch", .y_label = "cross-entropy", .theme = Theme::automatic, .height = 500});
}

std::string models_plot(const RecipeData& data, const std::vector<ModelResult>& results) {
  std::vector<std::string> names;
  std::vector<Series> series = {{"accuracy", {}}, {"precision", {}}, {"recall", {}}, {"F1", {}}};
  const auto add = [&](const std::string& name, const nn::ClassificationReport& scores) {
    names.push_back(name);
    series[0].values.push_back(scores.accuracy);
    series[1].values.push_back(scores.macro.precision);
    series[2].values.push_back(scores.macro.recall);
    series[3].values.push_back(scores.macro.f1);
  };
  for (const ModelResult& result : results) add(result.name, result.scores);
  add("majority class", majority_baseline(data));
  return bar_svg(names, series, {.title = "Models on the validation titles", .theme = Theme::automatic, .height = 460});
}

}  // namespace

std::vector<NamedPlot> recipe_plots(const RecipeData& data, const std::vector<ModelResult>& results, size_t best) {
  std::vector<NamedPlot> plots = {{"loss.svg", loss_plot(results)}, {"models.svg", models_plot(data, results)}};
  if (data.num_classes() > most_classes_drawn) {
    std::printf("the confusion matrix is not drawn: its %s classes are too many to see\n",
                with_commas(data.num_classes()).c_str());
    return plots;
  }
  const PlotOptions confusion{.title = "Confusion matrix of " + results[best].name,
                              .theme = Theme::automatic,
                              .height = data.num_classes() <= 4    ? 460
                                        : data.num_classes() <= 12 ? 600
                                                                   : 800};
  plots.push_back({"confusion.svg", confusion_svg(data.train.label_names, results[best].scores.confusion, confusion)});
  return plots;
}

}  // namespace roux::apps
