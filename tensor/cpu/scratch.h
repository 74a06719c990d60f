// Working memory of a kernel, from the caching allocator.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/memory.h"

namespace roux::cpu_kernels {

/// Room for `count` numbers, aligned to 64 bytes and not initialised.
template <class T>
class Scratch {
 public:
  explicit Scratch(int64_t count)
      : bytes_(static_cast<size_t>(count) * sizeof(T)), data_(static_cast<T*>(allocate_memory(bytes_))) {}
  ~Scratch() { free_memory(data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* get() const { return data_; }

 private:
  size_t bytes_;
  T* data_;
};

}  // namespace roux::cpu_kernels
