// The command line of train_recipes.
#include "apps/common/recipe_options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>

#include "apps/common/classifiers.h"
#include "apps/common/command_line.h"
#include "apps/common/training_profile.h"
#include "tensor/error.h"

namespace roux::apps {
namespace {

void check(const RecipeOptions& options) {
  ROUX_CHECK(std::isfinite(options.lr) && options.lr > 0, "options", "--lr must be a number above 0, found ",
             options.lr);
  ROUX_CHECK(options.dropout >= 0 && options.dropout <= 1, "options", "--dropout must lie in [0, 1], found ",
             options.dropout);
  if (options.weight_decay) {
    ROUX_CHECK(std::isfinite(*options.weight_decay) && *options.weight_decay >= 0, "options",
               "--weight-decay must be a number of at least 0, found ", *options.weight_decay);
    ROUX_CHECK(options.optimizer == "adamw", "options",
               "--weight-decay belongs to --optimizer adamw, found --optimizer ", options.optimizer);
  }
  ROUX_CHECK(std::isfinite(options.init_std) && options.init_std >= 0, "options",
             "--init-std must be a number of at least 0, found ", options.init_std);
  ROUX_CHECK(!options.freeze || !options.vectors.empty(), "options", "--freeze belongs to --vectors FILE");
  options.char_ngram_bounds();
}

void add_data_options(CommandLine& app, RecipeOptions& options) {
  app.add_option("--data", options.data, "CSV file with texts and labels, or Food.com's RAW_recipes.csv")
      ->type_name("FILE.csv")
      ->default_str("the recipes that ship with roux");
  app.add_option("--validation", options.validation, "validate on this file instead of a fifth of the data")
      ->type_name("FILE.csv");
  app.add_option("--text-column", options.text_column, "column of the texts")->type_name("NAME");
  app.add_option("--label-column", options.label_column, "column of the labels")->type_name("NAME");
  app.add_option("--labels", options.labels,
                 "labels by the ingredient rule, or from a column (default where there is one)")
      ->type_name("substring|whole-word|column")
      ->check(CLI::IsMember({"substring", "whole-word", "column"}));
}

void add_model_options(CommandLine& app, RecipeOptions& options) {
  std::vector<std::string> models = classifier_names;
  models.push_back("all");
  app.add_option("--model", options.model, "which classifier")
      ->type_name(CLI::detail::join(models, "|"))
      ->check(CLI::IsMember(models));
  app.add_option("--dim", options.dim, "length of a word vector")->check(CLI::Range(1, 65536));
  app.add_option("--dropout", options.dropout, "share of the pooled vector that training drops");
  app.add_option("--init-std", options.init_std, "standard deviation of the word vectors before training");
  app.add_option("--vectors", options.vectors, "word vectors to start from; --dim is theirs")
      ->type_name("FILE")
      ->excludes("--dim");
  app.add_flag("--freeze", options.freeze, "keep the vectors of --vectors as they are");
  app.add_option("--word-ngrams", options.word_ngrams, "runs of up to N words are features too")
      ->type_name("N")
      ->check(CLI::Range(1, 16));
  app.add_option("--char-ngrams", options.char_ngrams, "runs of MIN to MAX characters of a word are features too")
      ->type_name("MIN-MAX");
  app.add_option("--buckets", options.buckets, "hash n-grams into N rows; 0: a row for each that occurs twice")
      ->type_name("N")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 26));
}

void add_optimizer_options(CommandLine& app, RecipeOptions& options) {
  app.add_option("--optimizer", options.optimizer, "how weights are updated")
      ->type_name("adam|adamw|sgd|sparse_adam")
      ->check(CLI::IsMember({"adam", "adamw", "sgd", "sparse_adam"}));
  app.add_option("--schedule", options.schedule, "learning rate over the epochs: as given, or falling linearly to 0")
      ->type_name("constant|linear")
      ->check(CLI::IsMember({"constant", "linear"}));
  app.add_option("--weight-decay", options.weight_decay, "weight decay of adamw")->default_str("0.01");
}

}  // namespace

std::optional<RecipeOptions> parse_recipe_options(int argc, char** argv) {
  RecipeOptions options;
  CommandLine app("Trains the course's recipe classifiers on titles and compares them.", "train_recipes");
  add_data_options(app, options);
  add_model_options(app, options);
  add_training_options(app, options);
  add_optimizer_options(app, options);
  app.add_option("--save", options.save, "folder for the (best) model, for predict")->type_name("DIR");
  app.add_option("--json", options.json, "write the results as JSON")->type_name("FILE");
  app.add_option("--plot", options.plot, "draw loss curves, the models and the confusion matrix as SVG")
      ->type_name("DIR");
  app.add_option("--report", options.report, "write all of it, with the surest mistakes, as one page")
      ->type_name("FILE.html");
  add_profile_option(app, options.profile);
  app.footer(
      "Example: train_recipes --data recipes_fruit_veg.csv --model all --save build/recipes --json results.json");
  if (!app.read(argc, argv)) return std::nullopt;
  check(options);
  return options;
}

text::ReadOptions RecipeOptions::read_options() const {
  using text::LabelSource;
  const LabelSource source = labels == "substring"    ? LabelSource::substring
                             : labels == "whole-word" ? LabelSource::whole_word
                             : labels == "column"     ? LabelSource::column
                                                      : LabelSource::automatic;
  return {.text_column = text_column, .label_column = label_column, .labels = source};
}

std::pair<int64_t, int64_t> RecipeOptions::char_ngram_bounds() const {
  return apps::char_ngram_bounds(char_ngrams, "--char-ngrams");
}

}  // namespace roux::apps
