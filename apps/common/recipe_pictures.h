// Where train_recipes puts its pictures and its page.
#pragma once

#include <string>
#include <vector>

#include "apps/common/recipe_report.h"

namespace roux::apps {

/// Throws when the pictures or the page could not be written at the end, so that this shows before the training; makes
/// the folder if it is not there. Both may be empty: not asked for.
void check_pictures(const std::string& folder, const std::string& page);

/// Writes what is asked for: `recipe_plots` into the folder, with the models' F1 as bars on standard output, and
/// `html_report` as the page. Says what it wrote.
void draw_pictures(const std::string& folder, const std::string& page, const RecipeData& data,
                   const std::vector<ModelResult>& results, size_t best);

}  // namespace roux::apps
