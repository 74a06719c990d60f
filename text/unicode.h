// UTF-8 and the few facts about Unicode that the text floor needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace roux::text {

/// A code point and the number of bytes it takes; `value` is -1 for a byte that starts no valid sequence, `length` is
/// then 1.
struct CodePoint {
  int32_t value;   ///< up to U+10FFFF
  int32_t length;  ///< 1 to 4
};

/// The code point that begins at byte `at`. Overlong forms, surrogates and values above U+10FFFF are not valid.
/// Throws unless 0 <= at < text.size().
CodePoint decode_utf8(std::string_view text, int64_t at);

/// The same for text that is known to be valid: nothing is checked.
inline CodePoint decode_valid_utf8(const char* at) {
  const auto byte = [&](int i) { return static_cast<int32_t>(static_cast<unsigned char>(at[i])); };
  const int32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (lead < 0xF0) return {(lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  return {(lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
}

/// Whether a byte of valid UTF-8 goes on with a character that began before it.
inline bool continues_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

/// The byte at which the character before byte `end` of a valid text begins; expects 0 < end <= text.size().
inline int64_t character_before(std::string_view text, int64_t end) {
  do --end;
  while (end > 0 && continues_character(text[static_cast<size_t>(end)]));
  return end;
}

/// Whether all of `text` is valid UTF-8: at 16 bytes a step, and faster where it is ASCII.
bool is_valid_utf8(std::string_view text);

/// Appends a code point to `text`; false, and nothing appended, for surrogates and values above U+10FFFF.
bool append_utf8(uint32_t code_point, std::string& text);

/// White space as Python's `str.isspace`, `str.split` and the `\s` of its `re` see it: the Unicode property White_Space
/// and the four information separators U+001C to U+001F.
bool is_white_space(int32_t code_point);

/// The Unicode property White_Space alone, as Rust's `char::is_whitespace` sees it.
bool has_white_space_property(int32_t code_point);

/// Letters and the marks that combine with them: the Unicode categories L and M.
bool is_letter(int32_t code_point);

}  // namespace roux::text
