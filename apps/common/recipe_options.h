// The options of train_recipes, with their defaults: the course's settings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/common/training_options.h"
#include "text/dataset.h"

namespace roux::apps {

/// What train_recipes was asked to do; see `train_recipes --help`.
struct RecipeOptions : TrainingOptions {
  std::string model = "all";
  int64_t dim = 64;
  double dropout = 0.5;
  double init_std = 1;
  std::string vectors;  ///< file of word vectors to start from; empty: random ones
  bool freeze = false;  ///< they are not trained
  std::string optimizer = "adam";
  std::string schedule = "constant";
  std::optional<double> weight_decay = {};  ///< of adamw
  int64_t word_ngrams = 1;
  std::string char_ngrams;  ///< "MIN-MAX", or empty
  int64_t buckets = 0;
  std::string text_column = "name";
  std::string label_column = "category";
  std::string labels;  ///< empty: column where the file has it, else substring
  std::string save;
  std::string json;
  std::string plot;     ///< folder for the pictures
  std::string report;   ///< file for the page
  std::string profile;  ///< file for the trace

  text::ReadOptions read_options() const;
  /// The bounds of --char-ngrams; 0 and 0 without.
  std::pair<int64_t, int64_t> char_ngram_bounds() const;
};

/// Reads the command line. Nothing when --help was asked for, which has been printed then. Throws Error on what makes
/// no sense.
std::optional<RecipeOptions> parse_recipe_options(int argc, char** argv);

}  // namespace roux::apps
