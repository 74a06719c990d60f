// Where a tensor lives.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace roux {

enum class DeviceType : uint8_t { cpu, cuda };

/// A device: the CPU, or one of the CUDA devices by index.
struct Device {
  DeviceType type = DeviceType::cpu;  ///< the CPU or a CUDA device
  int8_t index = 0;                   ///< which one of them

  /// Reads `cpu`, `cuda`, `cuda:N`, or `auto` (the first CUDA device where there is one, else the CPU).
  /// Throws on anything else, and where that device is not there.
  static Device parse(std::string_view text);

  friend bool operator==(Device a, Device b) { return a.type == b.type && a.index == b.index; }
};

inline constexpr Device cpu{};

/// `cpu` or `cuda:N`.
std::string to_string(Device device);

}  // namespace roux
