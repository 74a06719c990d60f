// Products of small matrices that a warp computes together: in float32 or float64, or on tensor cores in TF32 or
// bfloat16. All spread their results over the lanes alike, so that one kernel serves them all.
//
// Lane 4 * group + member holds of 16 x 8 results the elements (group + i / 2 * 8, 2 * member + i % 2), i < 4: what
// the tensor cores prescribe. Matrices of 16 x 8 n are n of these side by side.
//
// A kind of products has
//   T         the type of numbers and sums
//   Element   what lies in shared memory, `packing` numbers each
//   store     puts pack_width<T> neighbouring numbers there
//   add_rows_by_rows<n, width>      sums (16, 8 n) += a (16, width) * transposed b (8 n, width), both in shared memory
//   add_results_by_rows<m, n, width>  sums (16, 8 n) += p (16, 8 m), results of another product, * b (8 m, 8 n); rows
//                                   of b are `width` long
#pragma once

#include <cstdint>

#include "cuda/device.h"
#include "cuda/pack.h"

namespace roux::cuda {

__device__ inline int group() { return lane() / 4; }
__device__ inline int member() { return lane() % 4; }
/// Where element i of the lane is in 16 x 8 results.
__device__ inline int result_row(int i) { return group() + i / 2 * 8; }
__device__ inline int result_column(int i) { return 2 * member() + i % 2; }

/// Elements from one row in shared memory to the next: 16 bytes more than it has, which spreads rows over the banks.
template <class Products, int width>
inline constexpr int row_stride = width / Products::packing + 16 / static_cast<int>(sizeof(typename Products::Element));

/// Multiplications and additions of numbers as they are: strict float32, and float64.
template <class T_>
struct OrdinaryProducts {
  using T = T_;
  using Element = T_;
  static constexpr int packing = 1;

  __device__ static void store(T* to, const Pack<T, pack_width<T>>& numbers) { store_pack(to, numbers); }

  template <int n, int width>
  __device__ static void add_rows_by_rows(T (&sums)[n][4], const T* a, const T* b) {
    constexpr int stride = row_stride<OrdinaryProducts, width>, pack = pack_width<T>;
    const T *const upper = a + group() * stride, *const first = b + 2 * member() * stride;
    for (int k = 0; k < width; k += pack) {
      const auto a0 = load_pack<pack>(upper + k), a1 = load_pack<pack>(upper + 8 * stride + k);
      ROUX_UNROLL
      for (int j = 0; j < n; ++j) {
        const T* const row = first + 8 * j * stride + k;
        const auto b0 = load_pack<pack>(row), b1 = load_pack<pack>(row + stride);
        ROUX_UNROLL
        for (int i = 0; i < pack; ++i) {
          sums[j][0] += a0.at[i] * b0.at[i];
          sums[j][1] += a0.at[i] * b1.at[i];
          sums[j][2] += a1.at[i] * b0.at[i];
          sums[j][3] += a1.at[i] * b1.at[i];
        }
      }
    }
  }

  template <int m, int n, int width>
  __device__ static void add_results_by_rows(T (&sums)[n][4], const T (&p)[m][4], const T* b) {
    constexpr int stride = row_stride<OrdinaryProducts, width>;
    ROUX_UNROLL
    for (int k = 0; k < 8 * m; ++k) {
      const int from = 4 * group() + k % 8 / 2;
      const T p0 = shuffle(p[k / 8][k % 2], from), p1 = shuffle(p[k / 8][2 + k % 2], from);
      const T* const row = b + k * stride + 2 * member();
      ROUX_UNROLL
      for (int j = 0; j < n; ++j) {
        const auto numbers = load_pack<2>(row + 8 * j);
        sums[j][0] += p0 * numbers.at[0];
        sums[j][1] += p0 * numbers.at[1];
        sums[j][2] += p1 * numbers.at[0];
        sums[j][3] += p1 * numbers.at[1];
      }
    }
  }
};

/// Factors rounded to TF32.
struct Tf32Products {
  using T = float;
  using Element = float;
  static constexpr int packing = 1;

  __device__ static void store(float* to, Pack<float, 4> numbers) {
    ROUX_UNROLL
    for (int i = 0; i < 4; ++i) numbers.at[i] = to_tf32(numbers.at[i]);
    store_pack(to, numbers);
  }

