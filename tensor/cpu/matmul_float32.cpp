// The kernel of float32 products, over the registers of simd.h.
#include <algorithm>
#include <utility>

#include "tensor/cpu/matmul_panels.h"
#include "tensor/cpu/simd.h"
#include "tensor/cpu/transpose4.h"

namespace roux::cpu_kernels {
namespace {

using Vector = Simd<float>::Vector;
constexpr int64_t lanes = Simd<float>::lanes;
// A block of the result in registers: 24 of 32 with AVX-512, 12 of 16 without. Each place of the sum reads
// `row_count` numbers and `vector_count` registers for their product of multiplications.
constexpr int64_t row_count = ROUX_AVX512 ? 8 : 6, vector_count = ROUX_AVX512 ? 3 : 2;
constexpr int64_t column_count = vector_count * lanes;
constexpr int64_t depth_of_panels = 240;

/// The odd stretches of `width` numbers of x and the even ones of y change places.
template <int64_t width, int64_t... lane>
[[gnu::always_inline]] inline void exchange(Vector& x, Vector& y, std::integer_sequence<int64_t, lane...>) {
  const Vector even = __builtin_shufflevector(x, y, (lane / width % 2 == 0 ? lane : lanes + lane - width)...);
  const Vector odd = __builtin_shufflevector(x, y, (lane / width % 2 == 0 ? lane + width : lanes + lane)...);
  x = even;
  y = odd;
}

/// block[i][j] = block[j][i]: blocks of 2 x 2 numbers, then of 2 x 2 such blocks, and so on.
template <int64_t width = 1>
[[gnu::always_inline]] inline void transpose(Vector (&block)[lanes]) {
#pragma GCC unroll 16
  for (int64_t i = 0; i < lanes; ++i)
    if (i / width % 2 == 0) exchange<width>(block[i], block[i + width], std::make_integer_sequence<int64_t, lanes>{});
  if constexpr (2 * width < lanes) transpose<2 * width>(block);
}

/// The same from memory to memory: to[j * to_step + i] = from[i * from_step + j].
void transpose(const float* from, int64_t from_step, float* to, int64_t to_step) {
  Vector block[lanes];
#pragma GCC unroll 16
  for (int64_t i = 0; i < lanes; ++i) block[i] = Simd<float>::load(from + i * from_step);
  transpose(block);
#pragma GCC unroll 16
  for (int64_t j = 0; j < lanes; ++j) Simd<float>::store(to + j * to_step, block[j]);
}

/// panel[l * size + i] = entry i at place l.
template <int64_t size>
void pack(void* to, const ProductOperand& from, int64_t count, int64_t depth) {
  float* const panel = static_cast<float*>(to);
  if (count < size) std::fill_n(panel, size * depth, 0.0f);
  if (from.step == 1) {
    for (int64_t l = 0; l < depth; ++l) {
      const float* const row = from.data + l * from.depth_step;
      if (count == size && size % lanes == 0) {
        for (int64_t i = 0; i < size; i += lanes) Simd<float>::store(panel + l * size + i, Simd<float>::load(row + i));
      } else if (count == size) {
        std::copy_n(row, size, panel + l * size);
      } else {
        std::copy_n(row, count, panel + l * size);
      }
    }
    return;
  }
  int64_t i = 0;
  if (from.depth_step == 1) {
    // In whole registers, as nearly all pieces are cut.
    for (; depth % lanes == 0 && i + lanes <= count; i += lanes)
      for (int64_t l = 0; l < depth; l += lanes)
        transpose(from.data + i * from.step + l, from.step, panel + l * size + i, size);
    for (; i + 4 <= count; i += 4) {
      int64_t l = 0;
      for (; l + 4 <= depth; l += 4) transpose4(from.data + i * from.step + l, from.step, panel + l * size + i, size);
      for (; l < depth; ++l)
        for (int64_t j = i; j < i + 4; ++j) panel[l * size + j] = from.data[j * from.step + l];
    }
  }
  for (; i < count; ++i)
    for (int64_t l = 0; l < depth; ++l) panel[l * size + i] = from.data[i * from.step + l * from.depth_step];
}

template <int64_t vectors>
void multiply_block(const ProductResult& result, const float* a, const float* b, int64_t depth) {
  // The loops over the block are unrolled early, or g++ keeps `sum` in memory around the loop over the depth.
  Vector sum[row_count][vectors];
#pragma GCC unroll 8
  for (int64_t i = 0; i < row_count; ++i) {
#pragma GCC unroll 8
    for (int64_t j = 0; j < vectors; ++j) sum[i][j] = Vector{};
  }
  for (int64_t i = 0; i < row_count; ++i) {  // on its way while the sums are formed
    for (int64_t j = 0; j < vectors; ++j) __builtin_prefetch(result.out + i * result.leading + j * lanes, 1);
  }
  for (int64_t l = 0; l < depth; ++l, a += row_count, b += column_count) {
    Vector right[vectors];
#pragma GCC unroll 8
    for (int64_t j = 0; j < vectors; ++j) right[j] = Simd<float>::load(b + j * lanes);
#pragma GCC unroll 8
    for (int64_t i = 0; i < row_count; ++i) {
      const Vector left = Simd<float>::broadcast(a[i]);
#pragma GCC unroll 8
      for (int64_t j = 0; j < vectors; ++j) sum[i][j] += left * right[j];
    }
  }
#pragma GCC unroll 8
  for (int64_t i = 0; i < row_count; ++i) {
    float* const out = result.out + i * result.leading;
#pragma GCC unroll 8
    for (int64_t j = 0; j < vectors; ++j) {
      if (result.initial != nullptr)
        sum[i][j] += Simd<float>::load(result.initial + i * result.leading_initial + j * lanes);
      Simd<float>::store(out + j * lanes, sum[i][j]);
    }
  }
}

void multiply(const ProductResult& result, const void* a, const void* b, int64_t depth, int64_t columns) {
  const float* const left = static_cast<const float*>(a);
  const float* const right = static_cast<const float*>(b);
  if (columns <= lanes) return multiply_block<1>(result, left, right, depth);
  if (columns <= 2 * lanes) return multiply_block<2>(result, left, right, depth);
  multiply_block<vector_count>(result, left, right, depth);
}

}  // namespace

const PanelKernel* float32_kernel() {
  static constexpr PanelKernel kernel{.name = "float32",
                                      .rows = row_count,
                                      .columns = column_count,
                                      .depth = depth_of_panels,
                                      .depth_multiple = 1,
                                      .element_bytes = sizeof(float),
                                      .pack_rows = pack<row_count>,
                                      .pack_columns = pack<column_count>,
                                      .multiply = multiply,
                                      .begin = nullptr,
                                      .end = nullptr};
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || ROUX_AVX512
  return &kernel;
#else
  static_cast<void>(kernel);
  return nullptr;
#endif
}

}  // namespace roux::cpu_kernels
