// Explanations for people: a table, or words in colours.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "apps/common/explain.h"
#include "apps/common/plots/svg.h"
#include "apps/common/table.h"

namespace roux::apps {
namespace {

std::string with_sign(double value, int decimals) {
  const std::string digits = fixed(value, decimals);
  return value < 0 ? digits : "+" + digits;
}

// Dark on light and light on dark terminals alike: black on pale blue or orange, the paler the less a word says.
std::string coloured(const std::string& text, double strength) {
  constexpr int blue[] = {255, 153, 117, 75, 39}, orange[] = {255, 223, 216, 208, 202};  // of xterm's 256 colours
  const int step = std::clamp(static_cast<int>(std::abs(strength) * 5), 0, 4);
  return "\x1b[38;5;16;48;5;" + std::to_string(strength < 0 ? orange[step] : blue[step]) + "m" + text + "\x1b[0m";
}

bool has_bias(const Explanation& explanation) {
  return std::any_of(explanation.bias.begin(), explanation.bias.end(), [](double each) { return each != 0; });
}

std::string as_table(const Explanation& explanation, const std::vector<std::string>& labels) {
  const std::string label = displayable(labels[static_cast<size_t>(explanation.predicted)]);
  const std::string second = displayable(labels[static_cast<size_t>(explanation.second)]);
  std::vector<std::string> header = {"  word", "for " + label, "over " + second};
  if (explanation.by_maximum) header.push_back("dimensions");
  Table table(header);
  const auto add = [&](const std::string& name, const std::vector<double>& shares, const std::string& dimensions) {
    std::vector<std::string> row = {
        "  " + name, with_sign(shares[static_cast<size_t>(explanation.predicted)], 4),
        with_sign(Explanation::margin(shares, explanation.predicted, explanation.second), 4)};
    if (explanation.by_maximum) row.push_back(dimensions);
    table.add(row);
  };
  for (const WordShare& word : with_strongest_runs(explanation, 8).words)
    add(displayable(word.words) + (word.known ? "" : " (unknown)"), word.shares,
        word.dimensions == std::floor(word.dimensions) ? fixed(word.dimensions, 0) : fixed(word.dimensions, 1));
  if (has_bias(explanation)) add("bias", explanation.bias, "");
  add("score", explanation.scores, "");
  return table.to_string();
}

std::string in_colours(const Explanation& explanation, const std::vector<std::string>& labels) {
  double strongest = 0;
  const auto margin = [&](const std::vector<double>& shares) {
    return Explanation::margin(shares, explanation.predicted, explanation.second);
  };
  const Explanation shown = with_strongest_runs(explanation, 4);
  for (const WordShare& word : shown.words) strongest = std::max(strongest, std::abs(margin(word.shares)));
  std::string line = "  ";
  for (const WordShare& word : shown.words) {
    const double share = margin(word.shares);
    line += coloured(" " + displayable(word.words) + " ", strongest > 0 ? share / strongest : 0) + " " +
            with_sign(share, 2) + "  ";
  }
  if (has_bias(explanation)) line += "bias " + with_sign(margin(explanation.bias), 2) + "  ";
  line += "= " + with_sign(margin(explanation.scores), 2);
  return line + " for " + displayable(labels[static_cast<size_t>(explanation.predicted)]) + " over " +
         displayable(labels[static_cast<size_t>(explanation.second)]) + "\n";
}

}  // namespace

std::string explanation_text(const Explanation& explanation, const std::vector<std::string>& labels, bool colours) {
  return colours ? in_colours(explanation, labels) : as_table(explanation, labels);
}

bool shows_colours() {
  const auto is_set = [](const char* name) { return std::getenv(name) && *std::getenv(name); };
  return isatty(STDOUT_FILENO) != 0 && !is_set("NO_COLOR") && is_set("TERM") &&
         std::string(std::getenv("TERM")) != "dumb";
}

}  // namespace roux::apps
