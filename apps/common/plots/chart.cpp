// Titles, legends and axes.
#include "apps/common/plots/chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "apps/common/table.h"

namespace roux::apps {
namespace {

constexpr double edge = 20, title_size = 18, legend_size = 12, tick_size = 12, name_size = 13, label_size = 13;

Range widened(Range range) {
  const double reach = std::max(std::abs(range.low), std::abs(range.high));
  if (range.high - range.low > 1e-9 * reach) return range;
  const double half = range.whole ? 1 : reach > 0 ? reach / 10 : 1;
  return {range.low - half, range.high + half, range.whole, range.to_ticks};
}

// How names stand below columns, and how many pixels long each may be.
struct NameLayout {
  double rotation;  // degrees: level, slanted, or upright where columns are narrow
  double width;
  size_t every = 1;  // 2: every second name is drawn, ...
};

NameLayout lay_out_names(const std::vector<std::string>& names, double column_width, double first) {
  double widest = 0;
  for (const std::string& name : names) widest = std::max(widest, text_width(displayable(name), name_size));
  if (widest + 6 <= column_width) return {0, widest};
  constexpr double longest = 130, wide_column = 80;
  const double width = std::min(widest, longest);
  if (widest > longest && column_width >= wide_column) return {0, column_width - 6};
  if (column_width >= 2 * name_size && width <= first * std::sqrt(2) - 8) return {-45, width};
  return {-90, width, std::max<size_t>(1, static_cast<size_t>(std::ceil(1.1 * name_size / column_width)))};
}

// Draws the entries in rows of at most `width` pixels; returns the height used.
double draw_legend(SvgWriter& svg, const std::vector<LegendEntry>& legend, double top, double left, double width) {
  constexpr double row_height = 20, sign_width = 22, gap = 16, most = 220;
  constexpr int max_rows = 4;
  double x = left, y = top + 14;
  int rows = 1;
  for (size_t i = 0; i < legend.size(); ++i) {
    const LegendEntry& entry = legend[i];
    const std::string shown = displayable(entry.name), name = shortened(shown, legend_size, std::min(most, width - 40));
    const double wide = sign_width + text_width(name, legend_size) + gap;
    const std::string rest = "and " + std::to_string(legend.size() - i) + " more";
    const bool last_row = rows == max_rows;
    const double needed = last_row && i + 1 < legend.size() ? wide + text_width(rest, legend_size) : wide - gap;
    if (x > left && x + needed > left + width) {
      if (last_row) {
        svg.text(x, y, rest, {.size = legend_size, .look = "soft"});
        break;
      }
      x = left, y += row_height, ++rows;
    }
    const std::string colour = std::to_string(entry.series % plot_colours);
    if (entry.kind == LegendEntry::Kind::mark)
      svg.mark(x + 8, y - 4, 5, entry.series);
    else if (entry.kind == LegendEntry::Kind::bar)
      svg.rectangle({x + 2, y - 10, x + 14, y + 2}, "f" + colour);
    else
      svg.add("<line class=\"l" + colour + "\" x1=\"" + coordinate(x) + "\" y1=\"" + coordinate(y - 4) + "\" x2=\"" +
              coordinate(x + 18) + "\" y2=\"" + coordinate(y - 4) + "\" stroke-width=\"2.5\"" +
              (entry.kind == LegendEntry::Kind::dashed_line ? " stroke-dasharray=\"5 3\"" : "") + "/>\n");
    svg.text(x + sign_width, y, name, {.size = legend_size},
             name == shown ? std::string_view() : std::string_view(shown));
    x += wide;
  }
  return row_height * rows + 4;
}

void draw_y_ticks(SvgWriter& svg, const Axes& axes) {
  for (const double value : axes.y.values) {
    const double y = axes.place_y(value);
    svg.line(axes.area.left, y, axes.area.right, y, "grid");
    svg.text(axes.area.left - 8, y + 4, axes.y.label(value), {.size = tick_size, .anchor = "end", .look = "soft"});
  }
}

// The axes with the area that is left for them in `room`, `under` pixels of which stay free below.
Axes lay_out(const PlotOptions& options, const Box& room, Range x, Range y, double under) {
  Axes axes;
  const double bottom = room.bottom - under - (options.x_label.empty() ? 0 : label_size + 8);
  const auto rows = std::clamp<int64_t>(static_cast<int64_t>((bottom - room.top) / 45), 2, 12);
  axes.y = make_ticks(y.low, y.high, rows);
  if (y.to_ticks) {
    const double step = axes.y.step;
    axes.y =
        make_ticks(step * std::floor(axes.y.low / step + 1e-9), step * std::ceil(axes.y.high / step - 1e-9), rows + 2);
  }
  double widest = 0;
  for (const double value : axes.y.values) widest = std::max(widest, text_width(axes.y.label(value), tick_size));
  const double left = room.left + widest + 8 + (options.y_label.empty() ? 0 : label_size + 8);
  axes.area = {left, room.top, room.right, bottom};
  x = widened(x);
  int64_t count = std::clamp<int64_t>(static_cast<int64_t>(axes.area.width() / 70), 2, 16);
  if (x.whole) count = std::min(count, std::max<int64_t>(2, static_cast<int64_t>(x.high - x.low) + 1));
  axes.x = make_ticks(x.low, x.high, count);
  return axes;
}

}  // namespace

std::string Ticks::label(double value) const {
  const double reach = std::max(std::abs(low), std::abs(high));
  const auto decimals_for = [](double unit) {
    return std::max(0, static_cast<int>(-std::floor(std::log10(unit) + 1e-9)));
  };
  if (reach >= 1e6 && reach < 1e9 && step >= 1e4)
    return value == 0 ? "0" : fixed(value / 1e6, decimals_for(step / 1e6)) + "M";
  if (reach >= 1e6 || step < 1e-5) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*g", static_cast<int>(std::clamp(std::log10(reach / step) + 2, 2.0, 15.0)),
                  value);
    return text;
  }
  return fixed(value, decimals_for(step));
}

