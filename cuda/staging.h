// Copies from the host that do not wait: through pinned memory, in pieces.
#pragma once

#include <array>
#include <cstddef>
#include <mutex>

#include "cuda/device.h"

namespace roux::cuda {

/// A ring of pinned buffers. The device reads one while the host fills the next; host memory is free again when `copy`
/// returns, whether or not the bytes have arrived.
class Staging {
 public:
  Staging() = default;
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;
  ~Staging();

  /// Puts a copy of `bytes` at `host` to `device` into the stream.
  void copy(void* device, const void* host, size_t bytes, cudaStream_t stream);

 private:
  static constexpr size_t buffer_bytes = size_t{512} << 10;
  static constexpr size_t buffers = 16;
  struct Buffer {
    void* data = nullptr;
    cudaEvent_t read = nullptr;  // reached when the device has read it
  };

  Buffer& next_free();

  std::mutex mutex_;
  std::array<Buffer, buffers> ring_;
  size_t next_ = 0;
};

}  // namespace roux::cuda
