// Nearest neighbours from blocked matrix products, bandwidths, and the symmetric matrix.
#include "text/projection/tsne_affinities.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "tensor/cpu/lanes.h"
#include "tensor/error.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"

namespace roux::text {
namespace {

constexpr int64_t rows_per_chunk = 16;

/// What the `count` nearest of one row need, kept from row to row.
struct Nearest {
  std::vector<float> smallest, ordered;
  std::vector<std::pair<float, int32_t>> candidates;

  /// Leaves in `candidates` the `count` smallest of row[0 .. n), in the order of their numbers; equals by lower number.
  void find(const float* row, int64_t n, int64_t count) {
    candidates.resize(static_cast<size_t>(n));
    const float bound = upper_bound(row, n, count);
    int64_t found = 0;
    for (int64_t j = 0; j < n; ++j) {
      candidates[static_cast<size_t>(found)] = {row[j], static_cast<int32_t>(j)};
      found += row[j] <= bound ? 1 : 0;
    }
    candidates.resize(static_cast<size_t>(found));
    std::nth_element(candidates.begin(), candidates.begin() + count - 1, candidates.end());
    candidates.resize(static_cast<size_t>(count));
    std::sort(candidates.begin(), candidates.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  }

  /// A value that at least `count` of the row do not exceed, and not many more: the row is dealt out to so many groups
  /// that the nearest mostly are each the smallest of a group; the count-th of these is the bound.
  float upper_bound(const float* row, int64_t n, int64_t count) {
    const int64_t groups = (4 * count + 63) / 64 * 64;
    if (n < 2 * groups) return std::numeric_limits<float>::infinity();
    smallest.assign(row, row + groups);
    float* const least = smallest.data();
    for (int64_t begin = groups; begin + groups <= n; begin += groups) {
      for (int64_t i = 0; i < groups; ++i) least[i] = row[begin + i] < least[i] ? row[begin + i] : least[i];
    }
    std::nth_element(smallest.begin(), smallest.begin() + count - 1, smallest.end());
    return smallest[static_cast<size_t>(count - 1)];
  }
};

/// p_j|i of the neighbours of each point, `count` a row, by rising number.
struct Conditional {
  std::vector<int32_t> columns;
  std::vector<float> values;
};

Conditional conditional_affinities(const PointDistances& distances, double perplexity, int64_t count) {
  const int64_t n = distances.size();
  Conditional result;
  result.columns.resize(static_cast<size_t>(n * count));
  result.values.resize(static_cast<size_t>(n * count));
  const int64_t rows_per_block = std::clamp<int64_t>((int64_t{1} << 21) / n, 16, 512);
  for (int64_t begin = 0; begin < n; begin += rows_per_block) {
    const int64_t end = std::min(n, begin + rows_per_block);
    const Tensor block = distances.rows(begin, end);
    const float* const data = block.data<float>();
    parallel_for(end - begin, rows_per_chunk, [&](int64_t first, int64_t last) {
      Nearest nearest;
      std::vector<float> near(static_cast<size_t>(count));
      for (int64_t i = first; i < last; ++i) {
        nearest.find(data + i * n, n, count);
        for (int64_t j = 0; j < count; ++j)
          near[static_cast<size_t>(j)] = nearest.candidates[static_cast<size_t>(j)].first;
        const Bandwidth bandwidth = find_bandwidth(near.data(), count, std::log(perplexity));
        int32_t* const columns = result.columns.data() + (begin + i) * count;
        float* const values = result.values.data() + (begin + i) * count;
        for (int64_t j = 0; j < count; ++j) {
          columns[j] = nearest.candidates[static_cast<size_t>(j)].second;
          values[j] = bandwidth.probability(near[static_cast<size_t>(j)]);
        }
      }
    });
  }
  return result;
}

/// Entry (j, i) for every entry (i, j): rows that rise again, because the entries are dealt out in the order of i.
Affinities transposed(const Conditional& conditional, int64_t n, int64_t count) {
  Affinities result;
  result.offsets.assign(static_cast<size_t>(n + 1), 0);
  result.columns.resize(conditional.columns.size());
  result.values.resize(conditional.values.size());
  for (const int32_t column : conditional.columns) ++result.offsets[static_cast<size_t>(column) + 1];
  for (int64_t i = 0; i < n; ++i) result.offsets[static_cast<size_t>(i + 1)] += result.offsets[static_cast<size_t>(i)];
  std::vector<int64_t> next(result.offsets.begin(), result.offsets.end() - 1);
  for (int64_t entry = 0; entry < n * count; ++entry) {
    const auto at = static_cast<size_t>(next[static_cast<size_t>(conditional.columns[static_cast<size_t>(entry)])]++);
    result.columns[at] = static_cast<int32_t>(entry / count);
    result.values[at] = conditional.values[static_cast<size_t>(entry)];
  }
  return result;
}

/// The sums of w, w d and w d^2, where d = distance - nearest and w = exp(-precision d).
struct Moments {
  double total = 0, first = 0, second = 0;
};

Moments weighted_moments(const float* distances, int64_t count, float precision, float nearest) {
  constexpr int64_t lanes = cpu_kernels::lane_count<float>;
  float total[lanes] = {}, first[lanes] = {}, second[lanes] = {};
  const auto add = [&](int64_t lane, float distance) {
    const float d = distance - nearest, weight = exp_or_zero(-precision * d), weighted = weight * d;
    total[lane] += weight;
    first[lane] += weighted;
    second[lane] += weighted * d;
  };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (int64_t lane = 0; lane < lanes; ++lane) add(lane, distances[i + lane]);
  }
  for (int64_t lane = 0; i + lane < count; ++lane) add(lane, distances[i + lane]);
  Moments sums;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    sums.total += static_cast<double>(total[lane]);
    sums.first += static_cast<double>(first[lane]);
    sums.second += static_cast<double>(second[lane]);
  }
  return sums;
}

}  // namespace

