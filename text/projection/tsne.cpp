// Gradient descent on the divergence.
#include "text/projection/tsne.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tensor/cpu/lanes.h"
#include "tensor/error.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "text/projection/pca.h"
#include "text/projection/tsne_affinities.h"
#include "text/projection/tsne_attraction.h"
#include "text/projection/tsne_tree.h"

namespace roux::text {
namespace {

constexpr float momentum = 0.8F;
constexpr double start_deviation = 1e-4;
constexpr int64_t iterations_per_check = 50;
constexpr int64_t points_per_chunk = 128;
constexpr int64_t values_per_chunk = 8192;
constexpr int64_t blocks_per_chunk = 8;
// The tree's lists still fit when the points have moved so far (the kernel of the forces reaches about 1), so often.
constexpr double most_moved = 0.3;
constexpr int64_t most_moves = 8;

void check_options(const Tensor& x, const TsneOptions& options) {
  ROUX_CHECK(x.defined() && x.dim() == 2 && x.size(1) >= 1, "tsne", "x must have two dimensions, (points, dim)");
  ROUX_CHECK(x.dtype() == float32 || x.dtype() == float64, "tsne", "x must be float32 or float64, found ", x.dtype());
  const int64_t n = x.size(0);
  ROUX_CHECK(n >= 2, "tsne", "a map needs at least 2 points, found ", n);
  ROUX_CHECK(n <= std::numeric_limits<int32_t>::max() / 2, "tsne", "too many points, ", n);
  ROUX_CHECK(options.perplexity >= 1 && options.perplexity <= static_cast<double>(n - 1), "tsne", "a perplexity of ",
             options.perplexity, " is not possible with ", n, " points: it must be in [1, ", n - 1, "]");
  ROUX_CHECK(options.early_exaggeration >= 1 && std::isfinite(options.early_exaggeration), "tsne",
             "early_exaggeration must be at least 1, found ", options.early_exaggeration);
  ROUX_CHECK(options.learning_rate >= 0 && std::isfinite(options.learning_rate), "tsne",
             "learning_rate must be positive, or 0 for one by the number of points, found ", options.learning_rate);
  ROUX_CHECK(options.early_exaggeration_iter >= 0 && options.max_iter >= options.early_exaggeration_iter &&
                 options.max_iter >= 1,
             "tsne", "max_iter must be at least 1 and early_exaggeration_iter, ", options.early_exaggeration_iter,
             ", found ", options.max_iter);
  ROUX_CHECK(options.angle >= 0 && options.angle <= 1, "tsne", "angle must be in [0, 1], found ", options.angle);
}

/// (n, 2), interleaved.
std::vector<float> start_of(const Tensor& x, const TsneOptions& options) {
  const int64_t n = x.size(0);
  if (options.init == TsneStart::random || std::min(n, x.size(1)) < 2) {
    Generator generator(options.seed);
    return mul(Tensor::randn({n, 2}, float32, cpu, generator), start_deviation).to_vector<float>();
  }
  const Tensor along = fit_pca(x, 2).transform(x.to(float64));
  const double deviation = std::sqrt(var(along.select(1, 0), {}, false, 0).item());
  return mul(along, start_deviation / deviation).to_vector<float>();
}

/// The map while it is being made. Pairs of coordinates are interleaved.
class Descent {
 public:
  Descent(const Affinities& affinities, std::vector<float> start, double angle)
      : affinities_(affinities), n_(affinities.size()), angle_(angle), points_(std::move(start)) {
    pulls_.resize(points_.size());
    pushes_.resize(points_.size());
    velocity_.resize(points_.size());
    gains_.assign(points_.size(), 1.0F);
  }

  /// One iteration; returns the norm of the gradient.
  double step(double exaggeration, double learning_rate) {
    follow_points();
    sum_forces();
    const auto pull = static_cast<float>(4 * exaggeration), push = static_cast<float>(4 / normaliser_);
    const auto rate = static_cast<float>(learning_rate);
    const auto move = [&](int64_t begin, int64_t end) {
      // Through plain pointers, or the compiler would fear that they overlap.
      float* const points = points_.data() + begin;
      float* const velocity = velocity_.data() + begin;
      float* const gains = gains_.data() + begin;
      const float* const pulls = pulls_.data() + begin;
      const float* const pushes = pushes_.data() + begin;
      return static_cast<double>(cpu_kernels::lane_sum(end - begin, [=](int64_t i) {
        const float gradient = pull * pulls[i] - push * pushes[i];
        const float gain = velocity[i] * gradient < 0 ? gains[i] + 0.2F : gains[i] * 0.8F;
        gains[i] = gain < 0.01F ? 0.01F : gain;
        velocity[i] = momentum * velocity[i] - rate * gains[i] * gradient;
        points[i] += velocity[i];
        return gradient * gradient;
      }));
    };
    const auto add = [](double a, double b) { return a + b; };
    return std::sqrt(parallel_reduce(static_cast<int64_t>(points_.size()), values_per_chunk, 0.0, move, add));
  }

