// Runs training steps on batches where the model is: as they come on the CPU; on a CUDA device filled up to a few
// common shapes, so that each can be recorded and replayed (twice: one batch arrives while the other is read).
#pragma once

#include <algorithm>
#include <bit>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "cuda/graphed_step.h"
#include "cuda/uploads.h"
#include "text/batches.h"

namespace roux::apps {

template <class Batch>
class StepRunner {
 public:
  /// `step` takes a batch on `device`. `batch_size`: of full batches; others are run as they are. `most_room`: batches
  /// are not filled up beyond it; 0: any room is fine.
  StepRunner(Device device, int64_t batch_size, std::function<void(const Batch&)> step, int64_t most_room = 0)
      : device_(device), batch_size_(batch_size), most_room_(most_room), step_(std::move(step)) {}

  StepRunner(const StepRunner&) = delete;
  StepRunner& operator=(const StepRunner&) = delete;

  void run(const Batch& batch) {
    if (device_ == cpu) return step_(batch);
    if (batch.labels.numel() != batch_size_) return step_(text::to(batch, device_));
    int64_t room = common_room(text::room_of(batch));
    if (most_room_ > 0) room = std::max(text::room_of(batch), std::min(room, most_room_));
    const Batch filled = text::with_room(batch, room);
    Shape& shape = shapes_[room];
    std::unique_ptr<Inputs>& inputs = shape.inputs[shape.turn++ % 2];
    if (inputs)
      inputs->upload(filled);
    else
      inputs = std::make_unique<Inputs>(*this, text::to(filled, device_));
    inputs->run();
    if (reason_.empty()) reason_ = inputs->graphed.reason();
  }

  /// Forgets what was recorded: the model or its optimizer has other memory now.
  void forget() { shapes_.clear(); }
  /// Why steps are not replayed; empty while they are, or may yet be.
  const std::string& reason() const { return reason_; }

 private:
  // A batch on the device, and the step recorded with it.
  struct Inputs {
    Batch batch;
    cuda::Uploads uploads;
    cuda::GraphedStep graphed;

    Inputs(StepRunner& runner, Batch first)
        : batch(std::move(first)),
          uploads(runner.device_),
          graphed(runner.device_, [&runner, this] { runner.step_(batch); }) {}
    // Whatever happens, the batch may be overwritten only after what was started reads it no more.
    void run() {
      try {
        graphed.run();
      } catch (...) {
        uploads.done();
        throw;
      }
      uploads.done();
    }
    void upload(const Batch& next) {
      uploads.begin();
      text::copy(next, batch, [this](const Tensor& from, Tensor& into) { uploads.copy(from, into); });
      uploads.end();
    }
  };
  // Two batches in turn: one is read while the other arrives.
  struct Shape {
    std::unique_ptr<Inputs> inputs[2];
    unsigned turn = 0;
  };

  // The next multiple of a quarter of the power of two below: few shapes, and at most a quarter of the room is unused.
  static int64_t common_room(int64_t room) {
    const int64_t quarter = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(room < 16 ? 16 : room))) / 4;
    return (room + quarter - 1) / quarter * quarter;
  }

  Device device_;
  int64_t batch_size_, most_room_;
  std::function<void(const Batch&)> step_;
  std::map<int64_t, Shape> shapes_;  // by room
  std::string reason_;
};

}  // namespace roux::apps
