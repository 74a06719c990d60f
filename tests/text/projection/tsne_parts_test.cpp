// What t-SNE is made of: probabilities against scikit-learn's, forces against plain double loops.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tensor/ops.h"
#include "tests/message_of.h"
#include "text/projection/tsne.h"
#include "text/projection/tsne_affinities.h"
#include "text/projection/tsne_attraction.h"
#include "text/projection/tsne_tree.h"

using namespace roux;
using namespace roux::text;

namespace {

nlohmann::json oracle() { return nlohmann::json::parse(read_file("tests/oracle/projection.json")).at("tsne"); }

Tensor oracle_tensor(const nlohmann::json& from, const char* name, int64_t columns) {
  return Tensor::from(from.at(name).get<std::vector<double>>(), {40, columns});
}

/// (n, 2), interleaved, `spread` wide, some of them equal.
std::vector<float> scattered(int64_t n, double spread) {
  Generator generator(static_cast<uint64_t>(n));
  std::vector<float> points = mul(Tensor::randn({n, 2}, float32, cpu, generator), spread).to_vector<float>();
  for (int64_t i = 10; i + 1 < n; i += 10) {
    points[static_cast<size_t>(2 * i)] = points[0];
    points[static_cast<size_t>(2 * i + 1)] = points[1];
  }
  return points;
}

struct Repulsion {
  std::vector<double> forces;
  double seen = 0;
};

Repulsion plain_repulsion(const std::vector<float>& points) {
  Repulsion result;
  result.forces.assign(points.size(), 0);
  for (size_t i = 0; i < points.size(); i += 2) {
    for (size_t j = 0; j < points.size(); j += 2) {
      const double dx = static_cast<double>(points[i]) - static_cast<double>(points[j]);
      const double dy = static_cast<double>(points[i + 1]) - static_cast<double>(points[j + 1]);
      const double q = 1 / (1 + dx * dx + dy * dy);
      result.seen += q;
      result.forces[i] += q * q * dx;
      result.forces[i + 1] += q * q * dy;
    }
  }
  return result;
}

Repulsion tree_repulsion(const RepulsionTree& tree, size_t values) {
  Repulsion result;
  std::vector<float> forces(values, 1e9F);
  for (int64_t block = 0; block < tree.blocks(); ++block) result.seen += tree.repel(block, forces.data());
  result.forces.assign(forces.begin(), forces.end());
  return result;
}

/// The length of the difference of the forces, relative to that of the expected ones.
double error_of(const Repulsion& found, const Repulsion& expected) {
  double difference = 0, length = 1e-30;
  for (size_t i = 0; i < expected.forces.size(); ++i) {
    difference += std::pow(found.forces[i] - expected.forces[i], 2);
    length += std::pow(expected.forces[i], 2);
  }
  return std::sqrt(difference / length);
}

}  // namespace

TEST_CASE("t-SNE's probabilities are scikit-learn's when all points are neighbours") {
  const nlohmann::json expected = oracle();
  const PointDistances distances(oracle_tensor(expected, "x", 6));
  const Affinities found = neighbour_affinities(distances, expected.at("perplexity"), 39);
  const std::vector<double> p = expected.at("p");
  REQUIRE(found.size() == 40);
  double largest = 0, total = 0;
  for (int64_t i = 0; i < 40; ++i) {
    REQUIRE(found.offsets[static_cast<size_t>(i + 1)] == 39 * (i + 1));
    for (int64_t k = 39 * i; k < 39 * (i + 1); ++k) {
      const auto at = static_cast<size_t>(k);
      const double value = static_cast<double>(found.values[at]);
      largest = std::max(largest, std::abs(value - p[static_cast<size_t>(40 * i + found.columns[at])]));
      total += value;
      CHECK(found.columns[at] == (k - 39 * i < i ? k - 39 * i : k - 39 * i + 1));
    }
  }
  CHECK(largest < 2e-7);  // of values up to 2e-3
  CHECK(total == doctest::Approx(1).epsilon(1e-5));
}

