// The ring of pinned buffers.
#include "cuda/staging.h"

#include <algorithm>
#include <cstring>

namespace roux::cuda {

Staging::~Staging() {
  for (const Buffer& buffer : ring_) {
    if (!buffer.data) continue;
    cudaEventSynchronize(buffer.read);
    cudaEventDestroy(buffer.read);
    cudaFreeHost(buffer.data);
  }
}

// The oldest buffer, once the device has read it; made when it is first needed.
Staging::Buffer& Staging::next_free() {
  Buffer& buffer = ring_[next_];
  next_ = (next_ + 1) % buffers;
  if (buffer.data) {
    check_cuda(cudaEventSynchronize(buffer.read), "copy_from_host");
  } else {
    check_cuda(cudaMallocHost(&buffer.data, buffer_bytes), "copy_from_host");
    check_cuda(cudaEventCreateWithFlags(&buffer.read, cudaEventDisableTiming), "copy_from_host");
  }
  return buffer;
}

void Staging::copy(void* device, const void* host, size_t bytes, cudaStream_t stream) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (size_t at = 0; at < bytes; at += buffer_bytes) {
    const size_t piece = std::min(buffer_bytes, bytes - at);
    const Buffer& buffer = next_free();
    std::memcpy(buffer.data, static_cast<const char*>(host) + at, piece);
    check_cuda(cudaMemcpyAsync(static_cast<char*>(device) + at, buffer.data, piece, cudaMemcpyHostToDevice, stream),
               "copy_from_host");
    check_cuda(cudaEventRecord(buffer.read, stream), "copy_from_host");
  }
}

}  // namespace roux::cuda
