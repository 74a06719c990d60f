// Bars and maps made of characters.
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "apps/common/plots/bars.h"
#include "apps/common/plots/chart.h"
#include "apps/common/plots/points.h"

namespace roux::apps {
namespace {

int columns_for(const TextPlotOptions& options) {
  if (options.width > 0) return std::clamp(options.width, 20, 1000);
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return std::clamp<int>(size.ws_col, 20, 1000);
  return 80;
}

bool takes_unicode(const TextPlotOptions& options) {
  if (options.unicode >= 0) return options.unicode > 0;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const char* value = std::getenv(name); value && *value) {
      const std::string locale = value;
      for (const char* form : {"UTF-8", "utf-8", "UTF8", "utf8"})
        if (locale.find(form) != std::string::npos) return true;
      return false;
    }
  return false;
}

// Displayable, in ASCII where nothing else is taken, cut to `columns`.
std::string fitted(const std::string& text, int64_t columns, bool unicode) {
  std::string shown = displayable(text);
  if (!unicode) {
    std::string ascii;
    for (const char c : shown)
      if (static_cast<unsigned char>(c) < 0x80)
        ascii += c;
      else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80)
        ascii += '?';
    shown = ascii;
  }
  if (columns_of(shown) <= columns) return shown;
  const std::string end = unicode ? "\u2026" : "~";
  while (!shown.empty() && columns_of(shown) > columns - 1) {
    while ((static_cast<unsigned char>(shown.back()) & 0xC0) == 0x80) shown.pop_back();
    shown.pop_back();
  }
  return shown + end;
}

std::string padded(const std::string& text, int64_t columns) {
  return text + std::string(static_cast<size_t>(std::max<int64_t>(0, columns - columns_of(text))), ' ');
}

std::string repeated(const std::string& text, int64_t times) {
  std::string result;
  for (int64_t i = 0; i < times; ++i) result += text;
  return result;
}

// A bar of `length` columns, to an eighth of one where Unicode is taken.
std::string bar_of(double length, bool negative, bool unicode) {
  const auto whole = static_cast<int64_t>(length);
  if (!unicode) return repeated(negative ? "-" : "#", std::llround(length));
  if (negative) return repeated("\u2591", std::llround(length));
  constexpr const char* eighths[] = {"", "\u258F", "\u258E", "\u258D", "\u258C", "\u258B", "\u258A", "\u2589"};
  return repeated("\u2588", whole) + eighths[static_cast<int>((length - static_cast<double>(whole)) * 8)];
}

// A sheet of characters; a wide one takes its column and the next, which is then "".
class Sheet {
 public:
  Sheet(int64_t columns, int64_t rows)
      : columns_(columns), rows_(rows), cells_(static_cast<size_t>(columns * rows), " ") {}

  std::string& at(int64_t column, int64_t row) { return cells_[static_cast<size_t>(row * columns_ + column)]; }
  bool is_free(int64_t column, int64_t row, int64_t width) {
    if (column < 0 || row < 0 || row >= rows_ || column + width > columns_) return false;
    for (int64_t i = 0; i < width; ++i)
      if (at(column + i, row) != " ") return false;
    return true;
  }
  void write(int64_t column, int64_t row, const std::string& text) {
    for (size_t from = 0; from < text.size();) {
      size_t to = from + 1;
      while (to < text.size() && (static_cast<unsigned char>(text[to]) & 0xC0) == 0x80) ++to;
      const std::string character = text.substr(from, to - from);
      const int64_t wide = columns_of(character);
      if (wide == 0)
        at(column - 1, row) += character;  // a mark on the character before
      else
        at(column, row) = character;
      for (int64_t i = 1; i < wide; ++i) at(column + i, row).clear();
      column += wide;
      from = to;
    }
  }
  std::string line(int64_t row) {
    std::string text;
    for (int64_t column = 0; column < columns_; ++column) text += at(column, row);
    return text;
  }

 private:
  int64_t columns_, rows_;
  std::vector<std::string> cells_;
};

constexpr const char* unicode_marks[] = {"\u25CF", "\u25B2", "\u25A0", "\u25C6",
                                         "\u25CB", "\u25B3", "\u25A1", "\u25C7"};
constexpr const char* ascii_marks[] = {"o", "x", "+", "*", "#", "@", "%", "&"};
constexpr int64_t mark_count = 8;

const char* mark_of(int64_t group, bool unicode) {
  if (group < 0) return unicode ? "\u00B7" : ".";
  return unicode ? unicode_marks[group % mark_count] : ascii_marks[group % mark_count];
}

struct Map {
  Sheet sheet;
  std::vector<std::pair<int64_t, int64_t>> cells;  // column and row of each point
};

