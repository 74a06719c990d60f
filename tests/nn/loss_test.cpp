// Losses: PyTorch's figures for every option, gradients, extreme logits, errors.
#include "nn/loss.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/gradcheck.h"
#include "nn/testing.h"
#include "tests/nn/pattern.h"
#include "tests/oracle/layers.h"

using namespace roux;
using Figures = std::vector<double>;

namespace {

constexpr Reduction reductions[] = {Reduction::mean, Reduction::sum, Reduction::none};

// What a script computed for the three reductions, in their order: result and gradient of x.
struct ThreeReductions {
  const Figures* output[3];
  const Figures* gradient[3];
};

void check_loss(const Variable& loss, const Variable& x, const Figures& output, const Figures& gradient) {
  CHECK(loss.numel() == static_cast<int64_t>(output.size()));
  CHECK(nn::close(loss, figures_as(output, loss.shape())));
  loss.backward(pattern(loss.shape(), 90));
  CHECK(nn::close(x.grad(), figures_as(gradient, x.shape())));
}

void check_cross_entropy(const Tensor& labels, nn::CrossEntropyOptions options, const ThreeReductions& expected) {
  for (int i = 0; i < 3; ++i) {
    CAPTURE(i);
    options.reduction = reductions[i];
    const Variable x(pattern({5, 3}, 12), true);
    const Variable loss = nn::cross_entropy(x, labels, options);
    CHECK(loss.shape() == (options.reduction == Reduction::none ? Shape{5} : Shape{}));
    check_loss(loss, x, *expected.output[i], *expected.gradient[i]);
  }
}

Tensor index_labels() { return Tensor::from<int64_t>({2, 0, -100, 1, 2}); }
Tensor soft_labels() { return figures_as(figures::soft_targets, {5, 3}); }
Tensor class_weights() { return abs(pattern({3}, 14)); }

}  // namespace

TEST_CASE("cross_entropy gives PyTorch's figures for labels") {
  using namespace figures;
  check_cross_entropy(
      index_labels(), {},
      {{&cross_entropy_plain_index_mean, &cross_entropy_plain_index_sum, &cross_entropy_plain_index_none},
       {&cross_entropy_plain_index_mean_grad_x, &cross_entropy_plain_index_sum_grad_x, &cross_entropy_plain_index_none_grad_x}});
  check_cross_entropy(index_labels(), {.weight = class_weights()},
                      {{&cross_entropy_weighted_index_mean, &cross_entropy_weighted_index_sum, &cross_entropy_weighted_index_none},
                       {&cross_entropy_weighted_index_mean_grad_x, &cross_entropy_weighted_index_sum_grad_x,
                        &cross_entropy_weighted_index_none_grad_x}});
  check_cross_entropy(index_labels(), {.label_smoothing = 0.1},
                      {{&cross_entropy_smoothed_index_mean, &cross_entropy_smoothed_index_sum, &cross_entropy_smoothed_index_none},
                       {&cross_entropy_smoothed_index_mean_grad_x, &cross_entropy_smoothed_index_sum_grad_x,
                        &cross_entropy_smoothed_index_none_grad_x}});
  check_cross_entropy(
      Tensor::from<int64_t>({2, 0, 1, 1, 2}), {.weight = class_weights(), .ignore_index = 0, .label_smoothing = 0.3},
      {{&cross_entropy_all_index_mean, &cross_entropy_all_index_sum, &cross_entropy_all_index_none},
       {&cross_entropy_all_index_mean_grad_x, &cross_entropy_all_index_sum_grad_x, &cross_entropy_all_index_none_grad_x}});
}

TEST_CASE("cross_entropy gives PyTorch's figures for probabilities") {
  using namespace figures;
  check_cross_entropy(
      soft_labels(), {},
      {{&cross_entropy_plain_soft_mean, &cross_entropy_plain_soft_sum, &cross_entropy_plain_soft_none},
       {&cross_entropy_plain_soft_mean_grad_x, &cross_entropy_plain_soft_sum_grad_x, &cross_entropy_plain_soft_none_grad_x}});
  check_cross_entropy(soft_labels(), {.weight = class_weights()},
                      {{&cross_entropy_weighted_soft_mean, &cross_entropy_weighted_soft_sum, &cross_entropy_weighted_soft_none},
                       {&cross_entropy_weighted_soft_mean_grad_x, &cross_entropy_weighted_soft_sum_grad_x,
                        &cross_entropy_weighted_soft_none_grad_x}});
  check_cross_entropy(soft_labels(), {.label_smoothing = 0.1},
                      {{&cross_entropy_smoothed_soft_mean, &cross_entropy_smoothed_soft_sum, &cross_entropy_smoothed_soft_none},
                       {&cross_entropy_smoothed_soft_mean_grad_x, &cross_entropy_smoothed_soft_sum_grad_x,
                        &cross_entropy_smoothed_soft_none_grad_x}});
  check_cross_entropy(
      soft_labels(), {.weight = class_weights(), .label_smoothing = 0.3},
      {{&cross_entropy_all_soft_mean, &cross_entropy_all_soft_sum, &cross_entropy_all_soft_none},
       {&cross_entropy_all_soft_mean_grad_x, &cross_entropy_all_soft_sum_grad_x, &cross_entropy_all_soft_none_grad_x}});
}

