// t-SNE: a map of points in the plane on which neighbours stay neighbours.
#pragma once

#include <cstdint>
#include <functional>

#include "tensor/tensor.h"

namespace roux::text {

/// Where a map begins.
enum class TsneStart {
  pca,     ///< the first two principal components, the first with a standard deviation of 1e-4
  random,  ///< normal with a standard deviation of 1e-4
};

/// How forces are summed.
enum class TsneMethod {
  barnes_hut,  ///< the 3 * perplexity + 1 nearest neighbours attract, groups of points far away repel as one
  exact,       ///< every pair does both: n^2 time an iteration, and memory
};

/// Names as in scikit-learn's TSNE, and openTSNE's.
struct TsneOptions {
  double perplexity = 30;                 ///< how many neighbours a point about has; [1, n - 1]
  double early_exaggeration = 12;         ///< factor on the attraction at the start, >= 1 ...
  int64_t early_exaggeration_iter = 250;  ///< ... that falls to 1 in so many iterations, by the same ratio in each
  double learning_rate = 0;               ///< 0: max(n / exaggeration / 4, 50), with the exaggeration of the iteration
  int64_t max_iter = 750;                 ///< at least early_exaggeration_iter
  int64_t n_iter_without_progress = 300;  ///< iterations without a smaller divergence after which to stop
  double min_grad_norm = 1e-7;            ///< norm of the gradient at which to stop
  TsneStart init = TsneStart::pca;        ///< where points start
  uint64_t seed = 0;                      ///< of a random start
  TsneMethod method = TsneMethod::barnes_hut;  ///< of the repulsion: by a tree, or all pairs
  double angle = 0.5;                          ///< how wide a group may look from a point to repel it as one; [0, 1]
  std::function<void(int64_t)> progress = {};  ///< called every 50 iterations with the number of those done
};

/// A map, and how good it is.
struct TsneResult {
  Tensor points;         ///< (n, 2) float32, centred
  double kl_divergence;  ///< of what was minimised: with `barnes_hut`, over the neighbours that attract
  int64_t iterations;    ///< that were done
};

/// A map of x (n, dim), float32 or float64 (van der Maaten & Hinton 2008; van der Maaten 2014 for many points).
///
/// Gradient descent with momentum 0.8 and gains. The result depends on x and options alone, for any number of threads.
/// Throws when a value is not finite, when all points are equal, or when options lie outside their bounds; of the
/// perplexity the largest that is possible is named.
TsneResult tsne(const Tensor& x, const TsneOptions& options = {});

/// The divergence of a map `points` (n, 2) from x (n, dim), over all pairs: the sum of p log(p / q), with p of the
/// given perplexity over all other points. It does not depend on how the map was made. n^2 time, little memory.
double tsne_kl_divergence(const Tensor& x, const Tensor& points, double perplexity);

}  // namespace roux::text
