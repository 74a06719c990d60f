// Lines out of a buffer that is filled in blocks.
#include "text/line_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tensor/error.h"

namespace roux::text {

LineReader::LineReader(ReadFunction read, size_t buffer_size)
    : read_(std::move(read)), buffer_(std::max<size_t>(buffer_size, 1), '\0') {}

bool LineReader::next() {
  for (size_t searched = begin_;;) {
    const void* const found = std::memchr(buffer_.data() + searched, '\n', end_ - searched);
    if (found == nullptr && !input_ended_) {
      searched = end_ - begin_;  // the bytes move to the front
      refill();
      continue;
    }
    if (found == nullptr && begin_ == end_) return false;
    const auto line_end =
        found == nullptr ? end_ : static_cast<size_t>(static_cast<const char*>(found) - buffer_.data());
    line_ = std::string_view(buffer_).substr(begin_, line_end - begin_);
    if (line_.ends_with('\r')) line_.remove_suffix(1);
    begin_ = found == nullptr ? line_end : line_end + 1;
    ++number_;
    return true;
  }
}

/// Reads more behind the unused bytes, which move to the front; a full buffer grows.
void LineReader::refill() {
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_), buffer_.begin() + static_cast<std::ptrdiff_t>(end_),
            buffer_.begin());
  end_ -= std::exchange(begin_, 0);
  if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  const size_t count = read_(buffer_.data() + end_, buffer_.size() - end_);
  ROUX_CHECK(count <= buffer_.size() - end_, "read_lines", "the input gave more bytes than asked for");
  input_ended_ = count == 0;
  end_ += count;
}

}  // namespace roux::text
