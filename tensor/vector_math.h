// Elementary functions of floats as branch-free polynomials. A loop that calls them is vectorised by the compiler, and
// they are plain constexpr functions of their argument, so CUDA kernels can call them too. The overloads for double are
// the standard library's, so that one template serves both types.
//
// An error of 1 ulp is one step between neighbouring floats at the exact result. The errors below are the largest found
// over all floats; where they differ on processors without fused multiply-add, those follow in brackets. The
// coefficients were fitted to the least largest relative error of the result (Remez exchange).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "tensor/host_device.h"

namespace roux::vector_math {
namespace detail {

// ln 2 in two parts: whole multiples of the first, up to 2^14 of them, are exact floats.
inline constexpr float ln2_high = 0.693359375F;
inline constexpr float ln2_low = -2.12194440e-4F;
inline constexpr float log2_e = 1.44269504F;

/// a * b + c, rounded once where the processor can do that in one step.
constexpr float multiply_add(float a, float b, float c) {
#if defined(__FMA__) || defined(__CUDA_ARCH__) || defined(__ARM_FEATURE_FMA)
  return std::fma(a, b, c);
#else
  return a * b + c;
#endif
}

constexpr uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }
constexpr float absolute(float x) { return std::bit_cast<float>(bits(x) & 0x7FFFFFFFU); }
constexpr float with_sign_of(float sign, float x) {
  return std::bit_cast<float>(bits(x) | (bits(sign) & 0x80000000U));  // x >= 0
}

/// 2^n for -126 <= n <= 127.
constexpr float power_of_two(int32_t n) { return std::bit_cast<float>((static_cast<uint32_t>(n) + 127U) << 23); }

/// x = n ln 2 + rest, with n an integer and |rest| <= ln 2 / 2 but for rounding. For |x| <= 1000.
struct Reduced {
  int32_t n;
  float rest;
};
constexpr Reduced reduce(float x) {
  constexpr float shift = 0x1.8p23F;  // adding it rounds to an integer, which is then in the lowest bits
  const float shifted = multiply_add(x, log2_e, shift);
  const float n = shifted - shift;
  return {static_cast<int32_t>(bits(shifted) - bits(shift)), multiply_add(n, -ln2_low, multiply_add(n, -ln2_high, x))};
}

/// e^x - 1 for |x| <= ln 2 / 2.
constexpr float expm1_near_zero(float x) {
  float p = 0.00138824282F;
  p = multiply_add(p, x, 0.00836654566F);
  p = multiply_add(p, x, 0.0416672044F);
  p = multiply_add(p, x, 0.166665435F);
  p = multiply_add(p, x, 0.49999997F);
  return multiply_add(x * x, p, x);
}

}  // namespace detail

/// e^x, within 0.9 ulp [1.2]. Overflows to infinity and underflows through the denormals to 0.
constexpr float exp(float x) {
  const float bounded = x < -104.0F ? -104.0F : x > 89.0F ? 89.0F : x;  // NaN stays
  const auto [n, r] = detail::reduce(bounded);
  float p = 0.00138145359F;
  p = detail::multiply_add(p, r, 0.00836874545F);
  p = detail::multiply_add(p, r, 0.0416683927F);
  p = detail::multiply_add(p, r, 0.166665211F);
  p = detail::multiply_add(p, r, 0.49999994F);
  p = detail::multiply_add(p, r, 1.0F);
  p = detail::multiply_add(p, r, 1.0F);
  const int32_t half = n >> 1;  // 2^n itself may be no float
  return p * detail::power_of_two(half) * detail::power_of_two(n - half);
}

