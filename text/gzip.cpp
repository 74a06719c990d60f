// gzip over zlib's inflate.
#include "text/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "tensor/error.h"

namespace roux::text {
namespace {

constexpr size_t input_bytes = 256 * 1024;
constexpr int gzip_window = 16 + MAX_WBITS;  // 16: gzip, not zlib

class Gunzip {
 public:
  Gunzip(ReadFunction compressed, std::string source, const char* operation)
      : compressed_(std::move(compressed)), source_(std::move(source)), operation_(operation) {
    input_.resize(input_bytes);
    ROUX_CHECK(inflateInit2(&stream_, gzip_window) == Z_OK, operation_, "zlib cannot be set up");
  }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;
  ~Gunzip() { inflateEnd(&stream_); }

  size_t read(char* to, size_t size) {
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(std::min(size, size_t{1} << 30));
    const uInt wanted = stream_.avail_out;
    while (stream_.avail_out == wanted && wanted > 0) {
      fill_input();
      if (!in_member_ && !begin_member()) break;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      ROUX_CHECK(status != Z_BUF_ERROR, operation_, "'", source_, "' is cut off: its gzip form has no end");
      ROUX_CHECK(status == Z_OK || status == Z_STREAM_END, operation_, "'", source_,
                 "' is damaged: ", stream_.msg != nullptr ? stream_.msg : "its gzip form is broken");
      in_member_ = status != Z_STREAM_END;
    }
    return wanted - stream_.avail_out;
  }

 private:
  void fill_input() {
    if (stream_.avail_in > 0) return;
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(compressed_(input_.data(), input_.size()));
  }

  /// False after the last member. What follows one and is no other is padding, zeros mostly, which gzip itself ignores.
  bool begin_member() {
    if (stream_.avail_in == 0) return false;
    if (began_ && *stream_.next_in != 0x1F) {
      stream_.avail_in = 0;
      return false;
    }
    inflateReset(&stream_);
    return began_ = in_member_ = true;
  }

  ReadFunction compressed_;
  std::string source_;
  const char* operation_;
  std::string input_;
  z_stream stream_{};
  bool began_ = false, in_member_ = false;
};

}  // namespace

ReadFunction gunzipped(ReadFunction compressed, const std::string& source, const char* operation) {
  const auto gunzip = std::make_shared<Gunzip>(std::move(compressed), source, operation);
  return [gunzip](char* to, size_t size) { return gunzip->read(to, size); };
}

}  // namespace roux::text
