// The command line of classify.
#include "apps/common/classify_options.h"

#include <cmath>

#include "apps/common/classifiers.h"
#include "apps/common/command_line.h"

namespace roux::apps {
namespace {

void add_common_options(CLI::App& app, ClassifyOptions& options) {
  app.add_flag("--json", options.json, "print JSON instead of tables");
  add_threads_option(app, options.threads);
  add_device_option(app, options.device);
}

void add_data_options(CLI::App& app, ClassifyOptions& options) {
  app.add_option("--data", options.data, "file of labelled texts")->type_name("FILE")->required();
  app.add_option("--format", options.format, "how the file holds them; auto: by its name and first line")
      ->type_name("auto|csv|tsv|fasttext|label-first")
      ->check(CLI::IsMember({"auto", "csv", "tsv", "fasttext", "label-first"}));
  app.add_option("--encoding", options.encoding, "of the file")->type_name("utf8|latin1");
  app.add_option("--text-column", options.text_column, "csv, tsv: column of the texts")
      ->type_name("NAME")
      ->default_str("text, name, title, sentence, message, question or review");
  app.add_option("--label-column", options.label_column, "csv, tsv: column of the labels")
      ->type_name("NAME")
      ->default_str("label, category, class, target, sentiment, intent or topic");
  app.add_flag("--coarse-labels", options.coarse_labels, "a label ends before its first colon: DESC:manner is DESC");
}

void add_model_options(CLI::App& app, ClassifyOptions& options) {
  std::vector<std::string> models = {linear_classifier};
  models.insert(models.end(), classifier_names.begin(), classifier_names.end());
  app.add_option("--model", options.model, "a support vector machine, or pooled word vectors")
      ->type_name(CLI::detail::join(models, "|"))
      ->check(CLI::IsMember(models));
  app.add_option("--word-ngrams", options.word_ngrams, "runs of up to N words are features")
      ->type_name("N")
      ->default_str("2; max and sum: 1")
      ->check(CLI::Range(0, 16));
  app.add_option("--char-ngrams", options.char_ngrams, "runs of MIN to MAX characters are features")
      ->type_name("MIN-MAX|none")
      ->default_str("3-5; with word vectors: none");
  app.add_option("--min-count", options.min_count, "features of fewer texts are left out")
      ->check(CLI::Range(1, 1000000));
  app.add_option("--dim", options.dim, "length of a word vector")->check(CLI::Range(1, 65536));
  app.add_option("--vectors", options.vectors,
                 "models of word vectors: start from these; --dim is theirs, --word-ngrams then 1")
      ->type_name("FILE")
      ->excludes("--dim");
  app.add_flag("--freeze", options.freeze, "keep the vectors of --vectors as they are");
  app.add_option("--dropout", options.dropout, "share of the pooled word vectors that training drops")
      ->check(CLI::Range(0.0, 1.0));
}

void add_training_options(CLI::App& app, ClassifyOptions& options) {
  app.add_option("--epochs", options.epochs, "passes over the data")->default_str("12")->check(CLI::Range(1, 1000000));
  app.add_option("--batch-size", options.batch_size, "texts a step")->check(CLI::Range(1, 1 << 24));
  app.add_option("--lr", options.lr, "learning rate at the start; it falls to 0")
      ->default_str("8; with word vectors 0.005");
  app.add_option("--class-weights", options.class_weights, "balanced: rare classes count as much as frequent ones")
      ->type_name("none|balanced")
      ->check(CLI::IsMember({"none", "balanced"}));
  app.add_option("--calibration", options.calibration,
                 "share of the texts that a first training leaves out, to score it and to fit the temperature; 0: none")
      ->check(CLI::Range(0.0, 0.5));
  app.add_option("--seed", options.seed, "drives the share left out, initial weights, shuffling and dropout")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 62));
}

