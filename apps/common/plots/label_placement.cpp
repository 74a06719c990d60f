// Greedy placement: each label takes the best free place around its point. A grid over the picture keeps every question
// local, so that thousands of points take milliseconds.
#include "apps/common/plots/label_placement.h"

#include <algorithm>
#include <cmath>

namespace roux::apps {
namespace {

constexpr int64_t most_points_covered = 8;

// Numbers of boxes by the cells of a grid that they touch.
class Grid {
 public:
  explicit Grid(const Box& area)
      : area_(area),
        columns_(1 + static_cast<int64_t>(area.width() / cell)),
        rows_(1 + static_cast<int64_t>(area.height() / cell)),
        cells_(static_cast<size_t>(columns_ * rows_)) {}

  void add(const Box& box) {
    for_each_cell(box, [&](std::vector<Box>& boxes) {
      boxes.push_back(box);
      return true;
    });
  }

  bool any(const Box& box) const { return count(box, 1) > 0; }

  // How many overlap `box`, counted up to `limit`; of boxes that touch several cells, each counts in one of them alone:
  // the cell that holds the upper left corner of what both share.
  int64_t count(const Box& box, int64_t limit) const {
    int64_t found = 0;
    for (int64_t row = row_of(box.top); row <= row_of(box.bottom); ++row)
      for (int64_t column = column_of(box.left); column <= column_of(box.right); ++column)
        for (const Box& other : cells_[static_cast<size_t>(row * columns_ + column)]) {
          if (!box.overlaps(other) || column_of(std::max(box.left, other.left)) != column ||
              row_of(std::max(box.top, other.top)) != row)
            continue;
          if (++found >= limit) return found;
        }
    return found;
  }

 private:
  static constexpr double cell = 24;

  int64_t column_of(double x) const {
    return static_cast<int64_t>(std::clamp((x - area_.left) / cell, 0.0, static_cast<double>(columns_ - 1)));
  }
  int64_t row_of(double y) const {
    return static_cast<int64_t>(std::clamp((y - area_.top) / cell, 0.0, static_cast<double>(rows_ - 1)));
  }
  template <class F>
  void for_each_cell(const Box& box, F&& f) {
    for (int64_t row = row_of(box.top); row <= row_of(box.bottom); ++row)
      for (int64_t column = column_of(box.left); column <= column_of(box.right); ++column)
        f(cells_[static_cast<size_t>(row * columns_ + column)]);
  }

  Box area_;
  int64_t columns_, rows_;
  std::vector<std::vector<Box>> cells_;
};

// Directions from the point, the best first: right, left, above, below, and between.
constexpr double directions[][2] = {{1, 0},      {-1, 0},    {0, -1},      {0, 1},
                                    {0.7, -0.7}, {0.7, 0.7}, {-0.7, -0.7}, {-0.7, 0.7}};

Box box_beside(const LabelledPoint& point, const double (&direction)[2], double distance) {
  const double x = point.x + direction[0] * distance, y = point.y + direction[1] * distance;
  const double left = direction[0] > 0 ? x : direction[0] < 0 ? x - point.label_width : x - point.label_width / 2;
  const double top = direction[1] > 0 ? y : direction[1] < 0 ? y - point.label_height : y - point.label_height / 2;
  return {left, top, left + point.label_width, top + point.label_height};
}

// Distances from the edge of a point's disc; where there are many points, the farthest would lead astray.
constexpr double distances[] = {3, 16, 30};
constexpr size_t many_points = 150;

std::optional<PlacedLabel> best_place(const LabelledPoint& point, double radius, const Box& area, const Grid& labels,
                                      const Grid& discs, size_t rings) {
  std::optional<PlacedLabel> best;
  int64_t fewest = most_points_covered + 1;
  for (size_t ring = 0; ring < rings; ++ring) {
    for (const auto& direction : directions) {
      const Box box = box_beside(point, direction, radius + distances[ring]);
      if (box.left < area.left || box.right > area.right || box.top < area.top || box.bottom > area.bottom) continue;
      if (labels.any(box)) continue;
      const int64_t covered = discs.count(box, fewest);
      if (covered >= fewest) continue;
      fewest = covered;
      best = PlacedLabel{box, ring > 0};
      if (fewest == 0) return best;
    }
  }
  return best;
}

}  // namespace

std::vector<std::optional<PlacedLabel>> place_labels(const std::vector<LabelledPoint>& points, double radius,
                                                     const Box& area) {
  Grid labels(area), discs(area);
  for (const LabelledPoint& point : points)
    discs.add({point.x - radius, point.y - radius, point.x + radius, point.y + radius});
  std::vector<std::optional<PlacedLabel>> places(points.size());
  for (size_t i = 0; i < points.size(); ++i) {
    if (points[i].label_width <= 0) continue;
    places[i] = best_place(points[i], radius, area, labels, discs, points.size() < many_points ? 3 : 2);
    if (places[i]) labels.add(places[i]->box);
  }
  return places;
}

}  // namespace roux::apps
