// The common options of training programs.
#include "apps/common/training_options.h"

#include "apps/common/command_line.h"

namespace roux::apps {

void add_training_options(CLI::App& app, TrainingOptions& options) {
  app.add_option("--epochs", options.epochs, "passes over the data")->check(CLI::Range(1, 1000000));
  app.add_option("--batch-size", options.batch_size, "texts a step")->check(CLI::Range(1, 1 << 24));
  app.add_option("--lr", options.lr, "learning rate");
  app.add_option("--class-weights", options.class_weights, "balanced: rare classes count as much as frequent ones")
      ->type_name("balanced|none")
      ->check(CLI::IsMember({"balanced", "none"}));
  app.add_option("--keep", options.keep, "weights of the last epoch, or of the one with the best validation F1")
      ->type_name("last|best")
      ->check(CLI::IsMember({"last", "best"}));
  app.add_option("--seed", options.seed, "drives split, new weights, shuffling and dropout")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 62));
  add_threads_option(app, options.threads);
  add_device_option(app, options.device);
}

}  // namespace roux::apps