/// The natural logarithm, within 0.9 ulp. -infinity at 0, NaN below.
constexpr float log(float x) {
  const bool is_denormal = x < std::numeric_limits<float>::min();
  const float normal = is_denormal ? x * 0x1p23F : x;
  // normal = 2^e (1 + r) with 2/3 <= 1 + r < 4/3.
  constexpr uint32_t two_thirds = 0x3F2AAAABU;
  const uint32_t above = detail::bits(normal) - two_thirds;
  const float e = static_cast<float>((static_cast<int32_t>(above) >> 23) - (is_denormal ? 23 : 0));
  const float r = std::bit_cast<float>((above & 0x7FFFFFU) + two_thirds) - 1.0F;
  float p = -0.128929451F;
  p = detail::multiply_add(p, r, 0.139842987F);
  p = detail::multiply_add(p, r, -0.121839412F);
  p = detail::multiply_add(p, r, 0.140059158F);
  p = detail::multiply_add(p, r, -0.166805133F);
  p = detail::multiply_add(p, r, 0.200104013F);
  p = detail::multiply_add(p, r, -0.249997973F);
  p = detail::multiply_add(p, r, 0.333332151F);
  const float square = r * r;
  const float tail = detail::multiply_add(-0.5F, square, detail::multiply_add(e, detail::ln2_low, p * (r * square)));
  const float result = detail::multiply_add(e, detail::ln2_high, r + tail);
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const float positive = x < infinity ? result : x;  // infinity and NaN stay
  return x > 0.0F ? positive : x == 0.0F ? -infinity : x * std::numeric_limits<float>::quiet_NaN();
}

/// The hyperbolic tangent, within 1.5 ulp.
constexpr float tanh(float x) {
  const float magnitude = detail::absolute(x);
  const float a = magnitude > 9.1F ? 9.1F : magnitude;  // tanh is 1 from there on; NaN stays
  const float square = a * a;
  float p = 0.0172415338F;
  p = detail::multiply_add(p, square, -0.0530455559F);
  p = detail::multiply_add(p, square, 0.133258805F);
  p = detail::multiply_add(p, square, -0.333331436F);
  const float near_zero = detail::multiply_add(a * square, p, a);
  const auto [n, r] = detail::reduce(2.0F * a);
  const float power = detail::power_of_two(n);
  const float t = detail::multiply_add(power, detail::expm1_near_zero(r), power - 1.0F);  // e^(2a) - 1
  return detail::with_sign_of(x, a < 0.5F ? near_zero : t / (t + 2.0F));
}

/// The error function 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, within 1.9 ulp [2.6].
constexpr float erf(float x) {
  const float magnitude = detail::absolute(x);
  const float a = magnitude > 3.95F ? 3.95F : magnitude;  // erf is 1 from there on; NaN stays
  // q = -log(1 - erf(a)) / a, so that erf(a) = 1 - e^(-a q), which keeps all its digits near 0.
  float q = -9.25622589e-06F;
  q = detail::multiply_add(q, a, 0.000117641401F);
  q = detail::multiply_add(q, a, -0.000632838754F);
  q = detail::multiply_add(q, a, 0.00166703295F);
  q = detail::multiply_add(q, a, -0.000160402895F);
  q = detail::multiply_add(q, a, -0.0191530604F);
  q = detail::multiply_add(q, a, 0.102777831F);
  q = detail::multiply_add(q, a, 0.636619389F);
  q = detail::multiply_add(q, a, -5.41212692e-08F);
  const auto [n, r] = detail::reduce(-detail::multiply_add(a, 1.12837923F, a * q));
  const float power = detail::power_of_two(n);
  return detail::with_sign_of(x, detail::multiply_add(-power, detail::expm1_near_zero(r), 1.0F - power));
}

/// 1 / (1 + e^-x), within 2.5 ulp, denormal results included.
constexpr float sigmoid(float x) {
  const float e = exp(-detail::absolute(x));
  return (x < 0.0F ? e : 1.0F) / (1.0F + e);
}

ROUX_HOST_DEVICE inline double exp(double x) { return std::exp(x); }
ROUX_HOST_DEVICE inline double log(double x) { return std::log(x); }
ROUX_HOST_DEVICE inline double tanh(double x) { return std::tanh(x); }
ROUX_HOST_DEVICE inline double erf(double x) { return std::erf(x); }
ROUX_HOST_DEVICE inline double sigmoid(double x) {
  const double e = std::exp(-std::abs(x));
  return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

}  // namespace roux::vector_math
