// Principal components: the directions in which points differ most, and points as coordinates along them.
#pragma once

#include <cstdint>

#include "tensor/tensor.h"

namespace roux::text {

/// What `fit_pca` finds, in float64. Component i is the direction of the i-th largest variance.
struct Pca {
  Tensor components;                ///< (k, dim), orthonormal rows
  Tensor mean;                      ///< (dim)
  Tensor explained_variance;        ///< (k): variance along each component, divided by n - 1
  Tensor explained_variance_ratio;  ///< (k): its share of the variance of all dimensions; 0 when there is none

  /// x (n, dim), float32 or float64 -> (n, k) of the same type: coordinates along the components, from the mean.
  Tensor transform(const Tensor& x) const;
};

/// The first `components` principal components of x (n, dim), float32 or float64 (Pearson 1901, Hotelling 1933).
///
/// Sums are in float64. A component's sign is scikit-learn's: its loading that is largest in size is positive, the
/// first of equals. Directions without variance are any that complete an orthonormal system. Throws unless n >= 2 and
/// 1 <= components <= min(n, dim), and when a value is not finite.
Pca fit_pca(const Tensor& x, int64_t components);

}  // namespace roux::text
