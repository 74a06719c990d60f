// Training of any text classifier: epochs of steps, validation, the best epoch, and checkpoints to go on from.
//
// A model has a type `Batches`, the loader of the batches that its `forward(batch)` takes (text/batches.h); the rest is
// the same for all of them. For models that are known by their name there is `train_classifier` (train_classifier.h).
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/step_runner.h"
#include "nn/loss.h"
#include "nn/lr_schedule.h"
#include "nn/metrics.h"
#include "nn/module.h"
#include "nn/optimizer.h"
#include "text/batches.h"

namespace roux::apps {

struct TrainerOptions {
  int64_t epochs = 5;
  int64_t batch_size = 32;
  uint64_t seed = 0;               ///< of the shuffling
  std::string optimizer = "adam";  ///< adam, adamw, sgd, or sparse_adam (tables; Adam for the rest)
  double lr = 1e-3;
  std::optional<double> weight_decay = {};  ///< of adamw; nothing: its default
  bool linear_schedule = false;             ///< the learning rate falls to 0 over all steps
  double warmup = 0;                        ///< the rate rises from 0 over so many steps (below 1: over this share of
                                            ///< all steps) and then falls to 0, as by linear_schedule
  double clip = 0;                          ///< largest norm of all gradients together (nn/clip_grad.h); 0: any
  bool keep_best = false;                   ///< end with the weights of the epoch with the best validation F1
  Tensor class_weights = {};                ///< (classes), or undefined
  int64_t max_length = 512;                 ///< padded batches, see text::BatchOptions
  int64_t bucket_batches = 0;
  int64_t most_room = 0;  ///< how far a device may fill batches up (step_runner.h); 0: as it likes
  text::PaddingOptions padding = {};
  int64_t steps_a_call = 64;  ///< how often a training says how far it is
  Device device = cpu;
  /// What else a training has to have in common with one that goes on from its checkpoint: names and values.
  Metadata settings = {};
};

/// How an epoch went.
struct EpochReport {
  int64_t epoch = 0;  ///< 1 for the first
  double train_loss = 0, validation_loss = 0;
  double accuracy = 0, f1 = 0;  ///< on the validation texts, F1 averaged over classes
  double seconds = 0;           ///< of training alone: batches, forward, backward, optimiser
};

/// What stays the same for every model: the optimisers, the history, the best weights, checkpoints.
class TrainerState {
 public:
  TrainerState(nn::Module& model, const TrainerOptions& options, int64_t steps);

  /// The epochs so far, one after the other.
  const std::vector<EpochReport>& history() const { return history_; }
  /// The number of the epoch (from 1) whose weights the model has at the end.
  int64_t kept_epoch() const;
  /// The scores on the validation texts of those weights; nothing when that epoch was before a checkpoint, or there are
  /// no such texts.
  const std::optional<nn::ClassificationReport>& kept_scores() const { return kept_scores_; }

 protected:
  void zero_grad();
  /// Clips gradients, where that is asked for, and changes the weights.
  void optimizer_step();
  /// Sets the learning rate of the next step. It is a thing of its own because recorded steps are replayed without it.
  void finish_step();
  /// Throws, naming the epoch, when its training loss is not finite.
  void check_finite(const EpochReport& report) const;
  /// `scores`: on the validation texts, where there are any.
  void finish_epoch(const EpochReport& report, std::optional<nn::ClassificationReport> scores);
  /// Puts the best weights back, where they are asked for.
  void keep();

  /// How far an epoch is.
  struct Place {
    int64_t epoch = 0;     ///< 0 for the first
    int64_t position = 0;  ///< batches of it that were trained on
    double loss_sum = 0;
    int64_t texts = 0;
    double seconds = 0;
  };
  void save(const std::string& path, const Place& place) const;
  Place load(const std::string& path);

  TrainerOptions options_;

 private:
  nn::Module& model_;
  std::vector<Variable> trained_;  // the parameters that are not frozen: optimisers know of no others
  std::vector<std::unique_ptr<nn::Optimizer>> optimizers_;
  std::vector<std::unique_ptr<nn::LinearWarmupLR>> schedules_;  // one for each, or none
  std::vector<EpochReport> history_;
  std::optional<nn::ClassificationReport> kept_scores_;
  nn::StateDict best_;  // only with keep_best
};

/// Trains `model` on one corpus and validates on another, which may be empty; both must live as long as this.
template <class Model>
class Trainer : public TrainerState {
 public:
  Trainer(Model& model, const text::Corpus& train, const text::Corpus& validation, const TrainerOptions& options)
      : TrainerState(model, options, options.epochs * steps_of(train, options)),
        model_(model),
        train_(train, {.batch_size = options.batch_size,
                       .shuffle = true,
                       .seed = options.seed,
                       .max_length = options.max_length,
                       .padding = options.padding,
                       .bucket_batches = options.bucket_batches}),
        validation_(validation),
        corpus_size_(train.size()),
        runner_(
            options.device, options.batch_size, [this](const Batch& batch) { step(batch); }, options.most_room),
        loss_sum_(Tensor::zeros({}, float64, options.device)) {}

  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Called after steps, with the number of texts since the last call; when it returns false, training stops there.
  using StepCallback = std::function<bool(int64_t texts)>;
  using EpochCallback = std::function<void(const EpochReport&)>;