void check(const ClassifyOptions& options) {
  ROUX_CHECK(!options.lr || (std::isfinite(*options.lr) && *options.lr > 0), "options",
             "--lr must be a number above 0, found ", *options.lr);
  ROUX_CHECK(!std::isnan(options.dropout) && !std::isnan(options.calibration), "options",
             "--dropout and --calibration must be numbers, found ", options.dropout, " and ", options.calibration);
  text::text_encoding(options.encoding);
  ROUX_CHECK(!options.freeze || !options.vectors.empty(), "options", "--freeze belongs to --vectors FILE");
  ROUX_CHECK(options.vectors.empty() || !options.is_linear(), "options",
             "--vectors needs a model of word vectors, found --model linear (hint: --model embedding_bag)");
  const text::FeatureOptions features = options.feature_options();
  ROUX_CHECK(options.vectors.empty() || features.word_ngrams > 0, "options",
             "--vectors are of words, which --word-ngrams 0 leaves out");
  ROUX_CHECK(features.word_ngrams > 0 || features.char_ngrams_max > 0, "options",
             "--word-ngrams 0 and --char-ngrams none leave no features");
}

}  // namespace

text::ReadOptions ClassifyOptions::read_options() const {
  return {.format = text::text_format(format),
          .encoding = text::text_encoding(encoding),
          .text_column = text_column,
          .label_column = label_column,
          .coarse_labels = coarse_labels};
}

text::FeatureOptions ClassifyOptions::feature_options() const {
  const bool pairs = is_linear() || model == "embedding_bag" || model == "mean";
  const std::string runs = !char_ngrams.empty() ? char_ngrams : is_linear() ? "3-5" : "none";
  const auto [shortest, longest] = char_ngram_bounds(runs == "none" ? "" : runs, "--char-ngrams");
  return {.word_ngrams = word_ngrams.value_or(pairs ? 2 : 1),
          .shape_ngrams = is_linear() ? 3 : 0,
          .char_ngrams_min = shortest,
          .char_ngrams_max = longest,
          .openings = is_linear(),
          .min_count = min_count};
}

text::NgramOptions ClassifyOptions::ngram_options() const {
  const text::FeatureOptions features = feature_options();
  return {.min_count = min_count,
          .word_ngrams = word_ngrams.value_or(1),
          .char_ngrams_min = features.char_ngrams_min,
          .char_ngrams_max = features.char_ngrams_max};
}

std::optional<ClassifyOptions> parse_classify_options(int argc, char** argv) {
  ClassifyOptions options;
  CommandLine app("Learns to label texts of any kind: sentiment, spam, intent, topic.", "classify");
  app.require_subcommand(1);
  CLI::App* const train = app.add_subcommand("train", "learns from a file of labelled texts");
  CLI::App* const test = app.add_subcommand("test", "scores a classifier on a file of labelled texts");
  CLI::App* const predict = app.add_subcommand("predict", "labels texts: label, tab, probability, tab, text");
  add_data_options(*train, options);
  train->add_option("--save", options.folder, "folder for the classifier")->type_name("DIR")->required();
  add_model_options(*train, options);
  add_training_options(*train, options);
  for (CLI::App* const each : {test, predict})
    each->add_option("DIR", options.folder, "folder that train --save wrote")->required();
  add_data_options(*test, options);
  predict->add_option("--top", options.top, "so many labels a text, the most probable first")
      ->check(CLI::Range(1, 1000));
  predict->add_option("TEXT", options.texts, "texts to label; without any, one a line from standard input")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  for (CLI::App* const each : {train, test, predict}) add_common_options(*each, options);
  app.footer(
      "Example: classify train --data SMSSpamCollection --save build/spam\n"
      "         classify predict build/spam \"You have won a prize\"");
  train->footer("Example: classify train --data TREC.train --format label-first --encoding latin1 --save build/trec");
  test->footer("Example: classify test build/trec --data TREC.test --format label-first");
  predict->footer("Example: classify predict build/trec --top 3 \"Who wrote Faust ?\"");
  const std::string command = argc > 1 ? argv[1] : "-";
  ROUX_CHECK(command.starts_with('-') || command == "train" || command == "test" || command == "predict", "options",
             "'", command, "' is no command; expected train, test or predict");
  if (!app.read(argc, argv)) return std::nullopt;
  options.command = train->parsed()  ? ClassifyOptions::Command::train
                    : test->parsed() ? ClassifyOptions::Command::test
                                     : ClassifyOptions::Command::predict;
  for (const char* name : {"--dim", "--dropout"})
    ROUX_CHECK(!options.is_linear() || train->count(name) == 0, "options", name,
               " belongs to models of word vectors, found --model linear (hint: --model embedding_bag)");
  if (train->parsed()) check(options);
  return options;
}

}  // namespace roux::apps
