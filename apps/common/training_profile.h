// --profile FILE of the programs that train: which operations took the time, and a trace of them.
#pragma once

#include <optional>
#include <string>

#include "apps/common/command_line.h"
#include "tensor/profiler.h"

namespace roux::apps {

/// Adds `--profile FILE.json` to a program's options.
void add_profile_option(CommandLine& app, std::string& path);

/// Records from its construction to `stop`; does nothing where no file was asked for.
class TrainingProfile {
 public:
  /// path: where the trace goes; empty: nothing is recorded.
  explicit TrainingProfile(const std::string& path);
  void stop();
  /// Prints the table of operations, and writes the trace.
  void write() const;

 private:
  std::string path_;
  std::optional<Profiler> profiler_;
};

}  // namespace roux::apps
