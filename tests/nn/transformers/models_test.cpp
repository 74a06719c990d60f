// How BERT and DistilBERT are put together: parameters and how they start, what trains, what is refused.
#include "nn/transformers/models.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <string>

#include "nn/loss.h"
#include "nn/testing.h"
#include "tests/message_of.h"
#include "tests/nn/transformers/tiny_model.h"

using namespace roux;
using nn::ModelType;
using nn::TransformerConfig;

namespace {

std::vector<std::string> trainable_names(nn::PretrainedModel& model) {
  std::vector<std::string> names;
  for (const auto& [name, parameter] : model.named_parameters())
    if (parameter.requires_grad()) names.push_back(name);
  return names;
}

}  // namespace

TEST_CASE("DistilBERT has 66,955,010 parameters, of which last:2 trains 14,767,874") {
  nn::SequenceClassificationModel model(TransformerConfig{}, nn::InitialWeights::none);
  CHECK(model.num_parameters() == 66955010);
  nn::set_trainable(model, "last:2");
  CHECK(model.num_parameters(true) == 14767874);
  nn::set_trainable(model, "head");
  CHECK(model.num_parameters(true) == 592130);
  nn::set_trainable(model, "last:6");
  CHECK(model.num_parameters(true) == 66955010 - (30522 + 512 + 2) * 768);
  nn::set_trainable(model, "all");
  CHECK(model.num_parameters(true) == 66955010);
}

TEST_CASE("BERT-base has the parameters of its paper, and the pooler belongs to the head") {
  TransformerConfig config;
  config.model_type = ModelType::bert;
  config.num_hidden_layers = 12;
  nn::SequenceClassificationModel model(config, nn::InitialWeights::none);
  CHECK(model.num_parameters() == 109483778);
  nn::set_trainable(model, "head");
  CHECK(trainable_names(model) == std::vector<std::string>{"encoder.pooler.weight", "encoder.pooler.bias",
                                                           "classifier.weight", "classifier.bias"});
}

TEST_CASE("frozen layers build no graph") {
  for (const ModelType type : {ModelType::bert, ModelType::distilbert}) {
    nn::SequenceClassificationModel model(tiny_config(type, 4));
    nn::set_trainable(model, "last:2");
    const std::vector<Variable> hidden = model.encoder.hidden_states(tiny_input(type));
    for (int i = 0; i <= 4; ++i) CHECK(hidden[static_cast<size_t>(i)].requires_grad() == (i >= 3));

    nn::set_trainable(model, "head");
    CHECK(model.forward(tiny_input(type)).requires_grad());
    CHECK_FALSE(model.encoder.forward(tiny_input(type)).requires_grad());
    const Variable loss = nn::cross_entropy(model.forward(tiny_input(type)), tiny_labels());
    loss.backward();
    for (const auto& [name, parameter] : model.named_parameters()) {
      const std::string shown = name;  // clang 14 cannot capture a structured binding
      CAPTURE(shown);
      CHECK(parameter.grad().defined() == parameter.requires_grad());
    }
  }
}

TEST_CASE("word embeddings get their gradient as rows") {
  nn::SequenceClassificationModel model(tiny_config(ModelType::bert, 1));
  nn::cross_entropy(model.forward(tiny_input(ModelType::bert)), tiny_labels()).backward();
  CHECK(model.encoder.embeddings.word_embeddings.weight.gradient().kind() == Gradient::Kind::rows);
}

TEST_CASE("new weights are normal, biases zero, norms one, and the padding's row is zero") {
  manual_seed(3);
  TransformerConfig config = tiny_config(ModelType::bert, 2);
  config.initializer_range = 0.5;
  config.pad_token_id = 2;
  nn::SequenceClassificationModel model(config);
  double sum_of_squares = 0, count = 0;
  for (const auto& [name, parameter] : model.named_parameters()) {
    const std::string shown = name;
    CAPTURE(shown);
    if (parameter.dim() == 1) {
      const bool one = name.find("norm") != std::string::npos && name.ends_with("weight");
      CHECK(nn::close(parameter, Tensor::full(parameter.shape(), one ? 1 : 0), {.rtol = 0, .atol = 0}));
    } else {
      CHECK(std::abs(mean(parameter.data()).item()) < 0.2);
      sum_of_squares += sum(square(parameter.data())).item();
      count += static_cast<double>(parameter.numel());
    }
  }
  CHECK(std::sqrt(sum_of_squares / count) == doctest::Approx(0.5).epsilon(0.05));
  const Tensor words = model.encoder.embeddings.word_embeddings.weight.data();
  CHECK(norm(words.select(0, 2)).item() == 0);
  CHECK(norm(words.select(0, 0)).item() > 0);
}

