// Fragments of matrices: the lanes of a warp give theirs away, and each computes its elements of the result.
#include "tests/host_cuda/tensor_cores.h"

#include <bit>
#include <cmath>
#include <cstring>

#include "tensor/float16.h"

namespace roux::host_cuda {
namespace {

constexpr int lanes = 32;
constexpr uint32_t tf32_bits = 0xFFFFE000U;

int lane() { return current_thread->number % lanes; }

/// What each lane gave of a and b: 4 and 2 words.
struct Fragments {
  uint64_t a01[lanes], a23[lanes], b01[lanes];

  Fragments(const uint32_t (&a)[4], const uint32_t (&b)[2], const char* what, const Location& where) {
    warp_exchange(a[0] | uint64_t{a[1]} << 32, a01, what, where);
    warp_exchange(a[2] | uint64_t{a[3]} << 32, a23, what, where);
    warp_exchange(b[0] | uint64_t{b[1]} << 32, b01, what, where);
  }
  uint32_t a(int of, int word) const { return static_cast<uint32_t>((word < 2 ? a01 : a23)[of] >> word % 2 * 32); }
  uint32_t b(int of, int word) const { return static_cast<uint32_t>(b01[of] >> word * 32); }
};

/// sums += a * b, where a(row, k) and b(k, column) find an element, k < depth. Element i of a lane is of row
/// lane / 4 + i / 2 * 8 and column lane % 4 * 2 + i % 2.
template <int depth, class A, class B>
void multiply(float (&sums)[4], A a, B b) {
  for (int i = 0; i < 4; ++i) {
    const int row = lane() / 4 + i / 2 * 8, column = lane() % 4 * 2 + i % 2;
    for (int k = 0; k < depth; ++k) sums[i] += a(row, k) * b(k, column);
  }
}

}  // namespace

float to_tf32(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return std::isfinite(x) ? std::bit_cast<float>((bits + 0x1000U) & tf32_bits) : x;
}

uint32_t to_bfloat16_pair(float low, float high) {
  return to_bfloat16(low).bits | uint32_t{to_bfloat16(high).bits} << 16;
}

void multiply_tf32(float (&sums)[4], const float (&a)[4], const float (&b)[2], const Location& where) {
  const Fragments all({std::bit_cast<uint32_t>(a[0]), std::bit_cast<uint32_t>(a[1]), std::bit_cast<uint32_t>(a[2]),
                       std::bit_cast<uint32_t>(a[3])},
                      {std::bit_cast<uint32_t>(b[0]), std::bit_cast<uint32_t>(b[1])}, "tensor_cores_tf32", where);
  const auto number = [](uint32_t bits) { return std::bit_cast<float>(bits & tf32_bits); };
  multiply<8>(
      sums, [&](int row, int k) { return number(all.a(row % 8 * 4 + k % 4, row / 8 + k / 4 * 2)); },
      [&](int k, int column) { return number(all.b(column * 4 + k % 4, k / 4)); });
}

void multiply_bfloat16(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], const Location& where) {
  const Fragments all(a, b, "tensor_cores_bfloat16", where);
  const auto number = [](uint32_t pair, int half) {
    return to_float(BFloat16{static_cast<uint16_t>(pair >> half * 16)});
  };
  multiply<16>(
      sums, [&](int row, int k) { return number(all.a(row % 8 * 4 + k % 8 / 2, row / 8 + k / 8 * 2), k % 2); },
      [&](int k, int column) { return number(all.b(column * 4 + k % 8 / 2, k / 8), k % 2); });
}

void load_transposed(uint32_t (&to)[4], const void* row, const Location& where) {
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0) fail_thread("loads a row that is not aligned to 16 bytes");
  uint64_t rows[lanes];
  warp_exchange(reinterpret_cast<uintptr_t>(row), rows, "tensor_cores_load_transposed", where);
  const int group = lane() / 4, member = lane() % 4;
  const auto element = [&](int matrix, int r) {
    uint16_t bits = 0;
    std::memcpy(&bits, reinterpret_cast<const char*>(rows[matrix * 8 + r]) + group * 2, sizeof bits);
    return uint32_t{bits};
  };
  for (int i = 0; i < 4; ++i) to[i] = element(i, 2 * member) | element(i, 2 * member + 1) << 16;
}

}  // namespace roux::host_cuda
