// Device memory of one device: freed blocks are kept by size and handed out again, in the order of the stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "cuda/device.h"
#include "tensor/memory.h"

namespace roux::cuda {

/// A caching allocator. Its blocks are used on one stream, so that a freed block may be handed out at once: what still
/// runs on it runs before whatever comes next.
///
/// A CUDA graph uses the addresses that it was recorded with at every replay. What is allocated while one is recorded
/// therefore comes from a pool of its own, and blocks of that pool go to nobody else until the pool is dropped.
class Allocator {
 public:
  Allocator() = default;
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;
  ~Allocator() { release_kept(); }

  /// `bytes` of memory, aligned to 256; null for 0. Throws Error, naming bytes asked, free and in all, when the device
  /// has no room even after all kept blocks were given back to it.
  void* allocate(size_t bytes);
  void deallocate(void* data) noexcept;
  /// Gives blocks that nobody uses back to the device.
  void release_kept() noexcept;
  /// What is handed out at the moment.
  MemoryStats stats() const;

  using Pool = int64_t;
  /// Starts a pool: until end_pool, blocks come from it.
  Pool begin_pool();
  void end_pool();
  /// The pool's blocks become ordinary ones. No graph that was recorded with it may run any more.
  void drop_pool(Pool pool);

 private:
  struct Block {
    size_t bytes = 0;  // of its size class
    Pool pool = 0;     // 0: none
  };
  using Key = std::pair<Pool, size_t>;

  void* take_from_device(size_t bytes);
  void release_kept_locked() noexcept;

  mutable std::mutex mutex_;
  std::unordered_map<void*, Block> blocks_;  // handed out
  std::map<Key, std::vector<void*>> kept_;   // not handed out, by pool and size class
  Pool current_pool_ = 0, next_pool_ = 1;
  MemoryStats stats_;
};

}  // namespace roux::cuda
