// The options of finetune, with their defaults: the course's settings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "apps/common/training_options.h"
#include "text/dataset.h"

namespace roux::apps {

/// What finetune was asked to do; see `finetune --help`.
struct FinetuneOptions : TrainingOptions {
  FinetuneOptions() {
    epochs = 3;
    lr = 5e-5;
  }

  std::string folder;                      ///< the pretrained model's
  std::string train = "all";               ///< which part of the model: all, head, last:N
  bool from_config = false;                ///< new weights
  std::optional<int64_t> max_length = {};  ///< nothing: 512, or as many as the model has positions
  double weight_decay = 0.01;
  double warmup = 0;  ///< steps, below 1: share of all steps
  double clip = 1;    ///< 0: none
  std::string precision = "float32";
  int64_t limit = 0;  ///< texts to train on; 0: all
  std::string text_column, label_column;
  std::string save;
  bool resume = false;
  int64_t checkpoint_seconds = 180;
  std::string profile;  ///< file for the trace
  std::string json;

  text::ReadOptions read_options() const { return {.text_column = text_column, .label_column = label_column}; }
};

/// Reads the command line. Nothing when --help was asked for, which has been printed then. Throws Error on what makes
/// no sense.
std::optional<FinetuneOptions> parse_finetune_options(int argc, char** argv);

}  // namespace roux::apps
