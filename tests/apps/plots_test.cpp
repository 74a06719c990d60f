// Pictures: well-formed, inside their frame, legible, and safe whatever the words hold.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/common/plots/chart.h"
#include "apps/common/plots/label_placement.h"
#include "apps/common/plots/plots.h"
#include "tests/apps/svg_document.h"
#include "tests/message_of.h"

using namespace roux;
using namespace roux::apps;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN(),
                 infinity = std::numeric_limits<double>::infinity();

std::string look_of(const XmlElement& element) {
  const auto found = element.attributes.find("class");
  return found == element.attributes.end() ? "" : found->second;
}

// The room that an upright text takes.
Box box_of(const XmlElement& text) {
  const double size = text.number("font-size"), x = text.number("x"), y = text.number("y");
  const double width = text_width(text.text, size);
  const auto anchor = text.attributes.find("text-anchor");
  const double left = anchor == text.attributes.end() ? x : anchor->second == "end" ? x - width : x - width / 2;
  return {left, y - 0.75 * size, left + width, y + 0.22 * size};
}

// The same of a text that is turned around its anchor.
Box turned_box_of(const XmlElement& text, double degrees) {
  const Box box = box_of(text);
  const double x = text.number("x"), y = text.number("y"), angle = degrees * std::acos(-1.0) / 180;
  Box result{1e9, 1e9, -1e9, -1e9};
  for (const double corner_x : {box.left - x, box.right - x})
    for (const double corner_y : {box.top - y, box.bottom - y}) {
      const double to_x = x + corner_x * std::cos(angle) - corner_y * std::sin(angle);
      const double to_y = y + corner_x * std::sin(angle) + corner_y * std::cos(angle);
      result = {std::min(result.left, to_x), std::min(result.top, to_y), std::max(result.right, to_x),
                std::max(result.bottom, to_y)};
    }
  return result;
}

// Checks that everything lies inside the picture; returns its upright texts.
std::vector<const XmlElement*> check_inside(const XmlElement& svg) {
  const double width = svg.number("width"), height = svg.number("height");
  const auto inside = [&](const Box& box) {
    return box.left >= -0.01 && box.top >= -0.01 && box.right <= width + 0.01 && box.bottom <= height + 0.01;
  };
  for (const XmlElement* rect : svg.all("rect")) {
    if (look_of(*rect) == "paper") continue;
    const double x = rect->number("x"), y = rect->number("y");
    CHECK(rect->number("width") >= 0);
    CHECK(rect->number("height") >= 0);
    CHECK(inside({x, y, x + rect->number("width"), y + rect->number("height")}));
  }
  for (const XmlElement* circle : svg.all("circle")) {
    const double r = circle->number("r"), x = circle->number("cx"), y = circle->number("cy");
    CHECK(inside({x - r, y - r, x + r, y + r}));
  }
  for (const XmlElement* line : svg.all("line"))
    CHECK(inside({std::min(line->number("x1"), line->number("x2")), std::min(line->number("y1"), line->number("y2")),
                  std::max(line->number("x1"), line->number("x2")), std::max(line->number("y1"), line->number("y2"))}));
  std::vector<const XmlElement*> upright;
  for (const XmlElement* text : svg.all("text")) {
    CHECK(text->number("font-size") >= 8.5);
    if (const auto turn = text->attributes.find("transform"); turn != text->attributes.end()) {
      CHECK_MESSAGE(inside(turned_box_of(*text, std::stod(turn->second.substr(7)))), text->text);
      continue;
    }
    CHECK_MESSAGE(inside(box_of(*text)), text->text);
    upright.push_back(text);
  }
  return upright;
}

void check_no_overlap(const std::vector<const XmlElement*>& texts) {
  for (size_t i = 0; i < texts.size(); ++i)
    for (size_t j = i + 1; j < texts.size(); ++j)
      CHECK_MESSAGE(!box_of(*texts[i]).overlaps(box_of(*texts[j])), texts[i]->text << " and " << texts[j]->text);
}

bool has_text(const XmlElement& svg, const std::string& wanted) {
  const auto texts = svg.all("text");
  return std::any_of(texts.begin(), texts.end(), [&](const XmlElement* text) { return text->text == wanted; });
}

bool has_tip(const XmlElement& svg, const std::string& wanted) {
  const auto tips = svg.all("title");
  return std::any_of(tips.begin(), tips.end(), [&](const XmlElement* tip) { return tip->text == wanted; });
}