Map draw_points(const std::vector<ScatterPoint>& points, const std::vector<int64_t>& groups, bool unicode, bool grouped,
                int64_t columns, int64_t rows) {
  std::vector<double> xs, ys;
  for (const ScatterPoint& point : points) xs.push_back(point.x), ys.push_back(point.y);
  const Range x = range_of(xs, 0.0), y = range_of(ys, 0.0);
  const bool dots = unicode && !grouped;
  const int64_t across = dots ? 2 * columns : columns, down = dots ? 4 * rows : rows;
  Map map{Sheet(columns, rows), {}};
  std::vector<uint32_t> braille(static_cast<size_t>(columns * rows));
  constexpr uint32_t bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  for (size_t i = 0; i < points.size(); ++i) {
    const auto column = std::llround((xs[i] - x.low) / (x.high - x.low) * static_cast<double>(across - 1));
    const auto row = std::llround((y.high - ys[i]) / (y.high - y.low) * static_cast<double>(down - 1));
    const int64_t at_column = dots ? column / 2 : column, at_row = dots ? row / 4 : row;
    map.cells.emplace_back(at_column, at_row);
    std::string& cell = map.sheet.at(at_column, at_row);
    if (dots) {
      uint32_t& pattern = braille[static_cast<size_t>(at_row * columns + at_column)];
      pattern |= bits[row % 4][column % 2];
      const uint32_t code_point = 0x2800 + pattern;
      cell = {static_cast<char>(0xE0 | code_point >> 12), static_cast<char>(0x80 | (code_point >> 6 & 0x3F)),
              static_cast<char>(0x80 | (code_point & 0x3F))};
    } else if (cell == " ") {
      cell = mark_of(grouped ? groups[i] : 0, unicode);
    }
  }
  return map;
}

void write_labels(Map& map, const std::vector<ScatterPoint>& points, int64_t columns, bool unicode) {
  for (size_t i = 0; i < points.size(); ++i) {
    const std::string label = fitted(points[i].label, columns / 3, unicode);
    const int64_t width = columns_of(label);
    if (width == 0) continue;
    const auto [column, row] = map.cells[i];
    // The columns on both sides stay free, so that neighbours do not run together.
    const std::pair<int64_t, int64_t> places[] = {
        {column + 1, row}, {column - width - 1, row}, {column - width / 2, row - 1}, {column - width / 2, row + 1}};
    for (const auto& [x, y] : places) {
      const int64_t from = std::max<int64_t>(x == column + 1 ? x : x - 1, 0), to = x + width + 1;
      if (!map.sheet.is_free(from, y, std::min(to, columns) - from) || to > columns + 1 || x < 0) continue;
      map.sheet.write(x == column + 1 && to < columns ? x : x, y, label);
      break;
    }
  }
}

}  // namespace

std::string bar_text(const std::vector<std::string>& names, const std::vector<Series>& series,
                     const TextPlotOptions& options) {
  check_bars(names, series, "bar_text");
  const bool unicode = takes_unicode(options);
  const int64_t columns = columns_for(options);
  const bool grouped = series.size() > 1;
  int64_t name_width = 0, value_width = 0;
  double largest = 0;
  std::vector<double> all;
  for (const Series& each : series) all.insert(all.end(), each.values.begin(), each.values.end());
  const NumberFormat number_text(all, 4);
  for (const Series& each : series) {
    if (grouped) name_width = std::max(name_width, 2 + columns_of(displayable(each.name)));
    for (const double value : each.values) {
      largest = std::max(largest, std::abs(value));
      value_width = std::max(value_width, static_cast<int64_t>(number_text(value).size()));
    }
  }
  if (!grouped)
    for (const std::string& name : names) name_width = std::max(name_width, columns_of(displayable(name)));
  name_width = std::min({name_width, columns / 3, std::max<int64_t>(3, columns - value_width - 8)});
  const int64_t room = std::max<int64_t>(1, columns - name_width - value_width - 4);

  std::string text = options.title.empty() ? "" : fitted(options.title, columns, unicode) + "\n";
  for (size_t i = 0; i < names.size(); ++i) {
    if (grouped) text += fitted(names[i], columns, unicode) + "\n";
    for (const Series& each : series) {
      const double value = each.values[i];
      const std::string number = number_text(value);
      const double length = largest > 0 ? std::abs(value) / largest * static_cast<double>(room) : 0;
      text += padded(fitted(grouped ? "  " + each.name : names[i], name_width, unicode), name_width) + "  " +
              std::string(static_cast<size_t>(value_width) - number.size(), ' ') + number + "  " +
              bar_of(length, value < 0, unicode) + "\n";
    }
  }
  return text;
}

std::string scatter_text(const std::vector<ScatterPoint>& points, const TextPlotOptions& options) {
  constexpr const char* operation = "scatter_text";
  const PointGroups groups = checked_groups(points, operation);
  const bool unicode = takes_unicode(options);
  const int64_t columns = columns_for(options) - 2;
  const int64_t rows =
      options.height > 0 ? std::clamp(options.height, 3, 1000) : std::clamp<int64_t>(columns / 3, 8, 40);
  Map map = draw_points(points, groups.of_point, unicode, !groups.names.empty(), columns, rows);
  write_labels(map, points, columns, unicode);

  const std::string edge = unicode ? "\u2502" : "|", rule = repeated(unicode ? "\u2500" : "-", columns);
  const auto corners = [&](const char* left, const char* right) {
    return (unicode ? left : "+") + rule + (unicode ? right : "+") + "\n";
  };
  std::string text = options.title.empty() ? "" : fitted(options.title, columns + 2, unicode) + "\n";
  std::string legend;
  for (size_t i = 0; i < groups.names.size(); ++i)
    legend += (i ? "  " : "") + std::string(mark_of(static_cast<int64_t>(i), unicode)) + " " + groups.names[i];
  if (!legend.empty()) text += fitted(legend, columns + 2, unicode) + "\n";
  text += corners("\u250C", "\u2510");
  for (int64_t row = 0; row < rows; ++row) text += edge + map.sheet.line(row) + edge + "\n";
  return text + corners("\u2514", "\u2518");
}

}  // namespace roux::apps
