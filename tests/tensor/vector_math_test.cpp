// The float functions against the double ones of the standard library: errors in ulp over a dense sample of all floats,
// special values, and vectorised loops against single calls.
#include "tensor/vector_math.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

namespace vector_math = roux::vector_math;

namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();
constexpr float least_denormal = std::numeric_limits<float>::denorm_min();
constexpr float least_normal = std::numeric_limits<float>::min();
constexpr float largest = std::numeric_limits<float>::max();

float from_bits(uint32_t bits) { return std::bit_cast<float>(bits); }

/// The distance between neighbouring floats at x.
double ulp(double x) {
  int exponent = 0;
  std::frexp(x, &exponent);
  return std::ldexp(1.0, std::max(exponent - 24, -149));
}

/// The error of `found` in ulp; infinite where only one of the two is finite, or both are NaN or infinite but differ.
double error_in_ulp(float found, double exact) {
  if (std::isnan(exact)) return std::isnan(found) ? 0 : infinity;
  const float rounded = static_cast<float>(exact);
  if (std::isinf(rounded) || std::isinf(found)) return found == rounded ? 0 : infinity;
  if (exact == 0) return found == 0 && std::signbit(found) == std::signbit(exact) ? 0 : infinity;
  return std::abs(found - exact) / ulp(exact);
}

struct Worst {
  double error = 0;
  float at = 0;
  void see(float x, double seen) {
    if (!(seen <= error)) *this = {seen, x};
  }
};

/// The largest error over floats of all magnitudes, and over more of those between 2^-10 and 128.
template <class Function, class Exact>
Worst worst_error(Function function, Exact exact) {
  Worst worst;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 16381) {
    const float x = from_bits(static_cast<uint32_t>(bits));
    worst.see(x, error_in_ulp(function(x), exact(static_cast<double>(x))));
  }
  for (uint32_t bits = std::bit_cast<uint32_t>(0x1p-10F); bits < std::bit_cast<uint32_t>(128.0F); bits += 509) {
    for (const float x : {from_bits(bits), -from_bits(bits)}) {
      worst.see(x, error_in_ulp(function(x), exact(static_cast<double>(x))));
    }
  }
  return worst;
}

template <class Function, class Exact>
void check_error(double bound, Function function, Exact exact) {
  const Worst worst = worst_error(function, exact);
  CAPTURE(worst.at);
  CHECK(worst.error <= bound);
  CHECK(worst.error > 0);
}

/// One loop, as kernels write it.
template <class Function>
void check_loop(Function function) {
  std::vector<float> in;
  for (uint64_t bits = 0; bits < (uint64_t{1} << 32); bits += 1048573)
    in.push_back(from_bits(static_cast<uint32_t>(bits)));
  in.insert(in.end(), {0.0F, -0.0F, infinity, -infinity, not_a_number, least_denormal, 1.0F, -1.0F, 0.3F});
  std::vector<float> out(in.size());
  for (size_t i = 0; i < in.size(); ++i) out[i] = function(in[i]);
  int different = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    volatile float one = in[i];  // keeps the compiler from vectorising this loop
    const float single = function(one);
    different +=
        std::isnan(single) ? !std::isnan(out[i]) : std::bit_cast<uint32_t>(single) != std::bit_cast<uint32_t>(out[i]);
  }
  CHECK(different == 0);
}

constexpr auto float_exp = [](float x) { return vector_math::exp(x); };
constexpr auto float_log = [](float x) { return vector_math::log(x); };
constexpr auto float_tanh = [](float x) { return vector_math::tanh(x); };
constexpr auto float_erf = [](float x) { return vector_math::erf(x); };
constexpr auto float_sigmoid = [](float x) { return vector_math::sigmoid(x); };

double exact_sigmoid(double x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }

}  // namespace

TEST_CASE("errors are within the bounds that the functions promise") {
#if defined(__FMA__)
  const double exp_bound = 0.9, erf_bound = 1.9;
#else
  const double exp_bound = 1.2, erf_bound = 2.6;
#endif
  const auto exact_exp = [](double x) { return std::exp(x); };
  const auto exact_log = [](double x) { return std::log(x); };
  const auto exact_tanh = [](double x) { return std::tanh(x); };
  const auto exact_erf = [](double x) { return std::erf(x); };
  check_error(exp_bound, float_exp, exact_exp);
  check_error(erf_bound, float_erf, exact_erf);
  check_error(0.9, float_log, exact_log);
  check_error(1.5, float_tanh, exact_tanh);
  check_error(2.5, float_sigmoid, exact_sigmoid);
}