// Points that lie in clumps, as those of t-SNE do.
std::vector<ScatterPoint> clumps(int points, int groups) {
  Generator generator(7);
  const std::vector<double> noise = Tensor::randn({points, 2}, float64, cpu, generator).to_vector<double>();
  std::vector<ScatterPoint> result;
  for (int i = 0; i < points; ++i) {
    const double angle = i % 7;
    result.push_back({8 * std::cos(angle) + noise[static_cast<size_t>(2 * i)],
                      8 * std::sin(angle) + noise[static_cast<size_t>(2 * i + 1)], "word" + std::to_string(i),
                      groups ? "group " + std::to_string(i % groups) : ""});
  }
  return result;
}

const std::string nasty = "<script>alert('1')</script> & \"x\" \x01\x1b[31m \xff \xed\xa0\x80 \xef\xbf\xbe ]]>";

}  // namespace

TEST_CASE("scatter_svg places labels so that none covers another, and tells every word on hover") {
  for (const int count : {1, 2, 31, 300, 3000}) {
    CAPTURE(count);
    const XmlElement svg = parse_xml(scatter_svg(clumps(count, 0), {.title = "Words", .x_label = "x", .y_label = "y"}));
    check_no_overlap(check_inside(svg));
    for (int i = 0; i < count; ++i) REQUIRE(has_tip(svg, "word" + std::to_string(i)));
    CHECK(svg.all("circle").size() == static_cast<size_t>(count));
    if (count <= 31)
      for (int i = 0; i < count; ++i) CHECK(has_text(svg, "word" + std::to_string(i)));
    if (count == 3000) CHECK(svg.all("text").size() > 60);  // crowded, but not bare
  }
}

TEST_CASE("scatter_svg shows groups by colour, mark and legend") {
  const XmlElement svg = parse_xml(scatter_svg(clumps(90, 3), {.title = "Groups"}));
  check_no_overlap(check_inside(svg));
  CHECK(has_text(svg, "group 0"));
  CHECK(has_text(svg, "group 2"));
  CHECK(has_tip(svg, "word4 (group 1)"));
  CHECK(svg.all("circle").size() == 31);  // the first group's, and its mark in the legend
  // A point of no group does not look like one of the first.
  const XmlElement mixed = parse_xml(scatter_svg({{0, 0, "a", "x"}, {1, 1, "b", ""}, {2, 2, "c", "x"}}, {}));
  for (const XmlElement* circle : mixed.all("circle"))
    CHECK(look_of(*circle) == (circle->children[0].text == "b" ? "soft" : "f0"));
  // More groups than there is room for, with names that are too long: the legend says how many it leaves out.
  std::vector<ScatterPoint> points = clumps(200, 100);
  for (ScatterPoint& point : points) point.group += " of words with a name that is far too long for any legend";
  const XmlElement many = parse_xml(scatter_svg(points, {.title = "Many"}));
  check_no_overlap(check_inside(many));
  const auto texts = many.all("text");
  CHECK(std::any_of(texts.begin(), texts.end(), [](const XmlElement* text) {
    return text->text.rfind("and ", 0) == 0 && text->text.find(" more") != std::string::npos;
  }));
}

TEST_CASE("scatter_svg takes points that are equal, on a line, or far apart") {
  check_inside(parse_xml(scatter_svg({{3, 4, "a", ""}, {3, 4, "b", ""}, {3, 4, "c", ""}}, {})));
  check_inside(parse_xml(scatter_svg({{0, 0, "a", ""}, {0, 5, "b", ""}}, {})));
  check_inside(parse_xml(scatter_svg({{-1e99, 1e-99, "a", ""}, {1e99, -1e-99, "b", ""}}, {})));
  check_inside(parse_xml(scatter_svg({{1e15, 1e15 + 1, "a", ""}, {1e15 + 2, 1e15, "", ""}}, {})));
  check_inside(parse_xml(scatter_svg({{0, 0, std::string(5000, 'w'), ""}}, {.width = 200, .height = 200})));
}

