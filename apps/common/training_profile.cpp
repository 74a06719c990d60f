// The table goes to standard output after the results, the trace to its file.
#include "apps/common/training_profile.h"

#include <cstdio>

namespace roux::apps {

void add_profile_option(CommandLine& app, std::string& path) {
  app.add_option("--profile", path, "say which operations took the time, and write a trace for Perfetto")
      ->type_name("FILE.json");
}

TrainingProfile::TrainingProfile(const std::string& path) : path_(path) {
  if (!path_.empty()) profiler_.emplace();
}

void TrainingProfile::stop() {
  if (profiler_) profiler_->stop();
}

void TrainingProfile::write() const {
  if (!profiler_) return;
  std::printf("\n%s", profiler_->table().c_str());
  profiler_->write_chrome_trace(path_);
}

}  // namespace roux::apps