TEST_CASE("a vectorised loop gives the bits of single calls") {
  check_loop(float_exp);
  check_loop(float_log);
  check_loop(float_tanh);
  check_loop(float_erf);
  check_loop(float_sigmoid);
}

TEST_CASE("exp at its ends") {
  CHECK(vector_math::exp(0.0F) == 1.0F);
  CHECK(vector_math::exp(-0.0F) == 1.0F);
  CHECK(vector_math::exp(infinity) == infinity);
  CHECK(vector_math::exp(-infinity) == 0.0F);
  CHECK(std::isnan(vector_math::exp(not_a_number)));
  CHECK(std::isnan(vector_math::exp(-not_a_number)));
  CHECK(vector_math::exp(88.72283F) < infinity);
  CHECK(vector_math::exp(88.72284F) == infinity);
  CHECK(vector_math::exp(largest) == infinity);
  CHECK(vector_math::exp(-103.9F) == least_denormal);
  CHECK(vector_math::exp(-103.98F) == 0.0F);
  CHECK(vector_math::exp(-largest) == 0.0F);
  CHECK(vector_math::exp(-88.0F) == doctest::Approx(std::exp(-88.0)));  // a denormal result
}

TEST_CASE("log at its ends") {
  CHECK(vector_math::log(1.0F) == 0.0F);
  CHECK_FALSE(std::signbit(vector_math::log(1.0F)));
  CHECK(vector_math::log(0.0F) == -infinity);
  CHECK(vector_math::log(-0.0F) == -infinity);
  CHECK(vector_math::log(infinity) == infinity);
  for (const float x : {-least_denormal, -1.0F, -largest, -infinity, not_a_number, -not_a_number}) {
    CHECK(std::isnan(vector_math::log(x)));
  }
  CHECK(vector_math::log(least_denormal) == doctest::Approx(-103.278929));
  CHECK(vector_math::log(std::nextafter(least_normal, 0.0F)) == doctest::Approx(-87.3365449));
  CHECK(vector_math::log(largest) == doctest::Approx(88.7228391));
}

TEST_CASE("odd functions keep signs, end at 1, and are linear near 0") {
  const auto check = [](auto function, float slope) {
    CHECK(function(0.0F) == 0.0F);
    CHECK_FALSE(std::signbit(function(0.0F)));
    CHECK(std::signbit(function(-0.0F)));
    for (const float x : {20.0F, largest, infinity}) {
      CHECK(function(x) == 1.0F);
      CHECK(function(-x) == -1.0F);
    }
    CHECK(std::isnan(function(not_a_number)));
    CHECK(std::isnan(function(-not_a_number)));
    CHECK(function(least_denormal) == least_denormal);
    CHECK(function(-1e-30F) == doctest::Approx(-1e-30 * slope).epsilon(1e-6));
    for (const float x : {1e-5F, 0.3F, 0.7F, 3.0F}) CHECK(function(-x) == -function(x));
  };
  check(float_tanh, 1.0F);
  check(float_erf, 1.12837917F);
}

TEST_CASE("sigmoid at its ends") {
  CHECK(vector_math::sigmoid(0.0F) == 0.5F);
  CHECK(vector_math::sigmoid(infinity) == 1.0F);
  CHECK(vector_math::sigmoid(-infinity) == 0.0F);
  CHECK(std::isnan(vector_math::sigmoid(not_a_number)));
  CHECK(vector_math::sigmoid(-103.9F) == least_denormal);
  CHECK(vector_math::sigmoid(largest) == 1.0F);
  CHECK(vector_math::sigmoid(-largest) == 0.0F);
}

TEST_CASE("doubles go to the standard library") {
  const auto with = [](auto x) {
    using T = decltype(x);
    static_assert(std::is_same_v<decltype(vector_math::exp(x)), T>);
    return vector_math::exp(x) + vector_math::log(x) + vector_math::tanh(x) + vector_math::erf(x) +
           vector_math::sigmoid(x);
  };
  const volatile double x = 0.7;  // the compiler's own value may differ from the library's
  CHECK(with(double{x}) == std::exp(x) + std::log(x) + std::tanh(x) + std::erf(x) + exact_sigmoid(x));
  CHECK(with(0.7F) == doctest::Approx(with(0.7)).epsilon(1e-6));
  CHECK(vector_math::sigmoid(-745.0) > 0.0);  // a denormal, not e^745 in the denominator
  CHECK(vector_math::sigmoid(-800.0) == 0.0);
  CHECK(vector_math::sigmoid(800.0) == 1.0);
}
