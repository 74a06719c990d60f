// Which words decided: what each word of a text adds to the score of each class.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/common/saved_classifier.h"

namespace roux::apps {

/// What a word adds, or a run of two or three words by what is a feature of them together, or all other features.
struct WordShare {
  std::string words;
  int64_t length = 1;               ///< in words; 0: the features of no run of at most three
  std::vector<double> shares = {};  ///< of the score of each class
  double dimensions = 0;            ///< where the model pools by maximum: in how many of the vectors' it is the largest
  bool known = true;                ///< false: no feature of it was met in training (or `<unk>` stands for it)
};

/// Scores taken apart: for each class, the shares of `words` and the bias add up to the score before softmax.
struct Explanation {
  std::vector<WordShare> words = {};  ///< in the order of the text, then runs, then the rest
  std::vector<double> bias = {}, scores = {};
  std::vector<double> probabilities = {};
  bool by_maximum = false;
  int64_t predicted = 0, second = 0;  ///< the classes with the highest scores

  /// By how much a word's share of the score of `label` is above that of `other`: what decides between the two.
  static double margin(const std::vector<double>& shares, int64_t label, int64_t other) {
    return shares[static_cast<size_t>(label)] - shares[static_cast<size_t>(other)];
  }
};

/// Exact for every model: means and sums are taken apart by words; a maximum by which word it came from, each
/// dimension for itself. A feature that several words have is shared out among them.
Explanation explain(TextClassifier& model, const Encoder& encoder, std::string_view text, double temperature = 1);

/// The explanation with the `runs` strongest runs of words, the strongest first; the others are added to the rest.
Explanation with_strongest_runs(const Explanation& explanation, size_t runs);

/// For people. In colours: one line of the text's words, blue for those that speak for the predicted class and orange
/// for the second, the more the stronger, with the numbers behind. Without: a table of each word's share of the
/// predicted class's score, and of how far that is above the second class's.
std::string explanation_text(const Explanation& explanation, const std::vector<std::string>& labels, bool colours);

/// Whether standard output shows colours: a terminal, where NO_COLOR is not set and TERM is not `dumb`.
bool shows_colours();

}  // namespace roux::apps