TEST_CASE("every picture escapes what it is given") {
  const std::vector<std::string> names = {nasty, "b"};
  const Tensor matrix = Tensor::from(std::vector<double>{1, 2, 3, 4}, {2, 2});
  const PlotOptions options{.title = nasty, .x_label = nasty, .y_label = nasty};
  const std::string pictures[] = {
      scatter_svg({{0, 0, nasty, nasty}, {1, 1, "b", "b"}}, options), heat_map_svg(names, names, matrix, options),
      line_svg({{nasty, {1, 2}}, {"b", {2, not_a_number}}}, options),
      bar_svg(names, {{nasty, {1, 2}}, {"b", {2, 3}}}, options), confusion_svg(names, matrix, options)};
  for (const std::string& picture : pictures) {
    CHECK(picture.find("<script") == std::string::npos);
    const XmlElement svg = parse_xml(picture);
    check_inside(svg);
    CHECK(svg.all("script").empty());
    // Nothing is fetched from elsewhere.
    CHECK(picture.find("href") == std::string::npos);
    CHECK(picture.find("url(") == std::string::npos);
    CHECK(picture.find("@import") == std::string::npos);
  }
  CHECK(displayable("a\tb\nc\x1b[0m\x7f\xc2\x85") == "a b c\uFFFD[0m\uFFFD\uFFFD");
  CHECK(displayable("\xff\xf0\x9f\x98 caf\u00e9") == "\uFFFD\uFFFD\uFFFD\uFFFD caf\u00e9");
  CHECK(has_tip(parse_xml(pictures[0]), displayable(nasty) + " (" + displayable(nasty) + ")"));
}

TEST_CASE("pictures have light, dark and automatic colours") {
  const std::vector<ScatterPoint> points = clumps(3, 0);
  const std::string light = scatter_svg(points, {}), dark = scatter_svg(points, {.theme = Theme::dark});
  const std::string automatic = scatter_svg(points, {.theme = Theme::automatic});
  CHECK(light.find("prefers-color-scheme") == std::string::npos);
  CHECK(light.find(".paper{fill:#ffffff}") != std::string::npos);
  CHECK(dark.find(".paper{fill:#ffffff}") == std::string::npos);
  CHECK(automatic.find("@media (prefers-color-scheme:dark)") != std::string::npos);
  CHECK(automatic.size() < light.size() + dark.size());
}

TEST_CASE("heat_map_svg colours by value and writes numbers where they fit") {
  const std::vector<std::string> words = {"king", "queen", "apple"};
  const Tensor values = Tensor::from(std::vector<float>{1, 0.5F, -0.25F, 0.5F, 1, 0, -0.25F, 0, 1}, {3, 3});
  const XmlElement svg = parse_xml(heat_map_svg(words, words, values, {.title = "Similarity"}));
  check_no_overlap(check_inside(svg));
  CHECK(has_text(svg, "-0.25"));
  CHECK(has_text(svg, "0.50"));
  CHECK(has_tip(svg, "king, apple: -0.2500"));
  size_t cells = 0;
  for (const XmlElement* rect : svg.all("rect"))
    if (!rect->children.empty()) {
      ++cells;
      const bool negative = rect->children[0].text.find('-') != std::string::npos;
      CHECK(look_of(*rect) == (negative ? "f1" : "f0"));
      if (negative) CHECK(rect->number("fill-opacity") == doctest::Approx(0.25));
    }
  CHECK(cells == 9);
  // Too many cells for numbers, and for all names: no text covers another.
  std::vector<std::string> many;
  for (int i = 0; i < 120; ++i) many.push_back("dimension" + std::to_string(i));
  const XmlElement wide = parse_xml(heat_map_svg(words, many, Tensor::arange(0, 360).reshape({3, 120}), {}));
  check_no_overlap(check_inside(wide));
  CHECK(wide.all("text").size() < 80);
  // All values equal, integers, one cell.
  CHECK(has_text(parse_xml(heat_map_svg({"a"}, {"b"}, Tensor::full({1, 1}, 7), {})), "7"));
}

TEST_CASE("confusion_svg tells counts and shares") {
  const Tensor counts = Tensor::from(std::vector<int64_t>{2461, 143, 0, 0}, {2, 2});
  const XmlElement svg = parse_xml(confusion_svg({"fruit", "vegetable"}, counts, {.title = "Confusion"}));
  check_no_overlap(check_inside(svg));
  CHECK(has_text(svg, "2,461"));
  CHECK(has_text(svg, "94.5 %"));
  CHECK(has_text(svg, "5.5 %"));
  CHECK(has_text(svg, "0.0 %"));  // a class without texts
  CHECK(has_text(svg, "predicted"));
  CHECK(has_tip(svg, "fruit as vegetable: 143, 5.5 %"));
  std::vector<std::string> labels;
  for (int i = 0; i < 100; ++i) labels.push_back("class " + std::to_string(i));
  check_no_overlap(check_inside(parse_xml(confusion_svg(labels, Tensor::eye(100), {}))));
}

