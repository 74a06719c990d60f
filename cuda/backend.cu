// Which devices there are, and what the kernels of one share: its stream, its memory, copies, reported errors.
#include <array>
#include <mutex>
#include <string>

#include "cuda/cuda_backend.h"

namespace roux {
namespace cuda {
namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// Empty when cuda:`index` can be used.
std::string why_unavailable(int index) {
  int driver = 0, runtime = 0, count = 0;
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);
  const std::string built = "this build is for CUDA " + version_text(runtime);
  const cudaError_t status = cudaGetDeviceCount(&count);
  cudaGetLastError();
  if (driver == 0) return built + ", but there is no NVIDIA driver (hint: install one, or use the device cpu)";
  if (driver / 1000 < runtime / 1000)
    return built + ", but the driver knows only up to CUDA " + version_text(driver) +
           " (hint: update the driver, build with an older toolkit, or use the device cpu)";
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0))
    return built + ", but the driver finds no device (hint: is it hidden by CUDA_VISIBLE_DEVICES?)";
  if (status != cudaSuccess) return built + ", but CUDA says: " + cudaGetErrorString(status);
  if (index < 0 || index >= count)
    return count == 1
               ? std::string("there is one CUDA device, cuda:0")
               : "there are " + std::to_string(count) + " CUDA devices, cuda:0 to cuda:" + std::to_string(count - 1);
  return "";
}

constexpr int most_devices = 128;
std::mutex devices_mutex;
std::array<CudaBackend*, most_devices> devices{};  // never destroyed: static tensors may outlive everything else

}  // namespace

CudaBackend::CudaBackend(int index) : index_(index) {
  make_current();
  check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "device");
  check_cuda(cudaStreamCreateWithFlags(&copy_stream_, cudaStreamNonBlocking), "device");
  check_cuda(cudaMallocHost(reinterpret_cast<void**>(&report_), sizeof *report_), "device");
  *report_ = IndexReport{};
}

CudaBackend::~CudaBackend() {
  cudaStreamSynchronize(stream_);
  cudaStreamSynchronize(copy_stream_);
  cublas_.reset();
  if (cublas_workspace_) deallocate(cublas_workspace_, Cublas::workspace_bytes);
  cudaStreamDestroy(copy_stream_);
  cudaStreamDestroy(stream_);
  cudaFreeHost(report_);
}

// CUDA keeps the current device for each thread of the host.
void CudaBackend::make_current() const {
  static thread_local int current = 0;
  if (current == index_) [[likely]]
    return;
  check_cuda(cudaSetDevice(index_), "device");
  current = index_;
}

void* CudaBackend::allocate(size_t bytes) {
  make_current();
  return memory_.allocate(bytes);
}

void CudaBackend::deallocate(void* data, size_t) noexcept { memory_.deallocate(data); }

void CudaBackend::copy_from_host(void* out, const void* host, size_t bytes) {
  if (bytes == 0) return;
  ROUX_CHECK(!recorded_values_, "copy_from_host",
             "a recorded step cannot copy from the host: a replay would find the old bytes");
  staging_.copy(out, host, bytes, stream());
}

void CudaBackend::copy_to_host(void* host, const void* in, size_t bytes) {
  ROUX_CHECK(!recorded_values_, "copy_to_host", "a recorded step cannot wait for the device");
  if (bytes > 0) check_cuda(cudaMemcpyAsync(host, in, bytes, cudaMemcpyDeviceToHost, stream()), "copy_to_host");
  synchronize();
}

void CudaBackend::synchronize() {
  ROUX_CHECK(!recorded_values_, "synchronize", "a recorded step cannot wait for the device");
  check_cuda(cudaStreamSynchronize(stream()), "synchronize");
  if (report_->reported == 0) [[likely]]
    return;
  const IndexReport report = *report_;
  *report_ = IndexReport{};
  fail_index(report.check, report.found);
}

void CudaBackend::begin_recording(StepValues& values, Allocator::Pool& pool) {
  ROUX_CHECK(!recorded_values_, "graphed_step", "another step is being recorded");
  // Relaxed: memory may be taken from the device meanwhile.
  check_cuda(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeRelaxed), "graphed_step");
  recorded_values_ = &values;
  pool = memory_.begin_pool();
}

cudaError_t CudaBackend::end_recording(cudaGraph_t* graph) {
  if (!recorded_values_) return cudaSuccess;
  recorded_values_ = nullptr;
  memory_.end_pool();
  return cudaStreamEndCapture(stream(), graph);
}

void CudaBackend::with_found_values(StepValues& values, const std::function<void()>& step) {
  found_values_ = &values;
  try {
    step();
  } catch (...) {
    found_values_ = nullptr;
    throw;
  }
  found_values_ = nullptr;
}

}  // namespace cuda

Backend* cuda_backend(int index) {
  if (index < 0 || index >= cuda::most_devices) return nullptr;
  const std::lock_guard<std::mutex> lock(cuda::devices_mutex);
  cuda::CudaBackend*& device = cuda::devices[static_cast<size_t>(index)];
  if (!device && cuda::why_unavailable(index).empty()) device = new cuda::CudaBackend(index);
  return device;
}

std::string cuda_unavailable_reason(int index) { return cuda::why_unavailable(index); }

}  // namespace roux
