// A window on the bytes of a file that slides from its beginning to its end: large files are read in blocks, each by
// several threads, into memory that is used again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "text/byte_source.h"

namespace roux::text {

/// The bytes of a file, a pipe too, those of a gzip-compressed one unpacked.
class InputWindow {
 public:
  /// How many bytes behind `bytes()` may be read; they are zeros.
  static constexpr size_t padding = 64;
  /// The bytes of one piece.
  static constexpr size_t piece_bytes = 256 * 1024;
  /// How many pieces a block has at most: enough for several threads, and few enough for their second-level caches.
  static constexpr size_t block_pieces = 16;
  /// Takes piece `piece` of the bytes that `fill` adds, on any thread: all of them but the last are `piece_bytes` long.
  using PieceFunction = std::function<void(int64_t piece, std::string_view bytes)>;

  /// Throws `[load_word_vectors] ...` when the file cannot be opened.
  explicit InputWindow(const std::string& path);
  /// Bytes in memory, unpacked when they are gzip.
  InputWindow(std::string bytes, const std::string& name);

  const std::string& name() const { return name_; }
  /// True when the bytes are not those of a regular file.
  bool packed() const { return file_ == nullptr; }
  /// What is in the window, until the next call of `fill`.
  std::string_view bytes() const { return {buffer_.get() + begin_, end_ - begin_}; }
  /// Drops the first bytes of the window.
  void drop(size_t count) { begin_ += count; }
  /// Adds a block to the window and returns how many bytes that is; 0 at the end.
  size_t fill(const PieceFunction& take_piece = nullptr);
  /// Writes a byte behind the window, as if the file had one more.
  void append(char byte);
  /// Drops the first `size` bytes of the window and of what follows it, after writing them to `to`. Returns how many
  /// there were: less than `size` at the end of the file.
  size_t take(char* to, size_t size);
  /// All that is left.
  std::string take_all();

  /// The bytes of the file that were read, and those that there are; 0 when that is not known.
  int64_t bytes_read() const { return *position_; }
  int64_t bytes_total() const { return total_; }

 private:
  void start(ReadFunction read);
  void make_room(size_t more);
  size_t read(char* to, size_t size, const PieceFunction& take_piece);

  std::string name_;
  std::shared_ptr<int> file_;  // of a regular file that is read as it is; else null and
  ReadFunction read_;          // this is used
  std::shared_ptr<int64_t> position_;
  int64_t total_ = 0;
  std::unique_ptr<char[]> buffer_;
  size_t capacity_ = 0, begin_ = 0, end_ = 0;
  bool first_ = true;
};

}  // namespace roux::text
