// Words from the command line or a file, and their vectors.
#include "apps/common/chosen_words.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "apps/common/vectors_file.h"
#include "tensor/error.h"
#include "tensor/file.h"
#include "tensor/ops.h"
#include "text/string_table.h"

namespace roux::apps {

std::vector<ChosenWord> split_words(const std::string& list) {
  std::vector<ChosenWord> words;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    if (end > begin) words.push_back({list.substr(begin, end - begin), ""});
    begin = end + 1;
  }
  ROUX_CHECK(!words.empty(), "words", "--words names no word (hint: --words car,bike,plane)");
  return words;
}

std::vector<ChosenWord> read_groups(const std::string& path) {
  const std::string bytes = read_file(path);
  std::vector<ChosenWord> words;
  int64_t number = 0;
  for (size_t begin = 0; begin < bytes.size();) {
    const size_t end = std::min(bytes.find('\n', begin), bytes.size());
    std::string line = bytes.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    const size_t tab = line.find('\t');
    ROUX_CHECK(tab != std::string::npos && tab > 0, "groups", path, ", line ", number,
               ": expected a word, a tab and its group, found '", line, "'");
    words.push_back({line.substr(0, tab), line.substr(tab + 1)});
  }
  ROUX_CHECK(!words.empty(), "groups", path, " names no word (hint: a line is a word, a tab, its group)");
  return words;
}

ChosenWords load_chosen_words(const std::string& path, std::vector<ChosenWord> words) {
  text::StringTable wanted;
  std::vector<ChosenWord> distinct;
  for (ChosenWord& word : words) {
    const int64_t before = wanted.size();
    wanted.insert(word.text);
    if (wanted.size() > before) distinct.push_back(std::move(word));
  }
  const text::WordVectors vectors = load_vectors_for_use(path, {.words = &wanted});
  const bool has_subwords = vectors.subwords() != nullptr;
  ChosenWords chosen;
  std::vector<Tensor> rows;
  for (ChosenWord& word : distinct) {
    if (vectors.find(word.text) < 0 && !has_subwords) {
      chosen.missing.push_back(word.text);
      continue;
    }
    rows.push_back(vectors.vector(word.text, unknown_of(vectors)));
    chosen.words.push_back(std::move(word));
  }
  std::string missing;
  for (const std::string& word : chosen.missing) missing += (missing.empty() ? "" : ", ") + word;
  ROUX_CHECK(rows.size() >= 2 || missing.empty(), "plot", "a map needs at least 2 words, found ", rows.size(),
             "; not in ", path, ": ", missing);
  chosen.vectors = stack(rows);
  return chosen;
}

ChosenWords load_first_words(const std::string& path, int64_t count) {
  const text::WordVectors vectors = load_vectors_for_use(path, {.max_words = count});
  ChosenWords chosen;
  for (int64_t i = 0; i < vectors.size(); ++i) chosen.words.push_back({std::string(vectors.word(i)), ""});
  chosen.vectors = vectors.vectors();
  return chosen;
}

std::string coordinates_text(const ChosenWords& chosen, const Tensor& points) {
  const std::vector<float> values = points.to_vector<float>();
  std::string lines;
  std::array<char, 32> digits{};
  for (size_t i = 0; i < chosen.words.size(); ++i) {
    for (size_t axis = 0; axis < 2; ++axis) {
      const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), values[2 * i + axis]).ptr;
      lines.append(digits.data(), end) += '\t';
    }
    for (const char c : chosen.words[i].text) lines += c == '\n' || c == '\r' ? ' ' : c;
    lines += '\n';
  }
  return lines;
}

}  // namespace roux::apps
