// Losses: PyTorch's figures for every option, gradients, extreme logits, errors.
#include "nn/loss.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/gradcheck.h"
#include "nn/testing.h"
#include "tests/nn/pattern.h"
#include "tests/oracle/layers.h"

using namespace roux;

namespace {

constexpr Reduction reductions[] = {Reduction::mean, Reduction::sum, Reduction::none};

void check_loss(const Variable& loss, const Variable& x, const figures::Loss& expected) {
  CHECK(loss.numel() == static_cast<int64_t>(expected.output.size()));
  CHECK(nn::close(loss, figures_as(expected.output, loss.shape())));
  loss.backward(pattern(loss.shape(), 90));
  CHECK(nn::close(x.grad(), figures_as(expected.grad_x, x.shape())));
}

void check_cross_entropy(const Tensor& labels, nn::CrossEntropyOptions options, const figures::Loss (&expected)[3]) {
  for (int i = 0; i < 3; ++i) {
    CAPTURE(i);
    options.reduction = reductions[i];
    const Variable x(pattern({5, 3}, 12), true);
    const Variable loss = nn::cross_entropy(x, labels, options);
    CHECK(loss.shape() == (options.reduction == Reduction::none ? Shape{5} : Shape{}));
    check_loss(loss, x, expected[i]);
  }
}

Tensor index_labels() { return Tensor::from<int64_t>({2, 0, -100, 1, 2}); }
Tensor soft_labels() { return figures_as(figures::soft_targets, {5, 3}); }
Tensor class_weights() { return abs(pattern({3}, 14)); }

}  // namespace

TEST_CASE("cross_entropy gives PyTorch's figures for labels") {
  const Tensor labels = index_labels(), labels_in_range = Tensor::from<int64_t>({2, 0, 1, 1, 2});
  check_cross_entropy(labels, {}, figures::cross_entropy_plain_index);
  check_cross_entropy(labels, {.weight = class_weights()}, figures::cross_entropy_weighted_index);
  check_cross_entropy(labels, {.label_smoothing = 0.1}, figures::cross_entropy_smoothed_index);
  check_cross_entropy(labels_in_range, {.weight = class_weights(), .ignore_index = 0, .label_smoothing = 0.3},
                      figures::cross_entropy_all_index);
}

TEST_CASE("cross_entropy gives PyTorch's figures for probabilities") {
  const Tensor labels = soft_labels();
  check_cross_entropy(labels, {}, figures::cross_entropy_plain_soft);
  check_cross_entropy(labels, {.weight = class_weights()}, figures::cross_entropy_weighted_soft);
  check_cross_entropy(labels, {.label_smoothing = 0.1}, figures::cross_entropy_smoothed_soft);
  check_cross_entropy(labels, {.weight = class_weights(), .label_smoothing = 0.3}, figures::cross_entropy_all_soft);
}

TEST_CASE("cross_entropy of ignored rows, and its errors") {
  const Variable x(pattern({2, 3}, 1), true);
  const Tensor ignored = Tensor::from<int64_t>({-100, -100});
  CHECK(std::isnan(nn::cross_entropy(x, ignored).item()));
  CHECK(nn::cross_entropy(x, ignored, {.reduction = Reduction::sum}).item() == 0);
  CHECK(nn::close(nn::cross_entropy(x, ignored, {.reduction = nn::Reduction::none}), Tensor::zeros({2})));
  CHECK_THROWS_WITH_AS(
      nn::cross_entropy(x, Tensor::from<int64_t>({0, 3})),
      "[cross_entropy] label out of range: found 3 in row 1, expected 0 to 2, or -100 for a row to ignore", Error);
  CHECK_THROWS_AS(nn::cross_entropy(x, Tensor::from<int64_t>({0, -1})), Error);
  CHECK_THROWS_AS(nn::cross_entropy(x, Tensor::from<int64_t>({0})), Error);
  CHECK_THROWS_AS(nn::cross_entropy(x, ignored, {.weight = Tensor::ones({2})}), Error);
  CHECK_THROWS_AS(nn::cross_entropy(x, ignored, {.label_smoothing = 1.5}), Error);
}

TEST_CASE("binary_cross_entropy_with_logits gives PyTorch's figures") {
  const Tensor y = gt(pattern({4, 3}, 16), 0).to(float32) * 0.75;
  nn::BinaryCrossEntropyOptions plain, weighted{.weight = abs(pattern({3}, 17)), .pos_weight = abs(pattern({3}, 18))};
  for (int i = 0; i < 3; ++i) {
    plain.reduction = weighted.reduction = reductions[i];
    const Variable x(pattern({4, 3}, 15), true), z(pattern({4, 3}, 15), true);
    check_loss(nn::binary_cross_entropy_with_logits(x, y, plain), x, figures::binary_plain[i]);
    check_loss(nn::binary_cross_entropy_with_logits(z, y, weighted), z, figures::binary_weighted[i]);
  }
}

