// Two trainings side by side, and a temperature.
#include "apps/common/classify_training.h"

#include <algorithm>
#include <chrono>
#include <numeric>

#include "apps/common/table.h"
#include "apps/common/train_classifier.h"
#include "apps/common/vectors_file.h"
#include "tensor/parallel.h"
#include "text/split.h"

namespace roux::apps {
namespace {

// The texts of one training and what it makes of them.
struct Fit {
  text::LabelledTexts texts;
  SavedClassifier classifier;
  text::Corpus corpus;
  std::optional<text::EmbeddingTable> vectors;
};

Encoder encoder_of(const ClassifyOptions& options, const text::StringList& texts) {
  if (options.vectors.empty()) return text::FeatureEncoder(texts, options.feature_options());
  return text::NgramEncoder(texts, options.ngram_options());
}

// `vectors`: what the model's start from; null: none.
Fit prepare(const ClassifyOptions& options, text::LabelledTexts texts, const text::WordVectors* vectors) {
  Encoder encoder = encoder_of(options, texts.texts);
  const ClassifierShape shape{.vocabulary_size = size_of(encoder),
                              .embedding_dim = vectors ? vectors->dim() : options.dim,
                              .num_classes = texts.num_classes(),
                              .dropout = options.dropout,
                              .init_std = 0.1};
  manual_seed(options.seed);
  std::unique_ptr<TextClassifier> model = make_classifier(options.model, shape);
  if (auto* linear = dynamic_cast<LinearClassifier*>(model.get()))
    linear->feature_weights.copy_(Tensor::from(std::get<text::FeatureEncoder>(encoder).weights()).unsqueeze(1));
  std::optional<text::EmbeddingTable> table;
  if (vectors) {
    table = table_of(std::get<text::NgramEncoder>(encoder), *vectors, options.seed);
    start_from(*model, table->table, options.freeze);
  }
  text::Corpus corpus = encode_corpus(encoder, texts.texts, texts.labels);
  std::vector<std::string> labels = texts.label_names;
  return {std::move(texts),
          {options.model, shape, std::move(model), std::move(encoder), std::move(labels)},
          std::move(corpus),
          std::move(table)};
}

TrainerOptions trainer_options(const ClassifyOptions& options, const Fit& fit) {
  TrainerOptions result{.epochs = options.epochs.value_or(12),
                        .batch_size = options.batch_size,
                        .seed = options.seed,
                        .optimizer = options.is_linear() ? "sgd" : "adam",
                        .lr = options.lr.value_or(options.is_linear() ? 8 : 5e-3),
                        .linear_schedule = true,
                        .device = Device::parse(options.device)};
  if (options.class_weights == "balanced")
    result.class_weights = nn::balanced_class_weights(Tensor::from(fit.texts.labels), fit.texts.num_classes());
  return result;
}

// Which texts the first training has, and which it leaves out: a share of each class that has two texts or more.
text::Split hold_out(const text::LabelledTexts& texts, double share, uint64_t seed) {
  const std::vector<int64_t> counts = texts.class_counts();
  std::vector<int64_t> number(counts.size(), -1), rows, labels;
  std::vector<std::string> names;
  for (size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] < 2) continue;
    number[c] = static_cast<int64_t>(names.size());
    names.push_back(texts.label_names[c]);
  }
  if (share == 0 || names.size() < 2) return {};
  text::Split split;
  for (int64_t i = 0; i < texts.size(); ++i) {
    const int64_t label = number[static_cast<size_t>(texts.labels[static_cast<size_t>(i)])];
    if (label < 0) {
      split.train.push_back(i);
    } else {
      rows.push_back(i);
      labels.push_back(label);
    }
  }
  const text::Split drawn = text::stratified_split(labels, names, {.validation = share, .seed = seed});
  for (const int64_t i : drawn.train) split.train.push_back(rows[static_cast<size_t>(i)]);
  for (const int64_t i : drawn.validation) split.validation.push_back(rows[static_cast<size_t>(i)]);
  std::sort(split.train.begin(), split.train.end());
  return split;
}

}  // namespace

ClassifierScores score_classifier(const SavedClassifier& classifier, const text::LabelledTexts& texts) {
  const Tensor chances = probabilities(*classifier.model, classifier.encoder, texts.texts, classifier.temperature);
  const Tensor labels = Tensor::from(texts.labels);
  return {
      .texts = texts.size(),
      .labels = nn::classification_report(argmax(chances, 1), labels, static_cast<int64_t>(classifier.labels.size())),
      .probabilities = nn::calibration_report(chances, labels)};
}

ClassifierTraining train_text_classifier(const ClassifyOptions& options, const text::LabelledTexts& texts,
                                         bool verbose) {
  ROUX_CHECK(texts.num_classes() >= 2, "classify", "the data has one class only, there is nothing to tell apart");
  const auto start = std::chrono::steady_clock::now();
  const text::Split split = hold_out(texts, options.calibration, options.seed);
  // Every word of a part is one of the whole's.
  std::optional<text::WordVectors> vectors;
  if (!options.vectors.empty())
    vectors = load_vectors_of(options.vectors, text::NgramEncoder(texts.texts, options.ngram_options()));
  const text::WordVectors* const start_vectors = vectors ? &*vectors : nullptr;
  std::vector<Fit> fits;
  std::vector<int64_t> all(static_cast<size_t>(texts.size()));
  std::iota(all.begin(), all.end(), 0);
  fits.push_back(prepare(options, texts.select(all), start_vectors));
  if (!split.validation.empty()) fits.push_back(prepare(options, texts.select(split.train), start_vectors));
  int64_t total = 0;
  for (const Fit& fit : fits) total += fit.texts.size() * options.epochs.value_or(12);
  std::optional<Progress> progress;
  if (verbose) progress.emplace(total);
  const text::Corpus none;
  const auto count = static_cast<int64_t>(fits.size());
  parallel_for(count, options.device == "cpu" ? 1 : count, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Fit& fit = fits[static_cast<size_t>(i)];
      train_classifier(*fit.classifier.model, fit.corpus, none, trainer_options(options, fit), [&](int64_t done) {
        if (progress) progress->advance(done);
      });
      fit.classifier.model->eval();
    }
  });
  progress.reset();

  ClassifierTraining result{
      .classifier = std::move(fits[0].classifier), .held_out = {}, .vectors = std::move(fits[0].vectors)};
  if (fits.size() == 2) {
    SavedClassifier& first = fits[1].classifier;
    const text::LabelledTexts left_out = texts.select(split.validation);
    result.uncalibrated_error = score_classifier(first, left_out).probabilities.expected_error;
    const text::Corpus corpus = encode_corpus(first.encoder, left_out.texts, left_out.labels);
    first.temperature = nn::fit_temperature(first.model->logits(corpus), Tensor::from(left_out.labels));
    result.held_out = score_classifier(first, left_out);
    result.classifier.temperature = first.temperature;
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace roux::apps
