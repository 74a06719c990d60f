// Writing of word vectors: text and word2vec's binary form, a block of rows after the other.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tensor/parallel.h"
#include "text/word_vectors/float_text.h"
#include "text/word_vectors/forms.h"

namespace roux::text {
namespace {

constexpr const char* saving = "save_word_vectors";
constexpr int64_t rows_a_chunk = 1024;
constexpr int64_t chunks_a_block = 16;
constexpr size_t longest_number = 16;  // of float32, written as short as it may be

void append_numbers(const float* numbers, int64_t count, std::string& to) {
  const size_t before = to.size();
  to.resize(before + static_cast<size_t>(count) * (1 + longest_number));
  char* at = to.data() + before;
  for (int64_t i = 0; i < count; ++i) {
    *at++ = ' ';
    at = std::to_chars(at, at + longest_number, numbers[i]).ptr;
  }
  to.resize(static_cast<size_t>(at - to.data()));
}

/// Refuses words that a reader would not give back.
void check_text_word(std::string_view word) {
  const auto check = [&](bool condition, const char* what) {
    ROUX_CHECK(condition, saving, "the word '", word, "' ", what, " and would not come back from text",
               " (hint: .safetensors takes any word)");
  };
  constexpr std::string_view blanks = " \t\r";
  check(!word.empty(), "is empty");
  check(word.find('\n') == word.npos, "has a line feed");
  check(blanks.find(word.front()) == blanks.npos && blanks.find(word.back()) == blanks.npos,
        "begins or ends with a blank");
  const size_t blank = word.find_last_of(blanks);
  float number = 0;
  check(blank == word.npos || parse_float(word.substr(blank + 1), number) == FloatText::no_number,
        "ends with a number");
}

void append_text_row(const WordVectors& vectors, int64_t row, std::string& to) {
  check_text_word(vectors.word(row));
  to += vectors.word(row);
  append_numbers(vectors.vectors().data<float>() + row * vectors.dim(), vectors.dim(), to);
  to += '\n';
}

void append_binary_row(const WordVectors& vectors, int64_t row, std::string& to) {
  const std::string_view word = vectors.word(row);
  ROUX_CHECK(!word.empty() && word.find_first_of(" \n") == word.npos, saving, "the word '", word,
             "' is empty or has a space or a line feed and would not come back from word2vec's binary form",
             " (hint: .safetensors takes any word)");
  to.append(word).append(1, ' ');
  to.append(reinterpret_cast<const char*>(vectors.vectors().data<float>() + row * vectors.dim()),
            static_cast<size_t>(vectors.dim()) * sizeof(float));
  to += '\n';
}

/// Writes `header`, then what `append_row` makes of each row.
template <class AppendRow>
void save_rows(const std::string& path, const WordVectors& vectors, std::string header, AppendRow append_row) {
  std::vector<std::string> chunks(chunks_a_block);
  std::string block = std::move(header);
  int64_t row = 0;
  write_file_atomically(path, [&]() -> std::string_view {
    if (row == vectors.size()) return {};
    const int64_t first = row, end = std::min(vectors.size(), first + rows_a_chunk * chunks_a_block);
    for (std::string& chunk : chunks) chunk.clear();
    parallel_for(end - first, rows_a_chunk, [&](int64_t from, int64_t to) {
      std::string& chunk = chunks[static_cast<size_t>(from / rows_a_chunk)];
      for (int64_t i = from; i < to; ++i) append_row(vectors, first + i, chunk);
    });
    if (first > 0) block.clear();
    for (const std::string& chunk : chunks) block += chunk;
    row = end;
    return block;
  });
}

}  // namespace

void save_word_vectors(const std::string& path, const WordVectors& vectors) {
  const std::string header = std::to_string(vectors.size()) + " " + std::to_string(vectors.dim()) + "\n";
  if (path.ends_with(".txt")) return save_rows(path, vectors, "", append_text_row);
  if (path.ends_with(".vec")) return save_rows(path, vectors, header, append_text_row);
  if (path.ends_with(".bin")) return save_rows(path, vectors, header, append_binary_row);
  if (path.ends_with(".safetensors")) return save_mapped(path, vectors);
  fail(saving, "'", path, "' has no extension of a form; expected .txt (GloVe text), .vec (word2vec text), ",
       ".bin (word2vec binary) or .safetensors");
}

}  // namespace roux::text