TEST_CASE("t-SNE's neighbours are the nearest, and the matrix is symmetric") {
  Generator generator(2);
  for (const int64_t n : {3, 50, 700, 3000}) {
    const Tensor x = Tensor::randn({n, 3}, float32, cpu, generator);
    const int64_t near = std::min<int64_t>(n - 1, 10);
    const PointDistances distances(x);
    const Affinities found = neighbour_affinities(distances, std::min(3.0, static_cast<double>(n - 1)), near);
    const Tensor rows = distances.rows(0, n);
    double total = 0;
    int64_t missing = 0, lopsided = 0;
    for (int64_t i = 0; i < n; ++i) {
      const auto begin = found.columns.begin() + found.offsets[static_cast<size_t>(i)];
      const auto end = found.columns.begin() + found.offsets[static_cast<size_t>(i + 1)];
      CHECK(std::is_sorted(begin, end));
      const Tensor nearest = topk(rows.select(0, i), near, 0, false).indices;
      for (int64_t k = 0; k < near; ++k) missing += !std::binary_search(begin, end, nearest.data<int64_t>()[k]);
      for (auto at = begin; at != end; ++at) {
        const float value = found.values[static_cast<size_t>(at - found.columns.begin())];
        total += static_cast<double>(value);
        const auto back = std::lower_bound(found.columns.begin() + found.offsets[static_cast<size_t>(*at)],
                                           found.columns.begin() + found.offsets[static_cast<size_t>(*at + 1)], i);
        lopsided += *back != i || found.values[static_cast<size_t>(back - found.columns.begin())] != value;
      }
    }
    CAPTURE(n);
    CHECK(missing == 0);
    CHECK(lopsided == 0);
    CHECK(total == doctest::Approx(1).epsilon(1e-5));
  }
}

TEST_CASE("a bandwidth has the perplexity asked for, whatever the distances' size") {
  for (const double scale : {1e-6, 1.0, 1e6}) {
    for (const double perplexity : {1.5, 5.0, 60.0, 99.0}) {
      std::vector<float> distances;
      for (int i = 1; i <= 100; ++i) distances.push_back(static_cast<float>(scale * (3 + std::sqrt(i))));
      const Bandwidth found = find_bandwidth(distances.data(), 100, std::log(perplexity));
      double total = 0, entropy = 0;
      for (const float distance : distances) {
        const double log_p = -found.precision * static_cast<double>(distance - found.nearest) - found.log_sum;
        total += std::exp(log_p);
        entropy -= std::exp(log_p) * log_p;
      }
      CAPTURE(scale);
      CHECK(total == doctest::Approx(1).epsilon(1e-4));
      CHECK(std::exp(entropy) == doctest::Approx(perplexity).epsilon(1e-3));
    }
  }
  const std::vector<float> equal(8, 2.0F);
  const Bandwidth found = find_bandwidth(equal.data(), 8, std::log(3.0));
  CHECK(static_cast<double>(found.probability(2)) == doctest::Approx(1.0 / 8));
}

TEST_CASE("a tree that looks at every point repels as a double loop does") {
  for (const int64_t n : {2, 3, 15, 16, 17, 31, 33, 64, 100, 500}) {
    for (const double spread : {1e-4, 1.0, 40.0}) {
      CAPTURE(n);
      CAPTURE(spread);
      const std::vector<float> points = scattered(n, spread);
      RepulsionTree tree;
      tree.build(points.data(), n, 0);
      const Repulsion found = tree_repulsion(tree, points.size()), expected = plain_repulsion(points);
      CHECK(error_of(found, expected) < 3e-4);
      CHECK(found.seen == doctest::Approx(expected.seen).epsilon(2e-4));
    }
  }
}

