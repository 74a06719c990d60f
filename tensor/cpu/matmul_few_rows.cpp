// Products with few rows on the left, such as a layer for one sentence: each row of the right operand is read once, as
// it stands, while the left one stays in the caches. Copying it into panels would cost more than the product.
#include <algorithm>

#include "tensor/cpu/matmul_panels.h"
#include "tensor/cpu/simd.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

using Vector = Simd<float>::Vector;
constexpr int64_t lanes = Simd<float>::lanes;
constexpr int64_t most_rows = 64;  // beyond them, copying the right operand into panels pays
// Dot products in registers at once: of 8 rows on the right with 3 on the left, 24 of 32 with AVX-512.
constexpr int64_t right_count = ROUX_AVX512 ? 8 : 4, left_count = ROUX_AVX512 ? 3 : 2;
constexpr int64_t most_depth =
    768;  // of dot products: with more, the rows on the right would leave the first-level cache
constexpr int64_t line_bytes = 64, line_floats = line_bytes / sizeof(float);
constexpr int64_t chunk_work = 1 << 19;  // multiplications that a thread takes at a time

/// The vector whose lanes are, in turn by `width`, sums of two neighbouring stretches of x and of y.
template <int64_t width, int64_t... lane>
Vector fold(Vector x, Vector y, std::integer_sequence<int64_t, lane...>) {
  constexpr int64_t n = lanes;
  // Lanes of x in the stretches with even number, of y in the others; and those that they have to meet.
  const Vector kept = __builtin_shufflevector(x, y, (lane / width % 2 == 0 ? lane : n + lane)...);
  const Vector met = __builtin_shufflevector(x, y, (lane / width % 2 == 0 ? lane + width : n + lane - width)...);
  return kept + met;
}

template <int64_t width>
Vector fold(Vector x, Vector y) {
  return fold<width>(x, y, std::make_integer_sequence<int64_t, lanes>{});
}

/// The sum of each of the `right_count` vectors, side by side.
void store_sums(const Vector (&sum)[right_count], float* to) {
  alignas(64) float folded[lanes];
  if constexpr (right_count == 8) {
    const Vector a = fold<1>(sum[0], sum[1]), b = fold<1>(sum[2], sum[3]);
    const Vector c = fold<1>(sum[4], sum[5]), d = fold<1>(sum[6], sum[7]);
    const Vector e = fold<2>(a, b), f = fold<2>(c, d);
    Simd<float>::store(folded, fold<4>(e, f));
  } else {
    Simd<float>::store(folded, fold<2>(fold<1>(sum[0], sum[1]), fold<1>(sum[2], sum[3])));
  }
  for (int64_t j = 0; j < right_count; ++j) {
    to[j] = folded[j];
    for (int64_t lane = j + right_count; lane < lanes; lane += right_count) to[j] += folded[lane];
  }
}

/// Keeps the compiler from reading x from memory again for every use of it: the loads would take longer than the sums.
inline void keep_in_register([[maybe_unused]] Vector& x) {
#if ROUX_AVX512
  asm("" : "+v"(x));
#elif defined(__AVX__)
  asm("" : "+x"(x));
#endif
}

/// sums[i][j] = row i of a times row j of b. At each register of places, `lines` cache lines from the address `next` on
/// are fetched: what will be read after this, or what lies behind the last of it.
template <int64_t rows>
void dot_products(const float* a, int64_t step_a, const float* const (&b)[right_count], int64_t k, uintptr_t next,
                  int64_t lines, float (&sums)[left_count][right_count]) {
  Vector sum[rows][right_count];
#pragma GCC unroll 8
  for (int64_t i = 0; i < rows; ++i) {
#pragma GCC unroll 8
    for (int64_t j = 0; j < right_count; ++j) sum[i][j] = Vector{};
  }
  const auto step = [&](int64_t l, const auto access) {
    Vector left[rows];
#pragma GCC unroll 8
    for (int64_t i = 0; i < rows; ++i) left[i] = access.load(a + i * step_a + l);
#pragma GCC unroll 8
    for (int64_t j = 0; j < right_count; ++j) {
      Vector right = access.load(b[j] + l);
      keep_in_register(right);
#pragma GCC unroll 8
      for (int64_t i = 0; i < rows; ++i) sum[i][j] += left[i] * right;
    }
  };
  int64_t l = 0;
  for (; l + lanes <= k; l += lanes) {
    for (int64_t line = 0; line < lines; ++line, next += line_bytes)
      __builtin_prefetch(reinterpret_cast<const void*>(next), 0, 2);
    step(l, WholeVector<float>{});
  }
  if (l < k) step(l, PartOfVector<float>{k - l});
#pragma GCC unroll 8
  for (int64_t i = 0; i < rows; ++i) store_sums(sum[i], sums[i]);
}

/// Places [from, from + k) of the sums of `count` columns from `column` on; `first` if nothing precedes these places.
void multiply_strip(const ProductResult& result, const ProductOperand& a, const ProductOperand& b, int64_t m,
                    int64_t column, int64_t count, int64_t from, int64_t k, uintptr_t next) {
  const float* right[right_count];
  for (int64_t j = 0; j < right_count; ++j)  // the last row stands in for those beyond the end
    right[j] = b.data + (column + std::min(j, count - 1)) * b.step + from;
  const int64_t passes = (m + left_count - 1) / left_count;
  const int64_t lines = (right_count * lanes + line_floats * passes - 1) / (line_floats * passes);
  for (int64_t row = 0; row < m; row += left_count, next += k / lanes * lines * line_bytes) {
    float sums[left_count][right_count];
    const float* const left = a.data + row * a.step + from;
    const int64_t rows = std::min(left_count, m - row);
    if (rows == left_count) {
      dot_products<left_count>(left, a.step, right, k, next, lines, sums);
    } else if (rows == 2) {
      dot_products<2>(left, a.step, right, k, next, lines, sums);
    } else {
      dot_products<1>(left, a.step, right, k, next, lines, sums);
    }
    for (int64_t i = 0; i < rows; ++i) {
      const ProductResult block = result.from(row + i, column);
      const float* const initial = from > 0 ? block.out : block.initial;
      for (int64_t j = 0; j < count; ++j) block.out[j] = initial ? initial[j] + sums[i][j] : sums[i][j];
    }
  }
}

/// Columns [begin, end) of the result.
void multiply_columns(const ProductResult& result, const ProductOperand& a, const ProductOperand& b, int64_t m,
                      int64_t k, int64_t begin, int64_t end) {
  const int64_t pieces = (k + most_depth - 1) / most_depth;
  const int64_t depth = ((k + pieces - 1) / pieces + lanes - 1) / lanes * lanes;
  for (int64_t column = begin; column < end; column += right_count) {
    const int64_t count = std::min(right_count, end - column);
    for (int64_t from = 0; from < k; from += depth) {
      const int64_t next_column = std::min(column + right_count, end - 1);
      multiply_strip(result, a, b, m, column, count, from, std::min(depth, k - from),
                     reinterpret_cast<uintptr_t>(b.data + next_column * b.step) + from * right_count * sizeof(float));
    }
  }
}

}  // namespace

bool is_few_rows(int64_t m) { return m <= most_rows; }

void multiply_few_rows(const ProductResult& result, const ProductOperand& a, const ProductOperand& b, int64_t m,
                       int64_t n, int64_t k) {
  const int64_t groups = std::max<int64_t>(1, chunk_work / (m * k * right_count));
  parallel_for(n, groups * right_count,
               [&](int64_t begin, int64_t end) { multiply_columns(result, a, b, m, k, begin, end); });
}

}  // namespace roux::cpu_kernels
