// Fuzzes the text forms of word vectors. What is read must be finite, found by its word, and the same when it is read
// anew after being written; numbers must be those of the slow parser.
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/error.h"
#include "text/word_vectors/float_text.h"
#include "text/word_vectors/word_vectors.h"

using namespace roux::text;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void check_vectors(const WordVectors& vectors) {
  for (int64_t row = 0; row < vectors.size(); ++row) {
    require(!vectors.word(row).empty());
    require(vectors.find(vectors.word(row)) == row);
  }
  for (int64_t i = 0; i < vectors.vectors().numel(); ++i) require(std::isfinite(vectors.vectors().data<float>()[i]));
}

/// The fast parser of rows against the one of single numbers.
void check_row(std::string_view line) {
  const std::string text = std::string(line) + "\n" + std::string(float_text_padding, '1');
  for (int64_t count = 1; count <= 4; ++count) {
    std::vector<float> row(static_cast<size_t>(count));
    const char* const end = parse_floats(text.data(), row.data(), count);
    if (end == nullptr) continue;
    require(end == text.data() + text.find('\n'));
    std::string_view rest(text.data(), static_cast<size_t>(end - text.data()));
    for (const float value : row) {
      const std::string_view field = rest.substr(0, rest.find_first_of(" \t"));
      rest.remove_prefix(std::min(rest.size(), field.size() + 1));
      float slow = 0;
      const bool carriage = !field.empty() && field.back() == '\r' && rest.empty();
      require(parse_float(field.substr(0, field.size() - carriage), slow) == FloatText::number);
      require(std::bit_cast<uint32_t>(slow) == std::bit_cast<uint32_t>(value));
    }
  }
}

}  // namespace

/// A bit of the first byte chooses what is asked for; the file follows.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_row(bytes.substr(0, bytes.find('\n')));
  StringTable words;
  words.insert("a");
  words.insert("b c");
  LoadReport report;
  LoadOptions options{.max_words = data[0] & 1 ? 2 : 0, .words = data[0] & 2 ? &words : nullptr, .report = &report};
  try {
    const WordVectors vectors = parse_word_vectors(bytes, "fuzz", options);
    check_vectors(vectors);
    require(options.max_words == 0 || vectors.size() <= 2);
    require(report.bad_rows >= static_cast<int64_t>(report.first_bad.size()));
  } catch (const roux::Error&) {
    // A refusal is an answer.
  }
  return 0;
}
