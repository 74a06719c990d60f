// Reading and writing config.json. Whatever in it would change the numbers and is not done here is refused by name;
// keys that change nothing here (training settings, versions, caches) are passed over.
#include "nn/transformers/config.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "tensor/error.h"
#include "tensor/json_value.h"

namespace roux::nn {
namespace {

constexpr const char* operation = "load_config";
constexpr const char* single_label = "single_label_classification";
constexpr int64_t max_vocab = 10'000'000, max_positions = 1'000'000, max_width = 1'000'000, max_layers = 10'000;
constexpr int64_t max_labels = 100'000;
constexpr int64_t max_parameters = 20'000'000'000;  // 80 GB of float32

/// What the two types of model call the same thing.
struct Keys {
  const char *model_type, *layers, *heads, *hidden, *intermediate, *activation, *dropout, *attention_dropout;
  const char* classifier_dropout;
};
constexpr Keys bert_keys{
    "bert",       "num_hidden_layers",   "num_attention_heads",          "hidden_size",       "intermediate_size",
    "hidden_act", "hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"};
constexpr Keys distilbert_keys{"distilbert", "n_layers",          "n_heads",
                               "dim",        "hidden_dim",        "activation",
                               "dropout",    "attention_dropout", "seq_classif_dropout"};

const Keys& keys_of(ModelType type) { return type == ModelType::bert ? bert_keys : distilbert_keys; }

ModelType model_type(const JsonObject& json) {
  const std::string type = json.text("model_type");
  if (type == bert_keys.model_type) return ModelType::bert;
  if (type == distilbert_keys.model_type) return ModelType::distilbert;
  json.refuse("model_type", "\"bert\" or \"distilbert\"");
}

struct NamedActivation {
  const char* name;
  Activation activation;
};
// The first of a kind is the one that is written.
constexpr NamedActivation activations[] = {{"gelu", Activation::gelu},
                                           {"gelu_python", Activation::gelu},
                                           {"gelu_new", Activation::gelu_tanh},
                                           {"gelu_pytorch_tanh", Activation::gelu_tanh},
                                           {"relu", Activation::relu}};

Activation activation(const JsonObject& json, const char* key) {
  const std::string text = json.text(key, "gelu");
  for (const NamedActivation& known : activations)
    if (text == known.name) return known.activation;
  json.refuse(key, "\"gelu\", \"gelu_new\", \"gelu_pytorch_tanh\" or \"relu\"");
}

const char* activation_name(Activation activation) {
  for (const NamedActivation& known : activations)
    if (activation == known.activation) return known.name;
  fail("to_json", "there is no activation ", static_cast<int>(activation));
}

// Settings that transformers know and that are not done here.
void refuse_unsupported(const JsonObject& json) {
  if (json.text("position_embedding_type", "absolute") != "absolute")
    json.refuse("position_embedding_type", "\"absolute\"");
  for (const char* key : {"is_decoder", "add_cross_attention", "is_encoder_decoder"})
    if (json.boolean(key, false)) json.refuse(key, "false");
  if (const JsonValue* pruned = json.find("pruned_heads"); pruned && !pruned->items.empty())
    json.refuse("pruned_heads", "no heads to be pruned");
  if (json.find("quantization_config")) json.refuse("quantization_config", "weights that are not quantized");
}

// id2label, {"0": "name", ...}; without it num_labels, or 2, labels LABEL_0, LABEL_1, ...
std::vector<std::string> labels(const JsonObject& json) {
  std::vector<std::string> result;
  if (!json.find("id2label")) {
    const int64_t count = json.integer("num_labels", 1, max_labels, 2);
    for (int64_t i = 0; i < count; ++i) result.push_back("LABEL_" + std::to_string(i));
    return result;
  }
  const JsonObject names = json.object("id2label");
  const size_t count = names.value().keys.size();
  if (count == 0 || count > static_cast<size_t>(max_labels))
    json.refuse("id2label", "from 1 to " + std::to_string(max_labels) + " labels");
  result.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const std::string& key = names.value().keys[i];
    size_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    ROUX_CHECK(error == std::errc() && end == key.data() + key.size() && id < count && std::to_string(id) == key,
               operation, names.place(), " has the id '", key.substr(0, 40), "' among ", count,
               " labels; expected 0, 1, 2, ...");
    const JsonValue& label = names.value().items[i];  // names.text(key) would look through them all
    if (label.type != JsonValue::Type::string) names.refuse(key, "a string");
    result[id] = label.text;
  }
  return result;
}

// What a classifier of sequences is for; without the key transformers go by the number of labels.
std::string problem_type(const JsonObject& json, size_t labels) {
  const std::string problem = json.text("problem_type", labels == 1 ? "regression" : single_label);
  if (problem != single_label && problem != "regression" && problem != "multi_label_classification")
    json.refuse("problem_type", "\"single_label_classification\", \"multi_label_classification\" or \"regression\"");
  return problem;
}

// The id of the padding token: 0 where there is no such key, -1 (none) where it is null.
int64_t pad_token_id(const JsonObject& json, int64_t vocab_size) {
  const std::vector<std::string>& keys = json.value().keys;
  const bool is_there = std::find(keys.begin(), keys.end(), "pad_token_id") != keys.end();
  return json.integer("pad_token_id", 0, vocab_size - 1, is_there ? -1 : 0);
}

}  // namespace

