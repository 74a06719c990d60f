// Recording and replay of a step.
#include "cuda/graphed_step.h"

#include "cuda/cuda_backend.h"

namespace roux::cuda {

/// A recorded step: the graph, the memory that it uses, and the values that it is given.
class GraphedStep::Recording {
 public:
  explicit Recording(CudaBackend& backend) : backend_(backend), values_(backend.allocate(StepValues::most_bytes)) {}
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording() {
    cudaStreamSynchronize(stream_);
    if (exec_) cudaGraphExecDestroy(exec_);
    backend_.drop_pool(pool_);
    backend_.deallocate(values_.block(), StepValues::most_bytes);
  }

  /// Runs `step` on the host while the device only takes notes.
  void record(const std::function<void()>& step) {
    cudaGraph_t graph = nullptr;
    try {
      backend_.begin_recording(values_, pool_);
      step();
      check_cuda(backend_.end_recording(&graph), "graphed_step");
      check_cuda(cudaGraphInstantiate(&exec_, graph, 0), "graphed_step");
    } catch (...) {
      backend_.end_recording(&graph);
      if (graph) cudaGraphDestroy(graph);
      throw;
    }
    cudaGraphDestroy(graph);
  }

  /// Runs a step that could not be recorded, with the values that were already found for it: the host has counted it.
  void run_instead(const std::function<void()>& step) { backend_.with_found_values(values_, step); }

  /// The values were found when the step was recorded; for every further replay they are found again.
  void replay() {
    if (has_run_) values_.refresh();
    has_run_ = true;
    backend_.copy_from_host(values_.block(), values_.bytes().data(), values_.bytes().size());
    check_cuda(cudaGraphLaunch(exec_, stream_), "graphed_step");
  }

 private:
  CudaBackend& backend_;
  cudaStream_t stream_ = backend_.stream();
  StepValues values_;
  Allocator::Pool pool_ = 0;
  cudaGraphExec_t exec_ = nullptr;
  bool has_run_ = false;
};

GraphedStep::GraphedStep(Device device, std::function<void()> step) : device_(device), step_(std::move(step)) {
  if (device.type != DeviceType::cuda) reason_ = "only steps on a CUDA device are recorded";
}

GraphedStep::~GraphedStep() = default;

void GraphedStep::run() {
  if (recording_) return recording_->replay();
  if (!has_run_ || !reason_.empty()) {
    step_();
    has_run_ = true;
    return;
  }
  std::unique_ptr<Recording> recording;
  try {
    recording = std::make_unique<Recording>(static_cast<CudaBackend&>(*cuda_backend(device_.index)));
    recording->record(step_);
  } catch (const Error& error) {
    reason_ = error.what();
    return recording ? recording->run_instead(step_) : step_();
  }
  recording_ = std::move(recording);
  recording_->replay();
}

}  // namespace roux::cuda
