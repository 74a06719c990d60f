// What every picture is written with: an SVG document with a theme, texts of known width, shapes by class.
#pragma once

#include <string>
#include <string_view>

#include "apps/common/plots/plots.h"

namespace roux::apps {

/// A rectangle in pixels; y grows downwards.
struct Box {
  double left = 0, top = 0, right = 0, bottom = 0;

  double width() const { return right - left; }
  double height() const { return bottom - top; }
  bool overlaps(const Box& other) const {
    return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
  }
};

/// `text` as people can be shown it: U+FFFD for what is not valid UTF-8 and for control characters, and a space for
/// white space among these.
std::string displayable(std::string_view text);
/// The same as character data or attribute of XML.
std::string escaped(std::string_view text);
/// A coordinate: at most two decimals.
std::string coordinate(double value);
/// Columns that a displayable text takes in a terminal.
int64_t columns_of(std::string_view text);

/// The width in pixels of a displayable text in a sans-serif font of `size` pixels; rather too wide than too narrow.
double text_width(std::string_view text, double size);
/// `text`, cut and ended with an ellipsis where it is wider than `width` pixels.
std::string shortened(std::string_view text, double size, double width);

/// Throws `[operation] what is VALUE, ...` unless the number can be drawn: finite, and below 1e100.
void require_drawable(double value, const char* operation, const std::string& what);

/// How many colours there are; series and groups beyond begin again.
inline constexpr int64_t plot_colours = 8;

struct TextStyle {
  double size = 12;
  const char* anchor = "start";  ///< start, middle, end: which part of the text is at x
  const char* look = "ink";      ///< a class of the style sheet in svg.cpp
  double rotation = 0;           ///< degrees clockwise
};

/// An SVG document that grows. Classes: `paper`, `ink`, `soft` and `on` fill with the background, the text's colour, a
/// softer one, and what is read on strong colours; `f0`...`f7` fill and `l0`...`l7` stroke with the colours of series;
/// `t0`...`t9` are the text on such a colour at 0 to 10 tenths of its strength.
class SvgWriter {
 public:
  /// Throws when the size is out of bounds.
  SvgWriter(const PlotOptions& options, const char* operation);

  /// Markup as it is.
  void add(std::string_view markup) { body_ += markup; }
  /// A text with its baseline at y; `tip` is shown when the pointer rests on it.
  void text(double x, double y, std::string_view text, const TextStyle& style, std::string_view tip = {});
  /// A text that is cut where it is wider than `width`, and then tells the whole when the pointer rests on it.
  void fitted_text(double x, double y, std::string_view text, double width, const TextStyle& style);
  void line(double x0, double y0, double x1, double y1, const char* look);
  /// A filled rectangle; `tip` is shown when the pointer rests on it.
  void rectangle(const Box& box, const std::string& look, double opacity = 1, std::string_view tip = {});
  /// The mark of a group or series around (x, y), with its colour; a soft disc for series -1.
  void mark(double x, double y, double radius, int64_t series, std::string_view tip = {});

  std::string finish() &&;

 private:
  PlotOptions options_;
  std::string body_;
};

}  // namespace roux::apps
