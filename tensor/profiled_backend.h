// A device's backend while a profiler runs.
#pragma once

#include "tensor/backend.h"

namespace roux {

/// A backend that calls `inner`, the backend of `device`, and tells the profiler of each call.
Backend& profiled_backend(Backend& inner, Device device);

}  // namespace roux