void check_config(const TransformerConfig& config, const std::string& name) {
  const auto check = [&](const char* what, int64_t value, int64_t high) {
    ROUX_CHECK(value >= 1 && value <= high, operation, name, ": ", what, " is ", value, "; expected 1 to ", high);
  };
  const Keys& keys = keys_of(config.model_type);
  check("vocab_size", config.vocab_size, max_vocab);
  check("max_position_embeddings", config.max_position_embeddings, max_positions);
  if (config.model_type == ModelType::bert) check("type_vocab_size", config.type_vocab_size, max_vocab);
  check(keys.layers, config.num_hidden_layers, max_layers);
  check(keys.heads, config.num_attention_heads, max_width);
  check(keys.hidden, config.hidden_size, max_width);
  check(keys.intermediate, config.intermediate_size, max_width);
  check("the number of labels", static_cast<int64_t>(config.labels.size()), max_labels);
  ROUX_CHECK(config.hidden_size % config.num_attention_heads == 0, operation, name, ": ", keys.hidden, " is ",
             config.hidden_size, "; expected a multiple of ", keys.heads, ", ", config.num_attention_heads);
  ROUX_CHECK(config.pad_token_id >= -1 && config.pad_token_id < config.vocab_size, operation, name,
             ": pad_token_id is ", config.pad_token_id, ", outside a vocabulary of ", config.vocab_size);
  for (const double probability : {config.hidden_dropout, config.attention_dropout, config.classifier_dropout})
    ROUX_CHECK(probability >= 0 && probability <= 1, operation, name, ": a dropout is ", probability,
               "; expected 0 to 1");
  ROUX_CHECK(config.layer_norm_eps >= 0, operation, name, ": layer_norm_eps is ", config.layer_norm_eps,
             "; expected 0 or more");
  ROUX_CHECK(config.initializer_range >= 0, operation, name, ": initializer_range is ", config.initializer_range,
             "; expected 0 or more");
  // Each factor is bounded above, so nothing here overflows; a model that fits no memory is refused before it is made.
  const int64_t tables = config.vocab_size + config.max_position_embeddings + config.type_vocab_size;
  const int64_t layer = 4 * config.hidden_size + 2 * config.intermediate_size;
  const int64_t rows = tables + config.num_hidden_layers * layer + static_cast<int64_t>(config.labels.size());
  ROUX_CHECK(rows * config.hidden_size <= max_parameters, operation, name, ": the sizes make ",
             rows * config.hidden_size, " parameters; expected at most ", max_parameters);
}