TEST_CASE("binary_cross_entropy_with_logits does not overflow, and takes targets of any type") {
  const Variable x(Tensor::from<float>({1000, -1000, 1000, -1000}), true);
  const Tensor y = Tensor::from<int64_t>({1, 0, 0, 1});
  const Variable losses = nn::binary_cross_entropy_with_logits(x, y, {.reduction = Reduction::none});
  CHECK(nn::close(losses, Tensor::from<float>({0, 0, 1000, 1000})));
  sum(losses).backward();
  CHECK(nn::close(x.grad(), Tensor::from<float>({0, 0, 1, -1})));
  CHECK(nn::close(nn::binary_cross_entropy_with_logits(x, y.to(boolean)), Tensor::scalar(500.f)));
  CHECK(gradcheck(
      [&](const auto& in) {
        return nn::binary_cross_entropy_with_logits(in[0], y, {.pos_weight = Tensor::scalar(3.0)});
      },
      {pattern({4}, 1)}));
  CHECK_THROWS_WITH_AS(nn::binary_cross_entropy_with_logits(x, Tensor::ones({4, 1})),
                       "[binary_cross_entropy_with_logits] targets have shape (4, 1), expected (4) like the logits",
                       Error);
  CHECK_THROWS_AS(nn::binary_cross_entropy_with_logits(x, y, {.pos_weight = Tensor::ones({3})}), Error);
  CHECK_THROWS_AS(nn::binary_cross_entropy_with_logits(x, y, {.weight = Tensor::ones({2, 4})}), Error);
  CHECK_THROWS_AS(nn::binary_cross_entropy_with_logits(x, Tensor()), Error);
}

TEST_CASE("mse_loss gives PyTorch's figures and broadcasts nothing") {
  for (int i = 0; i < 3; ++i) {
    const Variable x(pattern({2, 3}, 19), true), target(pattern({2, 3}, 20), true);
    check_loss(nn::mse_loss(x, target, {.reduction = reductions[i]}), x, figures::mse[i]);
    CHECK(nn::close(target.grad(), -x.grad()));
  }
  CHECK_THROWS_WITH_AS(
      nn::mse_loss(Tensor::ones({3}), Tensor::ones({3, 1})),
      "[mse_loss] the prediction has shape (3), the target (3, 1), expected the same (hint: squeeze or "
      "unsqueeze one of them)",
      Error);
}

TEST_CASE("reduce gives the mean, the sum or the losses as they are") {
  const Variable losses(pattern({2, 3}, 4), true);
  CHECK(nn::close(nn::reduce(losses, Reduction::mean), mean(losses)));
  CHECK(nn::close(nn::reduce(losses, Reduction::sum), sum(losses)));
  CHECK(nn::reduce(losses, Reduction::none) == losses);
}

TEST_CASE("with both namespaces in use, cross_entropy of a model is the one of nn") {
  using namespace roux::nn;
  const Variable logits(pattern({5, 3}, 12), true);
  const Tensor labels = Tensor::from<int64_t>({0, 1, 2, 1, 0});
  const Variable loss = cross_entropy(logits, labels),
                 total = cross_entropy(logits, labels, {.reduction = Reduction::sum});
  CHECK(nn::close(loss * 5, total));
}

TEST_CASE("squared_hinge_loss: by hand, weights, ignored rows, gradient") {
  // Rows of scores (2, -2), (0.5, 0.5): all margins kept; 0.5^2 for the label and 1.5^2 for the other.
  const Tensor scores = Tensor::from<double>({2, -2, 0.5, 0.5}, {2, 2}), labels = Tensor::from<int64_t>({0, 1});
  CHECK(nn::squared_hinge_loss(scores, labels).item() == doctest::Approx((0 + 0.25 + 2.25) / 2));
  const Tensor weight = Tensor::from<double>({3, 1});
  CHECK(nn::squared_hinge_loss(scores, labels, {.weight = weight}).item() == doctest::Approx(2.5 / 4));
  const Tensor first = Tensor::from<int64_t>({-100, 1});
  CHECK(nn::squared_hinge_loss(scores, first).item() == doctest::Approx(2.5));
  CHECK(nn::squared_hinge_loss(scores, first, {.reduction = Reduction::sum}).item() == doctest::Approx(2.5));
  const Tensor three = Tensor::from<int64_t>({2, 0, -100, 1});
  CHECK(gradcheck([&](const auto& in) { return nn::squared_hinge_loss(in[0], three); }, {Tensor::randn({4, 3})}));
  CHECK_THROWS_AS(nn::squared_hinge_loss(scores, Tensor::from<int64_t>({0, 2})), Error);
  CHECK_THROWS_WITH_AS(nn::squared_hinge_loss(scores, Tensor::from<int64_t>({0})), doctest::Contains("int64 labels"),
                       Error);
}
