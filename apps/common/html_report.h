// A run of train_recipes as one page.
#pragma once

#include <string>
#include <vector>

#include "apps/common/recipe_plots.h"

namespace roux::apps {

/// An HTML page that needs no other file and no script: the data, the table of models, the plots, and the mistakes of
/// the best model that it was surest of, with what each word said. Light or dark as whoever looks at it prefers.
std::string html_report(const RecipeData& data, const std::vector<ModelResult>& results, size_t best,
                        const std::vector<NamedPlot>& plots);

}  // namespace roux::apps
