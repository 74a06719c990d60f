// Finding the backend of a device, and devices by name.
#include "tensor/backend.h"

#include <charconv>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/profiled_backend.h"
#include "tensor/profiler.h"

namespace roux {

namespace {

Backend& real_backend(Device device) {
  if (device.type == DeviceType::cpu) {
    static cpu_kernels::CpuBackend* const instance = new cpu_kernels::CpuBackend;  // outlives every static tensor
    return *instance;
  }
  Backend* const found = cuda_backend(device.index);
  ROUX_CHECK(found != nullptr, "device", to_string(device), " is not there: ", cuda_unavailable_reason(device.index));
  return *found;
}

}  // namespace

Backend& backend(Device device) {
  Backend& found = real_backend(device);
  if (detail::profiling()) [[unlikely]]
    return profiled_backend(found, device);
  return found;
}

void Backend::matmul_with_bias(const View& out, const View& a, const View& b, const View& bias,
                               const MatmulShape& shape) {
  View rows = out;
  rows.data = bias.data;
  rows.strides = Strides::filled(out.shape.size(), 0);
  rows.strides.back() = 1;
  copy(out, rows);
  MatmulShape added = shape;
  added.accumulate = true;
  matmul(out, a, b, added);
}

Device Device::parse(std::string_view text) {
  if (text == "cpu") return cpu;
  if (text == "auto") return cuda_backend(0) ? Device{DeviceType::cuda, 0} : cpu;
  Device device{DeviceType::cuda, 0};
  if (text != "cuda") {
    int index = -1;
    const char* const end = text.data() + text.size();
    if (text.starts_with("cuda:")) {
      const auto [stop, error] = std::from_chars(text.data() + 5, end, index);
      if (error != std::errc() || stop != end) index = -1;
    }
    ROUX_CHECK(index >= 0 && index < 128, "device", "unknown device '", text,
               "' (expected: cpu, cuda, cuda:N or auto)");
    device.index = static_cast<int8_t>(index);
  }
  backend(device);
  return device;
}

std::string to_string(Device device) {
  return device.type == DeviceType::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
}

}  // namespace roux