Ticks make_ticks(double low, double high, int64_t count) {
  const Range range = widened({low, high});
  Ticks ticks{.low = range.low, .high = range.high};
  const double length = range.high - range.low;
  double power = std::pow(10.0, std::floor(std::log10(length / static_cast<double>(count))));
  for (;; power *= 10)
    for (const double factor : {1.0, 2.0, 5.0}) {
      ticks.step = factor * power;
      const double first = std::ceil(range.low / ticks.step - 1e-9), last = std::floor(range.high / ticks.step + 1e-9);
      if (last - first + 1 > static_cast<double>(count)) continue;
      for (double i = first; i <= last; ++i) ticks.values.push_back(i * ticks.step + 0.0);  // -0 becomes 0
      return ticks;
    }
}

Range range_of(const std::vector<double>& values, double margin) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const Range range = widened({*low, *high});
  const double more = margin * (range.high - range.low);
  return {range.low - more, range.high + more};
}

Box draw_heading(SvgWriter& svg, const PlotOptions& options, const std::vector<LegendEntry>& legend) {
  Box room{edge, edge, options.width - edge, options.height - edge};
  if (!options.title.empty()) {
    svg.fitted_text(room.left, room.top + title_size - 4, options.title, room.width(),
                    {.size = title_size, .look = "ink bold"});
    room.top += title_size + 12;
  }
  if (legend.size() > 1) room.top += draw_legend(svg, legend, room.top, room.left, room.width()) + 4;
  return room;
}

void draw_axis_labels(SvgWriter& svg, const PlotOptions& options, const Box& area, double bottom) {
  const TextStyle style{.size = label_size, .anchor = "middle", .look = "soft"};
  if (!options.x_label.empty())
    svg.fitted_text((area.left + area.right) / 2, bottom - 4, options.x_label, area.width(), style);
  if (options.y_label.empty()) return;
  TextStyle upright = style;
  upright.rotation = -90;
  svg.fitted_text(edge + 4, (area.top + area.bottom) / 2, options.y_label, area.height(), upright);
}

