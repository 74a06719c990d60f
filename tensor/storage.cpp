// Allocation of storages: on the CPU the header and the data are one block, elsewhere the backend provides the data.
#include "tensor/storage.h"

#include <memory>
#include <new>

#include "tensor/backend.h"
#include "tensor/memory.h"

namespace roux {
namespace {
constexpr size_t header_bytes = 64;  // one cache line, so that the data behind it stays aligned
}

Storage Storage::allocate(size_t bytes, Device device) {
  static_assert(sizeof(Block) <= header_bytes);
  if (device == cpu) {
    auto* block = new (allocate_memory(header_bytes + bytes)) Block;
    block->data = reinterpret_cast<char*>(block) + header_bytes;
    block->bytes = bytes;
    return Storage(block);
  }
  void* const data = backend(device).allocate(bytes);
  auto* block = new (allocate_memory(header_bytes)) Block;
  block->data = data;
  block->bytes = bytes;
  block->device = device;
  return Storage(block);
}

Storage Storage::external(void* data, size_t bytes, std::function<void()> release) {
  auto owner = std::make_unique<std::function<void()>>(std::move(release));
  auto* block = new (allocate_memory(header_bytes)) Block;
  block->data = data;
  block->bytes = bytes;
  block->release = owner.release();
  return Storage(block);
}

void Storage::destroy(Block* block) noexcept {
  size_t block_bytes = header_bytes;
  if (block->release) {
    (*block->release)();
    delete block->release;
  } else if (block->device == cpu) {
    block_bytes += block->bytes;
  } else {
    backend(block->device).deallocate(block->data, block->bytes);
  }
  block->~Block();
  free_memory(block, block_bytes);
}

}  // namespace roux
