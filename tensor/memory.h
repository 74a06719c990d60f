// Host memory: a caching allocator for tensors and graph nodes, and figures about it.
//
// Freed blocks are kept by size class and handed out again: fresh memory has to be mapped and cleared by the kernel,
// which costs more than most operations on small tensors. Each thread keeps lists of its own, so the common path takes
// no lock. Under AddressSanitizer every block comes from and goes back to the system, so that it sees every misuse.
#pragma once

#include <cstddef>
#include <cstdint>

namespace roux {

/// What is allocated at the moment, over all threads.
struct MemoryStats {
  int64_t live_blocks = 0;  ///< blocks handed out and not yet given back
  int64_t live_bytes = 0;   ///< their bytes, rounded up to size classes
};

/// `bytes` of memory, aligned to 64; never null (throws Error when the system has none). `bytes` may be 0.
void* allocate_memory(size_t bytes);

/// Gives back a block of allocate_memory; `bytes` must be the number it was asked for.
void free_memory(void* block, size_t bytes) noexcept;

MemoryStats memory_stats();

}  // namespace roux
