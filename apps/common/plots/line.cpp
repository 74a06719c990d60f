// Curves as SVG.
#include <algorithm>
#include <cmath>

#include "apps/common/plots/chart.h"

namespace roux::apps {
namespace {

constexpr const char* operation = "line_svg";
constexpr size_t most_dots = 40;  // longer curves are drawn without a dot at each value

void check(const std::vector<Series>& series) {
  size_t values = 0;
  for (const Series& each : series) {
    ROUX_CHECK(each.x.empty() || each.x.size() == each.values.size(), operation, "'", displayable(each.name), "' has ",
               each.values.size(), " values at ", each.x.size(), " places");
    for (const double x : each.x) require_drawable(x, operation, "x of '" + each.name + "'");
    ROUX_CHECK(std::is_sorted(each.x.begin(), each.x.end()), operation, "the places of '", displayable(each.name),
               "' do not rise");
    values += each.values.size();
  }
  ROUX_CHECK(values > 0, operation, "there are no values");
}

double x_of(const Series& series, size_t i) { return series.x.empty() ? static_cast<double>(i + 1) : series.x[i]; }
bool is_drawable(double value) { return std::isfinite(value) && std::abs(value) < 1e100; }

int64_t colour_of(const std::vector<Series>& series, size_t i) {
  return series[i].colour >= 0 ? series[i].colour : static_cast<int64_t>(i);
}

// Which values of which series are no numbers; empty when all are.
std::string left_out(const std::vector<Series>& series) {
  std::string text;
  for (const Series& each : series) {
    const auto count = std::count_if(each.values.begin(), each.values.end(), [](double v) { return !is_drawable(v); });
    if (count > 0)
      text += (text.empty() ? "left out, not finite: " : ", ") + std::to_string(count) + " of '" + each.name + "'";
  }
  return text;
}

Range y_range(const std::vector<Series>& series) {
  std::vector<double> values;
  for (const Series& each : series)
    std::copy_if(each.values.begin(), each.values.end(), std::back_inserter(values), is_drawable);
  if (values.empty()) return {0, 1};
  Range range = range_of(values, 0.04);
  const double low = *std::min_element(values.begin(), values.end());
  if (low >= 0 && low < 0.4 * range.high) range.low = 0;  // near enough to 0 to show it
  return range;
}

Range x_range(const std::vector<Series>& series) {
  std::vector<double> xs;
  bool whole = true;
  for (const Series& each : series)
    for (size_t i = 0; i < each.values.size(); ++i) {
      xs.push_back(x_of(each, i));
      whole = whole && xs.back() == std::floor(xs.back());
    }
  const auto [low, high] = std::minmax_element(xs.begin(), xs.end());
  return {*low, *high, whole};
}

void draw_curve(SvgWriter& svg, const Axes& axes, const Series& series, int64_t colour, double width) {
  std::string path;
  bool pen_down = false;
  for (size_t i = 0; i < series.values.size(); ++i) {
    if (!is_drawable(series.values[i])) {
      pen_down = false;
      continue;
    }
    path += (pen_down ? "L" : "M") + coordinate(axes.place_x(x_of(series, i))) + " " +
            coordinate(axes.place_y(series.values[i]));
    pen_down = true;
  }
  if (path.empty()) return;
  svg.add("<path class=\"l" + std::to_string(colour % plot_colours) + "\" d=\"" + path + "\" stroke-width=\"" +
          coordinate(width) + "\" " + "stroke-linejoin=\"round\"" + (series.dashed ? " stroke-dasharray=\"6 4\"" : "") +
          "/>\n");
  if (series.values.size() > most_dots) return;
  for (size_t i = 0; i < series.values.size(); ++i)
    if (is_drawable(series.values[i]))
      svg.mark(axes.place_x(x_of(series, i)), axes.place_y(series.values[i]), 3.5, colour,
               series.name + ": " + NumberFormat(series.values, 4)(series.values[i]));
}

}  // namespace

std::string line_svg(const std::vector<Series>& series, const PlotOptions& options) {
  check(series);
  SvgWriter svg(options, operation);
  std::vector<LegendEntry> legend;
  for (size_t i = 0; i < series.size(); ++i)
    legend.push_back({series[i].name, colour_of(series, i),
                      series[i].dashed ? LegendEntry::Kind::dashed_line : LegendEntry::Kind::line});
  Box room = draw_heading(svg, options, legend);
  if (const std::string note = left_out(series); !note.empty()) {
    svg.fitted_text(room.left, room.bottom, note, room.width(), {.size = 11, .look = "soft"});
    room.bottom -= 16;
  }
  const Axes axes = draw_axes(svg, options, room, x_range(series), y_range(series));
  // Later curves are thinner, so that one that lies under another still shows.
  for (size_t i = 0; i < series.size(); ++i)
    draw_curve(svg, axes, series[i], colour_of(series, i),
               3.4 - 1.6 * static_cast<double>(i) / static_cast<double>(series.size()));
  return std::move(svg).finish();
}

}  // namespace roux::apps
