// Reading lines in blocks.
#include "apps/common/text_lines.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "tensor/error.h"
#include "text/gzip.h"

namespace roux::apps {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

size_t read_some(int descriptor, char* to, size_t size) {
  ssize_t count;
  do {
    count = ::read(descriptor, to, size);
  } while (count < 0 && errno == EINTR);
  ROUX_CHECK(count >= 0, "input", "cannot read: ", std::generic_category().message(errno));
  return static_cast<size_t>(count);
}

}  // namespace

TextLines::TextLines(int descriptor, bool everything, size_t block_bytes)
    : descriptor_(descriptor),
      read_([descriptor](char* to, size_t size) { return read_some(descriptor, to, size); }),
      everything_(everything),
      block_bytes_(block_bytes) {}

/// Reads until it is known whether the input begins with a mark; no longer, for the sake of who types short lines.
void TextLines::begin() {
  begun_ = true;
  const auto head = [&] { return std::string_view(buffer_).substr(0, std::min<size_t>(size_, 3)); };
  do {
    read_more();
  } while (!ended_ && (head() == "\x1F" || (size_ < 3 && byte_order_mark.starts_with(head()))));
  if (text::is_gzip(head())) {
    read_ = text::gunzipped(text::joined_bytes(buffer_.substr(0, size_), read_), "the input", "input");
    size_ = 0;
    do {
      read_more();
    } while (!ended_ && size_ < 3);
  }
  if (head() == byte_order_mark) used_ = byte_order_mark.size();
}

bool TextLines::more_is_ready() const {
  pollfd input{descriptor_, POLLIN, 0};
  return ::poll(&input, 1, 0) > 0;
}

void TextLines::read_more() {
  if (size_ + block_bytes_ / 4 > buffer_.size()) buffer_.resize(std::max(2 * size_, block_bytes_ + block_bytes_ / 2));
  const size_t count = read_(buffer_.data() + size_, buffer_.size() - size_);
  size_ += count;
  ended_ = count == 0;
}

bool TextLines::next(std::vector<std::string_view>& lines) {
  lines.clear();
  if (!begun_) begin();
  std::memmove(buffer_.data(), buffer_.data() + used_, size_ - used_);
  size_ -= used_;
  used_ = 0;
  size_t end = 0;  // behind the last line end
  for (size_t searched = 0; !ended_;) {
    const void* last = ::memrchr(buffer_.data() + searched, '\n', size_ - searched);
    if (last != nullptr) end = static_cast<size_t>(static_cast<const char*>(last) - buffer_.data()) + 1;
    searched = size_;
    if (!everything_ && end > 0 && (size_ >= block_bytes_ || !more_is_ready())) break;
    read_more();
  }
  if (ended_) end = size_;
  for (size_t begin = 0; begin < end;) {
    const void* found = std::memchr(buffer_.data() + begin, '\n', end - begin);
    const size_t line_end =
        found == nullptr ? end : static_cast<size_t>(static_cast<const char*>(found) - buffer_.data());
    std::string_view line(buffer_.data() + begin, line_end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    begin = line_end + 1;
  }
  used_ = end;
  return !lines.empty();
}

}  // namespace roux::apps
