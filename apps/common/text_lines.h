// Lines of text out of a file descriptor, in blocks: large ones from a file, each line at once from whoever types.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/byte_source.h"

namespace roux::apps {

/// Reads blocks of whole lines. A line ends with LF or CR LF, the last one also with the end of the input; a line of
/// any length fits. What is compressed with gzip is unpacked, and a byte order mark of UTF-8 left out.
class TextLines {
 public:
  /// Blocks of about `block_bytes`, or of all that there is where `everything` is set.
  explicit TextLines(int descriptor, bool everything = false, size_t block_bytes = size_t{1} << 18);

  /// Makes `lines` the next block, which lasts until the next call; false, and no lines, at the end of the input.
  /// Throws when the input cannot be read.
  bool next(std::vector<std::string_view>& lines);

 private:
  void begin();
  void read_more();
  bool more_is_ready() const;

  int descriptor_;
  text::ReadFunction read_;
  bool everything_;
  size_t block_bytes_;
  std::string buffer_;  // [used_, size_) has been read and not been handed out
  size_t size_ = 0;
  size_t used_ = 0;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace roux::apps
