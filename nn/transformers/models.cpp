// How BERT and DistilBERT are put together, how their weights start, and which of them train.
#include "nn/transformers/models.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "nn/init.h"

namespace roux::nn {
namespace {

constexpr const char* operation = "TransformerModel";

bool is_bert(const TransformerConfig& config) { return config.model_type == ModelType::bert; }

TransformerEncoderLayerOptions layer_options(const TransformerConfig& config) {
  return {.dim_feedforward = config.intermediate_size,
          .activation = config.activation,
          .dropout = config.hidden_dropout,
          .attention_dropout = config.attention_dropout,
          .attention_output_dropout = is_bert(config) ? config.hidden_dropout : 0,
          .layer_norm_eps = config.layer_norm_eps,
          .init = false};
}

void check_input(const TransformerInput& input, const TransformerConfig& config) {
  const Tensor& ids = input.ids;
  ROUX_CHECK(ids.defined() && ids.dim() == 2 && ids.dtype() == int64, operation, "found ids of ",
             ids.defined() ? "shape " + to_string(ids.shape()) + " and type " + name(ids.dtype()) : "no shape",
             ", expected (batch, length) of int64");
  ROUX_CHECK(ids.size(1) >= 1, operation, "the texts have no tokens, not even [CLS]");
  const auto check_like_ids = [&](const Tensor& tensor, DType dtype, const char* what) {
    ROUX_CHECK(!tensor.defined() || (tensor.shape() == ids.shape() && tensor.dtype() == dtype), operation, "found ",
               what, " of shape ", tensor.shape(), " and type ", tensor.dtype(), ", expected ", ids.shape(), " of ",
               dtype);
  };
  check_like_ids(input.mask, boolean, "a mask");
  check_like_ids(input.token_types, int64, "token types");
  ROUX_CHECK(!input.token_types.defined() || is_bert(config), operation,
             "DistilBERT has no token types (hint: leave token_types undefined)");
}

// Position p has sin(p / 10000^(2i / dim)) in column 2i and the cosine of the same in column 2i + 1 (Vaswani et al.
// 2017, section 3.5).
Tensor sinusoidal_positions(int64_t positions, int64_t dim) {
  std::vector<float> values;
  for (int64_t position = 0; position < positions; ++position)
    for (int64_t column = 0; column < dim; ++column) {
      const double exponent = 2.0 * static_cast<double>(column / 2) / static_cast<double>(dim);
      const double angle = static_cast<double>(position) / std::pow(10000.0, exponent);
      values.push_back(static_cast<float>(column % 2 == 0 ? std::sin(angle) : std::cos(angle)));
    }
  return Tensor::from(values, {positions, dim});
}

void init_weight(Variable& weight, const std::string& name, const TransformerConfig& config) {
  const bool is_matrix = weight.dim() == 2;
  if (is_matrix && name.ends_with("position_embeddings.weight") && config.sinusoidal_position_embeddings)
    weight.mutable_data().copy_(sinusoidal_positions(weight.size(0), weight.size(1)).to(weight.device()));
  else if (weight.dim() == 1 && name.ends_with("bias"))
    init::constant_(weight, 0);
  else if (weight.dim() == 1 && name.ends_with("weight"))
    init::constant_(weight, 1);  // of a LayerNorm
  else
    init::normal_(weight, 0, config.initializer_range);
  if (name.ends_with("word_embeddings.weight") && config.pad_token_id >= 0)
    weight.mutable_data().select(0, config.pad_token_id).zero_();
}

template <class Wanted>
void init_weights_where(PretrainedModel& model, const Wanted& wanted) {
  for (auto& [name, parameter] : model.named_parameters())
    if (wanted(name)) init_weight(parameter, name, model.config());
}

}  // namespace

PretrainedModel::PretrainedModel(const TransformerConfig& config) : config_(config) {
  check_config(config, "a TransformerConfig");
}

TransformerEmbeddings::TransformerEmbeddings(const TransformerConfig& config)
    : word_embeddings(
          config.vocab_size, config.hidden_size,
          {.padding_idx = config.pad_token_id >= 0 ? std::optional(config.pad_token_id) : std::nullopt, .init = false}),
      position_embeddings(config.max_position_embeddings, config.hidden_size, {.init = false}),
      layer_norm(config.hidden_size, {.eps = config.layer_norm_eps}),
      dropout_(config.hidden_dropout) {
  if (config.sinusoidal_position_embeddings) position_embeddings.weight.set_requires_grad(false);
  add("word_embeddings", word_embeddings);
  add("position_embeddings", position_embeddings);
  if (is_bert(config)) {
    token_type_embeddings.emplace(config.type_vocab_size, config.hidden_size, EmbeddingOptions{.init = false});
    add("token_type_embeddings", *token_type_embeddings);
  }
  add("layer_norm", layer_norm);
  add("dropout", dropout_);
}

Variable TransformerEmbeddings::forward(const TransformerInput& input) {
  const Device device = input.ids.device();
  const int64_t length = input.ids.size(-1), positions = position_embeddings.weight.size(0);
  ROUX_CHECK(length <= positions, operation, "the texts are ", length, " tokens long, but the model has positions for ",
             positions, " (hint: truncate them)");
  const Variable words = word_embeddings(input.ids);
  // One row for each place of a text, the same for all texts: (length, hidden_size) broadcasts.
  // Taken from the table as they lie: ids would have to come from the host, and no graph could be recorded.
  Variable rest = position_embeddings.weight.slice(0, 0, length);
  if (token_type_embeddings)
    rest = rest + (*token_type_embeddings)(input.token_types.defined() ? input.token_types
                                                                       : Tensor::zeros({1}, int64, device));
  return dropout_(layer_norm(words + rest));
}

TransformerModel::TransformerModel(const TransformerConfig& config, bool with_pooler, InitialWeights weights)
    : PretrainedModel(config), embeddings(config) {
  ROUX_CHECK(!with_pooler || is_bert(config), operation, "DistilBERT has no pooler");
  for (int64_t i = 0; i < config.num_hidden_layers; ++i)
    layers.emplace(config.hidden_size, config.num_attention_heads, layer_options(config));
  add("embeddings", embeddings);
  add("layers", layers);
  if (with_pooler) {
    pooler.emplace(config.hidden_size, config.hidden_size, LinearOptions{.init = false});
    add("pooler", *pooler);
  }
  if (weights == InitialWeights::random) init_weights(*this);
}

Variable TransformerModel::forward(const TransformerInput& input) {
  check_input(input, config());
  Variable x = embeddings.forward(input);
  for (TransformerEncoderLayer& layer : layers) x = layer(x, input.mask);
  return x;
}

Variable TransformerModel::forward_first(const TransformerInput& input) {
  check_input(input, config());
  Variable x = embeddings.forward(input);
  const int64_t last = layers.size() - 1;
  for (int64_t i = 0; i < last; ++i) x = layers[i](x, input.mask);
  return layers[last].forward_first(x, input.mask).squeeze(1);
}

std::vector<Variable> TransformerModel::hidden_states(const TransformerInput& input) {
  check_input(input, config());
  std::vector<Variable> states{embeddings.forward(input)};
  for (TransformerEncoderLayer& layer : layers) states.push_back(layer(states.back(), input.mask));
  return states;
}

Variable TransformerModel::pooled(const Variable& first) {
  ROUX_CHECK(pooler.has_value(), operation, "this model was made without a pooler");
  return tanh((*pooler)(first));
}

std::string TransformerModel::architecture() const { return is_bert(config()) ? "BertModel" : "DistilBertModel"; }

SequenceClassificationModel::SequenceClassificationModel(const TransformerConfig& config, InitialWeights weights)
    : PretrainedModel(config),
      encoder(config, is_bert(config), InitialWeights::none),
      classifier(config.hidden_size, static_cast<int64_t>(config.labels.size()), {.init = false}),
      dropout_(config.classifier_dropout) {
  add("encoder", encoder);
  if (!is_bert(config)) {
    pre_classifier.emplace(config.hidden_size, config.hidden_size, LinearOptions{.init = false});
    add("pre_classifier", *pre_classifier);
  }
  add("classifier", classifier);
  add("dropout", dropout_);
  if (weights == InitialWeights::random) init_weights(*this);
}

Variable SequenceClassificationModel::forward(const TransformerInput& input) {
  const Variable first = encoder.forward_first(input);
  const Variable features = pre_classifier ? relu((*pre_classifier)(first)) : encoder.pooled(first);
  return classifier(dropout_(features));
}

std::string SequenceClassificationModel::architecture() const {
  return is_bert(config()) ? "BertForSequenceClassification" : "DistilBertForSequenceClassification";
}

TokenClassificationModel::TokenClassificationModel(const TransformerConfig& config, InitialWeights weights)
    : PretrainedModel(config),
      encoder(config, false, InitialWeights::none),
      classifier(config.hidden_size, static_cast<int64_t>(config.labels.size()), {.init = false}),
      dropout_(is_bert(config) ? config.classifier_dropout : config.hidden_dropout) {
  add("encoder", encoder);
  add("classifier", classifier);
  add("dropout", dropout_);
  if (weights == InitialWeights::random) init_weights(*this);
}

Variable TokenClassificationModel::forward(const TransformerInput& input) {
  return classifier(dropout_(encoder.forward(input)));
}

std::string TokenClassificationModel::architecture() const {
  return is_bert(config()) ? "BertForTokenClassification" : "DistilBertForTokenClassification";
}

void init_weights(PretrainedModel& model) {
  init_weights_where(model, [](const std::string&) { return true; });
}

void init_weights(PretrainedModel& model, const std::vector<std::string>& names) {
  init_weights_where(
      model, [&](const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); });
}

void set_trainable(PretrainedModel& model, const std::string& part) {
  TransformerModel& encoder = model.transformer();
  const int64_t layers = encoder.layers.size();
  int64_t trained = part == "head" ? 0 : layers;
  constexpr std::string_view last = "last:";
  if (part.starts_with(last)) {
    const char* const end = part.data() + part.size();
    const auto [stop, error] = std::from_chars(part.data() + last.size(), end, trained);
    ROUX_CHECK(error == std::errc() && stop == end && trained >= 1 && trained <= layers, "set_trainable", "found '",
               part, "', expected last:1 to last:", layers);
  } else {
    ROUX_CHECK(part == "all" || part == "head", "set_trainable", "found '", part, "', expected all, head or last:N");
  }

  const auto set = [](Module& module, bool on) {
    for (Variable parameter : module.parameters()) parameter.set_requires_grad(on);
  };
  set(model, true);
  // Positions of the formula are not learnt, as in transformers.
  if (model.config().sinusoidal_position_embeddings) set(encoder.embeddings.position_embeddings, false);
  if (part != "all") set(encoder.embeddings, false);
  for (int64_t i = 0; i < layers - trained; ++i) set(encoder.layers[i], false);
}

}  // namespace roux::nn
