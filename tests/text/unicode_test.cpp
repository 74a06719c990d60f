// UTF-8: the check of whole texts against decoding code point by code point.
#include "text/unicode.h"

#include <doctest/doctest.h>

#include <array>
#include <random>
#include <string>

using namespace roux::text;

namespace {

bool decodes(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, static_cast<int64_t>(at));
    if (point.value < 0) return false;
    at += static_cast<size_t>(point.length);
  }
  return true;
}

/// Whether both agree on some bytes, wherever they lie in a register and whatever follows.
bool agree(const std::string& bytes) {
  bool same = true;
  for (const size_t before : {0, 1, 13, 14, 15, 16})
    for (const size_t behind : {0, 1, 16}) {
      const std::string text = std::string(before, 'x') + bytes + std::string(behind, 'y');
      same = same && is_valid_utf8(text) == decodes(text);
    }
  return same;
}

}  // namespace

TEST_CASE("is_valid_utf8: all sequences of two bytes, and of three and four around every limit") {
  int64_t differences = 0;
  for (int a = 0; a < 256; ++a)
    for (int b = 0; b < 256; ++b) differences += !agree({static_cast<char>(a), static_cast<char>(b)});
  constexpr std::array<int, 24> limits = {0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF,
                                          0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF};
  const auto byte = [&](int index) { return static_cast<char>(limits[static_cast<size_t>(index)]); };
  for (int i = 0; i < 24 * 24 * 24; ++i) {
    const std::string three = {byte(i / 576), byte(i / 24 % 24), byte(i % 24)};
    differences += !agree(three);
    if (i % 5 == 0)
      for (int last = 0; last < 24; ++last) differences += !agree(three + byte(last));
  }
  CHECK(differences == 0);
}

TEST_CASE("is_valid_utf8: long random texts, whole and damaged") {
  std::mt19937 random(5);
  constexpr std::array<const char*, 5> pieces = {"a", "\u00e9", "\u4e2d", "\U0001f600", "plain ascii, twenty bytes"};
  int64_t valid = 0, differences = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (size_t left = random() % 30; left > 0; --left) text += pieces[random() % pieces.size()];
    if (random() % 2 == 0 && !text.empty()) text[random() % text.size()] = static_cast<char>(random());
    if (random() % 2 == 0 && !text.empty()) text.resize(random() % text.size());
    valid += decodes(text);
    differences += is_valid_utf8(text) != decodes(text);
  }
  CHECK(differences == 0);
  CHECK(valid > 2000);
  CHECK(valid < 18000);
}

TEST_CASE("decode_valid_utf8: every code point") {
  int64_t differences = 0;
  for (uint32_t c = 0; c < 0x110000; ++c) {
    std::string bytes;
    if (!append_utf8(c, bytes)) continue;
    const CodePoint point = decode_valid_utf8(bytes.data());
    differences += point.value != static_cast<int32_t>(c) || point.length != static_cast<int32_t>(bytes.size());
  }
  CHECK(differences == 0);
}

TEST_CASE("characters backwards, and white space of Python and of Unicode") {
  const std::string text = "a\u00e9\u4e2d\U0001f600";
  std::string begins;
  for (auto end = static_cast<int64_t>(text.size()); end > 0;)
    begins += std::to_string(end = character_before(text, end)) + " ";
  CHECK(begins == "6 3 1 0 ");
  int64_t python = 0, unicode = 0;
  for (int32_t c = 0; c < 0x110000; ++c) {
    python += is_white_space(c);
    unicode += has_white_space_property(c);
  }
  CHECK(python == 29);
  CHECK(unicode == 25);
}
