// What the scatter and its terminal form ask of their points.
#pragma once

#include <string>
#include <vector>

#include "apps/common/plots/plots.h"

namespace roux::apps {

/// The points' groups in the order in which they appear.
struct PointGroups {
  std::vector<std::string> names;
  std::vector<int64_t> of_point;  ///< -1: none
};

/// Throws `[operation] ...` unless there are points and all can be drawn.
PointGroups checked_groups(const std::vector<ScatterPoint>& points, const char* operation);

}  // namespace roux::apps