Axes draw_axes(SvgWriter& svg, const PlotOptions& options, const Box& room, Range x, Range y) {
  const Axes axes = lay_out(options, room, x, y, tick_size + 8);
  draw_y_ticks(svg, axes);
  for (const double value : axes.x.values) {
    const double at = axes.place_x(value);
    svg.line(at, axes.area.top, at, axes.area.bottom, "grid");
    svg.text(at, axes.area.bottom + 18, axes.x.label(value), {.size = tick_size, .anchor = "middle", .look = "soft"});
  }
  svg.line(axes.area.left, axes.area.bottom, axes.area.right, axes.area.bottom, "axis");
  svg.line(axes.area.left, axes.area.top, axes.area.left, axes.area.bottom, "axis");
  draw_axis_labels(svg, options, axes.area, room.bottom);
  return axes;
}

Axes draw_axes(SvgWriter& svg, const PlotOptions& options, const Box& room, const std::vector<std::string>& names,
               Range y) {
  // How wide the columns are depends on the numbers beside them, and the height for names on the columns.
  const auto columns = [&](const Box& area) { return area.width() / static_cast<double>(names.size()); };
  const Box narrowest = lay_out(options, room, {0, 1}, y, 0).area;
  const double height = names_height(names, columns(narrowest), narrowest.left + columns(narrowest) / 2);
  const Axes axes = lay_out(options, room, {0, 1}, y, height);
  draw_y_ticks(svg, axes);
  draw_names_below(svg, names, axes.area.left, columns(axes.area), axes.area.bottom);
  draw_axis_labels(svg, options, axes.area, room.bottom);
  return axes;
}

double names_height(const std::vector<std::string>& names, double column_width, double first) {
  const NameLayout layout = lay_out_names(names, column_width, first);
  return layout.rotation == 0     ? name_size + 12
         : layout.rotation == -45 ? layout.width / std::sqrt(2) + 18
                                  : layout.width + 12;
}

void draw_names_below(SvgWriter& svg, const std::vector<std::string>& names, double left, double column_width,
                      double top) {
  const NameLayout layout = lay_out_names(names, column_width, left + column_width / 2);
  for (size_t i = 0; i < names.size(); i += layout.every) {
    const double x = left + (static_cast<double>(i) + 0.5) * column_width;
    const TextStyle style{
        .size = name_size, .anchor = layout.rotation == 0 ? "middle" : "end", .rotation = layout.rotation};
    if (layout.rotation == 0)
      svg.fitted_text(x, top + 18, names[i], layout.width, style);
    else if (layout.rotation == -45)
      svg.fitted_text(x + 4, top + 14, names[i], layout.width, style);
    else
      svg.fitted_text(x + 0.35 * name_size, top + 8, names[i], layout.width, style);
  }
}

NumberFormat::NumberFormat(const std::vector<double>& values, int decimals)
    : decimals_(decimals),
      whole_(std::all_of(values.begin(), values.end(), [](double value) { return value == std::floor(value); })) {}

std::string NumberFormat::operator()(double value) const {
  const double size = std::abs(value);
  if (size >= 1e6 && size < 1e9) return fixed(value / 1e6, size >= 1e8 ? 0 : size >= 1e7 ? 1 : 2) + "M";
  if (size >= 1e6 || (size > 0 && size < 1e-3)) {
    char text[64];
    std::snprintf(text, sizeof text, "%.3g", value);
    return text;
  }
  const int decimals = size >= 100 ? std::min(decimals_, 1) : size >= 10 ? std::min(decimals_, 2) : decimals_;
  const std::string digits = fixed(value, whole_ ? 0 : decimals);
  // What rounds to 0 has no sign.
  return digits[0] == '-' && digits.find_first_not_of("-0.") == std::string::npos ? digits.substr(1) : digits;
}

}  // namespace roux::apps
