// Reading text line by line: a file of any size passes through one buffer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text/byte_source.h"

namespace roux::text {

/// Reads lines, which end with LF or CR LF, the last one also with the end of the input.
class LineReader {
 public:
  /// The buffer begins with `buffer_size` bytes, at least 1, and grows to the longest line.
  explicit LineReader(ReadFunction read, size_t buffer_size = 1 << 18);

  /// Goes to the next line; false at the end of the input.
  bool next();
  /// The current line without its end; the view lasts until `next()`.
  std::string_view operator*() const { return line_; }
  /// The number of the current line, counted from 1.
  int64_t number() const { return number_; }

 private:
  void refill();

  ReadFunction read_;
  std::string buffer_;
  size_t begin_ = 0;  // the bytes not used yet are buffer_[begin_, end_)
  size_t end_ = 0;
  bool input_ended_ = false;
  std::string_view line_;
  int64_t number_ = 0;
};

}  // namespace roux::text
