// t-SNE as a whole: neighbours stay neighbours, the same map again, and bad input.
#include "text/projection/tsne.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tests/message_of.h"
#include "tests/thread_count_guard.h"

using namespace roux;
using roux::text::tsne;
using roux::text::tsne_kl_divergence;
using roux::text::TsneMethod;
using roux::text::TsneOptions;
using roux::text::TsneResult;
using roux::text::TsneStart;

namespace {

/// `groups` clouds of `each` points around corners of a cube; point i belongs to cloud i % groups.
Tensor clouds(int64_t groups, int64_t each, int64_t dim = 10) {
  Generator generator(8);
  Tensor x = Tensor::randn({groups * each, dim}, float32, cpu, generator);
  float* values = x.mutable_data<float>();
  for (int64_t i = 0; i < groups * each; ++i) values[i * dim + i % groups] += 12;
  return x;
}

/// The share of points whose nearest other on the map is of their cloud.
double share_at_home(const Tensor& map, int64_t groups) {
  const int64_t n = map.size(0);
  const float* const at = map.data<float>();
  int64_t home = 0;
  for (int64_t i = 0; i < n; ++i) {
    float best = std::numeric_limits<float>::infinity();
    int64_t nearest = -1;
    for (int64_t j = 0; j < n; ++j) {
      const float dx = at[2 * i] - at[2 * j], dy = at[2 * i + 1] - at[2 * j + 1];
      if (j != i && dx * dx + dy * dy < best) best = dx * dx + dy * dy, nearest = j;
    }
    home += nearest % groups == i % groups;
  }
  return static_cast<double>(home) / static_cast<double>(n);
}

/// Venna & Kaski 2001, as scikit-learn has it: 1 when the 12 nearest on the map are the 12 nearest of x.
double trustworthiness(const Tensor& x, const Tensor& map) {
  constexpr int64_t near = 12;
  const int64_t n = x.size(0);
  const Tensor norms = sum(square(x), {1});
  const Tensor distances = sub(norms.unsqueeze(1) + norms, mul(matmul(x, x.transpose(0, 1)), 2));
  const Tensor places = sum(square(map), {1});
  const Tensor apart = sub(places.unsqueeze(1) + places, mul(matmul(map, map.transpose(0, 1)), 2));
  double penalty = 0;
  for (int64_t i = 0; i < n; ++i) {
    const Tensor row = distances.select(0, i);
    const float* const to = row.data<float>();
    const Tensor nearest = topk(apart.select(0, i), near + 1, 0, false).indices;
    for (int64_t k = 0; k <= near; ++k) {
      const int64_t j = nearest.data<int64_t>()[k];
      if (j == i) continue;
      int64_t closer = 0;
      for (int64_t other = 0; other < n; ++other) closer += other != i && to[other] < to[j];
      penalty += static_cast<double>(std::max<int64_t>(0, closer + 1 - near));
    }
  }
  const auto count = static_cast<double>(n), k = static_cast<double>(near);
  return 1 - penalty * 2 / (count * k * (2 * count - 3 * k - 1));
}

Tensor glove_vectors(int64_t count) {
  const char* const folder = std::getenv("ROUX_DATA");
  if (folder == nullptr) return {};
  std::ifstream file(std::string(folder) + "/glove/glove.6B.100d.subset.txt");
  std::vector<float> values;
  std::string line, word;
  while (static_cast<int64_t>(values.size()) < 100 * count && std::getline(file, line)) {
    std::istringstream numbers(line);
    numbers >> word;
    for (float value = 0; numbers >> value;) values.push_back(value);
  }
  return Tensor::from(values, {count, 100});
}

}  // namespace

TEST_CASE("t-SNE keeps clouds apart, by either method and from either start") {
  const Tensor x = clouds(4, 60);
  for (const TsneMethod method : {TsneMethod::barnes_hut, TsneMethod::exact}) {
    for (const TsneStart start : {TsneStart::pca, TsneStart::random}) {
      const TsneResult result = tsne(x, {.perplexity = 15, .init = start, .method = method});
      CHECK(share_at_home(result.points, 4) == 1);
      CHECK(result.iterations <= 750);
      CHECK(amax(abs(mean(result.points, {0}))).item() < 1e-3);
      const double divergence = tsne_kl_divergence(x, result.points, 15);
      CHECK(divergence < 0.8);
      if (method == TsneMethod::exact) CHECK(result.kl_divergence == doctest::Approx(divergence).epsilon(1e-3));
    }
  }
}

TEST_CASE("t-SNE on one thread and on several gives the same bits, and so does its divergence") {
  const Tensor x = clouds(5, 130);
  const ThreadCountGuard guard;
  set_num_threads(1);
  const TsneResult one = tsne(x);
  const double divergence = tsne_kl_divergence(x, one.points, 30);
  set_num_threads(4);
  const TsneResult several = tsne(x);
  CHECK(tsne_kl_divergence(x, several.points, 30) == divergence);
  CHECK(one.points.to_vector<float>() == several.points.to_vector<float>());
  CHECK(one.kl_divergence == several.kl_divergence);
}

