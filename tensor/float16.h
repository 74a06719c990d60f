// The 16-bit floats of files and their conversions, bit by bit: no compiler support for half floats is assumed. Plain
// constexpr functions, so CUDA kernels can call them too.
#pragma once

#include <bit>
#include <cstdint>

namespace roux {

/// A 16-bit float as stored in files: IEEE binary16.
struct Float16 {
  uint16_t bits;  ///< sign, 5 of the exponent, 10 of the fraction
};

/// A 16-bit float as stored in files: the upper half of a float32.
struct BFloat16 {
  uint16_t bits;  ///< sign, 8 of the exponent, 7 of the fraction
};

/// Exact: every 16-bit float is a float32.
constexpr float to_float(BFloat16 x) { return std::bit_cast<float>(uint32_t{x.bits} << 16); }

/// Exact.
constexpr float to_float(Float16 x) {
  const uint32_t sign = uint32_t{x.bits & 0x8000u} << 16;
  const uint32_t exponent = (x.bits >> 10) & 0x1f;
  const uint32_t fraction = x.bits & 0x3ff;
  if (exponent == 0x1f) return std::bit_cast<float>(sign | 0x7f800000u | (fraction << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  const float magnitude = static_cast<float>(fraction) * 0x1p-24f;  // subnormal: fraction * 2^-24
  return sign ? -magnitude : magnitude;
}

/// Rounds to nearest, ties to even; overflows to infinity.
constexpr BFloat16 to_bfloat16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if (x != x) return {static_cast<uint16_t>((bits >> 16) | 0x40)};  // keep it a NaN when the payload's low half is cut
  const uint32_t round = 0x7fff + ((bits >> 16) & 1);
  return {static_cast<uint16_t>((bits + round) >> 16)};
}

/// Rounds to nearest, ties to even; overflows to infinity.
constexpr Float16 to_float16(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t sign = (bits >> 16) & 0x8000;
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return {static_cast<uint16_t>(sign | 0x7e00)};
  if (magnitude >= 0x477ff000) return {static_cast<uint16_t>(sign | 0x7c00)};  // 65520 and above round to infinity
  if (magnitude < 0x38800000) {  // below 2^-14: the float adder rounds the value to a multiple of 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return {static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(0.5f)))};
  }
  const uint32_t round = 0xfff + ((magnitude >> 13) & 1);
  return {static_cast<uint16_t>(sign | ((magnitude + round - (112u << 23)) >> 13))};
}

}  // namespace roux