TEST_CASE("line_svg draws what is finite and says what is not") {
  const XmlElement svg = parse_xml(line_svg({{"training", {2.5, 1.5, not_a_number, 1, infinity}},
                                             {.name = "validation", .values = {2, 1.8, 1.7, 1.6, 1.5}, .dashed = true}},
                                            {.title = "Loss", .x_label = "epoch", .y_label = "loss"}));
  check_no_overlap(check_inside(svg));
  CHECK(has_text(svg, "left out, not finite: 2 of 'training'"));
  const auto is_curve = [](const XmlElement* path) { return look_of(*path).rfind("l", 0) == 0; };
  std::vector<const XmlElement*> curves;
  for (const XmlElement* path : svg.all("path"))
    if (is_curve(path)) curves.push_back(path);
  REQUIRE(curves.size() == 2);
  const std::string broken = curves[0]->attributes.at("d"), whole = curves[1]->attributes.at("d");
  CHECK(std::count(broken.begin(), broken.end(), 'M') == 2);
  CHECK(std::count(broken.begin(), broken.end(), 'L') == 1);
  CHECK(std::count(whole.begin(), whole.end(), 'L') == 4);
  CHECK(curves[1]->attributes.count("stroke-dasharray") == 1);
  CHECK(broken.find("nan") == std::string::npos);
  // Epochs are whole numbers.
  CHECK(has_text(svg, "5"));
  CHECK(!has_text(svg, "4.5"));
  CHECK(has_tip(svg, "training: 1.5000"));
  // Nothing finite at all, one value, a long curve.
  CHECK(has_text(parse_xml(line_svg({{"loss", {not_a_number}}}, {})), "left out, not finite: 1 of 'loss'"));
  check_inside(parse_xml(line_svg({{"loss", {3}}}, {})));
  check_inside(parse_xml(line_svg({{"loss", std::vector<double>(10000, 0.5)}}, {})));
}

TEST_CASE("bar_svg begins at 0 and reaches each value") {
  const XmlElement svg =
      parse_xml(bar_svg({"mean", "max"}, {{"F1", {0.5, -0.25}}, {"accuracy", {1, 0}}}, {.title = "x"}));
  check_no_overlap(check_inside(svg));
  std::map<std::string, double> height;
  for (const XmlElement* rect : svg.all("rect"))
    if (!rect->children.empty()) height[rect->children[0].text] = rect->number("height");
  REQUIRE(height.size() == 4);
  CHECK(height["mean, F1: 0.5000"] == doctest::Approx(height["mean, accuracy: 1.0000"] / 2).epsilon(0.001));
  CHECK(height["max, F1: -0.2500"] == doctest::Approx(height["mean, accuracy: 1.0000"] / 4).epsilon(0.001));
  CHECK(height["max, accuracy: 0.0000"] == 0);
  CHECK(has_text(svg, "0.500"));
  // Many bars with long names; all zero.
  std::vector<std::string> names;
  for (int i = 0; i < 80; ++i) names.push_back("a model with a long name " + std::to_string(i));
  check_no_overlap(check_inside(parse_xml(bar_svg(names, {{"x", std::vector<double>(80, 3.0)}}, {}))));
  check_inside(parse_xml(bar_svg({"a"}, {{"x", {0}}}, {})));
}

