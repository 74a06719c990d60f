// Numbers as text: every spelling against std::from_chars, what is refused, and where a row ends.
#include "text/word_vectors/float_text.h"

#include <doctest/doctest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace roux::text;

namespace {

using Random = std::mt19937_64;

std::string digits(Random& random, uint64_t count) {
  std::string text;
  for (uint64_t i = 0; i < count; ++i) text += static_cast<char>('0' + random() % 10);
  return text;
}

std::string written(float value) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

/// The middle between two neighbouring floats, cut after some decimals: where rounding twice would go wrong.
std::string middle(Random& random) {
  const auto below = std::bit_cast<float>(static_cast<uint32_t>(0x3F000000 + (random() & 0x03FFFFFF)));
  const double between = (static_cast<double>(below) + static_cast<double>(std::nextafter(below, 9e9f))) / 2;
  char text[64];
  return {text,
          static_cast<size_t>(std::snprintf(text, sizeof text, "%.*f", static_cast<int>(5 + random() % 22), between))};
}

/// A number in one of many spellings.
std::string spelling(Random& random) {
  const std::string sign = random() % 2 == 0 ? "-" : "";
  switch (random() % 8) {
    case 0: return sign + digits(random, 1) + "." + digits(random, 1 + random() % 7);
    case 1: return sign + digits(random, random() % 9) + "." + digits(random, 1 + random() % 9);
    case 2: return written(std::bit_cast<float>(static_cast<uint32_t>(random() % 0x7F800000)));
    case 3: return sign + middle(random);
    case 4: return sign + digits(random, 1 + random() % 5) + (random() % 2 == 0 ? "." : "");
    case 5: return sign + "." + digits(random, 1 + random() % 13);
    case 6: return "-0." + std::string(random() % 8, '0') + digits(random, 1 + random() % 6);
    default: return sign + digits(random, 1) + "." + digits(random, random() % 4) + "e-" + digits(random, 1);
  }
}

/// The row that `parse_floats` finds in `line`, a line feed and more behind it; empty when it finds none.
std::vector<float> parsed(const std::string& line, int64_t count) {
  const std::string text = line + "\n9 9" + std::string(float_text_padding, '9');
  std::vector<float> row(static_cast<size_t>(count));
  const char* const end = parse_floats(text.data(), row.data(), count);
  if (end == nullptr) return {};
  CHECK(end == text.data() + line.size());
  return row;
}

}  // namespace

TEST_CASE("numbers of every spelling are rounded as std::from_chars rounds them") {
  Random random(1);
  int wrong = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string line;
    std::vector<float> expected(1 + random() % 12);
    for (float& value : expected) {
      const std::string text = spelling(random);
      const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
      if (end.ec != std::errc()) {  // out of range, which the next test looks at
        value = 0.5f;
        line += "0.5 ";
      } else {
        line += text + (random() % 9 == 0 ? "\t" : " ");
      }
    }
    if (random() % 4 != 0) line.pop_back();
    if (random() % 8 == 0) line += '\r';
    const std::vector<float> found = parsed(line, static_cast<int64_t>(expected.size()));
    bool same = found.size() == expected.size();
    for (size_t j = 0; same && j < found.size(); ++j)
      same = std::bit_cast<uint32_t>(found[j]) == std::bit_cast<uint32_t>(expected[j]);
    wrong += !same;
    if (!same && wrong < 5) MESSAGE(line);
  }
  CHECK(wrong == 0);
}

TEST_CASE("a number is all of its text, finite, and within float32") {
  const auto found = [](std::string_view text) {
    float value = -7;
    return std::pair{parse_float(text, value), value};
  };
  using Found = std::pair<FloatText, float>;
  CHECK(found("+0.5") == Found{FloatText::number, 0.5f});
  CHECK(found("1e-50") == Found{FloatText::number, 0.0f});
  CHECK(found("-3.4028235e38") == Found{FloatText::number, -3.4028235e38f});
  CHECK(found("1e-45").second == std::numeric_limits<float>::denorm_min());
  for (const char* text : {"", "-", "+", ".", "-.", "+-1", "--1", "1.2.3", "0x1", "1,5", "1 ", " 1", "1-2", "1e", "e5"})
    CHECK_MESSAGE(found(text).first == FloatText::no_number, text);
  for (const char* text : {"nan", "-nan", "inf", "-INF", "infinity"})
    CHECK_MESSAGE(found(text).first == FloatText::not_finite, text);
  for (const char* text : {"1e39", "-3.5e38", "1e400", "1e-400"})
    CHECK_MESSAGE(found(text).first == FloatText::out_of_range, text);
}

TEST_CASE("a row has its count of numbers and single blanks") {
  CHECK(parsed("0.5 -1.25", 2) == std::vector<float>{0.5f, -1.25f});
  CHECK(parsed("0.5\t-1.25 ", 2) == std::vector<float>{0.5f, -1.25f});
  CHECK(parsed("0.5 -1.25 \r", 2) == std::vector<float>{0.5f, -1.25f});
  CHECK(parsed("7", 1) == std::vector<float>{7});
  for (const char* line :
       {"0.5", "0.5 1.5 2.5", "0.5  1.5", " 0.5 1.5", "0.5 1.5  ", "0.5 x", "0.5 nan", "0.5 1e39", ""})
    CHECK_MESSAGE(parsed(line, 2).empty(), line);
}
