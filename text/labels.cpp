// Sorting of label names, and the ingredient rule.
#include "text/labels.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "text/normalize.h"
#include "text/string_table.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

std::optional<double> number_of(std::string_view name) {
  double value = 0;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, value);
  if (name.empty() || error != std::errc() || stop != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

struct Keyword {
  std::string_view word;
  IngredientLabel label;
};

constexpr std::array keywords = [] {
  constexpr std::string_view fruit[] = {"apple", "banana", "orange", "strawberry", "grape", "mango", "pineapple",
                                        "peach", "pear",   "cherry", "berry",      "lemon", "lime",  "melon"};
  constexpr std::string_view vegetable[] = {"carrot", "broccoli", "spinach", "potato",   "tomato",   "onion",
                                            "garlic", "pepper",   "lettuce", "cucumber", "celery",   "mushroom",
                                            "corn",   "bean",     "pea",     "cabbage",  "asparagus"};
  std::array<Keyword, std::size(fruit) + std::size(vegetable)> all{};
  size_t at = 0;
  for (const std::string_view word : fruit) all[at++] = {word, IngredientLabel::fruit};
  for (const std::string_view word : vegetable) all[at++] = {word, IngredientLabel::vegetable};
  return all;
}();

/// What has been found so far.
struct Found {
  bool fruit = false;
  bool vegetable = false;

  void add(IngredientLabel label) { (label == IngredientLabel::fruit ? fruit : vegetable) = true; }
  IngredientLabel label() const {
    if (fruit && vegetable) return IngredientLabel::both;
    return fruit ? IngredientLabel::fruit : vegetable ? IngredientLabel::vegetable : IngredientLabel::neither;
  }
};

/// The keywords by their first letter, so that one pass over the text finds them all.
using KeywordsByLetter = std::array<std::vector<Keyword>, 256>;

const KeywordsByLetter& keywords_by_letter() {
  static const KeywordsByLetter table = [] {
    KeywordsByLetter by_letter;
    for (const Keyword& keyword : keywords) by_letter[static_cast<unsigned char>(keyword.word[0])].push_back(keyword);
    return by_letter;
  }();
  return table;
}

IngredientLabel label_by_substring(std::string_view text) {
  const KeywordsByLetter& by_letter = keywords_by_letter();
  Found found;
  for (size_t at = 0; at < text.size() && !(found.fruit && found.vegetable); ++at) {
    for (const Keyword& keyword : by_letter[static_cast<unsigned char>(text[at])]) {
      if (text.substr(at).starts_with(keyword.word)) found.add(keyword.label);
    }
  }
  return found.label();
}

/// The English plurals of a keyword: cherries; mangos and mangoes; peaches; carrots.
std::vector<std::string> plurals_of(std::string_view word) {
  const std::string singular(word);
  const auto ends_with = [&](std::string_view ending) { return word.ends_with(ending); };
  if (ends_with("y")) return {singular.substr(0, singular.size() - 1) + "ies"};
  if (ends_with("o")) return {singular + "s", singular + "es"};
  if (ends_with("s") || ends_with("x") || ends_with("ch") || ends_with("sh")) return {singular + "es"};
  return {singular + "s"};
}

/// Every form of every keyword.
class KeywordForms {
 public:
  KeywordForms() {
    for (const Keyword& keyword : keywords) {
      add(keyword.word, keyword.label);
      for (const std::string& plural : plurals_of(keyword.word)) add(plural, keyword.label);
    }
  }
  /// Adds what the word is a form of, if of anything.
  void match(std::string_view word, Found& found) const {
    if (const int32_t number = forms_.find(word); number >= 0) found.add(labels_[static_cast<size_t>(number)]);
  }

 private:
  void add(std::string_view form, IngredientLabel label) {
    if (static_cast<size_t>(forms_.insert(form)) == labels_.size()) labels_.push_back(label);
  }
  StringTable forms_;
  std::vector<IngredientLabel> labels_;
};

IngredientLabel label_by_whole_words(std::string_view text) {
  static const KeywordForms forms;
  Found found;
  size_t word_begin = 0;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = decode_utf8(text, static_cast<int64_t>(at));
    const size_t next = at + static_cast<size_t>(point.length);
    if (!is_letter(point.value)) {
      forms.match(text.substr(word_begin, at - word_begin), found);
      word_begin = next;
    }
    at = next;
  }
  forms.match(text.substr(word_begin), found);
  return found.label();
}

}  // namespace

std::vector<std::string> sorted_labels(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const bool numbers = std::all_of(names.begin(), names.end(), [](const auto& name) { return number_of(name); });
  if (numbers) {
    std::stable_sort(names.begin(), names.end(),
                     [](const auto& a, const auto& b) { return *number_of(a) < *number_of(b); });
  }
  return names;
}

IngredientLabel label_by_ingredients(std::string_view ingredients, KeywordMatch match) {
  const std::string text = lower(ingredients);
  return match == KeywordMatch::substring ? label_by_substring(text) : label_by_whole_words(text);
}

}  // namespace roux::text
