// The course's cleaning: a table for ASCII, code points for the rest.
#include "text/normalize.h"

#include <array>
#include <cstdint>

#include "text/unicode.h"

namespace roux::text {
namespace {

constexpr int32_t capital_i_with_dot = 0x130;  // lower() makes it "i" and a combining dot
constexpr int32_t kelvin_sign = 0x212A;        // lower() makes it "k"

enum : char { deleted = 0, space = 1, not_ascii = 2 };  // every other value: the letter itself, lower-cased

constexpr std::array<char, 256> cleaning_table = [] {
  std::array<char, 256> table{};
  for (int c = 0; c < 26; ++c) table[size_t('a') + c] = table[size_t('A') + c] = static_cast<char>('a' + c);
  for (int c = 0x09; c <= 0x0D; ++c) table[c] = space;
  for (int c = 0x1C; c <= 0x20; ++c) table[c] = space;
  for (int c = 0x80; c <= 0xFF; ++c) table[c] = not_ascii;
  return table;
}();

char clean_code_point(int32_t value) {
  if (value == capital_i_with_dot) return 'i';
  if (value == kelvin_sign) return 'k';
  return is_white_space(value) ? space : deleted;
}

}  // namespace

void clean(std::string_view text, std::string& cleaned) {
  cleaned.resize(text.size());  // cleaning never makes a text longer
  char* const begin = cleaned.data();
  char* to = begin;
  bool after_space = false;
  for (size_t at = 0; at < text.size();) {
    char c = cleaning_table[static_cast<unsigned char>(text[at])];
    if (c == not_ascii) {
      const CodePoint point = decode_utf8(text, static_cast<int64_t>(at));
      at += static_cast<size_t>(point.length);
      c = clean_code_point(point.value);
    } else {
      ++at;
    }
    if (c == deleted) continue;
    if (c == space) {
      after_space = to != begin;
      continue;
    }
    if (after_space) *to++ = ' ';
    after_space = false;
    *to++ = c;
  }
  cleaned.resize(static_cast<size_t>(to - begin));
}

std::string clean(std::string_view text) {
  std::string cleaned;
  clean(text, cleaned);
  return cleaned;
}

std::string lower(std::string_view text) {
  std::string result;
  result.reserve(text.size() + 1);
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) < 0x80) {
      result += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
      ++at;
      continue;
    }
    const CodePoint point = decode_utf8(text, static_cast<int64_t>(at));
    if (point.value == capital_i_with_dot) {
      result += "i\xCC\x87";
    } else if (point.value == kelvin_sign) {
      result += 'k';
    } else {
      result.append(text, at, static_cast<size_t>(point.length));
    }
    at += static_cast<size_t>(point.length);
  }
  return result;
}

}  // namespace roux::text
