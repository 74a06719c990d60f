// Which of 64 bytes are letters, spaces and so on, as bits: where ASCII words begin and end is then arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>

namespace roux::text {

/// A bit a byte, the first byte lowest. Bytes in no mask are ASCII punctuation.
struct AsciiMasks {
  static constexpr size_t block = 64;

  /// Of the 64 bytes from `from` on.
  explicit AsciiMasks(const char* from);

  uint64_t word = 0;   ///< ASCII letters and digits
  uint64_t space = 0;  ///< space, tab, line feed, carriage return
  uint64_t other = 0;  ///< not ASCII, and all other control characters
};

}  // namespace roux::text
