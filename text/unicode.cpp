// UTF-8 decoding and character classes over utf8proc.
#include "text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>

#include "tensor/error.h"

namespace roux::text {
namespace {

/// How many of the bytes from `at` on are ASCII, in whole steps of 8.
size_t ascii_run(std::string_view text, size_t at) {
  const size_t start = at;
  for (; at + 8 <= text.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    if (word & 0x8080808080808080u) break;
  }
  return at - start;
}

CodePoint decode(std::string_view text, size_t at) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at;
  utf8proc_int32_t value = -1;
  const auto available = static_cast<utf8proc_ssize_t>(std::min<size_t>(text.size() - at, 4));
  const utf8proc_ssize_t length = utf8proc_iterate(bytes, available, &value);
  return length > 0 ? CodePoint{value, static_cast<int32_t>(length)} : CodePoint{-1, 1};
}

}  // namespace

CodePoint decode_utf8(std::string_view text, int64_t at) {
  ROUX_CHECK(at >= 0 && at < static_cast<int64_t>(text.size()), "decode_utf8", "byte ", at, " is outside a text of ",
             text.size(), " bytes");
  return decode(text, static_cast<size_t>(at));
}

bool is_valid_utf8(std::string_view text) {
  for (size_t at = ascii_run(text, 0); at < text.size();) {
    if (static_cast<unsigned char>(text[at]) < 0x80) {
      ++at;
      continue;
    }
    const CodePoint point = decode(text, at);
    if (point.value < 0) return false;
    at += static_cast<size_t>(point.length);
    at += ascii_run(text, at);
  }
  return true;
}

bool append_utf8(uint32_t code_point, std::string& text) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) return false;
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(static_cast<utf8proc_int32_t>(code_point), bytes);
  text.append(reinterpret_cast<const char*>(bytes), static_cast<size_t>(length));
  return true;
}

bool is_white_space(int32_t code_point) {
  switch (code_point) {
    case 0x20:
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000: return true;
    default:
      return (code_point >= 0x09 && code_point <= 0x0D) || (code_point >= 0x1C && code_point <= 0x1F) ||
             (code_point >= 0x2000 && code_point <= 0x200A);
  }
}

bool is_letter(int32_t code_point) {
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME: return true;
    default: return false;
  }
}

}  // namespace roux::text
