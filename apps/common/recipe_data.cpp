// Reading, splitting, and saying what was read.
#include "apps/common/recipe_data.h"

#include <cstdio>

#include "apps/common/program.h"
#include "apps/common/table.h"
#include "tensor/error.h"
#include "text/split.h"

namespace roux::apps {
namespace {

constexpr const char* shipped_recipes = "apps/data/recipes.csv";

text::LabelledTexts read_and_report(const std::string& path, const text::ReadOptions& options) {
  text::LabelledTexts texts = text::read_labelled(path, options);
  std::printf("%s\n", to_string(texts.report).c_str());
  return texts;
}

std::string class_balance(const text::LabelledTexts& texts) {
  const std::vector<int64_t> counts = texts.class_counts();
  std::string line;
  for (size_t i = 0; i < counts.size(); ++i)
    line += (i ? ", " : "") + texts.label_names[i] + " " + with_commas(counts[i]) + " (" +
            percent(static_cast<double>(counts[i]) / static_cast<double>(texts.size())) + ")";
  return line;
}

std::string vocabulary_of(const RecipeData& data) {
  const auto* encoder = std::get_if<text::NgramEncoder>(&data.encoder);
  if (encoder == nullptr) return with_commas(size_of(data.encoder)) + " tokens";
  const int64_t ngrams = encoder->size() - encoder->words().size();
  return with_commas(encoder->words().size()) + " words" +
         (ngrams > 0 ? " and " + with_commas(ngrams) + " n-grams" : "") + "; " +
         percent(encoder->unknown_rate(data.validation.texts)) + " of the validation words are unknown";
}

}  // namespace

std::pair<text::LabelledTexts, text::LabelledTexts> read_split(const std::string& data, const std::string& validation,
                                                               text::ReadOptions options, uint64_t seed) {
  text::LabelledTexts train = read_and_report(data.empty() ? find_shipped(shipped_recipes) : data, options);
  if (validation.empty()) {
    const text::Split split = text::stratified_split(train.labels, train.label_names, {.seed = seed});
    return {train.select(split.train), train.select(split.validation)};
  }
  ROUX_CHECK(train.num_classes() >= 2, "data", "the data has one class only, there is nothing to tell apart");
  options.label_names = train.label_names;
  text::LabelledTexts held_out = read_and_report(validation, options);
  return {std::move(train), std::move(held_out)};
}

std::vector<std::pair<std::string, std::string>> data_facts(const RecipeData& data) {
  const auto bags = [](const text::Corpus& corpus) {
    int64_t empty = 0;
    for (int64_t i = 0; i < corpus.size(); ++i)
      empty += corpus.offsets[static_cast<size_t>(i)] == corpus.offsets[static_cast<size_t>(i) + 1];
    return empty;
  };
  std::vector<std::pair<std::string, std::string>> facts = {
      {"training", with_commas(data.train.size()) + " titles: " + class_balance(data.train)},
      {"validation", with_commas(data.validation.size()) + " titles: " + class_balance(data.validation)},
      {"vocabulary", vocabulary_of(data)}};
  const int64_t empty = bags(data.train_corpus) + bags(data.validation_corpus);
  if (data.vectors)
    facts.emplace_back(
        "vectors", text::to_string(*data.vectors) + "; " + std::to_string(data.vectors->table.size(1)) + " dimensions");
  if (empty > 0)
    facts.emplace_back("", with_commas(empty) + "" +
                               std::string(std::holds_alternative<text::NgramEncoder>(data.encoder)
                                               ? " titles have no letters a-z: kept, as empty bags"
                                               : " texts have no tokens: kept"));
  return facts;
}

void print_data(const RecipeData& data) {
  for (const auto& [name, what] : data_facts(data)) std::printf("%-10s  %s\n", name.c_str(), what.c_str());
  std::printf("\n");
}

}  // namespace roux::apps
