// The command line of classify: train, test and predict, with the defaults that suit any text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "text/dataset.h"
#include "text/feature_encoder.h"
#include "text/ngram_encoder.h"

namespace roux::apps {

/// What classify was asked to do; see `classify --help`.
struct ClassifyOptions {
  enum class Command { train, test, predict };

  Command command = Command::train;
  std::string folder;  ///< of the classifier
  bool json = false;
  int threads = 0;  ///< 0: all cores
  std::string device = "cpu";

  // train, test
  std::string data, format = "auto", encoding = "utf8", text_column, label_column;
  bool coarse_labels = false;

  // train
  std::string model = "linear", char_ngrams;  ///< see `feature_options` for what n-grams are without being told
  std::optional<int64_t> epochs, word_ngrams;
  std::optional<double> lr;
  int64_t batch_size = 32, dim = 64, min_count = 2;
  double dropout = 0.3, calibration = 0.1;
  std::string vectors;  ///< file of word vectors to start from; empty: none
  bool freeze = false;  ///< they are not trained
  std::string class_weights = "none";
  uint64_t seed = 0;

  // predict
  int64_t top = 1;
  std::vector<std::string> texts;  ///< empty: a text a line from standard input

  bool is_linear() const { return model == "linear"; }
  text::ReadOptions read_options() const;
  text::FeatureOptions feature_options() const;
  /// With --vectors, whose words need names: the course's encoder in place of the one for any text.
  text::NgramOptions ngram_options() const;
};

/// Reads the command line. Nothing when --help was asked for, which has been printed then. Throws Error on what makes
/// no sense.
std::optional<ClassifyOptions> parse_classify_options(int argc, char** argv);

}  // namespace roux::apps
