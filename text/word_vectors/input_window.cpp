// The window on a file: blocks read in parallel by pread, or one after the other from anything else.
#include "text/word_vectors/input_window.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "text/gzip.h"

namespace roux::text {
namespace {

constexpr const char* loading = "load_word_vectors";
constexpr size_t block_bytes = InputWindow::block_pieces * InputWindow::piece_bytes;

[[noreturn]] void fail_with_reason(const char* what, const std::string& name, int reason) {
  fail(loading, what, " '", name, "': ", std::generic_category().message(reason));
}

std::shared_ptr<int> opened(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) fail_with_reason("cannot open", path, errno);
  return {new int(file), [](const int* number) {
            ::close(*number);
            delete number;
          }};
}

/// One read; 0 at the end of the file.
size_t read_some(int file, char* to, size_t size, const std::string& name) {
  for (;;) {
    const ssize_t count = ::read(file, to, std::min<size_t>(size, 1 << 30));
    if (count >= 0) return static_cast<size_t>(count);
    if (errno != EINTR) fail_with_reason("cannot read", name, errno);
  }
}

/// Bytes [offset, offset + size) of a regular file.
void read_at(int file, char* to, size_t size, int64_t offset, const std::string& name) {
  while (size > 0) {
    const ssize_t count = ::pread(file, to, std::min<size_t>(size, 1 << 30), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_with_reason("cannot read", name, errno);
    ROUX_CHECK(count > 0, loading, "'", name, "' became shorter while it was read");
    to += count;
    size -= static_cast<size_t>(count);
    offset += count;
  }
}

}  // namespace

InputWindow::InputWindow(const std::string& path) : name_(path), position_(std::make_shared<int64_t>(0)) {
  file_ = opened(path);
  struct stat status {};
  if (::fstat(*file_, &status) != 0) fail_with_reason("cannot read", path, errno);
  ROUX_CHECK(!S_ISDIR(status.st_mode), loading, "'", path, "' is a folder; expected a file");
  char head[2] = {};
  if (S_ISREG(status.st_mode)) {
    total_ = status.st_size;
    if (total_ >= 2) read_at(*file_, head, sizeof head, 0, name_);
    if (!is_gzip({head, sizeof head})) return;
  }
  start([file = std::exchange(file_, nullptr), position = position_, path](char* to, size_t size) {
    const size_t count = read_some(*file, to, size, path);
    *position += static_cast<int64_t>(count);
    return count;
  });
}

InputWindow::InputWindow(std::string bytes, const std::string& name)
    : name_(name), position_(std::make_shared<int64_t>(bytes.size())), total_(static_cast<int64_t>(bytes.size())) {
  if (is_gzip(bytes)) {
    start(memory_bytes(std::move(bytes)));
    return;
  }
  make_room(bytes.size());
  end_ = bytes.copy(buffer_.get(), bytes.size());
  std::memset(buffer_.get() + end_, 0, padding);
  read_ = memory_bytes("");
}

void InputWindow::start(ReadFunction read) {
  std::string head(2, '\0');
  size_t count = 0;
  for (size_t more = 1; more > 0 && count < head.size(); count += more) more = read(head.data() + count, 2 - count);
  head.resize(count);
  const bool packed = is_gzip(head);
  read_ = joined_bytes(std::move(head), std::move(read));
  if (packed) read_ = gunzipped(std::move(read_), name_, loading);
}

void InputWindow::make_room(size_t more) {
  const size_t kept = end_ - begin_;
  if (buffer_ == nullptr || kept + more > capacity_) {
    const size_t capacity = std::max(kept + more, 2 * capacity_);
    std::unique_ptr<char[]> larger(new char[capacity + padding]);  // new char[]: not filled with zeros
    if (kept > 0) std::memcpy(larger.get(), buffer_.get() + begin_, kept);
    buffer_ = std::move(larger);
    capacity_ = capacity;
  } else if (kept > 0) {
    std::memmove(buffer_.get(), buffer_.get() + begin_, kept);
  }
  begin_ = 0;
  end_ = kept;
}

size_t InputWindow::fill(const PieceFunction& take_piece) {
  // The first block is small: who wants a few words reads little.
  size_t size = std::exchange(first_, false) ? piece_bytes : block_bytes;
  if (file_ != nullptr) size = std::min(size, static_cast<size_t>(total_ - *position_));
  make_room(size);
  char* const to = buffer_.get() + end_;
  const size_t count = read(to, size, take_piece);
  end_ += count;
  std::memset(buffer_.get() + end_, 0, padding);
  return count;
}

size_t InputWindow::read(char* to, size_t size, const PieceFunction& take_piece) {
  size_t count = size;
  if (file_ != nullptr) {
    count = static_cast<size_t>(std::min<int64_t>(static_cast<int64_t>(size), total_ - *position_));
  } else {
    count = 0;
    for (size_t more = 1; more > 0 && count < size; count += more) more = read_(to + count, size - count);
  }
  parallel_for(static_cast<int64_t>(count), piece_bytes, [&](int64_t begin, int64_t end) {
    const auto length = static_cast<size_t>(end - begin);
    if (file_ != nullptr) read_at(*file_, to + begin, length, *position_ + begin, name_);
    if (take_piece) take_piece(begin / static_cast<int64_t>(piece_bytes), {to + begin, length});
  });
  if (file_ != nullptr) *position_ += static_cast<int64_t>(count);
  return count;
}

void InputWindow::append(char byte) {
  make_room(1);
  buffer_[end_++] = byte;
  std::memset(buffer_.get() + end_, 0, padding);
}

size_t InputWindow::take(char* to, size_t size) {
  const size_t from_window = std::min(size, end_ - begin_);
  if (from_window > 0) std::memcpy(to, bytes().data(), from_window);
  drop(from_window);
  return from_window + (size > from_window ? read(to + from_window, size - from_window, nullptr) : 0);
}

std::string InputWindow::take_all() {
  std::string all;
  do {
    all += bytes();
    drop(bytes().size());
  } while (fill() > 0);
  return all;
}

}  // namespace roux::text
