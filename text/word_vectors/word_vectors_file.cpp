// Which form a file of word vectors has.
#include <algorithm>
#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "text/unicode.h"
#include "text/word_vectors/forms.h"
#include "text/word_vectors/input_window.h"
#include "text/word_vectors/word_vectors.h"

namespace roux::text {
namespace {

constexpr const char* loading = "load_word_vectors";
constexpr size_t longest_header = 64;

bool is_control(char c) { return (c >= 0 && c < ' ' && c != '\n' && c != '\t' && c != '\r') || c == 127; }

/// Whether a record of word2vec's binary form follows a header, and no line of text: behind its first word come
/// numbers, which read as text or have bytes that no text has. Few and small ones may have neither; then the name
/// decides.
bool is_binary(std::string_view bytes, int64_t dim, const std::string& name) {
  const size_t word = std::min(bytes.find_first_not_of('\n'), bytes.size());
  bytes.remove_prefix(std::min(bytes.find(' ', word), bytes.size()));
  if (count_numbers("word" + std::string(bytes.substr(0, bytes.find('\n')))) == dim) return false;
  bytes = bytes.substr(0, 1 + static_cast<size_t>(std::min<int64_t>(dim, 1 << 16)) * sizeof(float));
  for (int i = 0; i < 3 && !bytes.empty() && bytes.back() < 0; ++i) bytes.remove_suffix(1);  // half a character
  return std::any_of(bytes.begin(), bytes.end(), is_control) || !is_valid_utf8(bytes) || name.ends_with(".bin") ||
         name.ends_with(".bin.gz");
}

WordVectors load(InputWindow& input, const LoadOptions& options, const std::string* path) {
  ROUX_CHECK(options.max_words >= 0, loading, "max_words is ", options.max_words, ", expected 0 or more");
  input.fill();
  const std::string_view head = input.bytes();
  ROUX_CHECK(!head.empty(), loading, "'", input.name(), "' is empty");
  if (is_fasttext_model(head)) return load_fasttext_model(input, options);
  if (is_safetensors(head)) {
    return path != nullptr && !input.packed() ? load_mapped(*path, options)
                                              : load_mapped(input.take_all(), input.name(), options);
  }
  if (head.starts_with("\xEF\xBB\xBF")) input.drop(3);  // a byte order mark
  const Word2vecHeader header = word2vec_header(input.bytes());
  if (header.bytes == 0) return load_text(input, header, options);
  input.drop(header.bytes);
  if (input.bytes().empty()) input.fill();
  return is_binary(input.bytes(), header.dim, input.name()) ? load_word2vec_binary(input, header, options)
                                                            : load_text(input, header, options);
}

}  // namespace

Word2vecHeader word2vec_header(std::string_view bytes) {
  Word2vecHeader header;
  const size_t line_end = bytes.substr(0, longest_header).find('\n');
  if (line_end == std::string_view::npos) return {};
  const char* const end = bytes.data() + line_end;
  const auto first = std::from_chars(bytes.data(), end, header.words);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ' ') return {};
  const auto second = std::from_chars(first.ptr + 1, end, header.dim);
  if (second.ec != std::errc()) return {};
  for (const char* rest = second.ptr; rest != end; ++rest)
    if (*rest != ' ' && *rest != '\r') return {};
  if (header.words < 0 || header.dim < 1) return {};
  header.bytes = line_end + 1;
  return header;
}

WordVectors load_word_vectors(const std::string& path, const LoadOptions& options) {
  InputWindow input(path);
  return load(input, options, &path);
}

WordVectors parse_word_vectors(std::string bytes, const std::string& name, const LoadOptions& options) {
  InputWindow input(std::move(bytes), name);
  return load(input, options, nullptr);
}

}  // namespace roux::text
