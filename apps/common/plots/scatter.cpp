// The map of points as SVG.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "apps/common/plots/chart.h"
#include "apps/common/plots/label_placement.h"
#include "apps/common/plots/points.h"

namespace roux::apps {
namespace {

double radius_for(size_t points) { return points <= 200 ? 4.5 : points <= 1000 ? 3.5 : points <= 5000 ? 2.5 : 1.8; }
double label_size_for(size_t points) { return points <= 60 ? 13 : points <= 300 ? 12 : 11; }

void draw_labels(SvgWriter& svg, const std::vector<std::string>& labels, const std::vector<LabelledPoint>& points,
                 double radius, double size, const Box& area) {
  const std::vector<std::optional<PlacedLabel>> places = place_labels(points, radius, area);
  svg.add("<g stroke-opacity=\"0.7\">\n");
  for (size_t i = 0; i < places.size(); ++i) {
    if (!places[i] || !places[i]->far) continue;
    const Box& box = places[i]->box;
    svg.line(points[i].x, points[i].y, std::clamp(points[i].x, box.left, box.right),
             std::clamp(points[i].y, box.top, box.bottom), "axis");
  }
  svg.add("</g>\n");
  for (size_t i = 0; i < places.size(); ++i)
    if (places[i])
      svg.text(places[i]->box.left + 2, places[i]->box.top + 0.82 * size, labels[i],
               {.size = size, .look = "halo quiet"});
}

}  // namespace

PointGroups checked_groups(const std::vector<ScatterPoint>& points, const char* operation) {
  ROUX_CHECK(!points.empty(), operation, "there are no points");
  PointGroups groups;
  std::unordered_map<std::string, int64_t> numbers;
  for (const ScatterPoint& point : points) {
    require_drawable(point.x, operation, "x of '" + point.label + "'");
    require_drawable(point.y, operation, "y of '" + point.label + "'");
    if (point.group.empty()) {
      groups.of_point.push_back(-1);
      continue;
    }
    const auto [at, fresh] = numbers.try_emplace(point.group, static_cast<int64_t>(numbers.size()));
    if (fresh) groups.names.push_back(point.group);
    groups.of_point.push_back(at->second);
  }
  return groups;
}

std::string scatter_svg(const std::vector<ScatterPoint>& points, const PlotOptions& options) {
  constexpr const char* operation = "scatter_svg";
  const PointGroups groups = checked_groups(points, operation);
  SvgWriter svg(options, operation);
  std::vector<double> xs, ys;
  for (const ScatterPoint& point : points) {
    xs.push_back(point.x);
    ys.push_back(point.y);
  }
  std::vector<LegendEntry> legend;
  for (const std::string& name : groups.names) legend.push_back({name, static_cast<int64_t>(legend.size())});
  const Axes axes = draw_axes(svg, options, draw_heading(svg, options, legend), range_of(xs, 0.04), range_of(ys, 0.04));

  const double radius = radius_for(points.size()), size = label_size_for(points.size());
  std::vector<std::string> labels;
  std::vector<LabelledPoint> places;
  svg.add("<g class=\"edge\" stroke-width=\"0.7\" fill-opacity=\"0.85\">\n");
  for (size_t i = 0; i < points.size(); ++i) {
    const ScatterPoint& point = points[i];
    const std::string whole = displayable(point.label);
    labels.push_back(shortened(whole, size, axes.area.width() / 3));
    const double width = labels[i].empty() ? 0 : text_width(labels[i], size) + 4;
    places.push_back({axes.place_x(point.x), axes.place_y(point.y), width, 1.12 * size});
    svg.mark(places[i].x, places[i].y, radius, legend.empty() ? 0 : groups.of_point[i],
             point.group.empty() ? whole : whole + " (" + point.group + ")");
  }
  svg.add("</g>\n");
  draw_labels(svg, labels, places, radius, size, axes.area);
  return std::move(svg).finish();
}

}  // namespace roux::apps
