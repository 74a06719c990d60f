// Reading lines in blocks.
#include "apps/common/text_lines.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "tensor/error.h"

namespace roux::apps {

bool TextLines::more_is_ready() const {
  pollfd input{descriptor_, POLLIN, 0};
  return ::poll(&input, 1, 0) > 0;
}

void TextLines::read_more() {
  if (size_ + block_bytes_ / 4 > buffer_.size()) buffer_.resize(std::max(2 * size_, block_bytes_ + block_bytes_ / 2));
  ssize_t count;
  do {
    count = ::read(descriptor_, buffer_.data() + size_, buffer_.size() - size_);
  } while (count < 0 && errno == EINTR);
  ROUX_CHECK(count >= 0, "input", "cannot read: ", std::generic_category().message(errno));
  size_ += static_cast<size_t>(count);
  ended_ = count == 0;
}

bool TextLines::next(std::vector<std::string_view>& lines) {
  lines.clear();
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
