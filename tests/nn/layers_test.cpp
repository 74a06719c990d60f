// Linear, LayerNorm, activations and dropout: PyTorch's figures, gradients, starting values, errors.
#include <doctest/doctest.h>

#include <cmath>
#include <memory>

#include "nn/activations.h"
#include "nn/dropout.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"
#include "nn/testing.h"
#include "tests/nn/pattern.h"
#include "tests/oracle/layers.h"

using namespace roux;

namespace {

// Gives the gradients that the figures were taken with.
void backward_from_pattern(const Variable& result) { result.backward(pattern(result.shape(), 90)); }

}  // namespace

TEST_CASE("Linear gives PyTorch's figures") {
  nn::Linear layer(5, 4);
  layer.load_state_dict({{"weight", pattern({4, 5}, 2)}, {"bias", pattern({4}, 3)}});
  const Variable x(pattern({2, 3, 5}, 1), true);
  const Variable y = layer(x);
  CHECK(nn::close(y, figures_as(figures::linear, {2, 3, 4})));
  backward_from_pattern(y);
  CHECK(nn::close(x.grad(), figures_as(figures::linear_grad_x, {2, 3, 5})));
  CHECK(nn::close(layer.weight.grad(), figures_as(figures::linear_grad_weight, {4, 5})));
  CHECK(nn::close(layer.bias.grad(), figures_as(figures::linear_grad_bias, {4})));
}

TEST_CASE("Linear starts uniform in +-1/sqrt(in) and takes odd sizes") {
  manual_seed(5);
  const nn::Linear layer(64, 400);
  const Tensor weight = layer.weight.data();
  CHECK(amax(abs(weight)).item() <= 0.125);
  CHECK(amax(weight).item() > 0.1249);
  CHECK(amin(weight).item() < -0.1249);
  CHECK(std::abs(mean(weight).item()) < 0.002);
  CHECK(amax(abs(layer.bias.data())).item() <= 0.125);
  CHECK(layer.bias.requires_grad());

  nn::Linear no_bias(3, 2, {.bias = false});
  CHECK_FALSE(no_bias.bias.defined());
  CHECK(no_bias.named_parameters().size() == 1);
  CHECK(no_bias(Tensor::ones({3})).shape() == Shape{2});
  CHECK(no_bias(Tensor::ones({0, 3})).shape() == Shape{0, 2});
  nn::Linear from_nothing(0, 2);
  CHECK(nn::close(from_nothing(Tensor::ones({4, 0})), Tensor::zeros({4, 2})));
  CHECK_THROWS_WITH_AS(nn::Linear(-1, 2), "[Linear] found sizes -1 and 2, expected 0 or more", Error);
  CHECK_THROWS_AS(no_bias(Tensor::ones({2, 4})), Error);
}

TEST_CASE("the same seed makes the same layers") {
  manual_seed(11);
  const nn::Linear a(7, 5);
  manual_seed(11);
  const nn::Linear b(7, 5), c(7, 5);
  CHECK(nn::close(a.weight, b.weight, {.rtol = 0, .atol = 0}));
  CHECK_FALSE(nn::close(a.weight, c.weight));
}

TEST_CASE("LayerNorm gives PyTorch's figures") {
  nn::LayerNorm layer(7);
  CHECK(nn::close(layer.weight, Tensor::ones({7})));
  CHECK(nn::close(layer.bias, Tensor::zeros({7})));
  layer.load_state_dict({{"weight", pattern({7}, 8)}, {"bias", pattern({7}, 9)}});
  const Variable x(pattern({3, 7}, 7), true);
  const Variable y = layer(x);
  CHECK(nn::close(y, figures_as(figures::layer_norm, {3, 7})));
  backward_from_pattern(y);
  CHECK(nn::close(x.grad(), figures_as(figures::layer_norm_grad_x, {3, 7})));
  CHECK(nn::close(layer.weight.grad(), figures_as(figures::layer_norm_grad_weight, {7})));
  CHECK(nn::close(layer.bias.grad(), figures_as(figures::layer_norm_grad_bias, {7})));

  nn::LayerNorm plain(7, {.eps = 1e-3, .elementwise_affine = false});
  CHECK(plain.parameters().empty());
  CHECK(nn::close(plain(x), figures_as(figures::layer_norm_plain, {3, 7})));
  nn::LayerNorm no_bias(7, {.bias = false});
  CHECK(no_bias.parameters().size() == 1);
  CHECK_THROWS_WITH_AS(plain(Tensor::ones({7, 2})), "[LayerNorm] found shape (7, 2), expected (..., 7)", Error);
  CHECK_THROWS_WITH_AS(nn::LayerNorm(0), "[LayerNorm] the size is 0, expected 1 or more", Error);
  CHECK_THROWS_WITH_AS(nn::LayerNorm(3, {.eps = -1}), "[LayerNorm] eps is -1, expected 0 or more", Error);
}

