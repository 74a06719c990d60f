// Tensor cores on the host: what cuda/device.h says of their functions, computed from what the lanes of a warp give.
#pragma once

#include <cstdint>

#include "tests/host_cuda/block.h"

namespace roux::host_cuda {

/// Rounded to 10 bits of fraction, to nearest, ties away from zero; infinities and NaN stay.
float to_tf32(float x);
/// Rounded to bfloat16, to nearest, ties to even.
uint32_t to_bfloat16_pair(float low, float high);

/// sums (16, 8) += a (16, 8) * b (8, 8). The lower 13 bits of a and b do not count, as on a device.
void multiply_tf32(float (&sums)[4], const float (&a)[4], const float (&b)[2], const Location& where);
/// sums (16, 8) += a (16, 16) * b (16, 8).
void multiply_bfloat16(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const Location& where);
/// Four matrices of 8 x 8 elements of 16 bits, transposed. Fails for rows that are not aligned to 16 bytes.
void load_transposed(uint32_t (&to)[4], const void* row, const Location& where);

}  // namespace roux::host_cuda
