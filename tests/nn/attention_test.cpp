// MultiheadAttention against what it is composed of: linear layers, products, softmax.
#include "nn/attention.h"

#include <doctest/doctest.h>

#include <cmath>

#include "nn/testing.h"
#include "tests/message_of.h"
#include "tests/nn/pattern.h"
#include "tests/nn/torch_attention.h"
#include "tests/oracle/attention.h"

using namespace roux;

namespace {

// The definition, a head at a time. allowed: boolean (batch, queries, keys).
Tensor by_definition(nn::MultiheadAttention& layer, const Tensor& query, const Tensor& memory, const Tensor& allowed) {
  const int64_t head_dim = layer.embed_dim() / layer.num_heads();
  const Tensor q = layer.q_proj(query).data(), k = layer.k_proj(memory).data(), v = layer.v_proj(memory).data();
  std::vector<Tensor> heads;
  for (int64_t h = 0; h < layer.num_heads(); ++h) {
    const auto head = [&](const Tensor& x) { return x.slice(2, h * head_dim, (h + 1) * head_dim); };
    const Tensor scores = matmul(head(q), head(k).transpose(1, 2)) / std::sqrt(static_cast<double>(head_dim));
    heads.push_back(matmul(softmax(masked_fill(scores, logical_not(allowed), -1e30)), head(v)));
  }
  return layer.out_proj(cat(heads, 2)).data();
}

Tensor all_allowed(int64_t batch, int64_t queries, int64_t keys) {
  return Tensor::ones({batch, queries, keys}, boolean);
}

// True where the key is among the first of its text.
Tensor tokens(const std::vector<int64_t>& lengths, int64_t keys) {
  return lt(Tensor::arange(0, keys).unsqueeze(0), Tensor::from(lengths).unsqueeze(1));
}

}  // namespace

TEST_CASE("MultiheadAttention is its definition, with every form of mask") {
  nn::MultiheadAttention layer(6, 3);
  const Tensor x = pattern({2, 4, 6}, 1), memory = pattern({2, 5, 6}, 2);
  CHECK(nn::close(layer(x), by_definition(layer, x, x, all_allowed(2, 4, 4))));
  CHECK(nn::close(layer(x, memory, memory), by_definition(layer, x, memory, all_allowed(2, 4, 5))));

  const Tensor keys = tokens({3, 1}, 4);
  const Tensor of_keys = keys.unsqueeze(1).expand({2, 4, 4});
  CHECK(nn::close(layer(x, keys), by_definition(layer, x, x, of_keys)));
  CHECK(nn::close(layer(x, of_keys), by_definition(layer, x, x, of_keys)));
  CHECK(nn::close(layer(x, of_keys.unsqueeze(1)), by_definition(layer, x, x, of_keys)));

  const Tensor past = le(Tensor::arange(0, 4).unsqueeze(0), Tensor::arange(0, 4).unsqueeze(1)).expand({2, 4, 4});
  CHECK(nn::close(layer(x, {}, true), by_definition(layer, x, x, past)));
  CHECK(nn::close(layer(x, keys, true), by_definition(layer, x, x, logical_and(past, of_keys))));
}

TEST_CASE("MultiheadAttention gives PyTorch's figures") {
  nn::MultiheadAttention layer(6, 3);
  layer.load_state_dict(attention_weights());
  const Tensor mask = tokens({4, 2}, 4);
  const Variable x(pattern({2, 4, 6}, 11), true);
  const Variable y = layer(x, mask);
  CHECK(nn::close(y, figures_as(figures::self_attention, {2, 4, 6})));
  y.backward(pattern({2, 4, 6}, 90));
  CHECK(nn::close(x.grad(), figures_as(figures::self_attention_grad_x, {2, 4, 6}), {.atol = 1e-4}));
  const Tensor weights = cat({layer.q_proj.weight.grad(), layer.k_proj.weight.grad(), layer.v_proj.weight.grad()}, 0);
  CHECK(nn::close(weights, figures_as(figures::self_attention_grad_in_proj_weight, {18, 6}), {.atol = 1e-4}));
  const Tensor biases = cat({layer.q_proj.bias.grad(), layer.k_proj.bias.grad(), layer.v_proj.bias.grad()}, 0);
  CHECK(nn::close(biases, figures_as(figures::self_attention_grad_in_proj_bias, {18}), {.atol = 1e-4}));
  CHECK(nn::close(layer.out_proj.weight.grad(), figures_as(figures::self_attention_grad_out_proj_weight, {6, 6}),
                  {.atol = 1e-4}));
  CHECK(nn::close(layer.out_proj.bias.grad(), figures_as(figures::self_attention_grad_out_proj_bias, {6})));

  const Variable causal(pattern({2, 4, 6}, 11), true);
  const Variable z = layer(causal, {}, true);
  CHECK(nn::close(z, figures_as(figures::causal_attention, {2, 4, 6})));
  z.backward(pattern({2, 4, 6}, 90));
  CHECK(nn::close(causal.grad(), figures_as(figures::causal_attention_grad_x, {2, 4, 6}), {.atol = 1e-4}));

  const Variable query(pattern({2, 3, 6}, 12), true), memory(pattern({2, 4, 6}, 13), true);
  const Variable w = layer(query, memory, memory, mask);
  CHECK(nn::close(w, figures_as(figures::cross_attention, {2, 3, 6})));
  w.backward(pattern({2, 3, 6}, 90));
  CHECK(nn::close(query.grad(), figures_as(figures::cross_attention_grad_x, {2, 3, 6}), {.atol = 1e-4}));
  CHECK(nn::close(memory.grad(), figures_as(figures::cross_attention_grad_memory, {2, 4, 6}), {.atol = 1e-4}));
}

