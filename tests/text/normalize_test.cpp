// Cleaning against Python's on every code point, and the Unicode helpers below it.
#include "text/normalize.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tests/oracle/cleaning.h"
#include "text/unicode.h"

using namespace roux::text;

TEST_CASE("cleaning does to every code point what Python does") {
  std::map<int32_t, std::string> expected;
  for (const CleanedCodePoint& point : cleaned_code_points) expected[point.code_point] = point.cleaned;
  REQUIRE(expected.size() == 83);
  int64_t wrong = 0;
  for (int32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    std::string text = "q";
    REQUIRE(append_utf8(static_cast<uint32_t>(c), text));
    const auto found = expected.find(c);
    const std::string cleaned = clean(text + "z");
    if (cleaned == (found == expected.end() ? "qz" : found->second)) continue;
    if (++wrong <= 10) MESSAGE("code point " << c << " gives " << cleaned);
  }
  CHECK(wrong == 0);
}

TEST_CASE("cleaning joins words by one space") {
  CHECK(clean("  Grandma's \t 3-Cheese\u00A0& Tomato\r\nPie! ") == "grandmas cheese tomato pie");
  CHECK(clean("Cr\u00E8me br\u00FBl\u00E9e") == "crme brle");
  CHECK(clean("") == "");
  CHECK(clean(" 123 \u3000 !? ") == "");
  std::string reused = "something long that was there before";
  clean("a B", reused);
  CHECK(reused == "a b");
}

TEST_CASE("cleaning deletes bytes that are not UTF-8") {
  CHECK(clean("a\xFF\xC3") == "a");
  CHECK(clean("a\xED\xA0\x80z") == "az");  // a surrogate
  CHECK(clean("a\xC0\x80z") == "az");      // an overlong NUL
  CHECK(clean("a\xE2\x84") == "a");        // the kelvin sign, cut off
  CHECK(clean(std::string_view("a\0z", 3)) == "az");
}

TEST_CASE("lower follows Python where ASCII words can match") {
  CHECK(lower("Red ONION, \u00C9clair \xFF") == "red onion, \u00C9clair \xFF");
  CHECK(lower("\u0130\u212A") == "i\u0307k");
}

TEST_CASE("words of a cleaned text") {
  const auto words_of = [](std::string_view cleaned) {
    std::vector<std::string> words;
    for_each_word(cleaned, [&](std::string_view word) { words.emplace_back(word); });
    return words;
  };
  CHECK(words_of("").empty());
  CHECK(words_of("one") == std::vector<std::string>{"one"});
  CHECK(words_of("one two three") == std::vector<std::string>{"one", "two", "three"});
}

TEST_CASE("UTF-8 is decoded strictly") {
  CHECK(decode_utf8("\U0001F34B", 0).value == 0x1F34B);
  CHECK(decode_utf8("\U0001F34B", 0).length == 4);
  CHECK(decode_utf8("\U0001F34B", 1).value == -1);
  CHECK(decode_utf8("\U0001F34B", 1).length == 1);
  CHECK_THROWS_AS(decode_utf8("a", 1), roux::Error);
  CHECK_THROWS_AS(decode_utf8("a", -1), roux::Error);
  for (const char* valid : {"", "plain text of some length", "na\u00EFve", "12345678\u00E9", "\U0010FFFF"}) {
    CHECK(is_valid_utf8(valid));
  }
  for (const char* invalid :
       {"\x80", "12345678\xC3", "\xF4\x90\x80\x80", "\xED\xBF\xBF", "\xC0\xAF", "abc\xFEpqrstuvw"}) {
    CHECK_FALSE(is_valid_utf8(invalid));
  }
  std::string text;
  CHECK_FALSE(append_utf8(0xD800, text));
  CHECK_FALSE(append_utf8(0x110000, text));
  CHECK(text.empty());
}

TEST_CASE("letters include marks") {
  for (const int32_t letter : {0x61, 0x5A, 0xE9, 0x301, 0x4E2D}) CHECK(is_letter(letter));
  for (const int32_t other : {0x31, 0x2D, 0x20, 0x2019, 0xBD, -1, 0x110000}) CHECK_FALSE(is_letter(other));
}
