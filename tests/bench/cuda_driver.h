// What cuda_bench asks of the CUDA driver itself, without a header or a library of the toolkit.
#pragma once

#include <dlfcn.h>

#include <cstddef>
#include <string>

#include "tensor/error.h"

namespace roux::bench {

/// The driver's library, opened by hand: it tells the device's name, and copies without a kernel of ours.
class Driver {
 public:
  Driver() : library_(dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {}

  /// Empty where the driver does not tell.
  std::string device_name(int index) const {
    const auto initialise = find<int (*)(unsigned)>("cuInit");
    const auto get = find<int (*)(int*, int)>("cuDeviceGet");
    const auto name_of = find<int (*)(char*, int, int)>("cuDeviceGetName");
    char name[256] = "";
    int handle = 0;
    const bool found = initialise && get && name_of && initialise(0) == 0 && get(&handle, index) == 0 &&
                       name_of(name, sizeof name, handle) == 0;
    return found ? name : "";
  }
  /// Starts a copy between two places of the device; false when it cannot.
  bool copy(void* to, const void* from, size_t bytes) const {
    using Address = unsigned long long;  // CUdeviceptr
    static const auto start = find<int (*)(Address, Address, size_t, void*)>("cuMemcpyDtoDAsync_v2");
    return start && start(reinterpret_cast<Address>(to), reinterpret_cast<Address>(from), bytes, nullptr) == 0;
  }
  /// Waits for the copies.
  void wait() const {
    static const auto synchronize = find<int (*)()>("cuCtxSynchronize");
    ROUX_CHECK(synchronize && synchronize() == 0, "copy", "the driver's copy failed");
  }

 private:
  template <class Function>
  Function find(const char* name) const {
    return library_ ? reinterpret_cast<Function>(dlsym(library_, name)) : nullptr;
  }
  void* library_;
};

}  // namespace roux::bench
