// Numbers that tests and the scripts in tests/oracle/ compute alike.
#pragma once

#include <vector>

#include "tensor/tensor.h"

/// From -1.55 to 1.55, without two equal ones within 199 entries, exact in binary; see tests/oracle/layers.py.
inline roux::Tensor pattern(const roux::Shape& shape, int64_t seed, roux::DType dtype = roux::float32) {
  std::vector<double> values;
  for (int64_t i = 0; i < shape.numel(); ++i)
    values.push_back(static_cast<double>((i * 37 + seed * 101) % 199 - 99) / 64);
  return roux::Tensor::from(values, shape).to(dtype);
}

/// Reference figures as a tensor.
inline roux::Tensor figures_as(const std::vector<double>& values, const roux::Shape& shape,
                               roux::DType dtype = roux::float32) {
  return roux::Tensor::from(values, shape).to(dtype);
}
