// Text, numbers and shapes as SVG, and the two themes.
#include "apps/common/plots/svg.h"

#include <utf8proc.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/unicode.h"

namespace roux::apps {
namespace {

constexpr int32_t replacement_character = 0xFFFD;

// Okabe and Ito's colours ("Color Universal Design", 2008), which people with any kind of colour vision tell apart; on
// white without its yellow, on black lighter where they were too dark.
constexpr const char* light_colours[plot_colours] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                     "#e69f00", "#56b4e9", "#8a7a00", "#5f6670"};
constexpr const char* dark_colours[plot_colours] = {"#56b4e9", "#ee7a30", "#1fbf94", "#dd93c0",
                                                    "#f0e442", "#5b8def", "#e69f00", "#b6bdc6"};

struct Palette {
  const char *paper, *ink, *soft, *grid, *on;
  const char* const* colours;
  int64_t first_on;  // tenth of a colour's strength from which `on` is easier to read than `ink`
};

constexpr Palette light = {"#ffffff", "#1f2328", "#59636e", "#dfe3e8", "#ffffff", light_colours, 9};
constexpr Palette dark = {"#12161c", "#eef1f4", "#a9b2bd", "#303843", "#0b0e12", dark_colours, 6};

std::string style_rules(const Palette& palette) {
  const auto rule = [](const std::string& name, const std::string& what) {
    return ".plot ." + name + "{" + what + "}";
  };
  const auto fill = [](const char* colour) { return std::string("fill:") + colour; };
  const auto stroke = [](const char* colour) { return std::string("stroke:") + colour + ";fill:none"; };
  std::string rules = rule("paper", fill(palette.paper)) + rule("ink", fill(palette.ink)) +
                      rule("soft", fill(palette.soft)) + rule("on", fill(palette.on)) +
                      rule("grid", stroke(palette.grid)) + rule("axis", stroke(palette.soft)) +
                      rule("edge", std::string("stroke:") + palette.paper) +
                      rule("halo", fill(palette.ink) + ";stroke:" + palette.paper +
                                       ";stroke-width:3px;stroke-linejoin:round;paint-order:stroke") +
                      "\n";
  for (int64_t bin = 0; bin < 10; ++bin)
    rules += rule("t" + std::to_string(bin), fill(bin < palette.first_on ? palette.ink : palette.on));
  rules += "\n";
  for (int64_t i = 0; i < plot_colours; ++i)
    rules += rule("f" + std::to_string(i), fill(palette.colours[i])) +
             rule("l" + std::to_string(i), stroke(palette.colours[i]));
  return rules + "\n";
}

std::string style_sheet(Theme theme) {
  std::string rules =
      ".plot{font-family:Arial,'Helvetica Neue','Liberation Sans',sans-serif}"
      ".plot .bold{font-weight:bold}.plot .quiet{pointer-events:none}\n";
  rules += style_rules(theme == Theme::dark ? dark : light);
  if (theme == Theme::automatic) rules += "@media (prefers-color-scheme:dark){\n" + style_rules(dark) + "}\n";
  return rules;
}

// Parts of the font's size, after the widths of Arial.
double character_width(int32_t code_point) {
  if (code_point >= 0x80) return 0.66 * utf8proc_charwidth(code_point) - (utf8proc_charwidth(code_point) > 1 ? 0.3 : 0);
  const auto c = static_cast<char>(code_point);
  const auto among = [&](std::string_view set) { return set.find(c) != std::string_view::npos; };
  if (among("ijl'|")) return 0.25;
  if (among(" !,./:;I[]\\ft`()r-{}*^\"")) return 0.36;
  if (among("mMW@%w")) return 0.93;
  if (c >= 'A' && c <= 'Z') return 0.73;
  return among("+<=>~") ? 0.62 : 0.58;
}

// Calls f(value, first byte, length) for each character of a valid text.
template <class F>
void for_each_character(std::string_view text, F&& f) {
  for (size_t at = 0; at < text.size();) {
    const text::CodePoint point = text::decode_utf8(text, static_cast<int64_t>(at));
    f(point.value < 0 ? replacement_character : point.value, at, static_cast<size_t>(point.length));
    at += static_cast<size_t>(point.length);
  }
}

std::string title_element(std::string_view tip) {
  return tip.empty() ? std::string() : "<title>" + escaped(tip) + "</title>";
}

std::string closed(const std::string& element, const std::string& attributes, std::string_view tip) {
  const std::string opening = "<" + element + attributes;
  return tip.empty() ? opening + "/>\n" : opening + ">" + title_element(tip) + "</" + element + ">\n";
}

}  // namespace

std::string displayable(std::string_view text) {
  std::string result;
  for_each_character(text, [&](int32_t value, size_t, size_t) {
    const bool control = value < 0x20 || (value >= 0x7F && value < 0xA0);
    if (control && value < 0x80 && text::is_white_space(value))
      value = ' ';
    else if (control || (value & 0xFFFE) == 0xFFFE)
      value = replacement_character;  // XML takes no U+FFFE
    text::append_utf8(static_cast<uint32_t>(value), result);
  });
  return result;
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : displayable(text)) switch (c) {
      case '&': result += "&amp;"; break;
      case '<': result += "&lt;"; break;
      case '>': result += "&gt;"; break;
      case '"': result += "&quot;"; break;
      case '\'': result += "&#39;"; break;
      default: result += c;
    }
  return result;
}

