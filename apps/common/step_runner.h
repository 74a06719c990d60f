// Runs training steps on batches where the model is: as they come on the CPU; on a CUDA device filled up to a few
// common shapes, so that each can be recorded once and replayed.
#pragma once

#include <bit>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "cuda/graphed_step.h"
#include "text/batches.h"

namespace roux::apps {

template <class Batch>
class StepRunner {
 public:
  /// `step` takes a batch on `device`. `batch_size`: of full batches; others are run as they are.
  StepRunner(Device device, int64_t batch_size, std::function<void(const Batch&)> step)
      : device_(device), batch_size_(batch_size), step_(std::move(step)) {}

  void run(const Batch& batch) {
    if (device_ == cpu) return step_(batch);
    if (batch.labels.numel() != batch_size_) return step_(text::to(batch, device_));
    const int64_t room = common_room(text::room_of(batch));
    const Batch filled = text::with_room(batch, room);
    std::unique_ptr<Shape>& shape = shapes_[room];
    if (shape)
      text::copy(filled, shape->batch);
    else
      shape = std::make_unique<Shape>(*this, text::to(filled, device_));
    shape->graphed.run();
    if (reason_.empty()) reason_ = shape->graphed.reason();
  }

  /// Forgets what was recorded: the model or its optimizer has other memory now.
  void forget() { shapes_.clear(); }
  /// Why steps are not replayed; empty while they are, or may yet be.
  const std::string& reason() const { return reason_; }

 private:
  struct Shape {
    Batch batch;
    cuda::GraphedStep graphed;

    Shape(StepRunner& runner, Batch first)
        : batch(std::move(first)), graphed(runner.device_, [&runner, this] { runner.step_(batch); }) {}
  };

  // The next multiple of a quarter of the power of two below: few shapes, and at most a quarter of the room is unused.
  static int64_t common_room(int64_t room) {
    const int64_t quarter = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(room < 16 ? 16 : room))) / 4;
    return (room + quarter - 1) / quarter * quarter;
  }

  Device device_;
  int64_t batch_size_;
  std::function<void(const Batch&)> step_;
  std::map<int64_t, std::unique_ptr<Shape>> shapes_;
  std::string reason_;
};

}  // namespace roux::apps