TEST_CASE("a model without initial weights draws no numbers, and one with the same seed is the same") {
  const auto drawn = [](nn::InitialWeights weights) {
    manual_seed(5);
    nn::SequenceClassificationModel model(tiny_config(ModelType::bert, 1), weights);
    return default_generator().offset();
  };
  CHECK(drawn(nn::InitialWeights::none) == 0);
  CHECK(drawn(nn::InitialWeights::random) > 0);
  manual_seed(5);
  nn::SequenceClassificationModel one(tiny_config(ModelType::bert, 1));
  manual_seed(5);
  nn::SequenceClassificationModel two(tiny_config(ModelType::bert, 1));
  CHECK(nn::close(one.forward(tiny_input(ModelType::bert)), two.forward(tiny_input(ModelType::bert)),
                  {.rtol = 0, .atol = 0}));
}

TEST_CASE("sinusoidal positions are those of the formula") {
  TransformerConfig config = tiny_config(ModelType::distilbert, 1);
  config.sinusoidal_position_embeddings = true;
  nn::TransformerModel model(config);
  const Tensor positions = model.embeddings.position_embeddings.weight.data();
  const auto at = [&](int64_t position, int64_t column) {
    return positions.select(0, position).select(0, column).item();
  };
  CHECK(at(0, 0) == 0);
  CHECK(at(0, 1) == 1);
  CHECK(at(5, 0) == doctest::Approx(std::sin(5.0)));
  CHECK(at(5, 3) == doctest::Approx(std::cos(5 / std::pow(10000.0, 2.0 / 8))));
}

TEST_CASE("every gradient of the models is right") {
  for (const ModelType type : {ModelType::bert, ModelType::distilbert}) {
    TransformerConfig config = wide_range(tiny_config(type, 1));
    config.pad_token_id = -1;  // its row would get no gradient
    nn::SequenceClassificationModel model(config);
    nn::TokenClassificationModel tokens(config);
    model.eval();
    tokens.eval();
    CHECK(nn::gradcheck(model, [&] { return model.forward(tiny_input(type)); }));
    CHECK(nn::gradcheck(tokens, [&] { return tokens.forward(tiny_input(type)); }));
  }
}

TEST_CASE("models drop where transformers' do, each place by its setting") {
  // The layers that draw numbers in a training step when this setting alone is not zero.
  const auto places = [](ModelType type, double TransformerConfig::*setting) {
    TransformerConfig config = tiny_config(type, 1);
    config.hidden_dropout = config.attention_dropout = config.classifier_dropout = 0;
    config.*setting = 0.5;
    nn::SequenceClassificationModel model(config);
    std::map<std::string, uint64_t> before;
    for (const auto& [name, generator] : model.named_generators()) before[name] = generator->offset();
    model.forward(tiny_input(type));
    std::string drawn;
    for (const auto& [name, generator] : model.named_generators())
      if (generator->offset() != before[name]) drawn += name.substr(0, name.rfind('.')) + " ";
    return drawn;
  };
  CHECK(places(ModelType::bert, &TransformerConfig::hidden_dropout) ==
        "encoder.embeddings.dropout encoder.layers.0.attention_output_dropout encoder.layers.0.dropout ");
  CHECK(places(ModelType::distilbert, &TransformerConfig::hidden_dropout) ==
        "encoder.embeddings.dropout encoder.layers.0.dropout ");
  for (const ModelType type : {ModelType::bert, ModelType::distilbert}) {
    CHECK(places(type, &TransformerConfig::attention_dropout) == "encoder.layers.0.self_attn ");
    CHECK(places(type, &TransformerConfig::classifier_dropout) == "dropout ");
  }
}

TEST_CASE("a text gives the same in a padded batch and alone") {
  for (const ModelType type : {ModelType::bert, ModelType::distilbert}) {
    nn::SequenceClassificationModel model(wide_range(tiny_config(type, 2)));
    model.eval();
    const nn::TransformerInput batch = tiny_input(type);
    const Variable logits = model.forward(batch), hidden = model.encoder.forward(batch);
    for (int64_t text = 0; text < 2; ++text) {
      const int64_t length = tiny_lengths[text];
      const auto part = [&](const Tensor& x) {
        return x.defined() ? x.slice(0, text, text + 1).slice(1, 0, length) : x;
      };
      const nn::TransformerInput alone{.ids = part(batch.ids), .token_types = part(batch.token_types)};
      CHECK(nn::close(model.forward(alone), logits.slice(0, text, text + 1), {.rtol = 1e-5, .atol = 1e-5}));
      CHECK(nn::close(model.encoder.forward(alone), hidden.slice(0, text, text + 1).slice(1, 0, length),
                      {.rtol = 1e-5, .atol = 1e-5}));
    }
  }
}

