// Recording and replay of a step.
#include "cuda/graphed_step.h"

#include "cuda/cuda_backend.h"

namespace roux::cuda {

/// A recorded step: the graph, the memory that it uses, and the values that it is given.
class GraphedStep::Recording {
 public:
  /// Runs `step` on the host while the device only takes notes.
  Recording(CudaBackend& backend, const std::function<void()>& step)
      : backend_(backend), values_(backend.allocate(StepValues::most_bytes)) {
    backend_.begin_recording(values_, pool_);
    cudaGraph_t graph = nullptr;
    try {
      step();
      check_cuda(backend_.end_recording(&graph), "graphed_step");
      check_cuda(cudaGraphInstantiate(&exec_, graph, 0), "graphed_step");
    } catch (...) {
      backend_.end_recording(&graph);
      if (graph) cudaGraphDestroy(graph);
      release();
      throw;
    }
    cudaGraphDestroy(graph);
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording() {
    cudaStreamSynchronize(backend_.stream());
    cudaGraphExecDestroy(exec_);
    release();
  }

  /// The values were found when the step was recorded; for every further replay they are found again.
  void replay() {
    if (has_run_) values_.refresh();
    has_run_ = true;
    backend_.copy_from_host(values_.block(), values_.bytes().data(), values_.bytes().size());
    check_cuda(cudaGraphLaunch(exec_, backend_.stream()), "graphed_step");
  }

 private:
  void release() {
    backend_.drop_pool(pool_);
    backend_.deallocate(values_.block(), StepValues::most_bytes);
  }

  CudaBackend& backend_;
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
  if (!recording_ && has_run_ && reason_.empty()) {
    try {
      recording_ = std::make_unique<Recording>(static_cast<CudaBackend&>(backend(device_)), step_);
    } catch (const Error& error) {
      reason_ = error.what();
    }
  }
  if (recording_)
    recording_->replay();
  else
    step_();
  has_run_ = true;
}

}  // namespace roux::cuda
