// The forces of t-SNE that pull neighbours together.
#pragma once

#include <cstdint>

#include "text/projection/tsne_affinities.h"

namespace roux::text {

/// For the points i in [begin, end), written to forces[2 i], forces[2 i + 1]: the sum over their neighbours j of
/// p_ij q (y_i - y_j), with q = 1 / (1 + |y_i - y_j|^2). points and forces are (n, 2), interleaved.
void attract(const Affinities& affinities, const float* points, int64_t begin, int64_t end, float* forces);

/// The sum over the points i in [begin, end) and their neighbours j of p_ij log(p_ij / q).
double divergence_part(const Affinities& affinities, const float* points, int64_t begin, int64_t end);

}  // namespace roux::text
