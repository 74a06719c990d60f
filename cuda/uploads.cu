// The stream of copies and the stream of kernels, and the two events by which they wait for each other.
#include "cuda/uploads.h"

#include "cuda/cuda_backend.h"

namespace roux::cuda {

struct Uploads::Events {
  CudaBackend& backend;
  cudaStream_t copies = backend.copy_stream();
  cudaEvent_t arrived = nullptr, read = nullptr;
};

Uploads::Uploads(Device device) {
  if (device.type != DeviceType::cuda) return;
  backend(device);  // says why, where there is none; the one that it gives may be a profiler's
  events_ = std::make_unique<Events>(Events{static_cast<CudaBackend&>(*cuda_backend(device.index))});
  events_->backend.stream();  // makes the device the current one
  check_cuda(cudaEventCreateWithFlags(&events_->arrived, cudaEventDisableTiming), "uploads");
  check_cuda(cudaEventCreateWithFlags(&events_->read, cudaEventDisableTiming), "uploads");
  done();
}

Uploads::~Uploads() {
  if (!events_) return;
  cudaStreamSynchronize(events_->copies);
  cudaEventDestroy(events_->arrived);
  cudaEventDestroy(events_->read);
}

void Uploads::begin() {
  if (events_) check_cuda(cudaStreamWaitEvent(events_->backend.copy_stream(), events_->read, 0), "uploads");
}

void Uploads::copy(const Tensor& from, Tensor& into) {
  ROUX_CHECK(
      from.device() == cpu && from.dtype() == into.dtype() && from.shape() == into.shape() && into.is_contiguous(),
      "uploads", "found ", from.dtype(), " of shape ", from.shape(), " on ", from.device(), " for ", into.dtype(),
      " of shape ", into.shape(), ", expected the same, from the CPU, into a contiguous tensor");
  if (!events_) {
    into.copy_(from);
    return;
  }
  const Tensor source = from.contiguous();
  events_->backend.upload(into.view().data, source.view().data,
                          static_cast<size_t>(from.numel() * size_of(from.dtype())));
  into.bump_version();
}

void Uploads::end() {
  if (!events_) return;
  check_cuda(cudaEventRecord(events_->arrived, events_->backend.copy_stream()), "uploads");
  check_cuda(cudaStreamWaitEvent(events_->backend.stream(), events_->arrived, 0), "uploads");
}

void Uploads::done() {
  if (events_) check_cuda(cudaEventRecord(events_->read, events_->backend.stream()), "uploads");
}

}  // namespace roux::cuda