  template <int n, int width>
  __device__ static void add_rows_by_rows(float (&sums)[n][4], const float* a, const float* b) {
    constexpr int stride = row_stride<Tf32Products, width>, below = 8 * stride;
    const float *const upper = a + group() * stride + member(), *const first = b + group() * stride + member();
    ROUX_UNROLL
    for (int k = 0; k < width; k += 8) {
      const float left[4] = {upper[k], upper[below + k], upper[k + 4], upper[below + k + 4]};
      ROUX_UNROLL
      for (int j = 0; j < n; ++j) {
        const float right[2] = {first[8 * j * stride + k], first[8 * j * stride + k + 4]};
        tensor_cores_tf32(sums[j], left, right);
      }
    }
  }

  // The order of the inner dimension is free: `member` of the tensor cores' columns is column 2 * member of p, and
  // member + 4 is 2 * member + 1. So no lane needs what another one holds.
  template <int m, int n, int width>
  __device__ static void add_results_by_rows(float (&sums)[n][4], const float (&p)[m][4], const float* b) {
    constexpr int stride = row_stride<Tf32Products, width>;
    ROUX_UNROLL
    for (int k = 0; k < m; ++k) {
      const float left[4] = {to_tf32(p[k][0]), to_tf32(p[k][2]), to_tf32(p[k][1]), to_tf32(p[k][3])};
      const float* const rows = b + (8 * k + 2 * member()) * stride + group();
      ROUX_UNROLL
      for (int j = 0; j < n; ++j) {
        const float right[2] = {rows[8 * j], rows[stride + 8 * j]};
        tensor_cores_tf32(sums[j], left, right);
      }
    }
  }
};

/// Factors rounded to bfloat16.
struct BFloat16Products {
  using T = float;
  using Element = uint32_t;
  static constexpr int packing = 2;

  __device__ static void store(uint32_t* to, const Pack<float, 4>& x) {
    store_pack(to, Pack<uint32_t, 2>{to_bfloat16_pair(x.at[0], x.at[1]), to_bfloat16_pair(x.at[2], x.at[3])});
  }

  template <int n, int width>
  __device__ static void add_rows_by_rows(float (&sums)[n][4], const uint32_t* a, const uint32_t* b) {
    constexpr int stride = row_stride<BFloat16Products, width>, below = 8 * stride;
    const uint32_t *const upper = a + group() * stride + member(), *const first = b + group() * stride + member();
    ROUX_UNROLL
    for (int k = 0; k < width / 2; k += 8) {
      const uint32_t left[4] = {upper[k], upper[below + k], upper[k + 4], upper[below + k + 4]};
      ROUX_UNROLL
      for (int j = 0; j < n; ++j) {
        const uint32_t right[2] = {first[8 * j * stride + k], first[8 * j * stride + k + 4]};
        tensor_cores_bfloat16(sums[j], left, right);
      }
    }
  }

  template <int m, int n, int width>
  __device__ static void add_results_by_rows(float (&sums)[n][4], const float (&p)[m][4], const uint32_t* b) {
    static_assert(m % 2 == 0 && n % 2 == 0);
    constexpr int stride = row_stride<BFloat16Products, width>;
    // Of 16 rows and 16 columns: matrices 0 and 1 are the left columns, 2 and 3 the right ones.
    const uint32_t* const rows = b + lane() % 16 * stride + lane() / 16 * 4;
    ROUX_UNROLL
    for (int k = 0; k < m; k += 2) {
      const uint32_t left[4] = {to_bfloat16_pair(p[k][0], p[k][1]), to_bfloat16_pair(p[k][2], p[k][3]),
                                to_bfloat16_pair(p[k + 1][0], p[k + 1][1]), to_bfloat16_pair(p[k + 1][2], p[k + 1][3])};
      ROUX_UNROLL
      for (int j = 0; j < n; j += 2) {
        uint32_t right[4];
        tensor_cores_load_transposed(right, rows + 8 * k * stride + 4 * j);
        tensor_cores_bfloat16(sums[j], left, {right[0], right[1]});
        tensor_cores_bfloat16(sums[j + 1], left, {right[2], right[3]});
      }
    }
  }
};

}  // namespace roux::cuda
