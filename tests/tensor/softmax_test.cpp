// softmax, log_softmax and their gradient against plain loops in float64, over all layouts.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tests/thread_count_guard.h"

using namespace roux;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

// Numbers from -10 to 10 without a pattern.
std::vector<double> numbers(int64_t count, uint64_t seed) {
  std::vector<double> values(static_cast<size_t>(count));
  for (double& value : values) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<double>(seed >> 40) / (1 << 24) * 20 - 10;
  }
  return values;
}

void softmax_line(double* y, const double* x, int64_t n, int64_t stride, bool log) {
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int64_t j = 0; j < n; ++j) largest = std::max(largest, x[j * stride]);
  for (int64_t j = 0; j < n; ++j) sum += std::exp(x[j * stride] - largest);
  for (int64_t j = 0; j < n; ++j) {
    const double shifted = x[j * stride] - largest;
    y[j * stride] = log ? shifted - std::log(sum) : std::exp(shifted) / sum;
  }
}

void backward_line(double* grad_in, const double* g, const double* y, int64_t n, int64_t stride, bool log) {
  double sum = 0;
  for (int64_t j = 0; j < n; ++j) sum += log ? g[j * stride] : g[j * stride] * y[j * stride];
  for (int64_t j = 0; j < n; ++j) {
    const int64_t at = j * stride;
    grad_in[at] = log ? g[at] - std::exp(y[at]) * sum : y[at] * (g[at] - sum);
  }
}

double worst_difference(const Tensor& found, const std::vector<double>& expected) {
  const std::vector<double> values = found.to_vector<double>();
  double worst = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double difference = std::abs(values[i] - expected[i]) / std::max(1.0, std::abs(expected[i]));
    worst = difference <= worst ? worst : difference;  // NaN counts
  }
  return worst;
}

void check_along(Along along, DType dtype, double tolerance) {
  const int64_t numel = along.outer * along.n * along.inner;
  const Shape shape{along.outer, along.n, along.inner};
  const Tensor x = Tensor::from(numbers(numel, 1), shape).to(dtype);
  const Tensor g = Tensor::from(numbers(numel, 2), shape).to(dtype);
  const std::vector<double> xs = x.to_vector<double>(), gs = g.to_vector<double>();
  for (const bool log : {false, true}) {
    CAPTURE(log);
    CAPTURE(shape);
    std::vector<double> y(xs.size()), grad_in(xs.size());
    for (int64_t i = 0; i < along.outer * along.inner; ++i) {
      const int64_t at = i / along.inner * along.n * along.inner + i % along.inner;
      softmax_line(y.data() + at, xs.data() + at, along.n, along.inner, log);
    }
    const Tensor result = log ? log_softmax(x, 1) : softmax(x, 1);
    CHECK(result.dtype() == dtype);
    CHECK(worst_difference(result, y) < tolerance);
    for (int64_t i = 0; i < along.outer * along.inner; ++i) {
      const int64_t at = i / along.inner * along.n * along.inner + i % along.inner;
      backward_line(grad_in.data() + at, gs.data() + at, y.data() + at, along.n, along.inner, log);
    }
    CHECK(worst_difference(softmax_backward(g, result, 1, log), grad_in) < tolerance * 20);
  }
}

}  // namespace

TEST_CASE("softmax, its logarithm and their gradient agree with plain loops") {
  for (const int64_t n : {1, 2, 3, 7, 16, 17, 64, 511, 512, 513, 1500}) {
    for (const int64_t outer : {1, 5, 33}) {
      for (const int64_t inner : {1, 2, 3, 130}) {
        if (outer * n * inner > 100000) continue;
        check_along({outer, n, inner}, float32, 2e-6);
        check_along({outer, n, inner}, float64, 1e-13);
      }
    }
  }
}

TEST_CASE("softmax stays finite for large numbers and takes minus infinity as probability 0") {
  const Tensor x = Tensor::from<float>({1e30f, -inf, 1e30f, -1e30f}, {1, 4});
  CHECK(softmax(x).to_vector<float>() == std::vector<float>{0.5f, 0, 0.5f, 0});
  CHECK(softmax(x.transpose(0, 1), 0).to_vector<float>() == std::vector<float>{0.5f, 0, 0.5f, 0});
  CHECK(log_softmax(x).to_vector<float>()[1] == -inf);
}

