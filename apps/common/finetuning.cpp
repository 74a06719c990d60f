// Loading, training with checkpoints, scoring.
#include "apps/common/finetuning.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>

#include "apps/common/table.h"
#include "nn/transformers/pretrained.h"
#include "text/hash.h"

namespace roux::apps {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// The course's limit of tokens a text, where none is asked for.
constexpr int64_t usual_length = 512;
// Texts of like length come from so many batches in random order: little padding, and still mixed.
constexpr int64_t bucket_batches = 50;

// Draws some of the texts, which stay in their order.
text::LabelledTexts limited(const text::LabelledTexts& texts, int64_t limit, uint64_t seed) {
  Generator generator(seed, 1);
  const Tensor order = Tensor::randperm(texts.size(), cpu, generator);
  std::vector<int64_t> chosen(order.data<int64_t>(), order.data<int64_t>() + limit);
  std::sort(chosen.begin(), chosen.end());
  return texts.select(chosen);
}

std::string fingerprint(const text::Corpus& corpus) {
  const auto bytes = [](const auto& list) {
    return std::string_view(reinterpret_cast<const char*>(list.data()), list.size() * sizeof(list[0]));
  };
  const uint64_t hash =
      text::fnv1a(bytes(corpus.labels), text::fnv1a(bytes(corpus.offsets), text::fnv1a(bytes(corpus.ids))));
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return with_commas(corpus.size()) + " texts (" + digits + ")";
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

// What must be the same to go on with a checkpoint.
Metadata settings_of(const FinetuneOptions& options, const TransformerClassifier& model, const RecipeData& data) {
  return {{"model", description(model.config())},
          {"training data", fingerprint(data.train_corpus)},
          {"validation data", fingerprint(data.validation_corpus)},
          {"--train", options.train},
          {"--epochs", std::to_string(options.epochs)},
          {"--batch-size", std::to_string(options.batch_size)},
          {"--lr", number(options.lr)},
          {"--weight-decay", number(options.weight_decay)},
          {"--warmup", number(options.warmup)},
          {"--clip", number(options.clip)},
          {"--keep", options.keep},
          {"--class-weights", options.class_weights},
          {"--seed", std::to_string(options.seed)},
          {"--precision", options.precision}};
}

TrainerOptions trainer_options(const FinetuneOptions& options, const TransformerClassifier& model,
                               const RecipeData& data) {
  TrainerOptions result{.epochs = options.epochs,
                        .batch_size = options.batch_size,
                        .seed = options.seed,
                        .optimizer = "adamw",
                        .lr = options.lr,
                        .weight_decay = options.weight_decay,
                        .warmup = options.warmup,
                        .clip = options.clip,
                        .keep_best = options.keep == "best",
                        .max_length = 0,  // the encoder has cut them
                        .bucket_batches = bucket_batches,
                        .most_room = model.config().max_position_embeddings,
                        .padding = std::get<TokenizerEncoder>(data.encoder).padding(),
                        .steps_a_call = 1,
                        .device = Device::parse(options.device),
                        .settings = settings_of(options, model, data)};
  if (options.class_weights == "balanced")
    result.class_weights = nn::balanced_class_weights(Tensor::from(data.train.labels), data.num_classes());
  return result;
}

// Checkpoints in the folder of --save, which the finished model will replace; none without --save.
class Checkpoints {
 public:
  Checkpoints(Trainer<TransformerClassifier>& trainer, const FinetuneOptions& options)
      : trainer_(trainer), folder_(options.save), seconds_(static_cast<double>(options.checkpoint_seconds)) {}

  // Goes on with the checkpoint that is there.
  void resume() {
    const std::string path = file_in(folder_, checkpoint_file);
    if (!file_exists(path)) {
      std::printf("there is no checkpoint in %s: training begins anew\n", folder_.c_str());
      return;
    }
    trainer_.load_checkpoint(path);
    std::printf("going on with %s\n", path.c_str());
  }
  void save_when_due() {
    if (std::chrono::duration<double>(Clock::now() - last_).count() >= seconds_) save();
  }
  // A disk that is full costs a checkpoint, not the training.
  void save() {
    if (folder_.empty()) return;
    trainer_.check_loss();
    try {
      fs::create_directories(folder_);
      trainer_.save_checkpoint(file_in(folder_, checkpoint_file));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "no checkpoint was written, training goes on: %s\n", error.what());
    }
    last_ = Clock::now();
  }

 private:
  Trainer<TransformerClassifier>& trainer_;
  std::string folder_;
  double seconds_;
  Clock::time_point last_ = Clock::now();
};

nn::ClassificationReport score(TransformerClassifier& model, const RecipeData& data) {
  const Tensor predicted = argmax(model.logits(data.validation_corpus), 1);
  return nn::classification_report(predicted, Tensor::from(data.validation.labels), data.num_classes());
}

// A classifier of as many labels as are asked for is kept, whatever they were called.
void tell_renamed_labels(const std::string& folder, const nn::SequenceClassificationModel& model,
                         const nn::PretrainedReport& report) {
  const std::vector<std::string> theirs = nn::load_config(folder).labels, &ours = model.config().labels;
  const bool is_new = std::any_of(report.missing.begin(), report.missing.end(),
                                  [](const std::string& name) { return name.starts_with("classifier."); });
  if (is_new || theirs == ours) return;
  std::string list;
  for (size_t i = 0; i < ours.size(); ++i) list += (i ? ", " : "") + theirs[i] + " is now " + ours[i];
  std::printf("the classifier of %s is kept, its labels are renamed: %s\n", folder.c_str(), list.c_str());
}

}  // namespace

