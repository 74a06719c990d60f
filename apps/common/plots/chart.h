// What charts have in common: title, legend, and axes with round numbers.
#pragma once

#include <string>
#include <vector>

#include "apps/common/plots/svg.h"

namespace roux::apps {

/// Round numbers over a range: multiples of 1, 2 or 5 times a power of ten.
struct Ticks {
  double low = 0, high = 1;  ///< the range, as given
  double step = 1;
  std::vector<double> values = {};

  std::string label(double value) const;
};

/// Ticks inside [low, high], at most `count` where that is 2 or more. A range of no length is widened.
Ticks make_ticks(double low, double high, int64_t count);

struct LegendEntry {
  enum class Kind { mark, line, dashed_line, bar };
  std::string name;
  int64_t series = 0;
  Kind kind = Kind::mark;
};

/// Draws the title and, if there is more than one entry, the legend, at most four rows; returns what is left.
Box draw_heading(SvgWriter& svg, const PlotOptions& options, const std::vector<LegendEntry>& legend);

/// Where values are in the picture.
struct Axes {
  Box area;
  Ticks x, y;

  double place_x(double value) const { return area.left + (value - x.low) / (x.high - x.low) * area.width(); }
  double place_y(double value) const { return area.bottom - (value - y.low) / (y.high - y.low) * area.height(); }
};

struct Range {
  double low, high;
  bool whole = false;     ///< ticks at whole numbers only
  bool to_ticks = false;  ///< the range goes on to the next round number on both sides
};
/// The smallest range that holds all values, widened by a share of its length on both sides.
Range range_of(const std::vector<double>& values, double margin);

/// Draws grid, numbers and labels of two axes inside `room`.
Axes draw_axes(SvgWriter& svg, const PlotOptions& options, const Box& room, Range x, Range y);
/// The same with names in place of numbers along x, each in the middle of its share of the width.
Axes draw_axes(SvgWriter& svg, const PlotOptions& options, const Box& room, const std::vector<std::string>& names,
               Range y);

/// The height that `names` need below columns of `column_width` pixels, the first one centred at `first`; and the names
/// themselves, below `top`. Where a column is too narrow for the longest they stand slanted or upright, and where it is
/// narrower than a line of text only every second, third, ... is drawn.
double names_height(const std::vector<std::string>& names, double column_width, double first);
void draw_names_below(SvgWriter& svg, const std::vector<std::string>& names, double left, double column_width,
                      double top);

/// The options' x_label with its baseline above `bottom`, and y_label at the left, both centred beside `area`.
void draw_axis_labels(SvgWriter& svg, const PlotOptions& options, const Box& area, double bottom);

/// Values for people: all whole, or with about three digits that count.
class NumberFormat {
 public:
  NumberFormat(const std::vector<double>& values, int decimals = 3);
  std::string operator()(double value) const;

 private:
  int decimals_;
  bool whole_;
};

}  // namespace roux::apps
