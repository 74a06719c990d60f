// The optimiser by name, the best epoch, and checkpoints.
#include "apps/common/trainer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "nn/adam.h"
#include "nn/embedding.h"
#include "nn/sgd.h"
#include "tensor/safetensors.h"

namespace roux::apps {
namespace {

using nlohmann::json;

using Optimizers = std::vector<std::unique_ptr<nn::Optimizer>>;

// SparseAdam for the tables, whose gradients are rows; Adam for what has dense gradients.
Optimizers sparse_adam(nn::Module& model, double lr) {
  std::vector<Variable> tables;
  for (const auto& [name, module] : model.named_modules()) {
    if (const auto* table = dynamic_cast<nn::Embedding*>(module)) tables.push_back(table->weight);
    if (const auto* table = dynamic_cast<nn::EmbeddingBag*>(module)) tables.push_back(table->weight);
  }
  nn::NamedParameters sparse, dense;
  for (const auto& parameter : model.named_parameters()) {
    const bool is_table = std::find(tables.begin(), tables.end(), parameter.second) != tables.end();
    (is_table ? sparse : dense).push_back(parameter);
  }
  Optimizers optimizers;
  if (!sparse.empty()) optimizers.push_back(std::make_unique<nn::SparseAdam>(sparse, nn::SparseAdamOptions{.lr = lr}));
  if (!dense.empty()) optimizers.push_back(std::make_unique<nn::Adam>(dense, nn::AdamOptions{.lr = lr}));
  return optimizers;
}

Optimizers make_optimizers(nn::Module& model, const TrainerOptions& options) {
  if (options.optimizer == "sparse_adam") return sparse_adam(model, options.lr);
  const nn::NamedParameters parameters = model.named_parameters();
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

}  // namespace

TrainerState::TrainerState(nn::Module& model, const TrainerOptions& options, int64_t steps)
    : options_(options), model_(model), steps_(steps) {
  ROUX_CHECK(options.epochs >= 1, "trainer", "epochs must be at least 1, found ", options.epochs);
  model.to(options.device);
  if (options_.class_weights.defined()) options_.class_weights = options_.class_weights.to(options.device);
  optimizers_ = make_optimizers(model, options);
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

void TrainerState::begin_step() {
  const double left = 1 - static_cast<double>(step_) / static_cast<double>(steps_);
  if (options_.linear_schedule)
    for (const auto& optimizer : optimizers_) optimizer->set_lr(options_.lr * left);
  ++step_;
}

void TrainerState::optimizer_step() {
  for (const auto& optimizer : optimizers_) optimizer->step();
}

void TrainerState::check_finite(const EpochReport& report) const {
  ROUX_CHECK(std::isfinite(report.train_loss), "train", "the loss of epoch ", report.epoch,
             " is not finite: training has diverged (hint: a learning rate below ", options_.lr, ")");
}

void TrainerState::finish_epoch(const EpochReport& report) {
  history_.push_back(report);
  if (options_.keep_best && kept_epoch() == report.epoch) best_ = model_.state_dict();
}

void TrainerState::keep() {
  if (options_.keep_best) model_.load_state_dict(best_);
}

void TrainerState::save(const std::string& path, int64_t epoch, int64_t position, double loss_sum,
                        int64_t texts) const {
  nn::StateDict tensors;
  append(tensors, "model.", model_.state_dict());
  for (size_t i = 0; i < optimizers_.size(); ++i) append(tensors, optimizer_prefix(i), optimizers_[i]->state_dict());
  append(tensors, "best.", best_);
  json history = json::array();
  for (const EpochReport& report : history_) history.push_back(to_json(report));
  const json place = {{"epoch", epoch},
                      {"position", position},
                      {"loss_sum", loss_sum},
                      {"texts", texts},
                      {"step", step_},
                      {"history", history},
                      {"generators", generators_of(model_)},
                      {"optimizer", options_.optimizer},
                      {"batch_size", options_.batch_size},
                      {"seed", options_.seed}};
  save_safetensors(path, tensors, {{"trainer", place.dump()}});
}

void TrainerState::load(const std::string& path, int64_t& epoch, int64_t& position, double& loss_sum, int64_t& texts) {
  const SafetensorsFile file = load_safetensors(path);
  const auto entry = std::find_if(file.metadata.begin(), file.metadata.end(),
                                  [](const auto& pair) { return pair.first == "trainer"; });
  ROUX_CHECK(entry != file.metadata.end(), "load_checkpoint", path, " is no checkpoint of a trainer");
  try {
    const json place = json::parse(entry->second);
    ROUX_CHECK(place.at("optimizer") == options_.optimizer && place.at("batch_size") == options_.batch_size &&
                   place.at("seed") == options_.seed,
               "load_checkpoint", path, " was made with another optimizer, batch size or seed");
    std::vector<EpochReport> history;
    for (const json& row : place.at("history")) history.push_back(epoch_from(row));
    for (const auto& [name, generator] : model_.named_generators()) {
      const json& numbers = place.at("generators").at(name);
      *generator = Generator(numbers.at(0), numbers.at(1), numbers.at(2));
    }
    model_.load_state_dict(extract(file.tensors, "model."));
    for (size_t i = 0; i < optimizers_.size(); ++i)
      optimizers_[i]->load_state_dict(extract(file.tensors, optimizer_prefix(i)));
    best_.clear();
    for (const auto& [name, tensor] : extract(file.tensors, "best.")) best_.emplace_back(name, tensor.clone());
    history_ = std::move(history);
    step_ = place.at("step");
    epoch = place.at("epoch");
    position = place.at("position");
    loss_sum = place.at("loss_sum");
    texts = place.at("texts");
  } catch (const json::exception& error) {
    fail("load_checkpoint", path, " is damaged: ", error.what());
  }
}

}  // namespace roux::apps
