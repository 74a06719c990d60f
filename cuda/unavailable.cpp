// Stands in for the CUDA backend in a build without it, so that callers need no #ifdef.
#include "cuda/graphed_step.h"
#include "cuda/uploads.h"
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

struct Uploads::Events {};

Uploads::Uploads(Device) {}

Uploads::~Uploads() = default;

void Uploads::begin() {}

void Uploads::copy(const Tensor& from, Tensor& into) {
  check_upload(from, into);
  into.copy_(from);
}

void Uploads::end() {}

void Uploads::done() {}

}  // namespace cuda
}  // namespace roux
