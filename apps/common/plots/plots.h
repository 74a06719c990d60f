// Pictures as SVG documents that open in any browser, without scripts, and the bar chart and the scatter for terminals.
//
// Each `..._svg` returns a whole document, to be written with `write_file_atomically` or put into an HTML page. Texts
// may hold anything: what is not valid UTF-8 becomes U+FFFD, control characters too, and markup is escaped. All throw
// on what cannot be drawn: no data, lists that do not fit together, values that are no finite numbers (a line leaves
// those out and says so).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace roux::apps {

/// Colours: on white, on nearly black, or as whoever looks at it prefers (CSS `prefers-color-scheme`).
enum class Theme { light, dark, automatic };

struct PlotOptions {
  std::string title = {}, x_label = {}, y_label = {};
  Theme theme = Theme::light;
  int width = 800, height = 600;  ///< pixels, [200, 10000]
};

/// A point of a map. Points of one `group` have one colour and mark and an entry in the legend; "" has no entry
/// and, beside groups, a soft grey.
struct ScatterPoint {
  double x = 0, y = 0;
  std::string label = {};
  std::string group = {};
};

/// Values in a row: a line, or the bars of one colour.
struct Series {
  std::string name;
  std::vector<double> values;
  std::vector<double> x = {};  ///< of a line: where the values stand, rising; empty: 1, 2, 3, ...
  int64_t colour = -1;         ///< number of the colour; -1: the series' own
  bool dashed = false;         ///< of a line
};

/// A map of points. Labels are placed one after the other, the first points first, where they cover no other label;
/// one that finds no place is left out. Every point tells its label when the pointer rests on it.
std::string scatter_svg(const std::vector<ScatterPoint>& points, const PlotOptions& options);

/// `values` (rows, columns) as coloured cells with their numbers where these have room. Where some values are negative
/// and some are not, both have a colour and 0 has none.
std::string heat_map_svg(const std::vector<std::string>& rows, const std::vector<std::string>& columns,
                         const Tensor& values, const PlotOptions& options);

/// Curves over a common x.
std::string line_svg(const std::vector<Series>& series, const PlotOptions& options);

/// A group of bars for each of `names`, one bar from each series. The axis begins at 0.
std::string bar_svg(const std::vector<std::string>& names, const std::vector<Series>& series,
                    const PlotOptions& options);

/// `counts` (classes, classes): rows are what a text is, columns what was predicted. Cells tell count and share of the
/// row, and are coloured by that share.
std::string confusion_svg(const std::vector<std::string>& labels, const Tensor& counts, const PlotOptions& options);

struct TextPlotOptions {
  std::string title = {};
  int width = 0;     ///< columns; 0: the terminal's, or 80
  int height = 0;    ///< lines of a scatter; 0: as suits the width
  int unicode = -1;  ///< 1: blocks and Braille dots; 0: ASCII; -1: as the locale has it
};

/// The bars, lying, each with its name and its value.
std::string bar_text(const std::vector<std::string>& names, const std::vector<Series>& series,
                     const TextPlotOptions& options);

/// The map, with the labels that have room; groups have marks of their own.
std::string scatter_text(const std::vector<ScatterPoint>& points, const TextPlotOptions& options);

}  // namespace roux::apps
