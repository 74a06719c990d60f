// Saving that is interrupted: killed at any moment, or without room on the disk, it leaves a folder that loads.
#include <doctest/doctest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "nn/testing.h"
#include "nn/transformers/pretrained.h"
#include "tests/message_of.h"
#include "tests/nn/transformers/tiny_model.h"
#include "tests/temporary_folder.h"

using namespace roux;

namespace {

// 100,000 parameters, all of them `value`: a file of a few hundred kB takes some time to write.
std::unique_ptr<nn::TransformerModel> filled_model(double value) {
  nn::TransformerConfig config = tiny_config(nn::ModelType::distilbert, 1);
  config.vocab_size = 12000;
  auto model = std::make_unique<nn::TransformerModel>(config, false, nn::InitialWeights::none);
  for (Variable& parameter : model->parameters()) parameter.mutable_data().fill_(value);
  return model;
}

// The value that all parameters of the folder's model have; -1 when they differ.
double value_of(const std::string& folder) {
  const auto model = nn::load_transformer(folder);
  const double value = model->layers[0].linear1.bias.data().select(0, 0).item();
  for (const Variable& parameter : model->parameters())
    if (amin(parameter.data()).item() != value || amax(parameter.data()).item() != value) return -1;
  return value;
}

}  // namespace

TEST_CASE("a folder loads after a kill at any moment of saving, 200 times") {
  const TemporaryFolder temporary;
  const std::string folder = temporary / "model";
  const auto first = filled_model(1), second = filled_model(2);
  const auto start = std::chrono::steady_clock::now();
  nn::save_pretrained(folder, *first);
  const auto one = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  const int64_t longest = std::clamp<int64_t>(4 * one.count(), 6000, 200000);  // microseconds: some savings
  Generator random(7);
  int found[3] = {};
  for (int round = 0; round < 200; ++round) {
    int saved[2];  // a pipe: the child writes a byte after each saving
    REQUIRE(::pipe(saved) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      for (int turn = round;; ++turn) {  // only what needs no thread: the child has one
        nn::save_pretrained(folder, turn % 2 == 0 ? *second : *first);
        if (::write(saved[1], "", 1) != 1) ::_exit(1);
      }
    }
    // Half of the children are killed after a first saving, however slow the machine is.
    pollfd first_saving{saved[0], POLLIN, 0};
    if (round % 2 == 0) CHECK(::poll(&first_saving, 1, 60'000) == 1);
    ::usleep(static_cast<useconds_t>(uniform_int(random, longest)));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    ::close(saved[0]);
    ::close(saved[1]);
    const double value = value_of(folder);
    REQUIRE((value == 1 || value == 2));
    ++found[static_cast<int>(value)];
  }
  CHECK(found[1] > 0);
  CHECK(found[2] > 0);
}

TEST_CASE("a full disk leaves the old folder, and says so") {
  const TemporaryFolder temporary;
  const std::string folder = temporary / "model";
  nn::save_pretrained(folder, *filled_model(1));
  const auto second = filled_model(2);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const rlimit limit{100000, 100000};
    ::signal(SIGXFSZ, SIG_IGN);
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) ::_exit(2);
    const std::string message = message_of([&] { nn::save_pretrained(folder, *second); });
    ::_exit(message.starts_with("[write_file] cannot write '" + folder + "/model.safetensors'") ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(value_of(folder) == 1);
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 2);  // nothing half-written stays

  const std::string full = temporary / "full";
  std::filesystem::create_directory(full);
  std::filesystem::create_symlink("/dev/full", full + "/model.safetensors");
  CHECK(message_of([&] { nn::save_pretrained(full, *second); }).find("No space left on device") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(full + "/config.json"));
}

TEST_CASE("saving to a place that is no folder says so") {
  const TemporaryFolder temporary;
  std::filesystem::create_symlink("/dev/null", temporary / "file");
  const auto model = filled_model(1);
  CHECK(message_of([&] {
          nn::save_pretrained(temporary / "file", *model);
        }).starts_with("[save_pretrained] cannot make the folder"));
}
