// Device memory of one device: freed blocks are kept by size and handed out again, in the order of the stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "cuda/device.h"
#include "tensor/memory.h"

namespace roux::cuda {

/// A caching allocator. Blocks are used on one stream, so that a block that is freed may be handed out at once: what
/// still runs on it runs before whatever comes next.
class Allocator {
 public:
  explicit Allocator(int device) : device_(device) {}
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;
  ~Allocator();

  /// `bytes` of memory, aligned to 256; null for 0. Throws Error, naming bytes asked, free and in all, when the device
  /// has no room even after kept blocks were given back.
  void* allocate(size_t bytes);
  void deallocate(void* data, size_t bytes) noexcept;
  /// Gives blocks that nobody uses back to the device.
  void release_kept() noexcept;
  /// What is handed out at the moment.
  MemoryStats stats() const;

 private:
  void* take_from_device(size_t bytes);

  int device_;
  mutable std::mutex mutex_;
  std::map<size_t, std::vector<void*>> kept_;  // by size class
  MemoryStats stats_;
};

}  // namespace roux::cuda
