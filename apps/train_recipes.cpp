// The main job: trains the course's four recipe classifiers on titles, compares them, and keeps the best.
//
//   build/apps/train_recipes --data recipes_fruit_veg.csv --save build/recipes
//
// The course's figures on its 142,915 recipes, accuracy and macro F1 after 5 epochs: embedding_bag .9396 .9113, mean
// .9389 .9103, max .9327 .9024, sum .9341 .9043.
//
// Read it from the bottom: read and encode the titles, make the models, train them side by side, compare. The models
// are in apps/common/classifiers.h, the training loop in apps/common/trainer.h.
#include <chrono>
#include <cstdio>

#include "apps/common/program.h"
#include "apps/common/recipe_data.h"
#include "apps/common/recipe_options.h"
#include "apps/common/recipe_pictures.h"
#include "apps/common/recipe_report.h"
#include "apps/common/table.h"
#include "apps/common/train_classifier.h"
#include "apps/common/training_profile.h"
#include "apps/common/vectors_file.h"
#include "tensor/parallel.h"

namespace roux::apps {
namespace {

// Titles and labels in two parts, and their features. The vocabulary is built from the training part alone.
RecipeData read_data(const RecipeOptions& options) {
  auto [train, validation] = read_split(options.data, options.validation, options.read_options(), options.seed);
  const auto [shortest, longest] = options.char_ngram_bounds();
  text::NgramEncoder encoder(train.texts, {.word_ngrams = options.word_ngrams,
                                           .char_ngrams_min = shortest,
                                           .char_ngrams_max = longest,
                                           .buckets = options.buckets});
  text::Corpus train_corpus = text::encode_corpus(encoder, train.texts, train.labels);
  text::Corpus validation_corpus = text::encode_corpus(encoder, validation.texts, validation.labels);
  std::optional<text::EmbeddingTable> vectors;
  if (!options.vectors.empty()) vectors = table_of(encoder, load_vectors_of(options.vectors, encoder), options.seed);
  return {std::move(train),        std::move(validation),        std::move(encoder),
          std::move(train_corpus), std::move(validation_corpus), std::move(vectors)};
}

TrainerOptions trainer_options(const RecipeOptions& options, const RecipeData& data, Device device) {
  TrainerOptions result{.epochs = options.epochs,
                        .batch_size = options.batch_size,
                        .seed = options.seed,
                        .optimizer = options.optimizer,
                        .lr = options.lr,
                        .weight_decay = options.weight_decay,
                        .linear_schedule = options.schedule == "linear",
                        .keep_best = options.keep == "best",
                        .device = device};
  if (options.class_weights == "balanced")
    result.class_weights = nn::balanced_class_weights(Tensor::from(data.train.labels), data.num_classes());
  return result;
}

void train_model(ModelResult& result, const RecipeData& data, const TrainerOptions& options, Progress& progress) {
  const TrainingRun run = train_classifier(
      *result.model, data.train_corpus, data.validation_corpus, options,
      [&](int64_t texts) { progress.advance(texts); },
      [&](const EpochReport& report) { progress.print(epoch_line(result.name, report, options.epochs)); });
  if (!run.not_replayed_because.empty())
    progress.print(result.name + ": steps were not replayed as a graph: " + run.not_replayed_because);
  result.epochs = run.epochs;
  result.kept_epoch = run.kept_epoch;
  const Tensor predicted = argmax(result.model->logits(data.validation_corpus), 1);
  result.scores = nn::classification_report(predicted, Tensor::from(data.validation.labels), data.num_classes());
}

std::vector<ModelResult> train_models(const RecipeOptions& options, const RecipeData& data,
                                      const ClassifierShape& shape, Device device) {
  // Made one after the other, so that each draws the same numbers whatever else runs; trained side by side on the CPU.
  std::vector<ModelResult> results;
  for (const std::string& name : options.model == "all" ? classifier_names : std::vector{options.model}) {
    manual_seed(options.seed);
    results.push_back({.name = name, .model = make_classifier(name, shape), .scores = {}, .epochs = {}});
    if (data.vectors) start_from(*results.back().model, data.vectors->table, options.freeze);
  }
  const TrainerOptions training = trainer_options(options, data, device);
  Progress progress(static_cast<int64_t>(results.size()) * options.epochs * data.train.size());
  const auto count = static_cast<int64_t>(results.size());
  parallel_for(count, device == cpu ? 1 : count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) train_model(results[static_cast<size_t>(i)], data, training, progress);
  });
  return results;
}

int train_recipes(int argc, char** argv) {
  const std::optional<RecipeOptions> options = parse_recipe_options(argc, argv);
  if (!options) return 0;
  const auto start = std::chrono::steady_clock::now();
  if (options->threads > 0) set_num_threads(options->threads);
  const Device device = Device::parse(options->device);
  if (!options->save.empty()) check_writable(options->save);
  check_pictures(options->plot, options->report);

  const RecipeData data = read_data(*options);
  print_data(data);
  const int64_t dim = data.vectors ? data.vectors->table.size(1) : options->dim;
  const ClassifierShape shape{size_of(data.encoder), dim, data.num_classes(), options->dropout, options->init_std};
  TrainingProfile profile(options->profile);
  const std::vector<ModelResult> results = train_models(*options, data, shape, device);
  profile.stop();

  const size_t best = print_results(data, results);
  print_confusion(data, results[best]);
  print_course_titles(data, results[best]);
  if (!options->save.empty()) {
    save_classifier(options->save, results[best].name, shape, *results[best].model, data.encoder,
                    data.train.label_names);
    std::printf("saved %s to %s\n", results[best].name.c_str(), options->save.c_str());
  }
  draw_pictures(options->plot, options->report, data, results, best);
  profile.write();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!options->json.empty()) write_json(options->json, data, results, best, seconds);
  return 0;
}

}  // namespace
}  // namespace roux::apps

int main(int argc, char** argv) {
  return roux::apps::run_program("train_recipes", [&] { return roux::apps::train_recipes(argc, argv); });
}
