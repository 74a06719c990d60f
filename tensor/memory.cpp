// Size classes, per-thread free lists and the central lists behind them.
#include "tensor/memory.h"

#include <atomic>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <vector>

#include "tensor/error.h"

#if defined(__SANITIZE_ADDRESS__)
#define ROUX_BYPASS_CACHE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ROUX_BYPASS_CACHE 1
#endif
#endif
#ifndef ROUX_BYPASS_CACHE
#define ROUX_BYPASS_CACHE 0
#endif

namespace roux {
namespace {

constexpr size_t alignment = 64;
constexpr int small_classes = 16;  // 64, 128, ..., 1024 bytes
constexpr int num_classes = small_classes + 4 * 30;
constexpr size_t slab_bytes = size_t{1} << 16;
// What one thread keeps of one class before it hands half of it over, and what the central lists keep of large blocks.
constexpr int64_t thread_keep_bytes = int64_t{4} << 20;
constexpr int64_t central_keep_bytes = int64_t{512} << 20;

// Classes are multiples of 64 up to 1024, then four to each power of two: at most a quarter of a block is unused.
int class_of(size_t bytes) {
  if (bytes <= 1024) return bytes == 0 ? 0 : static_cast<int>((bytes - 1) / 64);
  const int octave = std::bit_width(bytes - 1) - 1;  // 2^octave < bytes <= 2^(octave+1), octave >= 10
  const int quarter = static_cast<int>(((bytes - 1) >> (octave - 2)) & 3);
  return small_classes + 4 * (octave - 10) + quarter;
}

size_t class_bytes(int size_class) {
  if (size_class < small_classes) return 64 * (static_cast<size_t>(size_class) + 1);
  const int octave = (size_class - small_classes) / 4 + 10, quarter = (size_class - small_classes) % 4;
  return (size_t{5} + static_cast<size_t>(quarter)) << (octave - 2);
}

struct FreeBlock {
  FreeBlock* next;
};

struct FreeList {
  FreeBlock* head = nullptr;
  int64_t count = 0;

  void push(void* memory) {
    auto* block = static_cast<FreeBlock*>(memory);
    block->next = head;
    head = block;
    ++count;
  }
  void* pop() {
    FreeBlock* block = head;
    head = block->next;
    --count;
    return block;
  }
};

// Exactly `bytes`: AddressSanitizer sees the first byte behind them.
void* system_allocate(size_t bytes) {
  void* memory = nullptr;
  const int error = posix_memalign(&memory, alignment, bytes == 0 ? 1 : bytes);
  ROUX_CHECK(error == 0, "memory", "out of memory: could not allocate ", static_cast<int64_t>(bytes), " bytes");
  return memory;
}

// Counters that one thread writes and others read: a plain load and store each, no locked instruction.
struct Counters {
  std::atomic<int64_t> blocks{0}, bytes{0};

  void add(int64_t block_change, int64_t byte_change) {
    blocks.store(blocks.load(std::memory_order_relaxed) + block_change, std::memory_order_relaxed);
    bytes.store(bytes.load(std::memory_order_relaxed) + byte_change, std::memory_order_relaxed);
  }
};

struct ThreadCache {
  FreeList lists[num_classes];
  Counters counters;
};

// Blocks that no thread holds, and the list of all caches. Never destroyed: statics may free tensors at exit.
struct Central {
  std::mutex mutex;
  FreeList lists[num_classes];
  int64_t large_bytes = 0;
  char* slab = nullptr;
  size_t slab_left = 0;
  std::vector<ThreadCache*> caches;
  Counters departed;  // of threads that have ended, and of frees after a thread's own cache is gone

  void* take(int size_class) {
    const size_t bytes = class_bytes(size_class);
    if (lists[size_class].head) {
      if (size_class >= small_classes) large_bytes -= static_cast<int64_t>(bytes);
      return lists[size_class].pop();
    }
    if (size_class >= small_classes) return system_allocate(bytes);
    if (slab_left < bytes) {
      slab = static_cast<char*>(system_allocate(slab_bytes));
      slab_left = slab_bytes;
    }
    char* block = slab;
    slab += bytes;
    slab_left -= bytes;
    return block;
  }