TEST_CASE("a tree that takes groups for points repels nearly as a double loop does, and follows points") {
  for (const int64_t n : {40, 1000, 3001}) {
    for (const double spread : {1e-4, 0.3, 3.0, 40.0}) {
      CAPTURE(n);
      CAPTURE(spread);
      std::vector<float> points = scattered(n, spread);
      RepulsionTree tree, careful;
      tree.build(points.data(), n, 0.5);
      CHECK(error_of(tree_repulsion(tree, points.size()), plain_repulsion(points)) < 0.02);
      for (size_t i = 0; i < points.size(); ++i) {
        points[i] += static_cast<float>(std::min(0.1, 0.05 * spread) * std::sin(static_cast<double>(i)));
      }
      tree.move_to(points.data());
      const Repulsion found = tree_repulsion(tree, points.size()), expected = plain_repulsion(points);
      CHECK(error_of(found, expected) < 0.025);
      CHECK(found.seen == doctest::Approx(expected.seen).epsilon(5e-3));
      tree.build(points.data(), n, 0.5);  // from the order that it has
      CHECK(error_of(tree_repulsion(tree, points.size()), expected) < 0.02);
      careful.build(points.data(), n, 0.2);
      CHECK(error_of(tree_repulsion(careful, points.size()), expected) < 3e-3);
    }
  }
}

TEST_CASE("neighbours attract as a double loop says, in rows of any length") {
  constexpr int64_t n = 60;
  const std::vector<float> points = scattered(n, 2);
  Affinities affinities;
  affinities.offsets.push_back(0);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = 0; j < i; ++j) {
      affinities.columns.push_back(static_cast<int32_t>((7 * j + i) % n));
      affinities.values.push_back(static_cast<float>(1 + j) * 1e-4F);
    }
    affinities.offsets.push_back(static_cast<int64_t>(affinities.columns.size()));
  }
  std::vector<float> forces(points.size());
  attract(affinities, points.data(), 0, n, forces.data());
  double divergence = 0;
  for (int64_t i = 0; i < n; ++i) {
    double x = 0, y = 0;
    for (auto k = static_cast<size_t>(affinities.offsets[static_cast<size_t>(i)]);
         k < static_cast<size_t>(affinities.offsets[static_cast<size_t>(i + 1)]); ++k) {
      const auto j = static_cast<size_t>(affinities.columns[k]), row = static_cast<size_t>(i);
      const double dx = static_cast<double>(points[2 * row] - points[2 * j]);
      const double dy = static_cast<double>(points[2 * row + 1] - points[2 * j + 1]);
      const double p = static_cast<double>(affinities.values[k]), inverse_q = 1 + dx * dx + dy * dy;
      x += p * dx / inverse_q;
      y += p * dy / inverse_q;
      divergence += p * std::log(p * inverse_q);
    }
    CHECK(static_cast<double>(forces[static_cast<size_t>(2 * i)]) == doctest::Approx(x).epsilon(1e-3));
    CHECK(static_cast<double>(forces[static_cast<size_t>(2 * i + 1)]) == doctest::Approx(y).epsilon(1e-3));
  }
  CHECK(divergence_part(affinities, points.data(), 0, n) == doctest::Approx(divergence).epsilon(1e-5));
}

TEST_CASE("the divergence of a map is scikit-learn's") {
  const nlohmann::json expected = oracle();
  const Tensor x = oracle_tensor(expected, "x", 6), map = oracle_tensor(expected, "map", 2);
  CHECK(tsne_kl_divergence(x, map, 7) == doctest::Approx(expected.at("divergence").get<double>()).epsilon(1e-4));
  CHECK(message_of([&] { tsne_kl_divergence(x, map, 40); }) ==
        "[tsne_kl_divergence] perplexity must be in [1, 39], found 40");
  CHECK(message_of([&] { tsne_kl_divergence(x, x, 7); }).find("points must be (40, 2)") != std::string::npos);
}
