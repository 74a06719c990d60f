// UTF-8 and the few facts about Unicode that the text floor needs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace roux::text {

/// A code point and the number of bytes it takes; `value` is -1 for a byte that starts no valid sequence, `length` is
/// then 1.
struct CodePoint {
  int32_t value;
  int32_t length;
};

/// The code point that begins at byte `at`. Overlong forms, surrogates and values above U+10FFFF are not valid.
/// Throws unless 0 <= at < text.size().
CodePoint decode_utf8(std::string_view text, int64_t at);

/// Whether all of `text` is valid UTF-8. Runs over ASCII at 8 bytes a step.
bool is_valid_utf8(std::string_view text);

/// Appends a code point to `text`; false, and nothing appended, for surrogates and values above U+10FFFF.
bool append_utf8(uint32_t code_point, std::string& text);

/// White space as Python's `str.isspace`, `str.split` and the `\s` of its `re` see it: the Unicode property White_Space
/// and the four information separators U+001C to U+001F.
bool is_white_space(int32_t code_point);

/// Letters and the marks that combine with them: the Unicode categories L and M.
bool is_letter(int32_t code_point);

}  // namespace roux::text