TokenizerEncoder load_encoder(const FinetuneOptions& options) {
  const nn::TransformerConfig config = nn::load_config(options.folder);
  const int64_t positions = config.max_position_embeddings;
  ROUX_CHECK(options.max_length.value_or(0) <= positions, "options", "--max-length is ", *options.max_length,
             ", the model has ", positions, " positions");
  return TokenizerEncoder::load(options.folder, config.vocab_size,
                                options.max_length.value_or(std::min(usual_length, positions)));
}

RecipeData read_texts(const FinetuneOptions& options, const TokenizerEncoder& encoder) {
  auto [train, validation] = read_split(options.data, options.validation, options.read_options(), options.seed);
  if (options.limit > 0 && options.limit < train.size()) train = limited(train, options.limit, options.seed);
  text::Corpus train_corpus = text::encode_corpus(encoder, train.texts, train.labels);
  text::Corpus validation_corpus = text::encode_corpus(encoder, validation.texts, validation.labels);
  return {std::move(train), std::move(validation), encoder, std::move(train_corpus), std::move(validation_corpus)};
}

std::unique_ptr<TransformerClassifier> load_for_finetuning(const FinetuneOptions& options,
                                                           const TokenizerEncoder& encoder,
                                                           const std::vector<std::string>& labels) {
  manual_seed(options.seed);
  std::unique_ptr<nn::SequenceClassificationModel> model;
  if (options.from_config) {
    nn::TransformerConfig config = nn::load_config(options.folder);
    config.labels = labels;
    model = std::make_unique<nn::SequenceClassificationModel>(config);
  } else {
    nn::PretrainedReport report;
    model = nn::load_sequence_classifier(options.folder, labels, &report);
    std::string list;
    for (const std::string& name : report.missing) list += (list.empty() ? "" : ", ") + name;
    if (!list.empty()) std::printf("new, not in %s: %s\n", options.folder.c_str(), list.c_str());
    tell_renamed_labels(options.folder, *model, report);
  }
  nn::set_trainable(*model, options.train);
  std::printf("%s: %s of %s parameters train (%s)\n\n", description(model->config()).c_str(),
              with_commas(model->num_parameters(true)).c_str(), with_commas(model->num_parameters()).c_str(),
              options.train.c_str());
  return std::make_unique<TransformerClassifier>(std::move(model), encoder.padding());
}

ModelResult finetune(std::unique_ptr<TransformerClassifier> model, const RecipeData& data,
                     const FinetuneOptions& options) {
  const std::string name = type_name(model->config()) + (options.train == "all" ? "" : " " + options.train);
  Trainer<TransformerClassifier> trainer(*model, data.train_corpus, data.validation_corpus,
                                         trainer_options(options, *model, data));
  Checkpoints checkpoints(trainer, options);
  if (options.resume) checkpoints.resume();
  for (const EpochReport& report : trainer.history())
    std::printf("%s\n", epoch_line(name, report, options.epochs).c_str());
  {
    Progress progress(options.epochs * data.train.size() - trainer.texts_done());
    trainer.run(
        [&](int64_t texts) {
          progress.advance(texts);
          checkpoints.save_when_due();
          return true;
        },
        [&](const EpochReport& report) {
          progress.print(epoch_line(name, report, options.epochs));
          checkpoints.save();
        });
  }
  if (!trainer.not_replayed_because().empty() && options.device != "cpu")
    std::printf("%s: steps were not replayed as a graph: %s\n", name.c_str(), trainer.not_replayed_because().c_str());
  ModelResult result{.name = name,
                     .model = nullptr,
                     .scores = trainer.kept_scores() ? *trainer.kept_scores() : score(*model, data),
                     .epochs = trainer.history(),
                     .kept_epoch = trainer.kept_epoch(),
                     .parameters = model->num_parameters(),
                     .trained_parameters = model->num_parameters(true)};
  result.model = std::move(model);
  return result;
}

}  // namespace roux::apps
