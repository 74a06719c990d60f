// Random valid UTF-8 with everything in it that makes tokenizing hard.
#pragma once

#include <cstdint>
#include <random>
#include <string>

#include "text/unicode.h"

namespace random_text {

/// Code points between these, surrogates left out: ASCII often, all planes, and the blocks with rules of their own.
constexpr int32_t ranges[][2] = {
    {0x20, 0x7E},       {0x20, 0x7E},       {0x61, 0x7A},       {0x61, 0x7A},       {0, 0x20},        {0x7F, 0x17F},
    {0x300, 0x36F},     {0x370, 0x5FF},     {0x600, 0x6FF},     {0x8D0, 0xDFF},     {0xE00, 0x1FFF},  {0x2000, 0x206F},
    {0x2E00, 0x30FF},   {0x3400, 0x9FFF},   {0xA000, 0xABFF},   {0xAC00, 0xD7A3},   {0xE000, 0xFFFF}, {0xF900, 0xFAFF},
    {0x10000, 0x1FFFF}, {0x1D15E, 0x1D1C0}, {0x20000, 0x2FA1F}, {0x30000, 0x10FFFF}};
/// Marks that are kept when accents are stripped, and some that are not: their order matters.
constexpr int32_t marks[] = {0x300,  0x316,  0x327,  0x344,   0x345,   0x8D4,   0xF73,   0xE31,   0x1B44,
                             0x1DFB, 0x302E, 0xA9C0, 0x11446, 0x1D160, 0x1D165, 0x1D16D, 0x1E94A, 0x200D};
constexpr const char* words[] = {
    " ", "the ", "hello", "word", ", ", "unwanted", "caf\u00e9 ", "xxxxxxxxxxxxxxxxxxxx", "\u4e2d", "\ud55c"};

inline std::string draw(std::mt19937& random) {
  const auto below = [&](size_t n) { return static_cast<size_t>(random() % n); };
  std::string text;
  const size_t style = below(4);
  const auto& range = ranges[below(std::size(ranges))];
  for (size_t left = below(below(8) == 0 ? 400 : 40); left > 0; --left) {
    const auto& from = style == 0 ? range : ranges[below(std::size(ranges))];
    int32_t c = from[0] + static_cast<int32_t>(below(static_cast<size_t>(from[1] - from[0] + 1)));
    if (style == 1 && below(2) == 0) c = marks[below(std::size(marks))];
    if (style == 2 && below(2) == 0) {
      text += words[below(std::size(words))];
    } else {
      roux::text::append_utf8(static_cast<uint32_t>(c), text);
    }
  }
  return text;
}

}  // namespace random_text
