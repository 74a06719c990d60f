// Sources of bytes, and their encodings.
#include "text/byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "tensor/error.h"

namespace roux::text {
namespace {

/// ISO-8859-1 to UTF-8: bytes from 0x80 on become two.
class Latin1Source {
 public:
  explicit Latin1Source(ReadFunction read) : read_(std::move(read)) {}

  size_t operator()(char* to, size_t size) {
    if (size == 0) return 0;
    size_t written = 0;
    if (std::exchange(has_second_byte_, false)) to[written++] = second_byte_;
    if (written == size) return written;
    bytes_.resize((size - written + 1) / 2);
    const size_t count = read_(bytes_.data(), bytes_.size());
    for (size_t i = 0; i < count; ++i) {
      const auto byte = static_cast<unsigned char>(bytes_[i]);
      if (byte < 0x80) {
        to[written++] = bytes_[i];
        continue;
      }
      to[written++] = static_cast<char>(0xC0 | (byte >> 6));
      second_byte_ = static_cast<char>(0x80 | (byte & 0x3F));
      if (written == size) {  // only the last byte can come here
        has_second_byte_ = true;
      } else {
        to[written++] = second_byte_;
      }
    }
    return written;
  }

 private:
  ReadFunction read_;
  std::vector<char> bytes_;
  char second_byte_ = 0;  // that found no room any more
  bool has_second_byte_ = false;
};

}  // namespace

ReadFunction file_bytes(const std::string& path, const char* operation) {
  const std::shared_ptr<std::FILE> file(std::fopen(path.c_str(), "rb"), [](std::FILE* f) {
    if (f != nullptr) std::fclose(f);
  });
  if (file == nullptr) fail(operation, "cannot open '", path, "': ", std::generic_category().message(errno));
  std::setvbuf(file.get(), nullptr, _IONBF, 0);  // readers have buffers of their own
  return [file, path, operation](char* to, size_t size) {
    const size_t count = std::fread(to, 1, size, file.get());
    if (count == 0 && std::ferror(file.get())) {
      fail(operation, "cannot read '", path, "': ", std::generic_category().message(errno));
    }
    return count;
  };
}

ReadFunction memory_bytes(std::string bytes) { return joined_bytes(std::move(bytes), nullptr); }

ReadFunction joined_bytes(std::string head, ReadFunction rest) {
  return [head = std::move(head), rest = std::move(rest), at = size_t{0}](char* to, size_t size) mutable {
    if (at == head.size()) return rest ? rest(to, size) : size_t{0};
    const size_t count = std::min(size, head.size() - at);
    std::copy_n(head.data() + at, count, to);
    at += count;
    return count;
  };
}

TextEncoding text_encoding(std::string_view name) {
  if (name == "utf8" || name == "utf-8") return TextEncoding::utf8;
  if (name == "latin1" || name == "latin-1" || name == "iso-8859-1") return TextEncoding::latin1;
  fail("text_encoding", "'", name,
       "' is no encoding that is read; expected utf8 or latin1 (hint: iconv converts files)");
}

ReadFunction as_utf8(ReadFunction read, TextEncoding encoding, const std::string& source, const char* operation) {
  std::string head(3, '\0');
  size_t count = 0;
  for (size_t more = 1; more > 0 && count < head.size(); count += more) more = read(head.data() + count, 3 - count);
  head.resize(count);
  ROUX_CHECK(!head.starts_with("\xFF\xFE") && !head.starts_with("\xFE\xFF"), operation, "'", source,
             "' is UTF-16; expected UTF-8 (iconv -f UTF-16 -t UTF-8 converts it)");
  if (head == "\xEF\xBB\xBF") {
    ROUX_CHECK(encoding == TextEncoding::utf8, operation, "'", source,
               "' begins with the byte order mark of UTF-8; expected latin1, as was asked for");
    head.clear();
  }
  ReadFunction whole = joined_bytes(std::move(head), std::move(read));
  return encoding == TextEncoding::utf8 ? whole : ReadFunction(Latin1Source(std::move(whole)));
}

}  // namespace roux::text
