// Matrices as coloured cells: the heat map and the confusion matrix. A cell's colour is that of its kind, as strong as
// its value is large, over the background; so the same cells serve both themes.
#include <algorithm>
#include <cmath>

#include "apps/common/plots/chart.h"
#include "apps/common/table.h"

namespace roux::apps {
namespace {

constexpr int64_t most_cells = 100000;
constexpr double name_size = 13;

struct Cell {
  double strength = 0;  // of its colour, [0, 1]
  int64_t colour = 0;
  std::string text, second_line, tip;
};

std::vector<double> checked_values(const Tensor& values, size_t rows, size_t columns, const char* operation) {
  ROUX_CHECK(values.defined() && values.dim() == 2, operation, "the values must be a matrix");
  ROUX_CHECK(values.size(0) == static_cast<int64_t>(rows) && values.size(1) == static_cast<int64_t>(columns), operation,
             "the values have the shape ", to_string(values.shape()), ", expected ", rows, " rows and ", columns,
             " columns as there are names");
  ROUX_CHECK(values.numel() > 0, operation, "there are no values");
  ROUX_CHECK(values.numel() <= most_cells, operation, values.numel(), " cells are more than anybody can see, at most ",
             most_cells);
  return values.to(cpu).to_vector<double>();
}

// The cells' texts, at one size for all, where they have room: two lines, one, or none.
void draw_cell_texts(SvgWriter& svg, const std::vector<Cell>& cells, size_t columns, const Box& area) {
  const double width = area.width() / static_cast<double>(columns);
  const double height = area.height() / static_cast<double>(cells.size() / columns);
  double widest = 0;  // at a size of 1
  bool two_lines = false;
  for (const Cell& cell : cells) {
    widest = std::max({widest, text_width(cell.text, 1), text_width(cell.second_line, 1)});
    two_lines = two_lines || !cell.second_line.empty();
  }
  const double largest = std::min((width - 4) / widest, two_lines ? 18.0 : 14.0);
  two_lines = two_lines && height >= 2.6 * std::max(9.0, std::min(largest, height / 2.6));
  const double size = std::min(largest, height / (two_lines ? 2.6 : 1.4));
  if (size < 9) return;
  for (size_t i = 0; i < cells.size(); ++i) {
    const double x = area.left + (static_cast<double>(i % columns) + 0.5) * width;
    const double y = area.top + (static_cast<double>(i / columns) + 0.5) * height;
    const std::string look =
        "quiet t" + std::to_string(std::clamp<int64_t>(static_cast<int64_t>(cells[i].strength * 10), 0, 9));
    const TextStyle style{.size = size, .anchor = "middle", .look = look.c_str()};
    svg.text(x, two_lines ? y - 0.25 * size : y + 0.35 * size, cells[i].text, style);
    if (two_lines) svg.text(x, y + 0.95 * size, cells[i].second_line, style);
  }
}

// Names at the left, cells, names below, labels. Returns the cells' area.
Box draw_cells(SvgWriter& svg, const PlotOptions& options, Box room, const std::vector<std::string>& rows,
               const std::vector<std::string>& columns, const std::vector<Cell>& cells) {
  double widest = 0;
  for (const std::string& name : rows) widest = std::max(widest, text_width(displayable(name), name_size));
  const double names_width = std::min(widest, room.width() * 0.3);
  const double left = room.left + names_width + 8 + (options.y_label.empty() ? 0 : 22);
  const double width = (room.right - left) / static_cast<double>(columns.size());
  const double below = names_height(columns, width, left + width / 2) + (options.x_label.empty() ? 0 : 22);
  const Box area{left, room.top, room.right, room.bottom - below};
  const double height = area.height() / static_cast<double>(rows.size());
  const double gap = std::min(width, height) > 6 ? 0.5 : 0;
  for (size_t i = 0; i < cells.size(); ++i) {
    const double x = left + static_cast<double>(i % columns.size()) * width;
    const double y = area.top + static_cast<double>(i / columns.size()) * height;
    svg.rectangle({x + gap, y + gap, x + width - gap, y + height - gap}, "f" + std::to_string(cells[i].colour),
                  std::min(cells[i].strength, 0.995), cells[i].tip);
  }
  const auto every = static_cast<size_t>(std::max(1.0, std::ceil(name_size * 1.1 / height)));
  for (size_t i = 0; i < rows.size(); i += every)
    svg.fitted_text(left - 8, area.top + (static_cast<double>(i) + 0.5) * height + 4, rows[i], names_width,
                    {.size = name_size, .anchor = "end"});
  draw_names_below(svg, columns, left, width, area.bottom);
  draw_cell_texts(svg, cells, columns.size(), area);
  draw_axis_labels(svg, options, area, room.bottom);
  return area;
}

// A strip of colours with the values they stand for.
void draw_scale(SvgWriter& svg, const Box& room, double low, double high, bool diverging, const NumberFormat& number) {
  constexpr int steps = 40;
  const double reach = std::max(std::abs(low), std::abs(high)), height = room.height() / steps;
  for (int i = 0; i < steps; ++i) {
    const double share = (i + 0.5) / steps, value = low + share * (high - low);
    const double bottom = room.bottom - i * height;
    svg.rectangle({room.left, bottom - height, room.left + 12, bottom}, diverging && value < 0 ? "f1" : "f0",
                  diverging ? std::abs(value) / reach : share);
  }
  const auto mark = [&](double value) {
    svg.text(room.left + 17, room.bottom - (value - low) / (high - low) * room.height() + 4, number(value),
             {.size = 11, .look = "soft"});
  };
  mark(low);
  mark(high);
  if (diverging && std::min(-low, high) > 0.08 * (high - low)) mark(0);
}

}  // namespace

std::string heat_map_svg(const std::vector<std::string>& rows, const std::vector<std::string>& columns,
                         const Tensor& values, const PlotOptions& options) {
  constexpr const char* operation = "heat_map_svg";
  const std::vector<double> numbers = checked_values(values, rows.size(), columns.size(), operation);
  for (size_t i = 0; i < numbers.size(); ++i)
    require_drawable(numbers[i], operation,
                     "the value of '" + rows[i / columns.size()] + "', '" + columns[i % columns.size()] + "'");
  const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
  const bool diverging = *low < 0 && *high > 0;
  const double reach = std::max(std::abs(*low), std::abs(*high));
  const NumberFormat number(numbers, 2), exact(numbers, 4);
  std::vector<Cell> cells;
  for (size_t i = 0; i < numbers.size(); ++i) {
    const double v = numbers[i];
    const double strength = diverging ? std::abs(v) / reach : *high > *low ? (v - *low) / (*high - *low) : 0.5;
    cells.push_back({strength, diverging && v < 0 ? 1 : 0, number(v), "",
                     rows[i / columns.size()] + ", " + columns[i % columns.size()] + ": " + exact(v)});
  }
  SvgWriter svg(options, operation);
  Box room = draw_heading(svg, options, {});
  const double scale_width =
      *high > *low ? 17 + std::max(text_width(number(*low), 11), text_width(number(*high), 11)) : 0;
  const double right = room.right;
  room.right -= scale_width > 0 ? scale_width + 12 : 0;
  const Box area = draw_cells(svg, options, room, rows, columns, cells);
  if (scale_width > 0)
    draw_scale(svg, {right - scale_width, area.top, right, area.bottom}, *low, *high, diverging, number);
  return std::move(svg).finish();
}

std::string confusion_svg(const std::vector<std::string>& labels, const Tensor& counts, const PlotOptions& options) {
  constexpr const char* operation = "confusion_svg";
  const std::vector<double> numbers = checked_values(counts, labels.size(), labels.size(), operation);
  const size_t n = labels.size();
  std::vector<Cell> cells;
  for (size_t row = 0; row < n; ++row) {
    double sum = 0;
    for (size_t column = 0; column < n; ++column) {
      const double count = numbers[row * n + column];
      const std::string what = "the count of '" + labels[row] + "' as '" + labels[column] + "'";
      require_drawable(count, operation, what);
      ROUX_CHECK(count >= 0, operation, displayable(what), " is ", count, ", expected 0 or more");
      sum += count;
    }
    for (size_t column = 0; column < n; ++column) {
      const double count = numbers[row * n + column], share = sum > 0 ? count / sum : 0;
      const double strength = count > 0 ? 0.1 + 0.9 * share : 0;  // what is rare still shows
      cells.push_back({strength, row == column ? 0 : 1, with_commas(static_cast<int64_t>(count)), percent(share),
                       labels[row] + " as " + labels[column] + ": " + with_commas(static_cast<int64_t>(count)) + ", " +
                           percent(share)});
    }
  }
  SvgWriter svg(options, operation);
  PlotOptions named = options;
  if (named.x_label.empty()) named.x_label = "predicted";
  if (named.y_label.empty()) named.y_label = "actual";
  draw_cells(svg, named, draw_heading(svg, options, {}), labels, labels, cells);
  return std::move(svg).finish();
}

}  // namespace roux::apps
