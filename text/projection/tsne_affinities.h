// What t-SNE wants to keep of the points: how likely each has each other one for a neighbour.
#pragma once

#include <cstdint>
#include <vector>

#include "tensor/tensor.h"
#include "tensor/vector_math.h"

namespace roux::text {

/// Squared Euclidean distances between points, a block of rows at a time: n^2 of them need not fit into memory.
class PointDistances {
 public:
  /// x (n, dim), float32 or float64, finite. Distances are of x from its mean, scaled to a mean square length of 1, so
  /// that no size of numbers overflows or loses digits; t-SNE does not depend on the scale. Throws when all points are
  /// equal.
  explicit PointDistances(const Tensor& x);
  int64_t size() const { return points_.size(0); }
  /// Rows [begin, end) as (end - begin, n), float32; that of a point to itself is `to_itself`.
  Tensor rows(int64_t begin, int64_t end) const;

  /// So far that it has no probability whatever the bandwidth, and finite.
  static constexpr float to_itself = 1e30F;

 private:
  Tensor points_;             // (n, dim) float32
  std::vector<float> norms_;  // of the points, squared
};

/// 0 where the exponential would be denormal: processors compute with those a hundred times slower.
inline float exp_or_zero(float x) { return x < -80.0F ? 0.0F : vector_math::exp(x); }

/// The Gaussian around one point: p_j = exp(-precision * (distance_j - nearest) - log_sum).
struct Bandwidth {
  double precision = 1;  ///< 1 / (2 sigma^2)
  double log_sum = 0;
  float nearest = 0;  ///< the least distance: taken off first, or a high precision would leave no digits

  float probability(float distance) const {
    return exp_or_zero(static_cast<float>(-precision * static_cast<double>(distance - nearest) - log_sum));
  }
};
/// The Gaussian whose perplexity over `distances` is exp(log_perplexity), to 1e-5 of that logarithm, where there is
/// one: of equal distances the nearest that there is. By Newton's steps within a bracket that is halved where they
/// leave it.
Bandwidth find_bandwidth(const float* distances, int64_t count, double log_perplexity);

/// p_ij as rows of a sparse symmetric matrix: row i has columns[offsets[i] .. offsets[i + 1]), rising, and values to go
/// with them. They sum to 1.
struct Affinities {
  std::vector<int64_t> offsets;
  std::vector<int32_t> columns;
  std::vector<float> values;
  int64_t size() const { return static_cast<int64_t>(offsets.size()) - 1; }
};

/// van der Maaten & Hinton 2008, equation 1 and p_ij = (p_j|i + p_i|j) / 2n, with p_j|i = 0 for all but the
/// `neighbours` nearest of each point (van der Maaten 2014, equations 6 and 7), which are found exactly; equals by
/// lower number. 1 <= neighbours < n.
Affinities neighbour_affinities(const PointDistances& distances, double perplexity, int64_t neighbours);

}  // namespace roux::text
