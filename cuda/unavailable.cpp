// Stands in for the CUDA backend in a build without it, so that callers need no #ifdef.
#include "cuda/graphed_step.h"
#include "tensor/backend.h"

namespace roux {

Backend* cuda_backend(int) { return nullptr; }

std::string cuda_unavailable_reason(int) { return "this build has no CUDA backend (hint: use the device cpu)"; }

namespace cuda {

class GraphedStep::Recording {};

GraphedStep::GraphedStep(Device device, std::function<void()> step)
    : device_(device), step_(std::move(step)), reason_("only steps on a CUDA device are recorded") {}

GraphedStep::~GraphedStep() = default;

void GraphedStep::run() {
  step_();
  has_run_ = true;
}

}  // namespace cuda
}  // namespace roux