TEST_CASE("cross_entropy of ignored rows, and its errors") {
  const Variable x(pattern({2, 3}, 1), true);
  const Tensor ignored = Tensor::from<int64_t>({-100, -100});
  CHECK(std::isnan(nn::cross_entropy(x, ignored).item()));
  CHECK(nn::cross_entropy(x, ignored, {.reduction = Reduction::sum}).item() == 0);
  CHECK(nn::close(nn::cross_entropy(x, ignored, {.reduction = nn::Reduction::none}), Tensor::zeros({2})));
  CHECK_THROWS_WITH_AS(nn::cross_entropy(x, Tensor::from<int64_t>({0, 3})),
                       "[cross_entropy] label out of range: found 3 in row 1, expected 0 to 2, or -100 for a row to ignore",
                       Error);
  CHECK_THROWS_AS(nn::cross_entropy(x, Tensor::from<int64_t>({0, -1})), Error);
  CHECK_THROWS_AS(nn::cross_entropy(x, Tensor::from<int64_t>({0})), Error);
  CHECK_THROWS_AS(nn::cross_entropy(x, ignored, {.weight = Tensor::ones({2})}), Error);
  CHECK_THROWS_AS(nn::cross_entropy(x, ignored, {.label_smoothing = 1.5}), Error);
}

TEST_CASE("binary_cross_entropy_with_logits gives PyTorch's figures") {
  using namespace figures;
  const ThreeReductions plain{{&binary_plain_mean, &binary_plain_sum, &binary_plain_none},
                              {&binary_plain_mean_grad_x, &binary_plain_sum_grad_x, &binary_plain_none_grad_x}};
  const ThreeReductions weighted{{&binary_weighted_mean, &binary_weighted_sum, &binary_weighted_none},
                                 {&binary_weighted_mean_grad_x, &binary_weighted_sum_grad_x, &binary_weighted_none_grad_x}};
  const Tensor y = gt(pattern({4, 3}, 16), 0).to(float32) * 0.75;
  for (int i = 0; i < 3; ++i) {
    const Variable x(pattern({4, 3}, 15), true), z(pattern({4, 3}, 15), true);
    check_loss(nn::binary_cross_entropy_with_logits(x, y, {.reduction = reductions[i]}), x, *plain.output[i], *plain.gradient[i]);
    check_loss(nn::binary_cross_entropy_with_logits(
                   z, y, {.weight = abs(pattern({3}, 17)), .pos_weight = abs(pattern({3}, 18)), .reduction = reductions[i]}),
               z, *weighted.output[i], *weighted.gradient[i]);
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
  CHECK(gradcheck([&](const auto& in) { return nn::binary_cross_entropy_with_logits(in[0], y, {.pos_weight = Tensor::scalar(3.0)}); },
                  {pattern({4}, 1)}));
  CHECK_THROWS_WITH_AS(nn::binary_cross_entropy_with_logits(x, Tensor::ones({4, 1})),
                       "[binary_cross_entropy_with_logits] targets have shape (4, 1), expected (4) like the logits", Error);
  CHECK_THROWS_AS(nn::binary_cross_entropy_with_logits(x, y, {.pos_weight = Tensor::ones({3})}), Error);
  CHECK_THROWS_AS(nn::binary_cross_entropy_with_logits(x, y, {.weight = Tensor::ones({2, 4})}), Error);
  CHECK_THROWS_AS(nn::binary_cross_entropy_with_logits(x, Tensor()), Error);
}

TEST_CASE("mse_loss gives PyTorch's figures and broadcasts nothing") {
  using namespace figures;
  const ThreeReductions to_x{{&mse_mean, &mse_sum, &mse_none}, {&mse_mean_grad_x, &mse_sum_grad_x, &mse_none_grad_x}};
  const Figures* to_target[] = {&mse_mean_grad_target, &mse_sum_grad_target, &mse_none_grad_target};
  for (int i = 0; i < 3; ++i) {
    const Variable x(pattern({2, 3}, 19), true), target(pattern({2, 3}, 20), true);
    check_loss(nn::mse_loss(x, target, {.reduction = reductions[i]}), x, *to_x.output[i], *to_x.gradient[i]);
    CHECK(nn::close(target.grad(), figures_as(*to_target[i], {2, 3})));
  }
  CHECK_THROWS_WITH_AS(nn::mse_loss(Tensor::ones({3}), Tensor::ones({3, 1})),
                       "[mse_loss] the prediction has shape (3), the target (3, 1), expected the same (hint: squeeze or "
                       "unsqueeze one of them)",
                       Error);
}