  void give(void* block, int size_class) {
    const auto bytes = static_cast<int64_t>(class_bytes(size_class));
    if (size_class >= small_classes) {
      if (large_bytes + bytes > central_keep_bytes) return std::free(block);
      large_bytes += bytes;
    }
    lists[size_class].push(block);
  }
};

Central& central() {
  static Central* const instance = new Central;
  return *instance;
}

thread_local ThreadCache* thread_cache = nullptr;
thread_local bool thread_ended = false;

// Hands a thread's blocks over when it ends; frees that come later still go straight to the central lists.
struct ThreadExit {
  ~ThreadExit() {
    Central& shared = central();
    const std::lock_guard lock(shared.mutex);
    for (int c = 0; c < num_classes; ++c)
      while (thread_cache->lists[c].head) shared.give(thread_cache->lists[c].pop(), c);
    shared.departed.add(thread_cache->counters.blocks, thread_cache->counters.bytes);
    std::erase(shared.caches, thread_cache);
    delete thread_cache;
    thread_cache = nullptr;
    thread_ended = true;
  }
};

ThreadCache* make_thread_cache() {
  if (thread_ended) return nullptr;
  thread_cache = new ThreadCache;
  {
    const std::lock_guard lock(central().mutex);
    central().caches.push_back(thread_cache);
  }
  thread_local const ThreadExit at_exit;
  static_cast<void>(at_exit);
  return thread_cache;
}

// How many blocks move between a thread and the central lists at a time.
int64_t batch_of(int size_class) { return size_class < small_classes ? 32 : 1; }

[[gnu::noinline]] void* refill(ThreadCache& cache, int size_class) {
  const std::lock_guard lock(central().mutex);
  for (int64_t i = 1; i < batch_of(size_class); ++i) cache.lists[size_class].push(central().take(size_class));
  return central().take(size_class);
}

[[gnu::noinline]] void spill(ThreadCache& cache, int size_class) {
  const std::lock_guard lock(central().mutex);
  for (int64_t i = cache.lists[size_class].count / 2 + 1; i > 0; --i)
    central().give(cache.lists[size_class].pop(), size_class);
}

}  // namespace

void* allocate_memory(size_t bytes) {
  const int size_class = class_of(bytes);
  ROUX_CHECK(size_class < num_classes, "memory", "cannot allocate ", static_cast<int64_t>(bytes), " bytes at once");
  const auto rounded = static_cast<int64_t>(class_bytes(size_class));
  ThreadCache* cache = thread_cache ? thread_cache : make_thread_cache();
  if (!cache) {
    const std::lock_guard lock(central().mutex);
    central().departed.add(1, rounded);
    return ROUX_BYPASS_CACHE ? system_allocate(bytes) : central().take(size_class);
  }
  cache->counters.add(1, rounded);
  if (ROUX_BYPASS_CACHE) return system_allocate(bytes);
  return cache->lists[size_class].head ? cache->lists[size_class].pop() : refill(*cache, size_class);
}

void free_memory(void* block, size_t bytes) noexcept {
  const int size_class = class_of(bytes);
  const auto rounded = static_cast<int64_t>(class_bytes(size_class));
  ThreadCache* cache = thread_cache ? thread_cache : make_thread_cache();
  if (!cache) {
    const std::lock_guard lock(central().mutex);
    central().departed.add(-1, -rounded);
    return ROUX_BYPASS_CACHE ? std::free(block) : central().give(block, size_class);
  }
  cache->counters.add(-1, -rounded);
  if (ROUX_BYPASS_CACHE) return std::free(block);
  FreeList& list = cache->lists[size_class];
  list.push(block);
  if (list.count * rounded > thread_keep_bytes && list.count > 1) [[unlikely]]
    spill(*cache, size_class);
}

MemoryStats memory_stats() {
  const std::lock_guard lock(central().mutex);
  MemoryStats stats{central().departed.blocks, central().departed.bytes};
  for (const ThreadCache* cache : central().caches) {
    stats.live_blocks += cache->counters.blocks.load(std::memory_order_relaxed);
    stats.live_bytes += cache->counters.bytes.load(std::memory_order_relaxed);
  }
  return stats;
}

}  // namespace roux
