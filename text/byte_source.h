// Where readers get their bytes from: a file, memory, anything; in blocks, and as UTF-8.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace roux::text {

/// Gives the next bytes of an input: at most `size` of them to `to`; returns how many, 0 at the end.
using ReadFunction = std::function<size_t(char* to, size_t size)>;

/// The bytes of a file, a pipe too. Throws Error `[operation] ...` when it cannot be opened or, while reading, be read.
ReadFunction file_bytes(const std::string& path, const char* operation);

/// The bytes of a string.
ReadFunction memory_bytes(std::string bytes);

/// The bytes of `head`, then those of `rest`.
ReadFunction joined_bytes(std::string head, ReadFunction rest);

/// How characters are written as bytes.
enum class TextEncoding {
  utf8,
  latin1,  ///< ISO-8859-1: each byte is the code point of its value
};

/// The encoding of this name: utf8 (utf-8), latin1 (latin-1, iso-8859-1). Throws on another.
TextEncoding text_encoding(std::string_view name);

/// The text of an input as UTF-8, without a byte order mark. What claims to be UTF-8 is handed on as it is: whoever
/// takes it apart knows the line on which it is not. Throws, naming `source`, on the byte order marks of UTF-16, and on
/// that of UTF-8 where latin1 is asked for.
ReadFunction as_utf8(ReadFunction read, TextEncoding encoding, const std::string& source, const char* operation);

/// What readers say of a row that is not UTF-8.
inline constexpr const char* not_utf8 = "is not valid UTF-8 (hint: --encoding latin1 if the file is ISO-8859-1)";

}  // namespace roux::text
