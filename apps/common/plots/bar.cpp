// Groups of bars as SVG.
#include <algorithm>

#include "apps/common/plots/bars.h"
#include "apps/common/plots/chart.h"

namespace roux::apps {

void check_bars(const std::vector<std::string>& names, const std::vector<Series>& series, const char* operation) {
  ROUX_CHECK(!names.empty() && !series.empty(), operation, "there are no values");
  for (const Series& each : series) {
    ROUX_CHECK(each.values.size() == names.size(), operation, "'", displayable(each.name), "' has ", each.values.size(),
               " values, expected one for each of the ", names.size(), " names");
    for (size_t i = 0; i < names.size(); ++i)
      require_drawable(each.values[i], operation, "'" + each.name + "' of '" + names[i] + "'");
  }
}

std::string bar_svg(const std::vector<std::string>& names, const std::vector<Series>& series,
                    const PlotOptions& options) {
  check_bars(names, series, "bar_svg");
  SvgWriter svg(options, "bar_svg");
  Range y{.low = 0, .high = 0, .to_ticks = true};
  std::vector<LegendEntry> legend;
  double widest = 0;  // of the values' texts, at a size of 1
  std::vector<double> all;
  for (const Series& each : series) all.insert(all.end(), each.values.begin(), each.values.end());
  const NumberFormat number(all), exact(all, 4);
  for (size_t s = 0; s < series.size(); ++s) {
    const int64_t colour = series[s].colour >= 0 ? series[s].colour : static_cast<int64_t>(s);
    legend.push_back({series[s].name, colour, LegendEntry::Kind::bar});
    for (const double value : series[s].values) {
      y.low = std::min(y.low, value);
      y.high = std::max(y.high, value);
      widest = std::max(widest, text_width(number(value), 1));
    }
  }
  const double length = y.high - y.low;
  if (y.low < 0) y.low -= 0.05 * length;
  if (y.high > 0) y.high += 0.05 * length;
  const Axes axes = draw_axes(svg, options, draw_heading(svg, options, legend), names, y);

  const double group = axes.area.width() / static_cast<double>(names.size());
  const double bar = std::min(90.0, group * 0.8 / static_cast<double>(series.size()));
  const double zero = axes.place_y(0);
  const double value_size = std::min(12.0, 0.95 * bar / widest);
  for (size_t i = 0; i < names.size(); ++i)
    for (size_t s = 0; s < series.size(); ++s) {
      const double value = series[s].values[i], end = axes.place_y(value);
      const double middle = axes.area.left + (static_cast<double>(i) + 0.5) * group;
      const double left = middle + (static_cast<double>(s) - static_cast<double>(series.size()) / 2) * bar;
      const double gap = std::min(1.0, bar / 10);
      svg.rectangle({left + gap, std::min(zero, end), left + bar - gap, std::max(zero, end)},
                    "f" + std::to_string(legend[s].series % plot_colours), 1,
                    names[i] + ", " + series[s].name + ": " + exact(value));
      if (value_size >= 8.5)
        svg.text(left + bar / 2, value < 0 ? end + value_size + 3 : end - 5, number(value),
                 {.size = value_size, .anchor = "middle"});
    }
  svg.line(axes.area.left, zero, axes.area.right, zero, "axis");
  return std::move(svg).finish();
}

}  // namespace roux::apps