TEST_CASE("MultiheadAttention: the last of fewer causal queries than keys sees all of them") {
  nn::MultiheadAttention layer(6, 2);
  const Tensor query = pattern({1, 2, 6}, 1), memory = pattern({1, 5, 6}, 2);
  // Query i looks at keys up to i + 3.
  const Tensor allowed =
      le(Tensor::arange(0, 5).unsqueeze(0), add(Tensor::arange(0, 2), Tensor::full({1}, 3, int64)).unsqueeze(1));
  CHECK(nn::close(layer(query, memory, memory, {}, true), by_definition(layer, query, memory, allowed.unsqueeze(0))));
}

TEST_CASE("MultiheadAttention has the right gradients and state") {
  nn::MultiheadAttention layer(6, 2), other(6, 2);
  const Tensor x = pattern({2, 3, 6}, 3), memory = pattern({2, 5, 6}, 4), mask = tokens({5, 2}, 5);
  CHECK(nn::gradcheck(layer, {x}));
  CHECK(nn::gradcheck(layer, {x, memory},
                      [&](const std::vector<Variable>& in) { return layer(in[0], in[1], in[1], mask); }));
  CHECK(nn::state_dict_round_trips(layer, other, [&](nn::MultiheadAttention& module) { return module(x); }));
  CHECK(layer.named_parameters().size() == 8);
  nn::MultiheadAttention no_bias(6, 2, {.bias = false});
  CHECK(no_bias.named_parameters().size() == 4);
  CHECK(no_bias(Tensor::ones({0, 3, 6})).shape() == Shape{0, 3, 6});
}

TEST_CASE("MultiheadAttention drops weights in training only") {
  nn::MultiheadAttention layer(8, 2, {.dropout = 0.5});
  const Tensor x = pattern({1, 16, 8}, 5);
  const Tensor trained = layer(x).data();
  CHECK_FALSE(nn::close(layer(x), trained));  // other weights were dropped
  CHECK(layer.named_generators().size() == 1);
  layer.eval();
  CHECK(nn::close(layer(x), by_definition(layer, x, x, all_allowed(1, 16, 16))));
  CHECK_FALSE(nn::close(layer(x), trained));
}

TEST_CASE("MultiheadAttention refuses what does not fit") {
  CHECK(message_of([] { nn::MultiheadAttention(6, 4); }) ==
        "[MultiheadAttention] found embed_dim 6 and num_heads 4, expected the first to be a multiple of the second");
  CHECK(message_of([] { nn::MultiheadAttention(6, 0); }).find("num_heads 0") != std::string::npos);
  CHECK(message_of([] { nn::MultiheadAttention(6, 2, {.dropout = 1.5}); }) ==
        "[MultiheadAttention] dropout is 1.5, expected a probability from 0 to 1");
  nn::MultiheadAttention layer(6, 2);
  const Tensor x = pattern({2, 3, 6}, 1);
  CHECK(message_of([&] {
          layer(pattern({2, 6}, 1));
        }) == "[MultiheadAttention] found an input of shape (2, 6), expected (batch, length, 6)");
  CHECK(message_of([&] { layer(Variable()); }).find("no shape") != std::string::npos);
  CHECK(message_of([&] { layer(x, Tensor::ones({3}, boolean)); }).find("found a mask of shape (3)") !=
        std::string::npos);
  CHECK_THROWS_AS(layer(x, Tensor::ones({2, 4}, boolean)), Error);  // keys that are not there
  CHECK_THROWS_AS(layer(x, Tensor::ones({2, 3})), Error);           // an additive mask
  CHECK_THROWS_AS(layer(x, pattern({3, 4, 6}, 1), pattern({3, 4, 6}, 1)), Error);
}