TransformerConfig parse_config(std::string_view json, const std::string& name) {
  const JsonValue value = parse_json(json, name, operation);
  const JsonObject object(value, "'" + name + "'", operation);
  TransformerConfig config;
  config.model_type = model_type(object);
  refuse_unsupported(object);
  const Keys& keys = keys_of(config.model_type);
  const bool is_bert = config.model_type == ModelType::bert;
  config.vocab_size = object.integer("vocab_size", 1, max_vocab);
  config.max_position_embeddings = object.integer("max_position_embeddings", 1, max_positions);
  config.type_vocab_size = is_bert ? object.integer("type_vocab_size", 1, max_vocab, 2) : 2;
  config.num_hidden_layers = object.integer(keys.layers, 1, max_layers);
  config.num_attention_heads = object.integer(keys.heads, 1, max_width);
  config.hidden_size = object.integer(keys.hidden, 1, max_width);
  config.intermediate_size = object.integer(keys.intermediate, 1, max_width);
  config.activation = activation(object, keys.activation);
  config.hidden_dropout = object.number(keys.dropout, 0, 1, 0.1);
  config.attention_dropout = object.number(keys.attention_dropout, 0, 1, 0.1);
  config.classifier_dropout = object.number(keys.classifier_dropout, 0, 1, is_bert ? config.hidden_dropout : 0.2);
  if (is_bert) config.layer_norm_eps = object.number("layer_norm_eps", 0, 1, 1e-12);
  config.initializer_range = object.number("initializer_range", 0, 1e6, 0.02);
  config.pad_token_id = pad_token_id(object, config.vocab_size);
  if (!is_bert) config.sinusoidal_position_embeddings = object.boolean("sinusoidal_pos_embds", false);
  config.labels = labels(object);
  config.problem_type = problem_type(object, config.labels.size());
  check_config(config, "'" + name + "'");
  return config;
}

std::string to_json(const TransformerConfig& config, const std::string& architecture) {
  const Keys& keys = keys_of(config.model_type);
  nlohmann::ordered_json json;
  json["architectures"] = {architecture};
  json["model_type"] = keys.model_type;
  json["vocab_size"] = config.vocab_size;
  json["max_position_embeddings"] = config.max_position_embeddings;
  json[keys.layers] = config.num_hidden_layers;
  json[keys.heads] = config.num_attention_heads;
  json[keys.hidden] = config.hidden_size;
  json[keys.intermediate] = config.intermediate_size;
  json[keys.activation] = activation_name(config.activation);
  json[keys.dropout] = config.hidden_dropout;
  json[keys.attention_dropout] = config.attention_dropout;
  json[keys.classifier_dropout] = config.classifier_dropout;
  if (config.model_type == ModelType::bert) {
    json["type_vocab_size"] = config.type_vocab_size;
    json["layer_norm_eps"] = config.layer_norm_eps;
    json["position_embedding_type"] = "absolute";
  } else {
    json["sinusoidal_pos_embds"] = config.sinusoidal_position_embeddings;
  }
  json["initializer_range"] = config.initializer_range;
  json["pad_token_id"] = config.pad_token_id;
  if (config.pad_token_id < 0) json["pad_token_id"] = nullptr;
  json["problem_type"] = config.problem_type;
  // As lists: looking each key up among those before would take the square of their number.
  nlohmann::ordered_json::object_t id2label, label2id;
  std::unordered_set<std::string_view> seen;
  for (size_t i = 0; i < config.labels.size(); ++i) {
    const std::string& label = config.labels[i];
    ROUX_CHECK(seen.insert(label).second, "to_json", "two labels are called '", label, "'");
    id2label.emplace_back(std::to_string(i), label);
    label2id.emplace_back(label, i);
  }
  json["id2label"] = std::move(id2label);
  json["label2id"] = std::move(label2id);
  try {
    return json.dump(2) + "\n";
  } catch (const nlohmann::ordered_json::exception& error) {
    fail("to_json", "labels must be UTF-8: ", error.what());
  }
}

}  // namespace roux::nn
