// Reductions over rows longer than one task and columns wider than one block, and the ends of each type.
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tests/thread_count_guard.h"

using namespace roux;

namespace {

using Values = std::vector<double>;

// Whole numbers, so that sums are exact: element i is i * 7 % 13 - 6.
Tensor whole_numbers(const Shape& shape, DType dtype) {
  std::vector<int64_t> values(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<int64_t>(i * 7 % 13) - 6;
  return Tensor::from(values, shape).to(dtype);
}

struct Plain {
  Values sums, largest, smallest;
  std::vector<int64_t> where_largest, where_smallest;  // the first of equals
};

// Over the middle one of three dimensions.
Plain plain_loops(const Tensor& x) {
  const Values values = x.to_vector<double>();
  const int64_t n = x.size(1), inner = x.size(2);
  Plain result;
  for (int64_t o = 0; o < x.size(0); ++o) {
    for (int64_t c = 0; c < inner; ++c) {
      const auto at = [&](int64_t j) { return values[static_cast<size_t>((o * n + j) * inner + c)]; };
      double sum = 0;
      int64_t most = 0, least = 0;
      for (int64_t j = 0; j < n; ++j) {
        sum += at(j);
        if (at(j) > at(most)) most = j;
        if (at(j) < at(least)) least = j;
      }
      result.sums.push_back(sum);
      result.largest.push_back(at(most));
      result.smallest.push_back(at(least));
      result.where_largest.push_back(most);
      result.where_smallest.push_back(least);
    }
  }
  return result;
}

}  // namespace

TEST_CASE("reductions are those of plain loops, for rows and columns of any length (parallel)") {
  const ThreadCountGuard guard;
  for (const int count : {1, 3}) {
    set_num_threads(count);
    for (const Shape& shape : {Shape{3, 1, 1},
                               {3, 40, 1},
                               {3, 70001, 1},
                               {1, 40000, 2},
                               {2, 3, 256},
                               {2, 3, 513},
                               {3, 5, 1025},
                               {2, 2, 40000},
                               {300, 200, 1},
                               {60, 9, 30}}) {
      CAPTURE(to_string(shape));
      for (const DType dtype : {float32, float64, int64}) {
        const Tensor x = whole_numbers(shape, dtype);
        const Plain expected = plain_loops(x);
        CHECK(sum(x, 1).to_vector<double>() == expected.sums);
        CHECK(amax(x, 1).to_vector<double>() == expected.largest);
        CHECK(amin(x, 1).to_vector<double>() == expected.smallest);
        CHECK(argmax(x, 1).to_vector<int64_t>() == expected.where_largest);
        CHECK(argmin(x, 1).to_vector<int64_t>() == expected.where_smallest);
      }
    }
  }
}

TEST_CASE("reductions at the ends of each type") {
  const double inf = std::numeric_limits<double>::infinity();
  for (const DType dtype : {float32, float64}) {
    CHECK(amax(Tensor::full({3}, -inf, dtype)).item() == -inf);
    CHECK(amin(Tensor::full({3}, inf, dtype)).item() == inf);
  }
  const int64_t lowest = std::numeric_limits<int64_t>::lowest(), highest = std::numeric_limits<int64_t>::max();
  CHECK(amax(Tensor::full({3}, lowest, int64)).to_vector<int64_t>()[0] == lowest);
  CHECK(amin(Tensor::full({3}, highest, int64)).to_vector<int64_t>()[0] == highest);
  CHECK(amin(Tensor::full({3}, 5, int64)).item() == 5);
}