TEST_CASE("pictures refuse what cannot be drawn") {
  const Tensor two = Tensor::zeros({2, 2});
  CHECK(message_of([] { scatter_svg({}, {}); }) == "[scatter_svg] there are no points");
  CHECK(message_of([] {
          scatter_svg({{0, 0, "a", ""}, {not_a_number, 0, "king", ""}}, {});
        }).find("[scatter_svg] x of 'king' is nan") == 0);
  CHECK(message_of([] {
          scatter_svg({{0, -infinity, "king", ""}}, {});
        }).find("[scatter_svg] y of 'king' is -inf") == 0);
  CHECK(message_of([] { scatter_svg({{0, 1e200, "king", ""}}, {}); }).find("below 1e100") != std::string::npos);
  CHECK(message_of([] {
          scatter_svg({{0, 0, "a", ""}}, {.width = 10});
        }).find("[scatter_svg] a picture is 200 to 10000") == 0);
  CHECK(message_of([&] {
          heat_map_svg({"a"}, {"b", "c"}, two, {});
        }).find("[heat_map_svg] the values have the shape") == 0);
  CHECK(message_of([] { heat_map_svg({}, {}, Tensor::zeros({0, 0}), {}); }) == "[heat_map_svg] there are no values");
  CHECK(message_of([] { heat_map_svg({"a"}, {"b"}, Tensor::zeros({1}), {}); }) ==
        "[heat_map_svg] the values must be a matrix");
  CHECK(message_of([] { heat_map_svg({"a"}, {"b"}, Tensor(), {}); }) == "[heat_map_svg] the values must be a matrix");
  CHECK(message_of([] {
          heat_map_svg({"king"}, {"queen"}, Tensor::full({1, 1}, not_a_number), {});
        }).find("[heat_map_svg] the value of 'king', 'queen' is nan") == 0);
  const std::vector<std::string> names(400, "x");
  CHECK(message_of([&] {
          confusion_svg(names, Tensor::zeros({400, 400}), {});
        }).find("160000 cells are more") != std::string::npos);
  CHECK(message_of([&] {
          confusion_svg({"a", "b"}, Tensor::full({2, 2}, -1), {});
        }).find("expected 0 or more") != std::string::npos);
  CHECK(message_of([] { line_svg({}, {}); }) == "[line_svg] there are no values");
  CHECK(message_of([] { line_svg({{"a", {}}}, {}); }) == "[line_svg] there are no values");
  CHECK(message_of([] { line_svg({{"a", {1, 2}, {1}}}, {}); }) == "[line_svg] 'a' has 2 values at 1 places");
  CHECK(message_of([] { line_svg({{"a", {1, 2}, {2, 1}}}, {}); }) == "[line_svg] the places of 'a' do not rise");
  CHECK(message_of([] { bar_svg({}, {}, {}); }) == "[bar_svg] there are no values");
  CHECK(message_of([] {
          bar_svg({"a"}, {{"F1", {1, 2}}}, {});
        }).find("[bar_svg] 'F1' has 2 values, expected one") == 0);
  CHECK(message_of([] {
          bar_svg({"mean"}, {{"F1", {not_a_number}}}, {});
        }).find("[bar_svg] 'F1' of 'mean' is nan") == 0);
  CHECK(message_of([] { bar_text({}, {}, {}); }) == "[bar_text] there are no values");
  CHECK(message_of([] { scatter_text({}, {}); }) == "[scatter_text] there are no points");
}

TEST_CASE("coordinates have at most two decimals") {
  CHECK(coordinate(12) == "12");
  CHECK(coordinate(-0.001) == "0");
  CHECK(coordinate(3.14159) == "3.14");
  CHECK(coordinate(99.999) == "100");
  CHECK(coordinate(1234.5) == "1234.5");
  CHECK(coordinate(1e300).size() < 12);
}

TEST_CASE("ticks are multiples of 1, 2 or 5") {
  const auto values = [](double low, double high, int64_t count) {
    std::string text;
    const Ticks ticks = make_ticks(low, high, count);
    for (const double value : ticks.values) text += ticks.label(value) + " ";
    return text;
  };
  CHECK(values(0, 1, 6) == "0.0 0.2 0.4 0.6 0.8 1.0 ");
  CHECK(values(1, 5, 5) == "1 2 3 4 5 ");
  CHECK(values(-0.31, 0.27, 7) == "-0.3 -0.2 -0.1 0.0 0.1 0.2 ");
  CHECK(values(3, 77, 5) == "20 40 60 ");
  CHECK(values(0, 34810, 5) == "0 10000 20000 30000 ");
  CHECK(values(0.00012, 0.00031, 4) == "0.00015 0.00020 0.00025 0.00030 ");
  CHECK(values(0, 3.6e7, 4) == "0 10M 20M 30M ");
  CHECK(values(0, 2.1e6, 5) == "0 0.5M 1.0M 1.5M 2.0M ");
  CHECK(values(7, 7, 5).size() > 0);
  CHECK(values(0, 5e9, 6) == "0 1e+09 2e+09 3e+09 4e+09 5e+09 ");
}

