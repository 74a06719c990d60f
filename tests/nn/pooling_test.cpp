// Masked pooling: PyTorch's figures, empty rows, gradients, errors.
#include "nn/pooling.h"

#include <doctest/doctest.h>

#include <limits>

#include "autograd/gradcheck.h"
#include "nn/testing.h"
#include "tests/nn/pattern.h"
#include "tests/oracle/layers.h"

using namespace roux;

namespace {

using Pool = Variable (*)(const Variable&, const Tensor&);

// The same by hand, of elementary operations, as the course writes them. x: (batch, length, dim).
Tensor weights_of(const Tensor& mask, const Variable& x) { return mask.unsqueeze(-1).to(x.dtype()); }

Variable sum_by_hand(const Variable& x, const Tensor& mask) { return sum(x * weights_of(mask, x), 1); }

Variable mean_by_hand(const Variable& x, const Tensor& mask) {
  const Tensor counts = clamp(sum(weights_of(mask, x), 1), 1, std::numeric_limits<double>::infinity());
  return sum_by_hand(x, mask) / counts;
}

Variable max_by_hand(const Variable& x, const Tensor& mask) {
  const Tensor ignored = logical_not(mask).unsqueeze(-1);
  const Variable largest = max(masked_fill(x, ignored, -std::numeric_limits<double>::infinity()), 1).values;
  return masked_fill(largest, all(ignored, 1), 0);
}

// The second row counts nothing.
Tensor mask() { return Tensor::from<int64_t>({1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0}, {3, 4}).to(boolean); }

}  // namespace

TEST_CASE("masked pooling gives PyTorch's figures, and zeros for rows without tokens") {
  struct Case {
    Pool pool;
    const std::vector<double>&output, &gradient;
  };
  for (const Case& test : {Case{nn::masked_sum, figures::masked_sum, figures::masked_sum_grad_x},
                           Case{nn::masked_mean, figures::masked_mean, figures::masked_mean_grad_x},
                           Case{nn::masked_max, figures::masked_max, figures::masked_max_grad_x}}) {
    const Variable x(pattern({3, 4, 2}, 11), true);
    const Variable y = test.pool(x, mask());
    CHECK(nn::close(y, figures_as(test.output, {3, 2})));
    y.backward(pattern({3, 2}, 90));
    CHECK(nn::close(x.grad(), figures_as(test.gradient, {3, 4, 2})));
    CHECK(gradcheck([&](const auto& in) { return test.pool(in[0], mask()); }, {pattern({3, 4, 2}, 11)}));
  }
}

TEST_CASE("masked pooling is what elementary operations give, values and gradients") {
  struct Pair {
    Pool pool, by_hand;
  };
  for (const DType dtype : {float32, float64})
    for (const Shape& shape : {Shape{1, 1, 1}, Shape{5, 7, 3}, Shape{9, 30, 64}, Shape{3, 11, 77}})
      for (const Pair& pair : {Pair{nn::masked_sum, sum_by_hand}, Pair{nn::masked_mean, mean_by_hand},
                               Pair{nn::masked_max, max_by_hand}}) {
        Generator generator(4);
        const Tensor values = Tensor::randn(shape, dtype, cpu, generator);
        const Tensor kept = lt(Tensor::rand({shape[0], shape[1]}, float32, cpu, generator), 0.6);
        const Variable x(values, true), y(values, true);
        const Variable pooled = pair.pool(x, kept), expected = pair.by_hand(y, kept);
        const Tensor gradient = Tensor::randn(pooled.shape(), dtype, cpu, generator);
        pooled.backward(gradient);
        expected.backward(gradient);
        CHECK(nn::close(pooled, expected.data()));
        CHECK(nn::close(x.grad(), y.grad()));
      }
}

TEST_CASE("masked pooling does not look at what the mask leaves out") {
  Tensor values = pattern({3, 4, 2}, 11);
  values.masked_fill_(logical_not(mask()).unsqueeze(-1), std::numeric_limits<double>::quiet_NaN());
  for (const Pool pool : {Pool{nn::masked_sum}, Pool{nn::masked_mean}, Pool{nn::masked_max}})
    CHECK(nn::close(pool(values, mask()), pool(pattern({3, 4, 2}, 11), mask()).data()));
}

TEST_CASE("masked pooling takes sequences of no tokens and batches of no rows") {
  for (const Pool pool : {Pool{nn::masked_sum}, Pool{nn::masked_mean}, Pool{nn::masked_max}}) {
    CHECK(nn::close(pool(Tensor::ones({2, 0, 3}), Tensor::zeros({2, 0}, boolean)), Tensor::zeros({2, 3})));
    CHECK(pool(Tensor::ones({0, 4, 3}), Tensor::zeros({0, 4}, boolean)).shape() == Shape{0, 3});
    CHECK(nn::close(pool(Tensor::ones({1, 1, 1}), Tensor::ones({1, 1}, boolean)), Tensor::ones({1, 1})));
    CHECK(pool(pattern({3, 4, 2}, 1, float64), mask()).dtype() == float64);
  }
}

TEST_CASE("masks that do not fit are errors that say so") {
  const Variable x(Tensor::ones({2, 4, 3}));
  CHECK_THROWS_WITH_AS(
      nn::masked_mean(x, Tensor::ones({2, 3}, boolean)),
      "[masked_pool] found a mask of shape (2, 3) beside an input of shape (2, 4, 3), expected its first "
      "two dimensions",
      Error);
  CHECK_THROWS_WITH_AS(nn::masked_max(x, Tensor::ones({2, 4})),
                       "[masked_pool] expected a boolean mask (hint: ne(ids, padding_idx) gives one)", Error);
  CHECK_THROWS_WITH_AS(nn::masked_sum(Tensor::ones({2, 4}), Tensor::ones({2, 4}, boolean)),
                       "[masked_pool] found an input of shape (2, 4), expected (batch, length, dim)", Error);
  CHECK_THROWS_AS(nn::masked_sum(x, Tensor()), Error);
}
