// Tiny models that transformers made and saved: what they give here is what they give there. The script
// tests/oracle/transformer_models.py says how the folders came about.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "nn/adam.h"
#include "nn/loss.h"
#include "nn/testing.h"
#include "nn/transformers/names.h"
#include "nn/transformers/pretrained.h"
#include "tests/nn/transformers/golden.h"

using namespace roux;

namespace {

// Each within 1e-4 of its own largest entry, but for those that are zero up to rounding, as the key biases' are.
void check_gradients(nn::PretrainedModel& model, const Golden& golden) {
  const auto largest = [](const Tensor& x) { return amax(abs(x)).item(); };
  double largest_of_all = 0;
  for (const auto& [name, figures] : golden.figures.tensors)
    if (name.starts_with("grad.")) largest_of_all = std::max(largest_of_all, largest(figures));
  for (const auto& [name, parameter] : model.named_parameters()) {
    const std::string there = nn::hugging_face_name(model.config().model_type, name);
    const Tensor& expected = golden.at("grad." + there);
    // The scores of a query all move by the same amount with a key's bias, and softmax does not notice.
    const bool zero = name.ends_with("k_proj.bias");
    const double scale = std::max(largest(expected), (zero ? 1e-2 : 1e-3) * largest_of_all);
    INFO(there);
    CHECK(nn::close(parameter.grad(), expected, {.rtol = 1e-4, .atol = 1e-4 * scale}));
  }
}

void check_hidden_states(nn::TransformerModel& model, const Golden& golden) {
  const std::vector<Variable> hidden = model.hidden_states(golden.input);
  for (size_t i = 0; i < hidden.size(); ++i) {
    INFO("hidden state ", i);
    CHECK(nn::close(hidden[i], golden.at("hidden." + std::to_string(i)), {.rtol = 0, .atol = 1e-5}));
  }
}

template <class Model>
void check_model(Model& model, const Golden& golden) {
  model.eval();
  check_hidden_states(model.encoder, golden);
  const auto loss = [&] {
    const Variable logits = model.forward(golden.input);
    return nn::cross_entropy(logits.reshape({-1, 3}), golden.at("labels").reshape({-1}));
  };
  CHECK(nn::close(model.forward(golden.input), golden.at("logits"), {.rtol = 0, .atol = 1e-5}));
  const Variable first = loss();
  CHECK(nn::close(first, golden.at("loss"), {.rtol = 1e-5, .atol = 0}));
  first.backward();
  check_gradients(model, golden);

  nn::AdamW optimizer(model.named_parameters(), {.lr = 0.002, .weight_decay = 0.01});
  const auto expected = golden.at("losses").to_vector<double>();
  for (size_t step = 0; step < expected.size(); ++step) {
    INFO("step ", step);
    optimizer.zero_grad();
    const Variable now = loss();
    CHECK(std::abs(now.item() - expected[step]) <= 1e-4);
    now.backward();
    optimizer.step();
  }
}

}  // namespace

TEST_CASE("BERT is transformers' BERT: hidden states, logits, gradients and 20 losses") {
  const auto model = nn::load_sequence_classifier(golden_root + "bert");
  CHECK(model->config().labels == std::vector<std::string>{"no", "yes", "perhaps"});
  check_model(*model, Golden(golden_root + "bert"));
}

TEST_CASE("DistilBERT is transformers' DistilBERT, from a bfloat16 file") {
  const auto model = nn::load_sequence_classifier(golden_root + "distilbert");
  check_model(*model, Golden(golden_root + "distilbert"));
}

TEST_CASE("BERT for tokens with the tanh form of GELU is transformers', from a float16 file") {
  const auto model = nn::load_token_classifier(golden_root + "bert_tokens");
  CHECK(model->config().activation == nn::Activation::gelu_tanh);
  check_model(*model, Golden(golden_root + "bert_tokens"));
}
