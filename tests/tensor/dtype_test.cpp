// Element types: promotion, dispatch, and the conversions of the 16-bit floats for every value there is.
#include "tensor/dtype.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "tensor/ops.h"

using namespace roux;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

/// The value of a 16-bit float by the definition: so many bits of exponent and of fraction behind the sign.
double value_of(uint32_t bits, int exponent_bits, int fraction_bits) {
  const double sign = bits & 0x8000 ? -1 : 1;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = static_cast<int>(bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = std::ldexp(bits & ((1u << fraction_bits) - 1), -fraction_bits);
  if (exponent == 2 * bias + 1) return fraction == 0 ? sign * HUGE_VAL : std::nan("");
  return exponent == 0 ? sign * std::ldexp(fraction, 1 - bias) : sign * std::ldexp(1 + fraction, exponent - bias);
}

/// Checks all values, and rounding between each value and the next: what lies before the middle goes down, what lies
/// behind it goes up, and the middle itself goes to the even one.
template <class Half, class FromFloat>
void check_half(int exponent_bits, int fraction_bits, FromFloat from_float) {
  const uint32_t infinity = ((1u << exponent_bits) - 1) << fraction_bits;
  int64_t wrong = 0;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const double expected = value_of(bits, exponent_bits, fraction_bits);
    const float found = to_float(Half{static_cast<uint16_t>(bits)});
    if (std::isnan(expected)) {
      wrong += !std::isnan(found) || !std::isnan(to_float(from_float(found)));
    } else {
      wrong += static_cast<double>(found) != expected || std::signbit(found) != std::signbit(expected) ||
               from_float(found).bits != bits;
    }
  }
  CHECK(wrong == 0);
  for (uint32_t bits = 0; bits < infinity; ++bits) {
    const double low = value_of(bits, exponent_bits, fraction_bits);
    // Above the largest finite value, rounding looks at the value that would come next.
    const double next = bits + 1 == infinity ? low + (low - value_of(bits - 1, exponent_bits, fraction_bits))
                                             : value_of(bits + 1, exponent_bits, fraction_bits);
    const auto middle = static_cast<float>(low + (next - low) / 2);
    wrong += from_float(std::nextafter(middle, 0.0f)).bits != bits;
    wrong += from_float(std::nextafter(middle, inf)).bits != bits + 1;
    wrong += from_float(middle).bits != bits + bits % 2;
    wrong += from_float(-middle).bits != ((bits + bits % 2) | 0x8000);
  }
  CHECK(wrong == 0);
  CHECK(from_float(std::numeric_limits<float>::max()).bits == infinity);
  CHECK(from_float(-inf).bits == (infinity | 0x8000));
  CHECK(from_float(std::numeric_limits<float>::denorm_min()).bits == 0);
}

}  // namespace

TEST_CASE("float16 converts to and from float32 for every value, and rounds to nearest even") {
  check_half<Float16>(5, 10, to_float16);
  CHECK(to_float(to_float16(65504.0f)) == 65504.0f);
  CHECK(to_float(to_float16(65519.996f)) == 65504.0f);
  CHECK(to_float(to_float16(65520.0f)) == inf);
}

TEST_CASE("bfloat16 converts to and from float32 for every value, and rounds to nearest even") {
  check_half<BFloat16>(8, 7, to_bfloat16);
  CHECK(to_float(to_bfloat16(1.00390625f)) == 1.0f);       // 1 + 2^-8, between 1 and 1 + 2^-7
  CHECK(to_float(to_bfloat16(1.01171875f)) == 1.015625f);  // 1 + 3 * 2^-8
}

TEST_CASE("promotion gives the type that holds both") {
  CHECK(promote(boolean, int64) == int64);
  CHECK(promote(int32, int64) == int64);
  CHECK(promote(int64, float16) == float16);
  CHECK(promote(float16, bfloat16) == float32);
  CHECK(promote(bfloat16, float16) == float32);
  CHECK(promote(bfloat16, bfloat16) == bfloat16);
  CHECK(promote(float32, float64) == float64);
  for (const DType a : {boolean, int32, int64, float16, bfloat16, float32, float64}) {
    CHECK(promote(a, a) == a);
    for (const DType b : {boolean, int32, int64, float16, bfloat16, float32, float64}) {
      CHECK(promote(a, b) == promote(b, a));
      CHECK(is_floating(promote(a, b)) == (is_floating(a) || is_floating(b)));
    }
  }
}

TEST_CASE("dispatch calls with the type of the dtype, or says what it does not take") {
  std::string size;
  const auto note = [&]<class T>(T) { size = std::to_string(sizeof(T)) + name(dtype_of<T>); };
  dispatch_computing(boolean, "test", note);
  CHECK(size == "1bool");
  dispatch_floating(float64, "test", note);
  CHECK(size == "8float64");
  CHECK_THROWS_WITH_AS(dispatch_floating(int64, "test", note),
                       "[test] does not take int64 tensors (hint: convert with to(dtype))", Error);
  CHECK_THROWS_WITH_AS(dispatch_computing(bfloat16, "test", note),
                       "[test] does not take bfloat16 tensors (hint: convert with to(dtype))", Error);
}

TEST_CASE("sizes and names of the element types") {
  CHECK(size_of(boolean) == sizeof(bool));
  CHECK(size_of(float16) == sizeof(Float16));
  CHECK(size_of(bfloat16) == sizeof(BFloat16));
  CHECK(size_of(int32) == 4);
  CHECK(size_of(int64) == 8);
  CHECK(size_of(float32) == 4);
  CHECK(size_of(float64) == 8);
  CHECK(to_string(bfloat16) == "bfloat16");
  CHECK(to_string(boolean) == "bool");
}

TEST_CASE("abs of a negative zero is a positive one") {
  for (const DType dtype : {float32, float64}) {
    for (const double value : abs(Tensor::full({9}, -0.0, dtype)).to_vector<double>()) CHECK_FALSE(std::signbit(value));
  }
}

TEST_CASE("clamp of integers holds to its bounds, up to the ends of the type") {
  const int64_t lowest = std::numeric_limits<int64_t>::lowest(), highest = std::numeric_limits<int64_t>::max();
  const std::vector<int64_t> values{lowest, -5, 0, 7, highest};
  const Tensor x = Tensor::from(values);
  CHECK(clamp(x, -2, 3).to_vector<int64_t>() == std::vector<int64_t>{-2, -2, 0, 3, 3});
  CHECK(clamp(x, -0x1p63, 0x1p63).to_vector<int64_t>() == values);
  CHECK(clamp(x, -1e300, 5).to_vector<int64_t>() == std::vector<int64_t>{lowest, -5, 0, 5, 5});
  CHECK(clamp(x, -1, 1e300).to_vector<int64_t>() == std::vector<int64_t>{-1, -1, 0, 7, highest});
}
