// How a row of a table that has waited under Adam moves, from four moments: see nn/lazy_adam.h. One definition for the
// CPU, which finds several at a time, and for CUDA.
#pragma once

#include "tensor/host_device.h"

namespace roux {

/// The quadrature with two nodes of moments 0 to 3 as a rational function of r. One node where they do not spread, none
/// where nothing moves. V: double, or a vector of them.
template <class V>
struct LazyAdamQuadrature {
  V a, b, c, d;

  ROUX_HOST_DEVICE LazyAdamQuadrature(const V& m0, const V& m1, const V& m2, const V& m3, double eps) {
    const V zero{}, one = zero + 1;
    const V inverse = m0 > 0 ? one / m0 : zero;
    const V mean = m0 > 0 ? m1 * inverse : one;
    const V square = mean * mean;
    const V second = m2 * inverse - square;
    const V third = m3 * inverse - 3 * mean * m2 * inverse + 2 * square * mean;
    const auto spreads = second > 1e-13 * square;
    const V variance = spreads ? second : zero;
    const V skew = spreads ? third / (2 * second) : zero;
    a = m0;
    b = eps * m0 * (mean + 2 * skew);
    c = 2 * eps * (mean + skew);
    d = eps * eps * (square + 2 * mean * skew - variance);
  }
};

}  // namespace roux
