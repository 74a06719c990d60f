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
  bool keep_best = false;                   ///< end with the weights of the epoch with the best validation F1
  Tensor class_weights = {};                ///< (classes), or undefined
  Device device = cpu;
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

 protected:
  /// Sets the learning rate of the next step and counts it.
  void begin_step();
  void zero_grad();
  void optimizer_step();
  /// Throws, naming the epoch, when its training loss is not finite.
  void check_finite(const EpochReport& report) const;
  void finish_epoch(const EpochReport& report);
  /// Puts the best weights back, where they are asked for.
  void keep();
  void save(const std::string& path, int64_t epoch, int64_t position, double loss_sum, int64_t texts) const;
  void load(const std::string& path, int64_t& epoch, int64_t& position, double& loss_sum, int64_t& texts);

  TrainerOptions options_;

 private:
  nn::Module& model_;
  std::vector<std::unique_ptr<nn::Optimizer>> optimizers_;
  std::vector<EpochReport> history_;
  nn::StateDict best_;  // only with keep_best
  int64_t steps_, step_ = 0;
};

/// Trains `model` on one corpus and validates on another, which may be empty; both must live as long as this.
template <class Model>
class Trainer : public TrainerState {
 public:
  Trainer(Model& model, const text::Corpus& train, const text::Corpus& validation, const TrainerOptions& options)
      : TrainerState(model, options, options.epochs * steps_of(train, options)),
        model_(model),
        train_(train, {.batch_size = options.batch_size, .shuffle = true, .seed = options.seed}),
        validation_(validation),
        runner_(options.device, options.batch_size, [this](const Batch& batch) { step(batch); }),
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
  void save_checkpoint(const std::string& path) const {
    save(path, train_.epoch(), train_.position(), loss_sum_.item(), texts_);
  }
  /// Throws when the file is damaged or of another model.
  void load_checkpoint(const std::string& path) {
    int64_t epoch = 0, position = 0;
    double loss_sum = 0;
    runner_.forget();  // before the optimizers get other memory
    load(path, epoch, position, loss_sum, texts_);
    loss_sum_.fill_(loss_sum);
    train_.resume(epoch, position);
  }
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

  // What is left of this epoch; false when it was stopped.
  bool train_epoch(const StepCallback& on_step) {
    constexpr int64_t steps_a_call = 64;
    const int64_t epoch = train_.epoch();
    model_.train();
    auto start = std::chrono::steady_clock::now();
    int64_t reported = texts_, steps = 0;
    for (const auto& batch : train_) {
      begin_step();
      runner_.run(batch);
      texts_ += batch.labels.numel();
      if (++steps % steps_a_call != 0 || !on_step) continue;
      if (!on_step(texts_ - reported)) return false;
      reported = texts_;
    }
    EpochReport report{.epoch = epoch + 1, .train_loss = loss_sum_.item() / static_cast<double>(texts_)};
    report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (on_step) on_step(texts_ - reported);
    loss_sum_.fill_(0);
    texts_ = 0;
    check_finite(report);
    validate(report);
    finish_epoch(report);
    return true;
  }

  void validate(EpochReport& report) {
    if (validation_.size() == 0) return;
    const Tensor logits = model_.logits(validation_);  // on the CPU
    const Tensor labels = Tensor::from(validation_.labels);
    const NoGrad guard;
    const Tensor class_weights = options_.class_weights.defined() ? options_.class_weights.to(cpu) : Tensor();
    report.validation_loss = model_.loss(logits, labels, class_weights).item();
    const nn::ClassificationReport scores = nn::classification_report(argmax(logits, 1), labels, logits.size(1));
    report.accuracy = scores.accuracy;
    report.f1 = scores.macro.f1;
  }

  Model& model_;
  typename Model::Batches train_;
  const text::Corpus& validation_;
  StepRunner<Batch> runner_;
  Tensor loss_sum_;    // of this epoch so far, where the model is: no step waits for the device
  int64_t texts_ = 0;  // of this epoch so far
};

}  // namespace roux::apps