  /// The divergence over the neighbours that attract.
  double divergence() {
    follow_points();
    sum_forces();
    const auto part = [&](int64_t begin, int64_t end) {
      return divergence_part(affinities_, points_.data(), begin, end);
    };
    return parallel_reduce(n_, points_per_chunk, std::log(normaliser_), part, [](double a, double b) { return a + b; });
  }
  const std::vector<float>& points() const { return points_; }

 private:
  /// Brings the tree to where the points are: a new one when they have moved far since it was made.
  void follow_points() {
    bool moved_far = built_at_.empty() || moves_ >= most_moves;
    if (!moved_far) {
      const float* const now = points_.data();
      const float* const then = built_at_.data();
      const float square = cpu_kernels::lane_sum(static_cast<int64_t>(points_.size()),
                                                 [=](int64_t i) { return (now[i] - then[i]) * (now[i] - then[i]); });
      moved_far = static_cast<double>(square) > static_cast<double>(n_) * most_moved * most_moved;
    }
    if (moved_far) {
      tree_.build(points_.data(), n_, angle_);
      built_at_ = points_;
      moves_ = 0;
    } else {
      tree_.move_to(points_.data());
      ++moves_;
    }
  }

  /// pulls_, pushes_ and normaliser_ of the points as they are.
  void sum_forces() {
    const int64_t pushing = (tree_.blocks() + blocks_per_chunk - 1) / blocks_per_chunk;
    const int64_t pulling = (n_ + points_per_chunk - 1) / points_per_chunk;
    const auto part = [&](int64_t chunk, int64_t) {
      double seen = 0;
      if (chunk < pushing) {
        const int64_t end = std::min(tree_.blocks(), (chunk + 1) * blocks_per_chunk);
        for (int64_t block = chunk * blocks_per_chunk; block < end; ++block) seen += tree_.repel(block, pushes_.data());
      } else {
        const int64_t begin = (chunk - pushing) * points_per_chunk;
        attract(affinities_, points_.data(), begin, std::min(n_, begin + points_per_chunk), pulls_.data());
      }
      return seen;
    };
    const double seen = parallel_reduce(pushing + pulling, 1, 0.0, part, [](double a, double b) { return a + b; });
    // Every point has seen itself, as 1. Far apart, others add less than the rounding of that.
    normaliser_ = std::max(seen - static_cast<double>(n_), std::numeric_limits<double>::min());
  }

  const Affinities& affinities_;
  int64_t n_, moves_ = 0;
  double angle_, normaliser_ = 1;
  std::vector<float> points_, pulls_, pushes_, velocity_, gains_;
  std::vector<float> built_at_;  // the points when the tree was built
  RepulsionTree tree_;
};

}  // namespace

TsneResult tsne(const Tensor& x, const TsneOptions& options) {
  check_options(x, options);
  const int64_t n = x.size(0);
  const bool exact = options.method == TsneMethod::exact;
  const auto near = static_cast<int64_t>(3 * options.perplexity + 1);
  const Affinities affinities =
      neighbour_affinities(PointDistances(x), options.perplexity, exact ? n - 1 : std::min(n - 1, near));
  Descent descent(affinities, start_of(x, options), exact ? 0 : options.angle);

  double best = std::numeric_limits<double>::infinity();
  int64_t best_at = 0, iteration = 0;
  while (iteration < options.max_iter) {
    const double left = 1 - static_cast<double>(iteration) / static_cast<double>(options.early_exaggeration_iter);
    const double exaggeration = left > 0 ? std::pow(options.early_exaggeration, left) : 1;
    const double automatic = std::max(static_cast<double>(n) / (4 * exaggeration), 50.0);
    const double norm = descent.step(exaggeration, options.learning_rate > 0 ? options.learning_rate : automatic);
    ++iteration;
    if (iteration % iterations_per_check != 0 && iteration != options.max_iter) continue;
    if (options.progress) options.progress(iteration);
    if (iteration <= options.early_exaggeration_iter) continue;
    const double divergence = descent.divergence();
    if (divergence < best) best = divergence, best_at = iteration;
    if (iteration - best_at > options.n_iter_without_progress || norm <= options.min_grad_norm) break;
  }
  const Tensor points = Tensor::from(descent.points(), {n, 2});
  return {sub(points, mean(points, {0})), descent.divergence(), iteration};
}

}  // namespace roux::text
