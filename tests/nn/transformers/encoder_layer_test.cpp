// The encoder block: its definition, gradients, where it drops, and the first position alone.
#include "nn/transformers/encoder_layer.h"

#include <doctest/doctest.h>

#include "nn/testing.h"
#include "tests/message_of.h"
#include "tests/nn/pattern.h"
#include "tests/nn/torch_attention.h"
#include "tests/oracle/attention.h"

using namespace roux;
using nn::Activation;

namespace {

const Tensor x = pattern({2, 3, 8}, 1);
const Tensor mask = lt(Tensor::arange(0, 3).unsqueeze(0), Tensor::from(std::vector<int64_t>{3, 1}).unsqueeze(1));

}  // namespace

TEST_CASE("TransformerEncoderLayer is its definition") {
  for (const Activation activation : {Activation::gelu, Activation::gelu_tanh, Activation::relu}) {
    nn::TransformerEncoderLayer layer(8, 2, {.dim_feedforward = 12, .activation = activation, .layer_norm_eps = 1e-5});
    layer.eval();
    const Variable a = layer.norm1(x + layer.self_attn(x, mask));
    const Variable wide = layer.linear1(a);
    const Variable bent = activation == Activation::relu ? relu(wide) : gelu(wide, activation == Activation::gelu_tanh);
    CHECK(nn::close(layer(x, mask), layer.norm2(a + layer.linear2(bent))));
    CHECK_FALSE(nn::close(layer(x, mask), layer(x)));
    CHECK_FALSE(nn::close(layer(x, {}, true), layer(x)));
    CHECK(nn::close(layer.forward_first(x, mask), layer(x, mask).slice(1, 0, 1)));
    CHECK(nn::close(layer.forward_first(x), layer(x).slice(1, 0, 1)));
  }
}

TEST_CASE("TransformerEncoderLayer gives PyTorch's figures") {
  const Tensor tokens = lt(Tensor::arange(0, 4).unsqueeze(0), Tensor::from(std::vector<int64_t>{4, 2}).unsqueeze(1));
  const auto check = [&](Activation activation, const std::vector<double>& output, const std::vector<double>& grad_x,
                         const std::vector<double>& grad_in_proj, const std::vector<double>& grad_linear1) {
    nn::TransformerEncoderLayer layer(6, 3,
                                      {.dim_feedforward = 5,
                                       .activation = activation,
                                       .dropout = 0,
                                       .attention_dropout = 0,
                                       .attention_output_dropout = 0,
                                       .layer_norm_eps = 1e-5});
    layer.load_state_dict(encoder_layer_weights());
    const Variable input(pattern({2, 4, 6}, 11), true);
    const Variable y = layer(input, tokens);
    CHECK(nn::close(y, figures_as(output, {2, 4, 6})));
    y.backward(pattern({2, 4, 6}, 90));
    CHECK(nn::close(input.grad(), figures_as(grad_x, {2, 4, 6}), {.rtol = 1e-4, .atol = 1e-4}));
    const nn::MultiheadAttention& a = layer.self_attn;
    const Tensor in_proj = cat({a.q_proj.weight.grad(), a.k_proj.weight.grad(), a.v_proj.weight.grad()}, 0);
    CHECK(nn::close(in_proj, figures_as(grad_in_proj, {18, 6}), {.rtol = 1e-4, .atol = 1e-4}));
    CHECK(nn::close(layer.linear1.weight.grad(), figures_as(grad_linear1, {5, 6}), {.rtol = 1e-4, .atol = 1e-4}));
  };
  check(Activation::gelu, figures::encoder_layer_gelu, figures::encoder_layer_gelu_grad_x,
        figures::encoder_layer_gelu_grad_in_proj_weight, figures::encoder_layer_gelu_grad_linear1_weight);
  check(Activation::relu, figures::encoder_layer_relu, figures::encoder_layer_relu_grad_x,
        figures::encoder_layer_relu_grad_in_proj_weight, figures::encoder_layer_relu_grad_linear1_weight);
}

TEST_CASE("TransformerEncoderLayer has the right gradients and state") {
  nn::TransformerEncoderLayer layer(8, 2, {.dim_feedforward = 5}), other(8, 2, {.dim_feedforward = 5});
  layer.eval();
  CHECK(nn::gradcheck(layer, {x}, [&](const std::vector<Variable>& in) { return layer(in[0], mask); }));
  CHECK(nn::gradcheck(layer, {x}, [&](const std::vector<Variable>& in) { return layer.forward_first(in[0], mask); }));
  CHECK(nn::state_dict_round_trips(layer, other, [](nn::TransformerEncoderLayer& module) { return module(x, mask); }));
}

TEST_CASE("TransformerEncoderLayer drops at its three places, each by its own probability") {
  using Options = nn::TransformerEncoderLayerOptions;
  const auto differs = [](Options options) {
    nn::TransformerEncoderLayer layer(8, 2, options);
    const Tensor trained = layer(x).data();
    layer.eval();
    return !nn::close(layer(x), trained);
  };
  CHECK_FALSE(differs({.dropout = 0, .attention_dropout = 0, .attention_output_dropout = 0}));
  CHECK(differs({.dropout = 0.5, .attention_dropout = 0, .attention_output_dropout = 0}));
  CHECK(differs({.dropout = 0, .attention_dropout = 0.5, .attention_output_dropout = 0}));
  CHECK(differs({.dropout = 0, .attention_dropout = 0, .attention_output_dropout = 0.5}));
}

TEST_CASE("TransformerEncoderLayer refuses what does not fit") {
  CHECK(message_of([] { nn::TransformerEncoderLayer(8, 3); }).find("num_heads 3") != std::string::npos);
  nn::TransformerEncoderLayer layer(8, 2);
  CHECK(message_of([&] {
          layer.forward_first(Tensor::ones({2, 0, 8}));
        }) == "[TransformerEncoderLayer] found a sequence without a first position");
  CHECK(message_of([&] {
          layer.forward_first(x, Tensor::ones({2, 3, 3}, boolean));
        }) == "[TransformerEncoderLayer] found a mask of shape (2, 3, 3), expected (batch, length)");
}
