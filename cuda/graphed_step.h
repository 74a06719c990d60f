// A training step that is recorded once as a CUDA graph and replayed from then on: one call of the driver instead of
// one for each kernel, which for small models take longer to start than to run.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tensor/device.h"

namespace roux::cuda {

/// Runs a step again and again. The step reads its batch from tensors that stay where they are (fill them with `copy_`
/// before each run), leaves its results in such tensors, does not wait for the device, and does the same operations on
/// the same shapes each time. What changes from step to step on the host (the optimizer's step and learning rate, the
/// place of a Dropout's generator) is asked for again at each replay.
///
/// The first run is an ordinary one: it makes what a first step makes, such as the optimizer's state. The second is
/// recorded. Where a step cannot be recorded, it goes on to be run as it is, and `reason` says why.
///
///     cuda::GraphedStep step(device, [&] { train_on(batch); });
///     for (...) { batch.ids.copy_(next.ids); step.run(); }
///
/// Everything that the step uses must live as long as this. After other state was loaded into the optimizer make a new
/// one: the replays of the old write to memory that is no longer the optimizer's. While a step is recorded no other
/// thread may use the device. After replays `grad()` of a parameter shows the memory of the step that was recorded
/// last.
class GraphedStep {
 public:
  /// Runs nothing yet. On a device that is not a CUDA device, runs are ordinary ones.
  GraphedStep(Device device, std::function<void()> step);
  GraphedStep(const GraphedStep&) = delete;
  GraphedStep& operator=(const GraphedStep&) = delete;
  ~GraphedStep();

  /// Runs the step, by a replay once it is recorded.
  void run();
  /// Whether runs are replays.
  bool is_recorded() const { return recording_ != nullptr; }
  /// Why they are not, once that is known; empty otherwise.
  const std::string& reason() const { return reason_; }

 private:
  class Recording;

  Device device_;
  std::function<void()> step_;
  std::unique_ptr<Recording> recording_;
  bool has_run_ = false;
  std::string reason_;
};

}  // namespace roux::cuda
