// Storage: memory on a device that views share, with the count of its handles and the number of writes to it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "tensor/device.h"

namespace roux {

/// A counted handle to a block of device memory. The last handle frees it. Handles may be passed between threads;
/// writing to one storage from two threads at once is the caller's to prevent.
class Storage {
 public:
  Storage() = default;
  /// Uninitialised memory, aligned to 64 bytes.
  static Storage allocate(size_t bytes, Device device);
  /// CPU memory that belongs to somebody else (a mapped file, say); `release` is called when the last handle is gone.
  static Storage external(void* data, size_t bytes, std::function<void()> release);

  /// One handle more to the same memory.
  Storage(const Storage& other) noexcept : block_(other.block_) {
    if (block_) block_->handles.fetch_add(1, std::memory_order_relaxed);
  }
  /// Takes the handle; `other` has none then.
  Storage(Storage&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  /// Exchanges handles; that of before goes with `other`.
  Storage& operator=(Storage other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Storage() {
    if (block_ && block_->handles.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(block_);
  }

  /// Whether it is a handle to something; all but `operator==` expect that.
  explicit operator bool() const { return block_ != nullptr; }
  /// The first byte, on `device()`.
  void* data() const { return block_->data; }
  /// The size of the memory, and where it lies.
  size_t bytes() const { return block_->bytes; }
  Device device() const { return block_->device; }
  /// True when this is the only handle: nobody else can see a write.
  bool unshared() const { return block_->handles.load(std::memory_order_acquire) == 1; }
  /// Grows with every write through any view.
  uint64_t version() const { return block_->version; }
  void bump_version() const { ++block_->version; }

  friend bool operator==(const Storage& a, const Storage& b) { return a.block_ == b.block_; }

 private:
  struct Block {
    std::atomic<int64_t> handles{1};
    uint64_t version = 0;
    void* data = nullptr;
    size_t bytes = 0;
    std::function<void()>* release = nullptr;  // of external memory; null where the device's allocator owns it
    Device device;
  };
  explicit Storage(Block* block) : block_(block) {}
  static void destroy(Block* block) noexcept;

  Block* block_ = nullptr;
};

}  // namespace roux
