// sort and topk: order, ties, NaN, layouts, and what they refuse.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "tensor/ops.h"

using namespace roux;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

std::vector<int64_t> indices_of(const ValuesIndices& result) { return result.indices.to_vector<int64_t>(); }

// The stable order of a line, worked out with a selection of the smallest that is left.
std::vector<int64_t> slow_order(const std::vector<double>& line, bool descending) {
  std::vector<int64_t> order(line.size());
  std::iota(order.begin(), order.end(), 0);
  const auto rank = [](double x) { return std::isnan(x) ? 1 : 0; };
  std::stable_sort(order.begin(), order.end(), [&](int64_t i, int64_t j) {
    const double a = line[static_cast<size_t>(descending ? j : i)], b = line[static_cast<size_t>(descending ? i : j)];
    return rank(a) != rank(b) ? rank(a) < rank(b) : a < b;
  });
  return order;
}

}  // namespace

TEST_CASE("sort is stable, and NaN counts as largest") {
  const Tensor x = Tensor::from<double>({2, not_a_number, -inf, 2, -0.0, 0.0, not_a_number, inf, -3, 2});
  CHECK(indices_of(sort(x)) == std::vector<int64_t>{2, 8, 4, 5, 0, 3, 9, 7, 1, 6});
  CHECK(indices_of(sort(x, 0, true)) == std::vector<int64_t>{1, 6, 7, 0, 3, 9, 4, 5, 8, 2});
  const std::vector<double> values = sort(x).values.to_vector<double>();
  CHECK(values[0] == -inf);
  CHECK(values[7] == inf);
  CHECK(std::isnan(values[8]));
}

TEST_CASE("topk takes ties by lower index, and NaN counts as largest") {
  const Tensor x = Tensor::from<float>({1, 3, 3, -1, 3, 1, -1});
  CHECK(indices_of(topk(x, 2)) == std::vector<int64_t>{1, 2});
  CHECK(indices_of(topk(x, 4)) == std::vector<int64_t>{1, 2, 4, 0});
  CHECK(indices_of(topk(x, 3, 0, false)) == std::vector<int64_t>{3, 6, 0});
  CHECK(topk(x, 2).values.to_vector<float>() == std::vector<float>{3, 3});

  const Tensor y = Tensor::from<double>({1, not_a_number, 2});
  CHECK(indices_of(topk(y, 2)) == std::vector<int64_t>{1, 2});
  CHECK(indices_of(topk(y, 2, 0, false)) == std::vector<int64_t>{0, 2});
}

TEST_CASE("sort and topk along every dimension agree with a plain sort of each line") {
  std::vector<double> values(7 * 33 * 5);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = i % 41 == 0 ? not_a_number : static_cast<double>(i * 7919 % 17);
  const Tensor x = Tensor::from(values, {7, 33, 5});
  for (const bool descending : {false, true}) {
    for (int64_t axis = 0; axis < 3; ++axis) {
      const Tensor lines = x.transpose(axis, 2).contiguous();
      const int64_t n = lines.size(2);
      // The kernel sees `axis` with other dimensions behind it; the lines are read from its transposed results.
      const auto order = sort(x, axis, descending).indices.transpose(axis, 2).to_vector<int64_t>();
      const auto flat = lines.to_vector<double>();
      for (int64_t line = 0; line < lines.numel() / n; ++line) {
        const auto expected = slow_order({flat.begin() + line * n, flat.begin() + (line + 1) * n}, descending);
        CHECK(std::equal(expected.begin(), expected.end(), order.begin() + line * n));
      }
      for (const int64_t k : {int64_t{1}, n / 9, n / 3, n - 1, n}) {
        const auto first = topk(x, k, axis, descending).indices.transpose(axis, 2).to_vector<int64_t>();
        for (int64_t line = 0; line < lines.numel() / n; ++line) {
          CHECK(std::equal(first.begin() + line * k, first.begin() + (line + 1) * k, order.begin() + line * n));
        }
      }
    }
  }
}

TEST_CASE("sort and topk take integers and booleans") {
  const int64_t big = std::numeric_limits<int64_t>::max();
  const Tensor x = Tensor::from<int64_t>({big, big - 1, -big - 1});  // float64 cannot tell the first two apart
  CHECK(sort(x).values.to_vector<int64_t>() == std::vector<int64_t>{-big - 1, big - 1, big});
  CHECK(topk(x, 1).values.to_vector<int64_t>() == std::vector<int64_t>{big});
  CHECK(indices_of(sort(Tensor::from<bool>({true, false, true, false}))) == std::vector<int64_t>{1, 3, 0, 2});
}

TEST_CASE("sort and topk of nothing") {
  CHECK(sort(Tensor::empty({3, 0})).indices.shape() == Shape{3, 0});
  CHECK(sort(Tensor::empty({0, 3})).values.shape() == Shape{0, 3});
  CHECK(topk(Tensor::ones({3, 4}), 0).values.shape() == Shape{3, 0});
  CHECK(topk(Tensor::empty({0, 4}), 2).indices.shape() == Shape{0, 2});
  CHECK(topk(Tensor::empty({2, 0, 3}), 0, 1).values.shape() == Shape{2, 0, 3});
}

TEST_CASE("sort and topk say what they refuse") {
  const Tensor x = Tensor::ones({2, 3});
  CHECK_THROWS_WITH_AS(topk(x, 4),
                       "[topk] k out of range: found 4, expected 0 to 3, the length of dimension 1 of (2, 3)", Error);
  CHECK_THROWS_WITH_AS(topk(x, -1, 0),
                       "[topk] k out of range: found -1, expected 0 to 2, the length of dimension 0 of (2, 3)", Error);
  CHECK_THROWS_WITH_AS(sort(x, 2),
                       "[sort] dimension out of range: found 2, expected -2 to 1 for a tensor of 2 dimensions", Error);
  CHECK_THROWS_WITH_AS(sort(Tensor()), "[sort] the tensor is undefined", Error);
  CHECK_THROWS_WITH_AS(sort(x.to(int32)), "[sort] does not take int32 tensors (hint: convert with to(dtype))", Error);
}
