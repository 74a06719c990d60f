// Device memory of the host execution layer: pages that only kernels and copies can reach.
//
// Every allocation lies at the end of pages of its own, with a page behind that nobody may touch; outside of launches
// and copies all of it is inaccessible, so that host code that follows a device pointer crashes at once, with a
// sentence. Fresh memory is poisoned with 0xFF.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace roux::host_cuda {

struct Allocation {
  char* data = nullptr;
  size_t bytes = 0;
};

/// Null where the device's memory is full.
void* allocate_device(size_t bytes);
/// False for what was not allocated. Throws Error when something was written right behind it.
bool free_device(void* data);
/// True when [data, data + bytes) lies in one allocation.
bool is_device_range(const void* data, size_t bytes);
std::vector<Allocation> live_allocations();
size_t live_bytes();

/// How much there is; a test makes it small.
extern size_t device_memory_bytes;

/// As long as one lives, device memory is accessible: changing that takes a call of the system for each allocation, so
/// a queue of work shares one.
class DeviceAccess {
 public:
  DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
  ~DeviceAccess();
};

/// Runs `f` with device memory accessible. An access that hits nothing of it ends `f`: an Error that tells which
/// address. `what` is asked what was running.
void with_device_memory(const std::function<void()>& f, const std::function<std::string()>& what);

/// Runs `f`, which is host code, and tells whether it touched device memory.
bool touches_device_memory(const std::function<void()>& f);

}  // namespace roux::host_cuda