PointDistances::PointDistances(const Tensor& x) {
  const Tensor wide = x.to(float64);
  ROUX_CHECK(std::isfinite(sum(abs(wide)).item()), "tsne", "x holds NaN or infinity");
  const Tensor centred = sub(wide, mean(wide, {0}));
  const double square_length = sum(square(centred)).item() / static_cast<double>(x.size(0));
  // Equal points leave the rounding of their mean.
  const double largest = amax(abs(wide)).item(), rounding = 1e-14 * largest;
  ROUX_CHECK(square_length > static_cast<double>(x.size(1)) * rounding * rounding, "tsne",
             "all points are equal: there is nothing to arrange");
  points_ = div(centred, std::sqrt(square_length)).to(float32);
  const Tensor norms = sum(square(points_), {1});
  norms_ = norms.to_vector<float>();
}

Tensor PointDistances::rows(int64_t begin, int64_t end) const {
  const int64_t n = size();
  Tensor block = matmul(points_.slice(0, begin, end), points_.transpose(0, 1));
  float* const data = block.mutable_data<float>();
  const float* const norms = norms_.data();
  parallel_for(end - begin, rows_per_chunk, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      float* const row = data + i * n;
      const float own = norms[begin + i];
      for (int64_t j = 0; j < n; ++j) {
        const float distance = own + norms[j] - 2 * row[j];
        row[j] = distance > 0 ? distance : 0;
      }
      row[begin + i] = to_itself;
    }
  });
  return block;
}

Bandwidth find_bandwidth(const float* distances, int64_t count, double log_perplexity) {
  float nearest = distances[0];
  for (int64_t i = 1; i < count; ++i) nearest = std::min(nearest, distances[i]);
  double low = 0, high = std::numeric_limits<double>::infinity(), precision = 1, log_sum = 0;
  for (int step = 0; step < 100; ++step) {
    const Moments sums = weighted_moments(distances, count, static_cast<float>(precision), nearest);
    const double mean = sums.first / sums.total, mean_square = sums.second / sums.total;
    log_sum = std::log(sums.total);
    const double excess = log_sum + precision * mean - log_perplexity;
    if (std::abs(excess) < 1e-5) break;
    (excess > 0 ? low : high) = precision;
    // The entropy falls by precision^2 * variance for each e-fold of the precision.
    const double slope = precision * precision * (mean_square - mean * mean);
    double next = precision * std::exp(std::clamp(excess / slope, -3.0, 3.0));
    if (!(next > low && next < high)) next = std::isinf(high) ? 4 * precision : (low + high) / 2;
    if (!(next < 1e30) || next == precision) break;  // Equal distances: the entropy does not reach the perplexity.
    precision = next;
  }
  return {precision, log_sum, nearest};
}

Affinities neighbour_affinities(const PointDistances& distances, double perplexity, int64_t neighbours) {
  const int64_t n = distances.size();
  const Conditional out = conditional_affinities(distances, perplexity, neighbours);
  const Affinities in = transposed(out, n, neighbours);
  Affinities result;
  result.offsets.push_back(0);
  result.columns.reserve(2 * out.columns.size());
  result.values.reserve(2 * out.columns.size());
  const float share = 0.5F / static_cast<float>(n);
  for (int64_t i = 0; i < n; ++i) {
    int64_t a = i * neighbours, b = in.offsets[static_cast<size_t>(i)];
    const int64_t a_end = a + neighbours, b_end = in.offsets[static_cast<size_t>(i + 1)];
    while (a < a_end || b < b_end) {
      constexpr int32_t none = std::numeric_limits<int32_t>::max();
      const int32_t from = a < a_end ? out.columns[static_cast<size_t>(a)] : none;
      const int32_t to = b < b_end ? in.columns[static_cast<size_t>(b)] : none;
      float value = 0;
      if (from <= to) value += out.values[static_cast<size_t>(a++)];
      if (to <= from) value += in.values[static_cast<size_t>(b++)];
      result.columns.push_back(std::min(from, to));
      result.values.push_back(value * share);
    }
    result.offsets.push_back(static_cast<int64_t>(result.columns.size()));
  }
  return result;
}

}  // namespace roux::text