TEST_CASE("activations give PyTorch's figures") {
  const Tensor x = pattern({8}, 10) * 2;
  CHECK(nn::close(nn::GELU()(x), figures_as(figures::gelu, {8})));
  CHECK(nn::close(nn::GELU(nn::Approximate::tanh)(x), figures_as(figures::gelu_tanh, {8})));
  CHECK(nn::close(nn::Tanh()(x), figures_as(figures::tanh, {8})));
  CHECK(nn::close(nn::Sigmoid()(x), figures_as(figures::sigmoid, {8})));
  CHECK(nn::close(nn::ReLU()(x), figures_as(figures::relu, {8})));
}

TEST_CASE("layers have the right gradients") {
  nn::Linear linear_layer(4, 3);
  CHECK(gradcheck(linear_layer, {pattern({2, 3, 4}, 1)}));
  nn::LayerNorm norm(5), norm_without_bias(5, {.bias = false}), plain(5, {.elementwise_affine = false});
  CHECK(gradcheck(norm, {pattern({3, 5}, 2)}));
  CHECK(gradcheck(norm_without_bias, {pattern({3, 5}, 2)}));
  CHECK(gradcheck(plain, {pattern({2, 2, 5}, 2)}));
  nn::ReLU relu_layer;
  nn::Tanh tanh_layer;
  nn::Sigmoid sigmoid_layer;
  nn::GELU exact, approximate(nn::Approximate::tanh);
  nn::Dropout noise(0.4);
  for (nn::Layer* const layer :
       std::initializer_list<nn::Layer*>{&relu_layer, &tanh_layer, &sigmoid_layer, &exact, &approximate, &noise})
    CHECK(gradcheck(*layer, {pattern({3, 7}, 3) + 0.005}));  // no entry on the kink of ReLU
}

TEST_CASE("Dropout drops in training only") {
  nn::Dropout layer(0.25);
  CHECK(layer.p() == 0.25);
  CHECK(nn::Dropout().p() == 0.5);
  const Variable x(Tensor::ones({100, 100}), true);
  const Variable y = layer(x);
  const double kept = sum(ne(y.data(), 0)).item() / 10000;
  CHECK(kept == doctest::Approx(0.75).epsilon(0.02));
  CHECK(amax(y.data()).item() == doctest::Approx(1 / 0.75));
  sum(y).backward();
  CHECK(nn::close(x.grad(), y));
  CHECK_FALSE(nn::close(layer(x), y));
  layer.eval();
  CHECK(layer(x) == x);
  CHECK(nn::eval_is_deterministic(layer, [&] { return layer(x); }));
  CHECK(nn::close(nn::Dropout(1)(x), Tensor::zeros({100, 100})));
  nn::Dropout nothing(0);
  CHECK(nothing(x) == x);
}

TEST_CASE("each Dropout has a stream of its own") {
  manual_seed(3);
  nn::Dropout a, b;
  const Tensor x = Tensor::ones({64});
  const Tensor first = a(x).data(), second = a(x).data();
  CHECK_FALSE(nn::close(first, second));
  CHECK_FALSE(nn::close(first, b(x)));
  CHECK(a.state_dict().empty());
  REQUIRE(a.named_generators().size() == 1);
  Generator& generator = *a.named_generators()[0].second;
  CHECK(generator.offset() == 32);
  generator = Generator(generator.seed(), generator.stream(), 16);
  CHECK(nn::close(a(x), second, {.rtol = 0, .atol = 0}));
  manual_seed(3);
  nn::Dropout again;
  CHECK(nn::close(again(x), first, {.rtol = 0, .atol = 0}));
}

TEST_CASE("a p that is no probability is an error") {
  const auto text = [](double p) {
    return "[Dropout] p is " + roux::detail::error_text(p) + ", expected a probability from 0 to 1";
  };
  for (const double p : {-0.1, 1.5, std::nan("")}) CHECK_THROWS_WITH_AS(nn::Dropout{p}, text(p).c_str(), Error);
}
