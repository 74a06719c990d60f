// The divergence of a map over all pairs of points, a block of rows at a time.
#include <algorithm>
#include <cmath>
#include <vector>

#include "tensor/cpu/lanes.h"
#include "tensor/error.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tensor/vector_math.h"
#include "text/projection/tsne.h"
#include "text/projection/tsne_affinities.h"

namespace roux::text {
namespace {

constexpr int64_t rows_per_chunk = 16;

/// What the rows of one chunk add: the sum of p log(p / q) but for the normaliser of q, and that.
struct Part {
  double divergence = 0, normaliser = 0;
};

int64_t rows_per_block(int64_t n) { return std::clamp<int64_t>((int64_t{1} << 21) / n, 16, 512); }

/// Of every point, as floats: what its bandwidth holds.
struct Bandwidths {
  std::vector<float> precision, nearest, log_sum;
};

Bandwidths find_bandwidths(const PointDistances& distances, double perplexity) {
  const int64_t n = distances.size();
  Bandwidths found;
  for (auto* values : {&found.precision, &found.nearest, &found.log_sum}) values->resize(static_cast<size_t>(n));
  for (int64_t begin = 0; begin < n; begin += rows_per_block(n)) {
    const int64_t end = std::min(n, begin + rows_per_block(n));
    const Tensor block = distances.rows(begin, end);
    const float* const data = block.data<float>();
    parallel_for(end - begin, rows_per_chunk, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const Bandwidth bandwidth = find_bandwidth(data + i * n, n, std::log(perplexity));
        const auto at = static_cast<size_t>(begin + i);
        found.precision[at] = static_cast<float>(bandwidth.precision);
        found.nearest[at] = bandwidth.nearest;
        found.log_sum[at] = static_cast<float>(bandwidth.log_sum);
      }
    });
  }
  return found;
}

}  // namespace

double tsne_kl_divergence(const Tensor& x, const Tensor& points, double perplexity) {
  ROUX_CHECK(x.defined() && x.dim() == 2 && x.size(0) >= 2, "tsne_kl_divergence",
             "x must have two dimensions, (points, dim), and at least 2 points");
  const int64_t n = x.size(0);
  ROUX_CHECK(points.defined() && points.shape() == Shape({n, 2}), "tsne_kl_divergence", "points must be (", n, ", 2)");
  ROUX_CHECK(perplexity >= 1 && perplexity <= static_cast<double>(n - 1), "tsne_kl_divergence",
             "perplexity must be in [1, ", n - 1, "], found ", perplexity);
  const PointDistances distances(x);
  const Bandwidths bandwidths = find_bandwidths(distances, perplexity);
  const float* const precision = bandwidths.precision.data();
  const float* const nearest = bandwidths.nearest.data();
  const float* const log_sum = bandwidths.log_sum.data();
  const std::vector<float> map_x = points.select(1, 0).to_vector<float>(),
                           map_y = points.select(1, 1).to_vector<float>();
  const float* const px = map_x.data();
  const float* const py = map_y.data();
  const float share = 0.5F / static_cast<float>(n);

  Part all;
  for (int64_t begin = 0; begin < n; begin += rows_per_block(n)) {
    const int64_t end = std::min(n, begin + rows_per_block(n));
    const Tensor block = distances.rows(begin, end);
    const float* const data = block.data<float>();
    const auto part = [&](int64_t first, int64_t last) {
      Part sums;
      for (int64_t i = begin + first; i < begin + last; ++i) {
        const float* const row = data + (i - begin) * n;
        const float x_i = px[i], y_i = py[i];
        const auto inverse_q = [&](int64_t j) {
          return 1 + (x_i - px[j]) * (x_i - px[j]) + (y_i - py[j]) * (y_i - py[j]);
        };
        sums.normaliser +=
            static_cast<double>(cpu_kernels::lane_sum(n, [&](int64_t j) { return 1 / inverse_q(j); })) - 1;
        sums.divergence += static_cast<double>(cpu_kernels::lane_sum(n, [&](int64_t j) {
          const float there = -precision[i] * (row[j] - nearest[i]) - log_sum[i];
          const float back = -precision[j] * (row[j] - nearest[j]) - log_sum[j];
          const float p = share * (exp_or_zero(there) + exp_or_zero(back));
          // What is 0 adds nothing: its logarithm is taken of something else.
          return p * vector_math::log((p > 0 ? p : 1) * inverse_q(j));
        }));
      }
      return sums;
    };
    all = parallel_reduce(end - begin, rows_per_chunk, all, part, [](Part a, Part b) {
      return Part{a.divergence + b.divergence, a.normaliser + b.normaliser};
    });
  }
  return all.divergence + std::log(all.normaliser);
}

}  // namespace roux::text
