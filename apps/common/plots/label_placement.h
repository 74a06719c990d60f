// Labels beside points so that none covers another.
#pragma once

#include <optional>
#include <vector>

#include "apps/common/plots/svg.h"

namespace roux::apps {

/// A point in pixels, and the size of its label; no width: no label.
struct LabelledPoint {
  double x = 0, y = 0;
  double label_width = 0, label_height = 0;
};

struct PlacedLabel {
  Box box;
  bool far = false;  ///< away from its point, so that a line must join them
};

/// A place for each label, or none. The first points choose first, among places around them, near ones before far ones:
/// inside `area`, over no other label, and over as few points (discs of `radius` pixels) as there are, eight at most.
std::vector<std::optional<PlacedLabel>> place_labels(const std::vector<LabelledPoint>& points, double radius,
                                                     const Box& area);

}  // namespace roux::apps
