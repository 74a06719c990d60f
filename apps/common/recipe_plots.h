// The pictures of a run of train_recipes.
#pragma once

#include <string>
#include <vector>

#include "apps/common/plots/plots.h"
#include "apps/common/recipe_report.h"

namespace roux::apps {

/// A picture, and the name it is saved under.
struct NamedPlot {
  std::string file;
  std::string svg;
};

/// Loss curves of all models, the models beside each other, and the confusion matrix of the best; light or dark as
/// whoever looks at them prefers.
std::vector<NamedPlot> recipe_plots(const RecipeData& data, const std::vector<ModelResult>& results, size_t best);

}  // namespace roux::apps
