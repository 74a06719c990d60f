// config.json: what is read, what is written, what is refused.
#include "nn/transformers/config.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tensor/file.h"
#include "tests/message_of.h"

using namespace roux;
using nlohmann::json;
using nn::ModelType;
using nn::TransformerConfig;

namespace {

json bert_json() {
  return {{"model_type", "bert"},     {"vocab_size", 100}, {"max_position_embeddings", 64}, {"num_hidden_layers", 2},
          {"num_attention_heads", 2}, {"hidden_size", 8},  {"intermediate_size", 16},       {"type_vocab_size", 3}};
}

json distilbert_json() {
  return {{"model_type", "distilbert"},
          {"vocab_size", 100},
          {"max_position_embeddings", 64},
          {"n_layers", 2},
          {"n_heads", 2},
          {"dim", 8},
          {"hidden_dim", 16}};
}

TransformerConfig parse(const json& text) { return nn::parse_config(text.dump(), "c"); }

std::string message(const json& text) {
  return message_of([&] { parse(text); });
}

// The message about a config in which one key has another value, or, for null, is missing.
std::string message_with(json text, const char* key, const json& value) {
  if (value.is_null())
    text.erase(key);
  else
    text[key] = value;
  return message(text);
}

}  // namespace

TEST_CASE("config.json of BERT and DistilBERT is read by each one's keys") {
  json text = bert_json();
  text.update({{"hidden_act", "gelu_pytorch_tanh"},
               {"hidden_dropout_prob", 0.25},
               {"attention_probs_dropout_prob", 0},
               {"layer_norm_eps", 1e-5},
               {"initializer_range", 0.5},
               {"pad_token_id", 7},
               {"classifier_dropout", nullptr},
               {"id2label", {{"1", "yes"}, {"0", "no"}}},
               {"use_cache", true},
               {"gradient_checkpointing", false}});
  const TransformerConfig bert = parse(text);
  CHECK(bert.model_type == ModelType::bert);
  CHECK(bert.vocab_size == 100);
  CHECK(bert.max_position_embeddings == 64);
  CHECK(bert.type_vocab_size == 3);
  CHECK(bert.num_hidden_layers == 2);
  CHECK(bert.num_attention_heads == 2);
  CHECK(bert.intermediate_size == 16);
  CHECK(bert.activation == nn::Activation::gelu_tanh);
  CHECK(bert.hidden_dropout == 0.25);
  CHECK(bert.attention_dropout == 0);
  CHECK(bert.classifier_dropout == 0.25);
  CHECK(bert.layer_norm_eps == 1e-5);
  CHECK(bert.initializer_range == 0.5);
  CHECK(bert.pad_token_id == 7);
  CHECK(bert.labels == std::vector<std::string>{"no", "yes"});
  text["pad_token_id"] = nullptr;
  CHECK(parse(text).pad_token_id == -1);

  text = distilbert_json();
  text.update({{"activation", "relu"},
               {"dropout", 0.3},
               {"attention_dropout", 0.4},
               {"seq_classif_dropout", 0.5},
               {"sinusoidal_pos_embds", true},
               {"num_labels", 3}});
  const TransformerConfig distilbert = parse(text);
  CHECK(distilbert.model_type == ModelType::distilbert);
  CHECK(distilbert.num_hidden_layers == 2);
  CHECK(distilbert.hidden_size == 8);
  CHECK(distilbert.activation == nn::Activation::relu);
  CHECK(distilbert.hidden_dropout == 0.3);
  CHECK(distilbert.attention_dropout == 0.4);
  CHECK(distilbert.classifier_dropout == 0.5);
  CHECK(distilbert.sinusoidal_position_embeddings);
  CHECK(distilbert.labels == std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"});
}

TEST_CASE("a config goes through its text unchanged") {
  for (const char* folder : {"bert", "distilbert", "bert_tokens"}) {
    const TransformerConfig config =
        nn::parse_config(read_file("tests/oracle/transformers/" + std::string(folder) + "/config.json"), folder);
    const std::string text = nn::to_json(config, "X");
    CHECK(nn::to_json(nn::parse_config(text, "c"), "X") == text);
    CHECK(json::parse(text)["architectures"][0] == "X");
    CHECK(json::parse(text)["id2label"]["2"] == "perhaps");
    CHECK(json::parse(text)["label2id"]["perhaps"] == 2);
  }
  TransformerConfig config;
  config.labels = {"\xFF"};
  CHECK(message_of([&] { nn::to_json(config, "X"); }).starts_with("[to_json] labels must be UTF-8"));
}

TEST_CASE("config.json without a needed key is refused by the name of the key") {
  for (const json& whole : {bert_json(), distilbert_json()}) {
    for (const auto& [key, value] : whole.items()) {
      if (key == "type_vocab_size") continue;
      CHECK(message_with(whole, key.c_str(), nullptr) == "[load_config] 'c'." + key + " is missing");
    }
  }
}

TEST_CASE("config.json with absurd values is refused before anything is allocated") {
  for (const json& whole : {bert_json(), distilbert_json()}) {
    for (const auto& [key, value] : whole.items()) {
      if (!value.is_number()) continue;
      for (const json& absurd : {json(0), json(-1), json(1000000000000000), json("12"), json(1.5), json(true)})
        CHECK(
            message_with(whole, key.c_str(), absurd).starts_with("[load_config] 'c'." + key + " is " + absurd.dump()));
    }
  }
  CHECK(message_with(bert_json(), "num_attention_heads", 3) ==
        "[load_config] 'c': hidden_size is 8; expected a multiple of num_attention_heads, 3");
  CHECK(message_with(distilbert_json(), "n_heads", 5) ==
        "[load_config] 'c': dim is 8; expected a multiple of n_heads, 5");
  json vast = bert_json();
  vast.update({{"vocab_size", 9999999}, {"hidden_size", 999998}});
  CHECK(message(vast).find("the sizes make ") != std::string::npos);
  CHECK(message_with(bert_json(), "hidden_dropout_prob", 1.5) ==
        "[load_config] 'c'.hidden_dropout_prob is 1.5; expected a number from 0 to 1");
  CHECK(message_with(bert_json(), "layer_norm_eps", -1).find("layer_norm_eps is -1") != std::string::npos);
  CHECK(message_with(bert_json(), "initializer_range", "x").find("initializer_range is \"x\"") != std::string::npos);
  CHECK(message_with(bert_json(), "pad_token_id", 100) ==
        "[load_config] 'c'.pad_token_id is 100; expected a whole number from 0 to 99");
}

TEST_CASE("config.json that asks for what is not done here is refused by the name of the key") {
  CHECK(message_with(bert_json(), "model_type", "roberta") ==
        "[load_config] 'c'.model_type is \"roberta\"; expected \"bert\" or \"distilbert\"");
  CHECK(message_with(bert_json(), "hidden_act", "silu") ==
        "[load_config] 'c'.hidden_act is \"silu\"; expected \"gelu\", \"gelu_new\", \"gelu_pytorch_tanh\" or \"relu\"");
  CHECK(message_with(distilbert_json(), "activation", 3).find("'c'.activation is 3") != std::string::npos);
  CHECK(message_with(bert_json(), "position_embedding_type", "relative_key") ==
        "[load_config] 'c'.position_embedding_type is \"relative_key\"; expected \"absolute\"");
  for (const char* key : {"is_decoder", "add_cross_attention", "is_encoder_decoder"})
    CHECK(message_with(bert_json(), key, true) == "[load_config] 'c'." + std::string(key) + " is true; expected false");
  CHECK(message_with(bert_json(), "problem_type", "poetry") ==
        "[load_config] 'c'.problem_type is \"poetry\"; expected \"single_label_classification\", "
        "\"multi_label_classification\" or \"regression\"");
  CHECK(message_with(bert_json(), "pruned_heads", {{"0", {1}}}).find("pruned_heads") != std::string::npos);
  CHECK(message_with(bert_json(), "quantization_config", {{"bits", 4}}).find("quantization_config") !=
        std::string::npos);
  json fine = bert_json();
  fine.update({{"pruned_heads", json::object()}, {"is_decoder", false}, {"position_embedding_type", "absolute"}});
  CHECK_NOTHROW(parse(fine));
}

TEST_CASE("what a classifier is for is what transformers takes it for") {
  json text = bert_json();
  CHECK(parse(text).problem_type == "single_label_classification");
  text["num_labels"] = 1;
  CHECK(parse(text).problem_type == "regression");
  text["problem_type"] = "multi_label_classification";
  CHECK(parse(text).problem_type == "multi_label_classification");
}

TEST_CASE("very many labels are written as fast as they are read") {
  json text = bert_json();
  text["num_labels"] = 100'000;  // took minutes when each was looked for among those before
  const TransformerConfig config = parse(text);
  CHECK(nn::parse_config(nn::to_json(config, "A"), "c").labels == config.labels);
}

TEST_CASE("two labels of one name are not written: transformers would take them for one") {
  TransformerConfig config;
  config.labels = {"a", "b", "a"};
  CHECK(message_of([&] { nn::to_json(config, "BertModel"); }) == "[to_json] two labels are called 'a'");
}

TEST_CASE("labels must be numbered from 0") {
  const std::string expected = "among 2 labels; expected 0, 1, 2, ...";
  for (const char* id : {"2", "-1", "x", "01", "1 ", "", "99999999999999999999"})
    CHECK(message_with(bert_json(), "id2label", {{"0", "a"}, {id, "b"}}).find(expected) != std::string::npos);
  CHECK(message_with(bert_json(), "id2label", json::object()).find("from 1 to 100000 labels") != std::string::npos);
  CHECK(message_with(bert_json(), "id2label", json::array()).find("expected an object") != std::string::npos);
  CHECK(message_with(bert_json(), "id2label", {{"0", 3}}).find("'c'.id2label.0 is 3") != std::string::npos);
  CHECK(message_with(bert_json(), "num_labels", 0).find("num_labels is 0") != std::string::npos);
}

TEST_CASE("what is no JSON object is refused") {
  for (const char* text : {"", "[]", "{", "3", "{} x", "{\"a\": NaN}", "\xFF", "{\"a\": 1, \"a\": 1}"})
    CHECK(message_of([&] { nn::parse_config(text, "c"); }).starts_with("[load_config] 'c' "));
  CHECK(message_of([&] { nn::parse_config(std::string(100000, '['), "c"); }).find("deeper") != std::string::npos);
}