TEST_CASE("numbers for people have about three digits, the same number of decimals, and no negative zero") {
  const NumberFormat share({0.5, 1, -0.0004}), whole({3, 34810}), large({2015333, 0.5});
  CHECK(share(1) == "1.000");
  CHECK(share(12.3456) == "12.35");
  CHECK(NumberFormat({0.5}, 2)(-0.004) == "0.00");
  CHECK(NumberFormat({0.5}, 2)(-0.04) == "-0.04");
  CHECK(share(-0.0004) == "-0.0004");
  CHECK(whole(34810) == "34810");
  CHECK(whole(-0.0) == "0");
  CHECK(large(2015333) == "2.02M");
  CHECK(large(5e12) == "5e+12");
}

TEST_CASE("place_labels uses places around a point before it gives up") {
  const Box area{0, 0, 200, 100};
  // One at each edge: its label lies inside.
  for (const auto& [x, y] : {std::pair{2.0, 50.0}, {198.0, 50.0}, {100.0, 2.0}, {100.0, 98.0}, {199.0, 99.0}}) {
    const auto places = place_labels({{x, y, 60, 12}}, 3, area);
    REQUIRE(places[0]);
    const Box& box = places[0]->box;
    CHECK(box.left >= 0);
    CHECK(box.top >= 0);
    CHECK(box.right <= 200);
    CHECK(box.bottom <= 100);
    CHECK(!box.overlaps({x - 3, y - 3, x + 3, y + 3}));
  }
  // The same point ten times: several labels find a place, not all; the first does.
  const std::vector<LabelledPoint> same(10, {100, 50, 60, 12});
  const auto places = place_labels(same, 3, area);
  const auto placed = std::count_if(places.begin(), places.end(), [](const auto& place) { return place.has_value(); });
  CHECK(places[0]);
  CHECK(placed >= 5);
  CHECK(placed < 10);
  CHECK(!place_labels({{100, 50, 300, 12}}, 3, area)[0]);  // wider than the area
  CHECK(!place_labels({{100, 50, 0, 0}}, 3, area)[0]);     // no label
}

TEST_CASE("bar_text and scatter_text keep to their width, in ASCII and in Unicode") {
  const std::vector<std::string> names = {"embedding_bag", "mean", "a name that is far too long \u732b\u732b\u732b",
                                          nasty};
  const std::vector<Series> one = {{"F1", {0.5, 1, 0.25, 0}}};
  const std::vector<Series> two = {{"F1", {0.5, 1, 0.25, -1}}, {"accuracy", {1, 2, 3, 4}}};
  const std::string text = bar_text(names, one, {.title = "F1", .width = 60, .unicode = 1});
  CHECK(text.find("mean                  1.0000  ") != std::string::npos);
  const auto check_lines = [](const std::string& lines, int64_t width, bool ascii) {
    CHECK(lines.find('\x1b') == std::string::npos);
    for (size_t from = 0; from < lines.size();) {
      const size_t to = lines.find('\n', from);
      REQUIRE(to != std::string::npos);
      CHECK_MESSAGE(columns_of(lines.substr(from, to - from)) <= width, lines.substr(from, to - from));
      from = to + 1;
    }
    if (ascii)
      CHECK(std::all_of(lines.begin(), lines.end(), [](char c) { return static_cast<unsigned char>(c) < 0x7F; }));
  };
  for (const int width : {20, 33, 80})
    for (const int unicode : {0, 1}) {
      CAPTURE(width);
      check_lines(bar_text(names, one, {.title = nasty, .width = width, .unicode = unicode}), width, !unicode);
      check_lines(bar_text(names, two, {.width = width, .unicode = unicode}), width, !unicode);
      for (const int groups : {0, 3})
        check_lines(scatter_text(clumps(100, groups), {.title = "t", .width = width, .unicode = unicode}), width,
                    !unicode);
      check_lines(scatter_text({{0, 0, nasty, nasty}, {1, 1, "\u732b", "b"}}, {.width = width, .unicode = unicode}),
                  width, !unicode);
    }
  // The full bar is as long as there is room, half the value half of it.
  const std::string bars = bar_text({"a", "b"}, {{"x", {2, 1}}}, {.width = 26, .unicode = 0});
  CHECK(bars == "a  2  ####################\nb  1  ##########\n");
  const std::string map = scatter_text({{0, 0, "low", ""}, {1, 1, "", ""}}, {.width = 20, .height = 3, .unicode = 0});
  CHECK(map ==
        "+------------------+\n"
        "|                 o|\n"
        "|                  |\n"
        "|olow              |\n"
        "+------------------+\n");
}
