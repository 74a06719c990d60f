// The options that every program has which trains by Trainer: train_recipes and finetune.
#pragma once

#include <cstdint>
#include <string>

namespace CLI {
class App;
}

namespace roux::apps {

struct TrainingOptions {
  std::string data;        ///< empty: the recipes that ship with the project
  std::string validation;  ///< empty: a stratified fifth of the data
  int64_t epochs = 5;
  int64_t batch_size = 32;
  double lr = 1e-3;
  std::string class_weights = "balanced";
  std::string keep = "last";
  uint64_t seed = 0;
  int threads = 0;  ///< 0: all cores
  std::string device = "cpu";
};

/// Adds them, but for the files, to a command line.
void add_training_options(CLI::App& app, TrainingOptions& options);

}  // namespace roux::apps
