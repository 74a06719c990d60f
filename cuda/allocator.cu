// The caching allocator of device memory.
#include "cuda/allocator.h"

namespace roux::cuda {
namespace {

// Multiples of 512 bytes, above 1 MiB of an eighth of the next lower power of two: a block is at most an eighth larger
// than what was asked for, and sizes that differ a little share blocks.
size_t size_class(size_t bytes) {
  size_t step = 512;
  while (step * 16 <= bytes && bytes > (size_t{1} << 20)) step *= 2;
  return (bytes + step - 1) / step * step;
}

}  // namespace

void* Allocator::allocate(size_t bytes) {
  if (bytes == 0) return nullptr;
  const std::lock_guard<std::mutex> lock(mutex_);
  const size_t block_bytes = keeps_freed_memory() ? size_class(bytes) : bytes;
  const auto found = kept_.find({current_pool_, block_bytes});
  void* data = nullptr;
  if (found != kept_.end() && !found->second.empty()) {
    data = found->second.back();
    found->second.pop_back();
  } else {
    data = take_from_device(block_bytes);
  }
  blocks_[data] = {block_bytes, current_pool_};
  ++stats_.live_blocks;
  stats_.live_bytes += static_cast<int64_t>(block_bytes);
  return data;
}

void* Allocator::take_from_device(size_t bytes) {
  void* data = nullptr;
  if (cudaMalloc(&data, bytes) == cudaSuccess) return data;
  release_kept_locked();
  const cudaError_t status = cudaMalloc(&data, bytes);
  if (status == cudaSuccess) return data;
  if (status != cudaErrorMemoryAllocation) check_cuda(status, "allocate");
  cudaGetLastError();
  size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  fail("allocate", "out of device memory: asked for ", bytes, " bytes, ", free, " of ", total,
       " are free (hint: a smaller batch)");
}

void Allocator::deallocate(void* data) noexcept {
  if (!data) return;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = blocks_.find(data);
  const Block block = found->second;
  blocks_.erase(found);
  --stats_.live_blocks;
  stats_.live_bytes -= static_cast<int64_t>(block.bytes);
  if (keeps_freed_memory() || block.pool != 0 || current_pool_ != 0)  // nothing is given back while a step is recorded
    kept_[{block.pool, block.bytes}].push_back(data);
  else
    cudaFree(data);
}

void Allocator::release_kept() noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  release_kept_locked();
}

void Allocator::release_kept_locked() noexcept {
  for (auto& [key, data] : kept_) {
    if (key.first != 0) continue;  // a graph still writes there
    for (void* const each : data) cudaFree(each);
    data.clear();
  }
}

MemoryStats Allocator::stats() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return stats_;
}

Allocator::Pool Allocator::begin_pool() {
  const std::lock_guard<std::mutex> lock(mutex_);
  return current_pool_ = next_pool_++;
}

void Allocator::end_pool() {
  const std::lock_guard<std::mutex> lock(mutex_);
  current_pool_ = 0;
}

void Allocator::drop_pool(Pool pool) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [data, block] : blocks_)
    if (block.pool == pool) block.pool = 0;
  for (auto each = kept_.begin(); each != kept_.end();) {
    if (each->first.first != pool) {
      ++each;
      continue;
    }
    std::vector<void*>& plain = kept_[{0, each->first.second}];
    plain.insert(plain.end(), each->second.begin(), each->second.end());
    each = kept_.erase(each);
  }
}

}  // namespace roux::cuda
