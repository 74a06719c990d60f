// Matrix products against a plain loop. Some builds of OpenBLAS are wrong on some processors: the first test says so.
#include <cblas.h>
#include <doctest/doctest.h>

#include <cmath>

#include "tensor/ops.h"
#include "tensor/parallel.h"

using namespace roux;

namespace {

// The largest deviation of a * b from a double loop, relative to what rounding allows for sums of k terms.
double deviation(const Tensor& a, const Tensor& b) {
  const int64_t m = a.size(0), k = a.size(1), n = b.size(1);
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>(),
                            found = matmul(a, b).to_vector<double>();
  const double unit = a.dtype() == float32 ? 0x1p-24 : 0x1p-53;
  double worst = 0;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0, magnitude = 0;
      for (int64_t l = 0; l < k; ++l) {
        const double term = x[static_cast<size_t>(i * k + l)] * y[static_cast<size_t>(l * n + j)];
        sum += term;
        magnitude += std::abs(term);
      }
      const double error = std::abs(found[static_cast<size_t>(i * n + j)] - sum);
      worst = std::max(worst, error / (unit * (magnitude * static_cast<double>(k + 2) + 1e-30)));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("OpenBLAS computes right products on this processor") {
  const std::string build = std::string(openblas_get_config()) + " on " + openblas_get_corename();
  Generator generator(1);
  for (const DType dtype : {float32, float64}) {
    for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
             {1, 1, 1}, {3, 5, 7}, {33, 1, 65}, {127, 129, 131}, {400, 17, 390}, {1, 300, 500}, {257, 64, 2}}) {
      const Tensor a = Tensor::randn({m, k}, dtype, cpu, generator), b = Tensor::randn({k, n}, dtype, cpu, generator);
      const Tensor turned_a = Tensor::randn({k, m}, dtype, cpu, generator).transpose(0, 1);
      const Tensor turned_b = Tensor::randn({n, k}, dtype, cpu, generator).transpose(0, 1);
      const std::string hint = "this OpenBLAS gives wrong products: " + build +
                               " (hint: another version of it, or another core through OPENBLAS_CORETYPE)";
      CHECK_MESSAGE(deviation(a, b) < 1, hint);
      CHECK_MESSAGE(deviation(turned_a, b) < 1, hint);
      CHECK_MESSAGE(deviation(a, turned_b) < 1, hint);
      CHECK_MESSAGE(deviation(turned_a, turned_b) < 1, hint);
    }
  }
}

TEST_CASE("matmul broadcasts batches and takes vectors") {
  const Tensor a = Tensor::arange(0, 24).to(float32).reshape({2, 3, 4});
  const Tensor b = Tensor::arange(0, 8).to(float32).reshape({4, 2});
  const Tensor each = matmul(a, b);
  CHECK(each.shape() == Shape{2, 3, 2});
  CHECK(each.select(0, 1).to_vector<double>() == matmul(a.select(0, 1), b).to_vector<double>());
  const Tensor stacked = matmul(a.unsqueeze(1), stack({b, b * 2, b * 3}));  // (2, 1, 3, 4) x (3, 4, 2)
  CHECK(stacked.shape() == Shape{2, 3, 3, 2});
  CHECK(stacked.select(1, 2).select(0, 1).to_vector<double>() == (each.select(0, 1) * 3).to_vector<double>());
  const Tensor v = Tensor::from(std::vector<float>{1, 0, 2, 0});
  CHECK(matmul(v, b).to_vector<double>() == std::vector<double>{8, 11});
  CHECK(matmul(a, v).shape() == Shape{2, 3});
  CHECK(matmul(v, v).shape() == Shape{});
  CHECK(matmul(v, v).item() == 5);
  CHECK(matmul(b.transpose(0, 1), b).to_vector<double>() == std::vector<double>{56, 68, 68, 84});
  CHECK(matmul(b.slice(0, 0, 4, 2).transpose(0, 1), b.slice(0, 0, 4, 2)).to_vector<double>() ==
        std::vector<double>{16, 20, 20, 26});
}

TEST_CASE("matmul of nothing") {
  CHECK(matmul(Tensor::ones({0, 3}), Tensor::ones({3, 2})).shape() == Shape{0, 2});
  CHECK(matmul(Tensor::ones({2, 0}), Tensor::ones({0, 3})).to_vector<double>() == std::vector<double>(6, 0.0));
  CHECK(matmul(Tensor::ones({0, 2, 3}), Tensor::ones({3, 2})).shape() == Shape{0, 2, 2});
}

TEST_CASE("matmul and linear name what does not fit") {
  CHECK_THROWS_WITH_AS(matmul(Tensor::ones({2, 3}), Tensor::ones({2, 3})),
                       doctest::Contains("[matmul] shapes (2, 3) and (2, 3) do not fit"), Error);
  CHECK_THROWS_WITH_AS(matmul(Tensor::ones({2, 3}, int64), Tensor::ones({3, 2}, int64)), doctest::Contains("[matmul]"),
                       Error);
  CHECK_THROWS_WITH_AS(matmul(Tensor::ones({2, 3}), Tensor::ones({3, 2}, float64)), doctest::Contains("[matmul]"),
                       Error);
  CHECK_THROWS_WITH_AS(linear(Tensor::ones({2, 3}), Tensor::ones({4, 2}), Tensor()),
                       doctest::Contains("[linear] input shape (2, 3) does not fit weight (4, 2)"), Error);
  CHECK_THROWS_WITH_AS(linear(Tensor::ones({2, 3}), Tensor::ones({4, 3}), Tensor::ones({3})),
                       doctest::Contains("the bias must have shape (4)"), Error);
}

TEST_CASE("large products have the same bits for any number of threads") {
  Generator generator(2);
  const Tensor a = Tensor::randn({500, 300}, float32, cpu, generator),
               b = Tensor::randn({300, 900}, float32, cpu, generator);
  const int threads = num_threads();
  set_num_threads(1);
  const std::vector<float> alone = matmul(a, b).to_vector<float>();
  set_num_threads(3);
  CHECK(matmul(a, b).to_vector<float>() == alone);
  set_num_threads(threads);
}
