// PCA: scikit-learn's figures, signs included; tables without variance; bad input.
#include "text/projection/pca.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tests/message_of.h"
#include "tests/thread_count_guard.h"

using namespace roux;
using roux::text::fit_pca;
using roux::text::Pca;

namespace {

using Numbers = std::vector<double>;

nlohmann::json oracle() { return nlohmann::json::parse(read_file("tests/oracle/projection.json")); }

double largest_difference(const Tensor& found, const Numbers& expected) {
  const Numbers values = found.to_vector<double>();
  REQUIRE(values.size() == expected.size());
  double largest = 0;
  for (size_t i = 0; i < values.size(); ++i) largest = std::max(largest, std::abs(values[i] - expected[i]));
  return largest;
}

/// How far rows are from an orthonormal system.
double skewness(const Tensor& rows) {
  const Tensor products = matmul(rows, rows.transpose(0, 1));
  return amax(abs(sub(products, Tensor::eye(rows.size(0), float64)))).item();
}

}  // namespace

TEST_CASE("PCA agrees with scikit-learn, signs included, in every shape") {
  const nlohmann::json expected = oracle();
  for (const auto& table : expected.at("tables")) {
    CAPTURE(table.at("name").get<std::string>());
    const auto shape = table.at("shape").get<std::vector<int64_t>>();
    const int64_t count = table.at("count"), dim = shape[1];
    const Tensor x = Tensor::from(table.at("x").get<Numbers>(), {shape[0], dim});
    const Pca pca = fit_pca(x, count);
    CHECK(largest_difference(pca.mean, table.at("mean")) < 1e-6);
    CHECK(largest_difference(pca.explained_variance, table.at("variance")) < 1e-6);
    CHECK(largest_difference(pca.explained_variance_ratio, table.at("ratio")) < 1e-6);
    CHECK(largest_difference(pca.transform(x), table.at("transformed")) < 1e-5);
    CHECK(skewness(pca.components) < 1e-9);
    // Without variance one direction is as good as another.
    int64_t varying = 0;
    for (const double variance : table.at("variance").get<Numbers>()) varying += variance > 1e-9;
    Numbers components = table.at("components");
    components.resize(static_cast<size_t>(varying * dim));
    CHECK(largest_difference(pca.components.slice(0, 0, varying).contiguous(), components) < 1e-5);
    const Pca single = fit_pca(x.to(float32), 1);
    CHECK(single.transform(x.to(float32)).dtype() == float32);
    CHECK(amax(abs(sub(single.components, pca.components.slice(0, 0, 1)))).item() < (varying > 0 ? 1e-4 : 2));
  }
}

TEST_CASE("PCA of word vectors agrees with scikit-learn to 1e-4") {
  const char* const folder = std::getenv("ROUX_DATA");
  if (folder == nullptr) {
    MESSAGE("left out: ROUX_DATA is not set");
    return;
  }
  const nlohmann::json expected = oracle().at("glove");
  std::ifstream file(std::string(folder) + "/glove/glove.6B.100d.subset.txt");
  std::vector<float> values;
  std::string line, word;
  const int64_t rows = expected.at("rows");
  for (int64_t row = 0; row < rows; ++row) {
    REQUIRE(std::getline(file, line));
    std::istringstream numbers(line);
    numbers >> word;
    for (float value = 0; numbers >> value;) values.push_back(value);
  }
  const Tensor x = Tensor::from(values, {rows, 100});
  const Pca pca = fit_pca(x, 3);
  CHECK(largest_difference(pca.components, expected.at("components")) < 1e-4);
  CHECK(largest_difference(pca.explained_variance, expected.at("variance")) < 1e-4);
  CHECK(largest_difference(pca.explained_variance_ratio, expected.at("ratio")) < 1e-4);
  CHECK(largest_difference(pca.transform(x.slice(0, 0, 4)), expected.at("transformed")) < 1e-4);
}

TEST_CASE("PCA of more rows than one block, on one thread and on several") {
  Generator generator(5);
  const Tensor x = add(Tensor::randn({9001, 7}, float32, cpu, generator), 20);
  const ThreadCountGuard guard;
  set_num_threads(1);
  const Pca one = fit_pca(x, 7);
  set_num_threads(3);
  const Pca several = fit_pca(x, 7);
  CHECK(one.components.to_vector<double>() == several.components.to_vector<double>());
  const Tensor along = one.transform(x.to(float64));
  CHECK(amax(abs(mean(along, {0}))).item() < 1e-10);
  CHECK(amax(abs(sub(var(along, {0}), one.explained_variance))).item() < 1e-10);
  CHECK(sum(one.explained_variance_ratio).item() == doctest::Approx(1));
  CHECK(one.components.data<double>()[argmax(abs(one.components), 1).data<int64_t>()[0]] > 0);
}

TEST_CASE("PCA of few points in many dimensions completes the directions") {
  Generator generator(6);
  Tensor x = Tensor::randn({6, 300}, float64, cpu, generator);
  x.slice(0, 3, 6).copy_(x.slice(0, 0, 3));  // rank 2
  const Pca pca = fit_pca(x, 6);
  CHECK(skewness(pca.components) < 1e-9);
  CHECK(pca.explained_variance.data<double>()[1] > 1);
  for (int64_t i = 2; i < 6; ++i) CHECK(pca.explained_variance.data<double>()[i] < 1e-9);
}

TEST_CASE("PCA refuses what has no components") {
  const auto message = [](const Tensor& x, int64_t count) { return message_of([&] { fit_pca(x, count); }); };
  CHECK(message(Tensor::ones({1, 3}), 1) == "[fit_pca] a variance needs at least 2 points, found 1");
  CHECK(message(Tensor::ones({0, 3}), 1).find("found 0") != std::string::npos);
  CHECK(message(Tensor::ones({5, 3}), 4).find("components must be in [1, 3] for 5 points of 3 dimensions, found 4") !=
        std::string::npos);
  CHECK(message(Tensor::ones({5, 3}), 0).find("found 0") != std::string::npos);
  CHECK(message(Tensor::ones({5}), 1).find("two dimensions") != std::string::npos);
  CHECK(message(Tensor(), 1).find("two dimensions") != std::string::npos);
  CHECK(message(Tensor::ones({5, 3}, int64), 1).find("float32 or float64") != std::string::npos);
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    CHECK(message(Tensor::full({5, 3}, bad), 1) == "[fit_pca] x holds NaN or infinity");
  }
  const Pca pca = fit_pca(Tensor::rand({5, 3}), 2);
  CHECK(message_of([&] { pca.transform(Tensor::ones({2, 4})); }).find("x must be (n, 3)") != std::string::npos);
  CHECK(message_of([&] { Pca().transform(Tensor::ones({2, 4})); }).find("nothing was fitted") != std::string::npos);
}
