// Sums over the rows of the sparse matrix of affinities.
#include "text/projection/tsne_attraction.h"

#include "tensor/cpu/lanes.h"
#include "tensor/cpu/simd.h"
#include "tensor/vector_math.h"

namespace roux::text {
namespace {

struct Force {
  float x = 0, y = 0;
};

#if ROUX_AVX512
using Simd = cpu_kernels::Simd<float>;
using Vector = Simd::Vector;

/// The points that eight of 16 ids name: two coordinates are fetched as one number of 8 bytes.
template <int half>
Vector fetch(__m512i ids, const float* points) {
  const __m256i eight = _mm512_maskz_extracti64x4_epi64(0xff, ids, half);
  return Vector(_mm512_mask_i32gather_epi64(_mm512_setzero_si512(), 0xff, eight, points, sizeof(float[2])));
}

/// Halves, quarters and so on are added, not one lane after the other: a row is too short for that.
float sum_of(Vector x) {
  x += __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  x += __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  x += __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  return x[0] + x[1];
}

/// The pull on a point at (x, y) of `count` neighbours, 16 at a time.
Force pull(const int32_t* columns, const float* values, int64_t count, const float* points, float x, float y) {
  Vector force_x{}, force_y{};
  for (int64_t k = 0; k < count; k += 16) {
    const auto mask = static_cast<__mmask16>(count - k >= 16 ? 0xffff : (1 << (count - k)) - 1);
    const __m512i ids = _mm512_maskz_loadu_epi32(mask, columns + k);  // Past the end 0, a point that is there.
    const Vector p = Vector(_mm512_maskz_loadu_ps(mask, values + k));
    const Vector low = fetch<0>(ids, points), high = fetch<1>(ids, points);
    const Vector dx = x - __builtin_shufflevector(low, high, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const Vector dy = y - __builtin_shufflevector(low, high, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    const __m512 square = __m512(dx * dx + (dy * dy + 1.0F));
    const Vector weight = p * Vector(_mm512_maskz_rcp14_ps(cpu_kernels::all_lanes, square));
    force_x += weight * dx;
    force_y += weight * dy;
  }
  return {sum_of(force_x), sum_of(force_y)};
}
#else
Force pull(const int32_t* columns, const float* values, int64_t count, const float* points, float x, float y) {
  Force force;
  for (int64_t k = 0; k < count; ++k) {
    const float* const other = points + 2 * static_cast<int64_t>(columns[k]);
    const float dx = x - other[0], dy = y - other[1];
    const float weight = values[k] / (1 + dx * dx + dy * dy);
    force.x += weight * dx;
    force.y += weight * dy;
  }
  return force;
}
#endif

}  // namespace

void attract(const Affinities& affinities, const float* points, int64_t begin, int64_t end, float* forces) {
  for (int64_t i = begin; i < end; ++i) {
    const int64_t first = affinities.offsets[static_cast<size_t>(i)];
    const int64_t count = affinities.offsets[static_cast<size_t>(i + 1)] - first;
    const Force force = pull(affinities.columns.data() + first, affinities.values.data() + first, count, points,
                             points[2 * i], points[2 * i + 1]);
    forces[2 * i] = force.x;
    forces[2 * i + 1] = force.y;
  }
}

double divergence_part(const Affinities& affinities, const float* points, int64_t begin, int64_t end) {
  double total = 0;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t first = affinities.offsets[static_cast<size_t>(i)];
    const int32_t* const columns = affinities.columns.data() + first;
    const float* const values = affinities.values.data() + first;
    const float x = points[2 * i], y = points[2 * i + 1];
    const auto part = [=](int64_t k) {
      const float* const other = points + 2 * static_cast<int64_t>(columns[k]);
      const float dx = x - other[0], dy = y - other[1], p = values[k];
      // What is 0 adds nothing: its logarithm is taken of something else.
      return p * vector_math::log((p > 0 ? p : 1) * (1 + dx * dx + dy * dy));
    };
    total += static_cast<double>(cpu_kernels::lane_sum(affinities.offsets[static_cast<size_t>(i + 1)] - first, part));
  }
  return total;
}

}  // namespace roux::text