TEST_CASE("softmax stays finite for large numbers in rows and columns of any length") {
  for (const Shape& shape : {Shape{2, 3}, {2, 70}, {2, 3, 2}, {2, 70, 5}}) {
    const Tensor large = Tensor::full(shape, 0.0);
    large.select(1, 1).fill_(1e4);  // not the first
    const Tensor y = softmax(large, 1), log = log_softmax(large, 1);
    CHECK(y.select(1, 1).to_vector<float>() == std::vector<float>(static_cast<size_t>(large.select(1, 1).numel()), 1));
    CHECK(sum(y).item() == static_cast<double>(large.select(1, 1).numel()));
    CHECK(amin(log).item() == -1e4);
  }
}

TEST_CASE("softmax finds the largest number of a long row anywhere") {
  for (const int64_t n : {65, 80, 200}) {
    for (int64_t place = 0; place < n; ++place) {
      Tensor x = Tensor::zeros({1, n});
      x.select(1, place).fill_(1e4);
      REQUIRE(softmax(x).select(1, place).item() == 1);
    }
  }
}

TEST_CASE("softmax of NaN, of infinity, and of nothing but minus infinity is NaN, in that row alone") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const int64_t n : {3, 40}) {
    for (const float special : {nan, inf, -inf}) {
      Tensor x = Tensor::zeros({3, n});
      special == -inf ? x.select(0, 1).fill_(special) : x.select(0, 1).select(0, n - 1).fill_(special);
      for (const Tensor& y : {softmax(x), log_softmax(x), softmax(x.transpose(0, 1).contiguous(), 0).transpose(0, 1)}) {
        CHECK(any(isnan(y), 1).to_vector<bool>() == std::vector<bool>{false, true, false});
      }
    }
  }
}

TEST_CASE("softmax takes tensors that are not contiguous, and empty ones") {
  const Tensor x = Tensor::from(numbers(60, 3), {4, 15});
  const Tensor part = x.slice(1, 2, 14, 3).transpose(0, 1);
  CHECK(softmax(part, -1).to_vector<double>() == softmax(part.clone(), -1).to_vector<double>());
  CHECK(softmax(Tensor::empty({0, 3})).shape() == Shape{0, 3});
  CHECK(softmax(Tensor::empty({3, 0})).shape() == Shape{3, 0});
  CHECK(log_softmax(Tensor::empty({3, 0, 2}), 1).shape() == Shape{3, 0, 2});
  CHECK(softmax_backward(Tensor::empty({3, 0}), Tensor::empty({3, 0}), 1, true).shape() == Shape{3, 0});
}

TEST_CASE("softmax has the same bits for any number of threads") {
  const Tensor rows = Tensor::from(numbers(300 * 257, 4), {300, 257}).to(float32);
  const ThreadCountGuard guard;
  std::vector<std::vector<float>> results;
  for (const int count : {1, 4}) {
    set_num_threads(count);
    results.push_back(softmax(rows, 1).to_vector<float>());
    results.push_back(softmax(rows, 0).to_vector<float>());
  }
  CHECK(results[0] == results[2]);
  CHECK(results[1] == results[3]);
}

TEST_CASE("softmax says what it refuses") {
  CHECK_THROWS_WITH_AS(
      softmax(Tensor::ones({2}, int64)),
      "[softmax] does not take int64 tensors, expected float32 or float64 (hint: convert with to(dtype))", Error);
  CHECK_THROWS_WITH_AS(log_softmax(Tensor::ones({2, 2}), 2),
                       "[log_softmax] dimension out of range: found 2, expected -2 to 1 for a tensor of 2 dimensions",
                       Error);
  CHECK_THROWS_WITH_AS(softmax_backward(Tensor::ones({3}), Tensor::ones({2}), 0, false),
                       "[softmax_backward] the gradient has shape (3), expected (2) like the result", Error);
}
