// The optimiser by name, the best epoch, and checkpoints.
#include "apps/common/trainer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "nn/adam.h"
#include "nn/clip_grad.h"
#include "nn/embedding.h"
#include "nn/sgd.h"
#include "tensor/safetensors.h"

namespace roux::apps {
namespace {

using nlohmann::json;

using Optimizers = std::vector<std::unique_ptr<nn::Optimizer>>;

// Those that are not frozen.
nn::NamedParameters trained_parameters(const nn::Module& model) {
  nn::NamedParameters trained;
  for (const auto& parameter : model.named_parameters())
    if (parameter.variable.requires_grad()) trained.push_back(parameter);
  ROUX_CHECK(!trained.empty(), "trainer", "all parameters of the model are frozen, there is nothing to train");
  return trained;
}

// SparseAdam for the tables, whose gradients are rows; Adam for what has dense gradients.
Optimizers sparse_adam(nn::Module& model, double lr) {
  std::vector<Variable> tables;
  for (const auto& [name, module] : model.named_modules()) {
    if (const auto* table = dynamic_cast<nn::Embedding*>(module)) tables.push_back(table->weight);
    if (const auto* table = dynamic_cast<nn::EmbeddingBag*>(module)) tables.push_back(table->weight);
  }
  nn::NamedParameters sparse, dense;
  for (const auto& parameter : trained_parameters(model)) {
    const bool is_table = std::find(tables.begin(), tables.end(), parameter.variable) != tables.end();
    (is_table ? sparse : dense).push_back(parameter);
  }
  Optimizers optimizers;
  if (!sparse.empty()) optimizers.push_back(std::make_unique<nn::SparseAdam>(sparse, nn::SparseAdamOptions{.lr = lr}));
  if (!dense.empty()) optimizers.push_back(std::make_unique<nn::Adam>(dense, nn::AdamOptions{.lr = lr}));
  return optimizers;
}

Optimizers make_optimizers(nn::Module& model, const TrainerOptions& options) {
  if (options.optimizer == "sparse_adam") return sparse_adam(model, options.lr);
  const nn::NamedParameters parameters = trained_parameters(model);
  Optimizers optimizers;
  if (options.optimizer == "adam") {
    optimizers.push_back(std::make_unique<nn::Adam>(parameters, nn::AdamOptions{.lr = options.lr}));
  } else if (options.optimizer == "adamw") {
    nn::AdamWOptions adamw{.lr = options.lr};
    if (options.weight_decay) adamw.weight_decay = *options.weight_decay;
    optimizers.push_back(std::make_unique<nn::AdamW>(parameters, adamw));
  } else {
    ROUX_CHECK(options.optimizer == "sgd", "trainer", "unknown optimizer '", options.optimizer,
               "' (expected: adam, adamw, sgd or sparse_adam)");
    optimizers.push_back(std::make_unique<nn::SGD>(parameters, nn::SgdOptions{.lr = options.lr}));
  }
  return optimizers;
}

std::string optimizer_prefix(size_t i) { return "optimizer" + std::to_string(i) + "."; }
std::string schedule_prefix(size_t i) { return "schedule" + std::to_string(i) + "."; }

void append(nn::StateDict& all, const std::string& prefix, const nn::StateDict& part) {
  for (const auto& [name, tensor] : part) all.emplace_back(prefix + name, tensor);
}

// The tensors whose names begin with `prefix`, without it.
nn::StateDict extract(const nn::StateDict& all, const std::string& prefix) {
  nn::StateDict part;
  for (const auto& [name, tensor] : all)
    if (name.starts_with(prefix)) part.emplace_back(name.substr(prefix.size()), tensor);
  return part;
}

json to_json(const EpochReport& report) {
  return {report.epoch, report.train_loss, report.validation_loss, report.accuracy, report.f1, report.seconds};
}

EpochReport epoch_from(const json& row) { return {row.at(0), row.at(1), row.at(2), row.at(3), row.at(4), row.at(5)}; }

// Generators as numbers: seed, stream, offset of each, by name.
json generators_of(const nn::Module& model) {
  json result = json::object();
  for (const auto& [name, generator] : model.named_generators())
    result[name] = {generator->seed(), generator->stream(), generator->offset()};
  return result;
}

// Throws, naming the first difference, unless a checkpoint was made with these settings.
void check_settings(const std::string& path, const json& theirs, const Metadata& ours) {
  for (const auto& [name, value] : ours) {
    const std::string found = theirs.value(name, "");
    ROUX_CHECK(found == value, "load_checkpoint", path, " is of another training: its ", name, " was '", found,
               "', here it is '", value, "'");
  }
}

}  // namespace

TrainerState::TrainerState(nn::Module& model, const TrainerOptions& options, int64_t steps)
    : options_(options), model_(model) {
  ROUX_CHECK(options.epochs >= 1, "trainer", "epochs must be at least 1, found ", options.epochs);
  model.to(options.device);
  if (options_.class_weights.defined()) options_.class_weights = options_.class_weights.to(options.device);
  ROUX_CHECK(options.clip >= 0 && options.warmup >= 0, "trainer", "clip and warmup must be at least 0, found ",
             options.clip, " and ", options.warmup);
  optimizers_ = make_optimizers(model, options);
  if (options.linear_schedule || options.warmup > 0) {
    const double warmup = options.warmup < 1 ? options.warmup * static_cast<double>(steps) : options.warmup;
    for (const auto& optimizer : optimizers_)
      schedules_.push_back(
          std::make_unique<nn::LinearWarmupLR>(*optimizer, static_cast<int64_t>(std::ceil(warmup)), steps));
  }
  for (const auto& parameter : trained_parameters(model)) trained_.push_back(parameter.variable);
}

int64_t TrainerState::kept_epoch() const {
  int64_t best = static_cast<int64_t>(history_.size());
  if (!options_.keep_best) return best;
  double best_f1 = -1;
  for (const EpochReport& report : history_) {
    if (report.f1 > best_f1) best = report.epoch;
    best_f1 = std::max(best_f1, report.f1);
  }
  return best;
}

void TrainerState::zero_grad() {
  for (const auto& optimizer : optimizers_) optimizer->zero_grad();
}

void TrainerState::finish_step() {
  for (const auto& schedule : schedules_) schedule->step();
}

void TrainerState::optimizer_step() {
  if (options_.clip > 0) nn::clip_gradients(trained_, options_.clip);
  for (const auto& optimizer : optimizers_) optimizer->step();
}

void TrainerState::check_finite(const EpochReport& report) const {
  ROUX_CHECK(std::isfinite(report.train_loss), "train", "the loss of epoch ", report.epoch,
             " is not finite: training has diverged (hint: a learning rate below ", options_.lr, ")");
}

void TrainerState::finish_epoch(const EpochReport& report, std::optional<nn::ClassificationReport> scores) {
  history_.push_back(report);
  if (kept_epoch() != report.epoch) return;
  kept_scores_ = std::move(scores);
  if (options_.keep_best) best_ = model_.state_dict();
}

void TrainerState::keep() {
  if (options_.keep_best) model_.load_state_dict(best_);
}

void TrainerState::save(const std::string& path, const Place& place) const {
  nn::StateDict tensors;
  append(tensors, "model.", model_.state_dict());
  for (size_t i = 0; i < optimizers_.size(); ++i) append(tensors, optimizer_prefix(i), optimizers_[i]->state_dict());
  for (size_t i = 0; i < schedules_.size(); ++i) append(tensors, schedule_prefix(i), schedules_[i]->state_dict());
  append(tensors, "best.", best_);
  json history = json::array(), settings = json::object();
  for (const EpochReport& report : history_) history.push_back(to_json(report));
  for (const auto& [name, value] : options_.settings) settings[name] = value;
  const json trainer = {{"epoch", place.epoch},
                        {"position", place.position},
                        {"loss_sum", place.loss_sum},
                        {"texts", place.texts},
                        {"seconds", place.seconds},
                        {"history", history},
                        {"generators", generators_of(model_)},
                        {"optimizer", options_.optimizer},
                        {"batch_size", options_.batch_size},
                        {"seed", options_.seed},
                        {"settings", settings}};
  save_safetensors(path, tensors, {{"trainer", trainer.dump()}});
}

TrainerState::Place TrainerState::load(const std::string& path) {
  const SafetensorsFile file = load_safetensors(path);
  const auto entry = std::find_if(file.metadata.begin(), file.metadata.end(),
                                  [](const auto& pair) { return pair.first == "trainer"; });
  ROUX_CHECK(entry != file.metadata.end(), "load_checkpoint", path, " is no checkpoint of a trainer");
  try {
    const json trainer = json::parse(entry->second);
    check_settings(path, trainer.at("settings"), options_.settings);
    ROUX_CHECK(trainer.at("optimizer") == options_.optimizer && trainer.at("batch_size") == options_.batch_size &&
                   trainer.at("seed") == options_.seed,
               "load_checkpoint", path, " was made with another optimizer, batch size or seed");
    std::vector<EpochReport> history;
    for (const json& row : trainer.at("history")) history.push_back(epoch_from(row));
    for (const auto& [name, generator] : model_.named_generators()) {
      const json& numbers = trainer.at("generators").at(name);
      *generator = Generator(numbers.at(0), numbers.at(1), numbers.at(2));
    }
    model_.load_state_dict(extract(file.tensors, "model."));
    for (size_t i = 0; i < optimizers_.size(); ++i)
      optimizers_[i]->load_state_dict(extract(file.tensors, optimizer_prefix(i)));
    for (size_t i = 0; i < schedules_.size(); ++i)
      schedules_[i]->load_state_dict(extract(file.tensors, schedule_prefix(i)));
    best_.clear();
    for (const auto& [name, tensor] : extract(file.tensors, "best.")) best_.emplace_back(name, tensor.clone());
    history_ = std::move(history);
    return {trainer.at("epoch"), trainer.at("position"), trainer.at("loss_sum"), trainer.at("texts"),
            trainer.at("seconds")};
  } catch (const json::exception& error) {
    fail("load_checkpoint", path, " is damaged: ", error.what());
  }
}

}  // namespace roux::apps
