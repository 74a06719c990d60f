// What the bar chart and its terminal form ask of their data.
#pragma once

#include <string>
#include <vector>

#include "apps/common/plots/plots.h"

namespace roux::apps {

/// Throws `[operation] ...` unless there are values, one for each name in each series, all of which can be drawn.
void check_bars(const std::vector<std::string>& names, const std::vector<Series>& series, const char* operation);

}  // namespace roux::apps