TEST_CASE("t-SNE's random start depends on its seed alone") {
  const Tensor x = clouds(3, 20);
  const auto map = [&](uint64_t seed) {
    return tsne(x, {.perplexity = 5, .init = TsneStart::random, .seed = seed}).points.to_vector<float>();
  };
  CHECK(map(1) == map(1));
  CHECK(map(1) != map(2));
}

TEST_CASE("t-SNE maps few points, equal ones, one dimension, and numbers of any size") {
  for (const int64_t n : {2, 3, 4, 9, 16, 17}) {
    const TsneResult result = tsne(clouds(1, n), {.perplexity = static_cast<double>(n - 1) / 2 + 0.5});
    CHECK(std::isfinite(sum(result.points).item()));
    CHECK(result.points.shape() == Shape({n, 2}));
  }
  Tensor doubled = clouds(2, 100);
  doubled.slice(0, 50, 150).copy_(doubled.slice(0, 0, 1));  // a hundred times the same point
  CHECK(std::isfinite(sum(tsne(doubled).points).item()));
  CHECK(std::isfinite(sum(tsne(clouds(1, 80, 1)).points).item()));
  const Tensor x = clouds(3, 40).to(float64);
  for (const double scale : {1e-25, 1e25}) {
    CHECK(share_at_home(tsne(mul(x, scale), {.perplexity = 10}).points, 3) == 1);
  }
}

TEST_CASE("t-SNE stops when it makes no progress, and tells how far it is") {
  const Tensor x = clouds(2, 10);
  int64_t told = 0;
  TsneOptions options{.perplexity = 3, .early_exaggeration_iter = 50, .learning_rate = 1e-30};
  options.n_iter_without_progress = 100;
  options.progress = [&](int64_t done) { told = done; };
  CHECK(tsne(x, options).iterations == 250);  // Nothing moves after the first look, at 100.
  CHECK(told == 250);
  CHECK(tsne(x, {.perplexity = 3, .early_exaggeration_iter = 0, .max_iter = 7}).iterations == 7);
  CHECK(tsne(x, {.perplexity = 3, .min_grad_norm = 10}).iterations == 300);
}

TEST_CASE("t-SNE refuses what it cannot map") {
  const Tensor x = clouds(2, 10);
  const auto message = [](const Tensor& points, const TsneOptions& options = {}) {
    return message_of([&] { tsne(points, options); });
  };
  CHECK(message(x) == "[tsne] a perplexity of 30 is not possible with 20 points: it must be in [1, 19]");
  CHECK(message(x, {.perplexity = 0.5}).find("it must be in [1, 19]") != std::string::npos);
  CHECK(message(x, {.perplexity = std::nan("")}).find("it must be in [1, 19]") != std::string::npos);
  CHECK(message(x.slice(0, 0, 1)) == "[tsne] a map needs at least 2 points, found 1");
  CHECK(message(x.slice(0, 0, 0)) == "[tsne] a map needs at least 2 points, found 0");
  CHECK(message(Tensor()).find("two dimensions") != std::string::npos);
  CHECK(message(x.to(int64)).find("float32 or float64") != std::string::npos);
  for (const double value : {0.0, 0.1, 1e20}) {
    CHECK(message(Tensor::full({40, 3}, value)) == "[tsne] all points are equal: there is nothing to arrange");
  }
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Tensor holed = clouds(2, 50);
    holed.mutable_data<float>()[13] = bad;
    CHECK(message(holed) == "[tsne] x holds NaN or infinity");
  }
  CHECK(message(x, {.perplexity = 3, .max_iter = 100}).find("max_iter") != std::string::npos);
  CHECK(message(x, {.perplexity = 3, .early_exaggeration = 0.5}).find("early_exaggeration") != std::string::npos);
  CHECK(message(x, {.perplexity = 3, .learning_rate = -1}).find("learning_rate") != std::string::npos);
  CHECK(message(x, {.perplexity = 3, .angle = 1.5}).find("angle") != std::string::npos);
}

TEST_CASE("t-SNE of 2,500 word vectors is as good as scikit-learn's and openTSNE's") {
  const Tensor x = glove_vectors(2500);
  if (!x.defined()) {
    MESSAGE("left out: ROUX_DATA is not set");
    return;
  }
  const TsneResult result = tsne(x);
  CHECK(tsne_kl_divergence(x, result.points, 30) < 1.44);  // theirs are 1.510 and 1.515
  CHECK(trustworthiness(x, result.points) > 0.91);         // and .899 and .903
}
