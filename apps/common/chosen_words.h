// Which words of a file of word vectors a picture is to show, and where they are on it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace roux::apps {

struct ChosenWord {
  std::string text;
  std::string group;  ///< "" for none
};

/// The words that have a vector, their vectors (words, dim), and those asked for that have none.
struct ChosenWords {
  std::vector<ChosenWord> words;
  std::vector<std::string> missing = {};
  Tensor vectors = {};
};

/// The words of a list with commas between them. Throws when there are none.
std::vector<ChosenWord> split_words(const std::string& list);

/// The words of a file of groups: a line is a word, a tab and its group; empty lines are passed over. Throws, with the
/// number of the line, where there is no tab, and when there are no words.
std::vector<ChosenWord> read_groups(const std::string& path);

/// The vectors of `words` from the file at `path`, each word once, in their order; sub-words stand in for words that
/// the file has not. Throws when it has none of them.
ChosenWords load_chosen_words(const std::string& path, std::vector<ChosenWord> words);

/// The first `count` words of the file, or all where it has fewer.
ChosenWords load_first_words(const std::string& path, int64_t count);

/// Where the words are on a map, `points` (words, 2) float32: x, tab, y, tab, word, a line a word.
std::string coordinates_text(const ChosenWords& chosen, const Tensor& points);

}  // namespace roux::apps