  /// Trains until all epochs are done or `on_step` stops it; goes on where a checkpoint was taken. True when done.
  bool run(const StepCallback& on_step = {}, const EpochCallback& on_epoch = {}) {
    while (train_.epoch() < options_.epochs) {
      if (!train_epoch(on_step)) return false;
      if (on_epoch) on_epoch(history().back());
    }
    keep();
    return true;
  }

  /// All that `load_checkpoint` needs to go on bit for bit: weights, optimiser, random numbers, place in the data.
  /// May be called between steps, from `on_step` too.
  void save_checkpoint(const std::string& path) const {
    save(path, {train_.epoch(), train_.position(), loss_sum_.item(), texts_, seconds_});
  }
  /// Throws once training has diverged.
  void check_loss() const { check_finite({.epoch = train_.epoch() + 1, .train_loss = loss_sum_.item()}); }
  /// Throws when the file is damaged, or of another model or training.
  void load_checkpoint(const std::string& path) {
    runner_.forget();  // before the optimizers get other memory
    const Place place = load(path);
    loss_sum_.fill_(place.loss_sum);
    texts_ = place.texts;
    seconds_ = place.seconds;
    train_.resume(place.epoch, place.position);
  }
  /// How many texts were trained on so far, in all epochs.
  int64_t texts_done() const { return train_.epoch() * corpus_size_ + texts_; }
  /// Why the steps on a CUDA device are not replayed as a graph; empty where they are, and on the CPU.
  const std::string& not_replayed_because() const { return runner_.reason(); }

 private:
  using Batch = typename Model::Batches::Iterator::value_type;

  static int64_t steps_of(const text::Corpus& corpus, const TrainerOptions& options) {
    ROUX_CHECK(options.batch_size >= 1, "trainer", "batch_size must be at least 1, found ", options.batch_size);
    return (corpus.size() + options.batch_size - 1) / options.batch_size;
  }

  // One step on one batch: the loop that every such program has at its heart.
  void step(const Batch& batch) {
    zero_grad();
    const Variable loss = model_.loss(model_.forward(batch), batch.labels, options_.class_weights);
    loss.backward();
    optimizer_step();
    const int64_t texts = std::min(batch.labels.numel(), options_.batch_size);  // without one that only fills up
    loss_sum_.add_(loss.data(), static_cast<double>(texts));
  }

  // What is left of this epoch; false when it was stopped. Seconds are of training alone, not of `on_step`.
  bool train_epoch(const StepCallback& on_step) {
    using Clock = std::chrono::steady_clock;
    const int64_t epoch = train_.epoch();
    model_.train();
    auto start = Clock::now();
    const auto stop_watch = [&] { seconds_ += std::chrono::duration<double>(Clock::now() - start).count(); };
    int64_t reported = texts_, steps = 0;
    for (const auto& batch : train_) {
      runner_.run(batch);
      finish_step();
      texts_ += batch.labels.numel();
      if (++steps % options_.steps_a_call != 0 || !on_step) continue;
      stop_watch();
      if (!on_step(texts_ - reported)) return false;
      reported = texts_;
      start = Clock::now();
    }
    EpochReport report{.epoch = epoch + 1, .train_loss = loss_sum_.item() / static_cast<double>(texts_)};
    stop_watch();
    report.seconds = seconds_;
    const int64_t last_texts = texts_ - reported;
    loss_sum_.fill_(0);
    texts_ = 0;
    seconds_ = 0;
    check_finite(report);
    std::optional<nn::ClassificationReport> scores = validate(report);
    finish_epoch(report, std::move(scores));
    if (on_step) on_step(last_texts);
    return true;
  }

  std::optional<nn::ClassificationReport> validate(EpochReport& report) {
    if (validation_.size() == 0) return std::nullopt;
    const Tensor logits = model_.logits(validation_);  // on the CPU
    const Tensor labels = Tensor::from(validation_.labels);
    const NoGrad guard;
    const Tensor class_weights = options_.class_weights.defined() ? options_.class_weights.to(cpu) : Tensor();
    report.validation_loss = model_.loss(logits, labels, class_weights).item();
    nn::ClassificationReport scores = nn::classification_report(argmax(logits, 1), labels, logits.size(1));
    report.accuracy = scores.accuracy;
    report.f1 = scores.macro.f1;
    return scores;
  }

  Model& model_;
  typename Model::Batches train_;
  const text::Corpus& validation_;
  int64_t corpus_size_;
  StepRunner<Batch> runner_;
  Tensor loss_sum_;     // of this epoch so far, where the model is: no step waits for the device
  int64_t texts_ = 0;   // of this epoch so far
  double seconds_ = 0;  // of this epoch so far
};

}  // namespace roux::apps