TEST_CASE("the first token's hidden state is what the whole model gives") {
  nn::TransformerModel model(wide_range(tiny_config(ModelType::bert, 3)));
  model.eval();
  const nn::TransformerInput input = tiny_input(ModelType::bert);
  CHECK(nn::close(model.forward_first(input), model.forward(input).select(1, 0)));
  CHECK(nn::close(model.forward(input), model.hidden_states(input).back(), {.rtol = 0, .atol = 0}));
}

TEST_CASE("models take other sizes of batch, and a text that is masked as a whole") {
  nn::SequenceClassificationModel model(wide_range(tiny_config(ModelType::distilbert, 2)));
  model.eval();
  CHECK(model.forward({.ids = Tensor::zeros({0, 3}, int64)}).shape() == Shape{0, 3});
  CHECK(model.forward({.ids = Tensor::zeros({1, 1}, int64)}).shape() == Shape{1, 3});
  const Tensor logits =
      model.forward({.ids = Tensor::ones({2, 4}, int64), .mask = Tensor::zeros({2, 4}, boolean)}).data();
  CHECK_FALSE(any(isnan(logits)).item() != 0);
}

TEST_CASE("models refuse what they cannot take") {
  nn::TransformerModel model(tiny_config(ModelType::bert, 1)), distilbert(tiny_config(ModelType::distilbert, 1));
  const Tensor ids = Tensor::ones({2, 3}, int64);
  const auto message = [&](const nn::TransformerInput& input) { return message_of([&] { model.forward(input); }); };
  CHECK(message({}) == "[TransformerModel] found ids of no shape, expected (batch, length) of int64");
  CHECK(message({.ids = Tensor::ones({3}, int64)}) ==
        "[TransformerModel] found ids of shape (3) and type int64, expected (batch, length) of int64");
  CHECK(message({.ids = Tensor::ones({2, 0}, int64)}) == "[TransformerModel] the texts have no tokens, not even [CLS]");
  CHECK(message({.ids = Tensor::ones({1, 7}, int64)}) ==
        "[TransformerModel] the texts are 7 tokens long, but the model has positions for 6 (hint: truncate them)");
  CHECK(message({.ids = ids * 11}).find("11") != std::string::npos);  // beyond the vocabulary
  CHECK(message({.ids = ids * -1}).find("-1") != std::string::npos);
  CHECK(message({.ids = ids, .mask = Tensor::ones({2, 3})}) ==
        "[TransformerModel] found a mask of shape (2, 3) and type float32, expected (2, 3) of bool");
  CHECK(message({.ids = ids, .mask = Tensor::ones({2, 1}, boolean)}).find("a mask of shape (2, 1)") !=
        std::string::npos);
  CHECK(message({.ids = ids, .token_types = ids * 2}).find("2") != std::string::npos);
  CHECK(message_of([&] { distilbert.forward({.ids = ids, .token_types = ids}); }) ==
        "[TransformerModel] DistilBERT has no token types (hint: leave token_types undefined)");
  CHECK(message_of([&] { nn::TransformerModel(tiny_config(ModelType::distilbert, 1), true); }) ==
        "[TransformerModel] DistilBERT has no pooler");
  CHECK(message_of([&] {
          model.pooled(Tensor::ones({2, 8}));
        }) == "[TransformerModel] this model was made without a pooler");
  TransformerConfig config = tiny_config(ModelType::bert, 1);
  config.num_attention_heads = 3;
  CHECK(message_of([&] { nn::TransformerModel{config}; }) ==
        "[load_config] a TransformerConfig: hidden_size is 8; expected a multiple of num_attention_heads, 3");
}

TEST_CASE("set_trainable takes all, head and last:N") {
  nn::SequenceClassificationModel model(tiny_config(ModelType::bert, 2));
  for (const char* part : {"", "last", "last:", "last:0", "last:3", "last:-1", "last:1x", "last: 1", "none", "All"})
    CHECK(
        message_of([&] { nn::set_trainable(model, part); }).starts_with("[set_trainable] found '" + std::string(part)));
  CHECK(trainable_names(model).size() == model.named_parameters().size());
}
