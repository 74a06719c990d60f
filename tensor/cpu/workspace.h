// Memory that a kernel needs while it runs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensor/memory.h"

namespace roux::cpu_kernels {

/// A block of memory, aligned to 64 bytes, without initial values.
class Workspace {
 public:
  explicit Workspace(int64_t bytes) : bytes_(static_cast<size_t>(bytes)), data_(allocate_memory(bytes_)) {}
  ~Workspace() { free_memory(data_, bytes_); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  template <class T = char>
  T* data() const {
    return static_cast<T*>(data_);
  }

 private:
  size_t bytes_;
  void* data_;
};

}  // namespace roux::cpu_kernels
