// The texts of a run in two parts, to train on and to validate with: the same for every program that trains on them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/common/saved_classifier.h"
#include "text/dataset.h"
#include "text/word_vectors/embedding_table.h"

namespace roux::apps {

/// The texts of a run, split and encoded.
struct RecipeData {
  text::LabelledTexts train, validation;
  Encoder encoder;
  text::Corpus train_corpus, validation_corpus;
  std::optional<text::EmbeddingTable> vectors = {};  ///< what word vectors start from, where that was asked for

  int64_t num_classes() const { return train.num_classes(); }
};

/// Reads the file and says on standard output what was read; with an empty path the recipes that ship with roux.
/// `validation`: a second file, or empty: a stratified fifth of the first, drawn by `seed`. Throws when there is one
/// class only.
std::pair<text::LabelledTexts, text::LabelledTexts> read_split(const std::string& data, const std::string& validation,
                                                               text::ReadOptions options, uint64_t seed);

/// What the data is, in lines of a name and what there is: titles and class balance, vocabulary and unknown rate.
std::vector<std::pair<std::string, std::string>> data_facts(const RecipeData& data);
void print_data(const RecipeData& data);

}  // namespace roux::apps