std::string coordinate(double value) {
  char text[32];
  const double rounded = std::round(std::clamp(value, -1e9, 1e9) * 100) / 100;
  char* const end = std::to_chars(text, text + sizeof text, rounded + 0.0).ptr;  // the shortest form; -0 is 0
  return std::string(text, end);
}

int64_t columns_of(std::string_view text) {
  int64_t columns = 0;
  for_each_character(text, [&](int32_t value, size_t, size_t) { columns += std::max(0, utf8proc_charwidth(value)); });
  return columns;
}

double text_width(std::string_view text, double size) {
  double width = 0;
  for_each_character(text, [&](int32_t value, size_t, size_t) { width += character_width(value); });
  return width * size;
}

std::string shortened(std::string_view text, double size, double width) {
  if (text_width(text, size) <= width) return std::string(text);
  const double room = width - size;  // an ellipsis is as wide as the font is high
  double used = 0;
  size_t end = 0;
  bool full = false;
  for_each_character(text, [&](int32_t value, size_t at, size_t length) {
    used += size * character_width(value);
    full = full || used > room;
    if (!full) end = at + length;
  });
  return std::string(text.substr(0, end)) + "\u2026";
}

void require_drawable(double value, const char* operation, const std::string& what) {
  ROUX_CHECK(std::isfinite(value) && std::abs(value) < 1e100, operation, displayable(what), " is ", value,
             ", expected a finite number below 1e100");
}

SvgWriter::SvgWriter(const PlotOptions& options, const char* operation) : options_(options) {
  ROUX_CHECK(options.width >= 200 && options.width <= 10000 && options.height >= 200 && options.height <= 10000,
             operation, "a picture is 200 to 10000 pixels wide and high, found ", options.width, " x ", options.height);
}

void SvgWriter::text(double x, double y, std::string_view text, const TextStyle& style, std::string_view tip) {
  std::string tag = "<text class=\"" + std::string(style.look) + "\" x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) +
                    "\" font-size=\"" + coordinate(style.size) + "\"";
  if (std::string_view(style.anchor) != "start") tag += std::string(" text-anchor=\"") + style.anchor + "\"";
  if (style.rotation != 0)
    tag += " transform=\"rotate(" + coordinate(style.rotation) + " " + coordinate(x) + " " + coordinate(y) + ")\"";
  body_ += tag + ">" + title_element(tip) + escaped(text) + "</text>\n";
}

void SvgWriter::fitted_text(double x, double y, std::string_view whole, double width, const TextStyle& style) {
  const std::string shown = displayable(whole), cut = shortened(shown, style.size, width);
  text(x, y, cut, style, cut == shown ? std::string_view() : std::string_view(shown));
}

void SvgWriter::line(double x0, double y0, double x1, double y1, const char* look) {
  body_ += "<line class=\"" + std::string(look) + "\" x1=\"" + coordinate(x0) + "\" y1=\"" + coordinate(y0) +
           "\" x2=\"" + coordinate(x1) + "\" y2=\"" + coordinate(y1) + "\"/>\n";
}

void SvgWriter::rectangle(const Box& box, const std::string& look, double opacity, std::string_view tip) {
  std::string attributes = " class=\"" + look + "\" x=\"" + coordinate(box.left) + "\" y=\"" + coordinate(box.top) +
                           "\" width=\"" + coordinate(box.width()) + "\" height=\"" + coordinate(box.height()) + "\"";
  if (opacity < 1) attributes += " fill-opacity=\"" + coordinate(opacity) + "\"";
  body_ += closed("rect", attributes, tip);
}

void SvgWriter::mark(double x, double y, double radius, int64_t series, std::string_view tip) {
  // Colours and shapes come round after different numbers: 40 groups look different, and neighbours differ in both.
  const std::string look = series < 0 ? " class=\"soft\"" : " class=\"f" + std::to_string(series % plot_colours) + "\"";
  const auto point = [&](double dx, double dy) {
    return coordinate(x + dx * radius) + " " + coordinate(y + dy * radius);
  };
  std::string path;
  switch (series < 0 ? 0 : series % 5) {
    case 0:
      body_ += closed(
          "circle",
          look + " cx=\"" + coordinate(x) + "\" cy=\"" + coordinate(y) + "\" r=\"" + coordinate(radius) + "\"", tip);
      return;
    case 1: path = "M" + point(0, -1.25) + "L" + point(1.15, 0.9) + "L" + point(-1.15, 0.9); break;
    case 2:
      path = "M" + point(-0.9, -0.9) + "L" + point(0.9, -0.9) + "L" + point(0.9, 0.9) + "L" + point(-0.9, 0.9);
      break;
    case 3: path = "M" + point(0, -1.3) + "L" + point(1.3, 0) + "L" + point(0, 1.3) + "L" + point(-1.3, 0); break;
    default: path = "M" + point(0, 1.25) + "L" + point(1.15, -0.9) + "L" + point(-1.15, -0.9);
  }
  body_ += closed("path", look + " d=\"" + path + "Z\"", tip);
}

std::string SvgWriter::finish() && {
  const std::string width = std::to_string(options_.width), height = std::to_string(options_.height);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" width=\"" + width + "\" height=\"" + height +
         "\" viewBox=\"0 0 " + width + " " + height + "\" role=\"img\" aria-label=\"" + escaped(options_.title) +
         "\">\n<style>\n" + style_sheet(options_.theme) + "</style>\n<rect class=\"paper\" width=\"" + width +
         "\" height=\"" + height + "\"/>\n" + body_ + "</svg>\n";
}

}  // namespace roux::apps
