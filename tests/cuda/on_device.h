// What the tests of devices share: the device, whether it is there, and comparison with the CPU.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "nn/module.h"
#include "tensor/backend.h"
#include "tests/operations/cases.h"

namespace on_device {

inline constexpr roux::Device gpu{roux::DeviceType::cuda, 0};

/// False, and said so, where there is none: such a test returns then.
inline bool has_device() {
  if (roux::cuda_backend(0)) return true;
  MESSAGE("skipped: " << roux::cuda_unavailable_reason(0));
  return false;
}

/// Type, shape and values agree; `tolerance` as in roux::operations::difference.
inline void check_same(const roux::Tensor& found, const roux::Tensor& expected, double tolerance,
                       const std::string& what) {
  const std::string wrong = roux::operations::difference(found, expected, tolerance);
  CHECK_MESSAGE(wrong.empty(), what << ": " << wrong);
}

/// The same names, and under each the same.
inline void check_same(const roux::nn::StateDict& found, const roux::nn::StateDict& expected, double tolerance,
                       const std::string& what) {
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    CHECK(found[i].first == expected[i].first);
    check_same(found[i].second, expected[i].second, tolerance, what + ", " + found[i].first);
  }
}

}  // namespace on_device
