// Numbers written as text to float32, each rounded as IEEE 754 says.
#pragma once

#include <cstdint>
#include <string_view>

namespace roux::text {

enum class FloatText {
  number,
  no_number,
  not_finite,    ///< nan, inf
  out_of_range,  ///< of float32 above, of float64 below
};

/// The number that is all of `text`: an optional sign, digits with an optional point, an optional exponent. The float32
/// nearest to it, ties to even.
FloatText parse_float(std::string_view text, float& to);

/// How many bytes behind a line `parse_floats` may read.
inline constexpr int64_t float_text_padding = 64;

/// Parses the rest of a line: `count` numbers parted by single spaces or tabs, to `to`. Returns the line feed behind
/// them; null when something is unusual: another count, blanks side by side (one behind the last number is usual), a
/// number that is not finite. A line feed must follow `begin`, and `float_text_padding` readable bytes that.
const char* parse_floats(const char* begin, float* to, int64_t count);

}  // namespace roux::text
