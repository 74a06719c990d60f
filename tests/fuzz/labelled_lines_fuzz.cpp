// Fuzzes the readers of labelled text: TSV, fastText's lines, lines that begin with their label, and the guess of a
// format. They must end with rows or with an Error, and how the bytes arrive must make no difference.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "tensor/error.h"
#include "text/dataset.h"
#include "text/unicode.h"

namespace {

using namespace roux::text;

void require(bool condition) {
  if (!condition) std::abort();
}

/// At most `step` bytes at a time.
ReadFunction in_steps(std::string bytes, size_t step) {
  return
      [read = memory_bytes(std::move(bytes)), step](char* to, size_t size) { return read(to, std::min(size, step)); };
}

/// All that the rows of the bytes say, in one string.
std::string read_rows(const std::string& bytes, size_t step, const ReadOptions& options) {
  std::string said;
  try {
    const auto rows = open_labelled(in_steps(bytes, step), "fuzz", options, step);
    require(rows->format() != TextFormat::automatic && rows->label_source() != LabelSource::automatic);
    int64_t line = 0;
    for (LabelledRow row; rows->next(row);) {
      said += std::to_string(row.line);
      if (!row.drop_reason.empty()) {
        said.append("!").append(row.drop_reason).append("\n");
        continue;
      }
      require(row.line > line && !row.labels.empty() && !row.text.empty() && is_valid_utf8(row.text));
      line = row.line;
      for (size_t i = 0; i < row.labels.size(); ++i) {
        require(!row.labels[i].empty() && is_valid_utf8(row.labels[i]));
        require(std::find(row.labels.begin(), row.labels.begin() + static_cast<std::ptrdiff_t>(i), row.labels[i]) ==
                row.labels.begin() + static_cast<std::ptrdiff_t>(i));
        said.append("|").append(row.labels[i]);
      }
      said.append("|").append(row.text).append("\n");
    }
  } catch (const roux::Error& error) {
    said += error.what();
  }
  return said;
}

void read_texts(const std::string& bytes, const ReadOptions& options) {
  try {
    const auto rows = open_labelled(memory_bytes(bytes), "fuzz", options, bytes.size());
    const LabelledTexts texts = read_labelled(*rows, "fuzz", options);
    require(texts.size() == static_cast<int64_t>(texts.labels.size()) && texts.size() > 0);
    for (int64_t i = 0; i < texts.size(); ++i) {
      require(texts.labels_of(i)[0] == texts.labels[static_cast<size_t>(i)]);
      for (const int64_t label : texts.labels_of(i)) require(label >= 0 && label < texts.num_classes());
    }
    require(!to_string(texts.report).empty());
  } catch (const roux::Error&) {
    // No row is left, or what the rows said above.
  }
}

}  // namespace

/// A byte chooses options, the next one more and how the bytes arrive; they follow.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const unsigned choice = data[0];
  constexpr TextFormat formats[] = {TextFormat::automatic, TextFormat::tsv, TextFormat::fasttext,
                                    TextFormat::label_first};
  ReadOptions options{.format = formats[choice & 3],
                      .encoding = choice & 4 ? TextEncoding::latin1 : TextEncoding::utf8,
                      .coarse_labels = (choice & 8) != 0};
  if (choice & 16) options.text_column = "1";
  if (choice & 32) options.label_column = "label";
  if (choice & 64) options.label_prefix = "#";
  if (choice & 128) options.labels = LabelSource::whole_word;
  if (data[1] & 128) options.label_names = {"a", "fruit", "DESC"};
  const auto step = static_cast<size_t>(std::max(data[1] & 127, 1));
  require(read_rows(bytes, step, options) == read_rows(bytes, size, options));
  read_texts(bytes, options);
  return 0;
}
