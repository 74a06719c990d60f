// Writing and reading the folder of a trained classifier.
#include "apps/common/saved_classifier.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/common/saved_folder.h"
#include "apps/common/transformer_classifier.h"
#include "nn/transformers/pretrained.h"
#include "tensor/file.h"
#include "tensor/safetensors.h"

namespace roux::apps {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// The encoders' names in the settings; settings without one are of n-grams.
constexpr const char* ngrams = "ngrams";
constexpr const char* features = "features";
constexpr const char* tokenizer = "tokenizer";

// The name of the first tensor of a model (all are float32) with an infinity or a NaN; empty when there is none.
std::string not_finite(const TextClassifier& model) {
  std::string found;
  const auto look_at = [&](const std::string& name, const Tensor& tensor) {
    if (tensor.dtype() != float32 || !found.empty()) return;
    const Tensor values = tensor.to(cpu).contiguous();
    const float* const begin = values.data<float>();
    if (!std::all_of(begin, begin + values.numel(), [](float value) { return std::isfinite(value); })) found = name;
  };
  for (const auto& [name, parameter] : model.named_parameters()) look_at(name, parameter.data());
  for (const auto& [name, buffer] : model.named_buffers()) look_at(name, *buffer);
  return found;
}

json read_settings(const std::string& path) {
  try {
    return json::parse(read_file(path));
  } catch (const json::exception&) {
    fail("load_classifier", path, " is damaged: it is not valid JSON");
  }
}

Encoder load_encoder(const std::string& name, const std::string& folder) {
  if (name == ngrams) return text::NgramEncoder::load(folder);
  if (name == features) return text::FeatureEncoder::load(folder);
  fail("load_classifier", folder, " has an unknown encoder '", name, "'");
}

const char* name_of(const Encoder& encoder) {
  if (std::holds_alternative<TokenizerEncoder>(encoder)) return tokenizer;
  return std::holds_alternative<text::FeatureEncoder>(encoder) ? features : ngrams;
}

// A transformer that scores texts, from a Hugging Face folder: ours or anybody's. `max_length` 0: all of its positions.
SavedClassifier load_transformer_classifier(const std::string& folder, int64_t max_length) {
  nn::PretrainedReport report;
  auto model = nn::load_sequence_classifier(folder, {}, &report);
  ROUX_CHECK(report.missing.empty(), "load_classifier", folder, " holds no trained classifier: '",
             report.missing.front(), "' is not in its weights (hint: `finetune ", folder, " --save DIR` trains one)");
  const nn::TransformerConfig config = model->config();
  if (max_length <= 0 || max_length > config.max_position_embeddings) max_length = config.max_position_embeddings;
  TokenizerEncoder encoder = TokenizerEncoder::load(folder, config.vocab_size, max_length);
  auto classifier = std::make_unique<TransformerClassifier>(std::move(model), encoder.padding());
  return {type_name(config), shape_of(config), std::move(classifier), std::move(encoder), config.labels};
}

// Throws when a weight is no number; else ready to score.
SavedClassifier checked(SavedClassifier classifier, const std::string& folder) {
  const std::string damaged = not_finite(*classifier.model);
  ROUX_CHECK(damaged.empty(), "load_classifier", file_in(folder, weights_file), " is damaged: '", damaged,
             "' has numbers that are not finite");
  classifier.model->eval();
  return classifier;
}

}  // namespace

ClassifierShape shape_of(const nn::TransformerConfig& config) {
  return {.vocabulary_size = config.vocab_size,
          .embedding_dim = config.hidden_size,
          .num_classes = std::ssize(config.labels),
          .dropout = config.classifier_dropout};
}

int64_t size_of(const Encoder& encoder) {
  return std::visit([](const auto& each) { return each.size(); }, encoder);
}

text::Corpus encode_corpus(const Encoder& encoder, const text::StringList& texts, const std::vector<int64_t>& labels) {
  return std::visit([&](const auto& each) { return text::encode_corpus(each, texts, labels); }, encoder);
}

void save_classifier(const std::string& folder, const std::string& name, const ClassifierShape& shape,
                     TextClassifier& model, const Encoder& encoder, const std::vector<std::string>& labels,
                     double temperature) {
  const std::string damaged = not_finite(model);
  ROUX_CHECK(damaged.empty(), "save", "the weights '", damaged,
             "' are not finite, nothing was saved (hint: a lower --lr)");
  replace_folder(folder, [&](const std::string& fresh) {
    std::visit([&](const auto& each) { each.save(fresh); }, encoder);
    if (auto* transformer = dynamic_cast<TransformerClassifier*>(&model))
      nn::save_pretrained(fresh, transformer->model());
    else
      save_safetensors(file_in(fresh, weights_file), model.state_dict());
    json settings = {{"format", classifier_format},
                     {"model", name},
                     {"vocabulary_size", shape.vocabulary_size},
                     {"embedding_dim", shape.embedding_dim},
                     {"num_classes", shape.num_classes},
                     {"dropout", shape.dropout},
                     {"temperature", temperature},
                     {"encoder", name_of(encoder)},
                     {"labels", labels}};
    if (const auto* tokens = std::get_if<TokenizerEncoder>(&encoder)) settings["max_length"] = tokens->max_length();
    write_file_atomically(file_in(fresh, settings_file),
                          settings.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
  });
}

SavedClassifier load_classifier(const std::string& folder) {
  ROUX_CHECK(fs::is_directory(folder), "load_classifier", folder,
             " is not a folder (hint: name the folder that train_recipes, classify or finetune wrote)");
  const std::string settings_path = file_in(folder, settings_file);
  if (!fs::exists(settings_path) && fs::exists(file_in(folder, "config.json")))
    return checked(load_transformer_classifier(folder, 0), folder);
  ROUX_CHECK(fs::exists(settings_path), "load_classifier", folder, " holds no classifier: there is no ", settings_file,
             " in it (hint: `classify train --save DIR` or `train_recipes --save DIR` makes one)");
  const json settings = read_settings(settings_path);
  std::string name;
  ClassifierShape shape;
  std::vector<std::string> labels;
  std::string encoder_name;
  double temperature = 1;
  int64_t max_length = 0;
  try {
    ROUX_CHECK(settings.at("format") == classifier_format, "load_classifier", "unknown format ",
               settings.at("format").dump());
    name = settings.at("model").get<std::string>();
    shape = {settings.at("vocabulary_size").get<int64_t>(), settings.at("embedding_dim").get<int64_t>(),
             settings.at("num_classes").get<int64_t>(), settings.at("dropout").get<double>()};
    labels = settings.at("labels").get<std::vector<std::string>>();
    temperature = settings.value("temperature", 1.0);
    encoder_name = settings.value("encoder", ngrams);
    max_length = settings.value("max_length", int64_t{0});
  } catch (const json::exception& error) {
    fail("load_classifier", settings_path, " is damaged: ", error.what());
  }
  ROUX_CHECK(temperature > 0 && std::isfinite(temperature), "load_classifier", "the temperature is ", temperature,
             ", expected a number above 0");
  const auto check_sizes = [&](int64_t ids, int64_t classes) {
    ROUX_CHECK(ids == shape.vocabulary_size && classes == shape.num_classes, "load_classifier", "the files in ", folder,
               " do not belong together: ", ids, " features and ", classes, " labels, expected ", shape.vocabulary_size,
               " and ", shape.num_classes);
  };
  if (encoder_name == tokenizer) {
    SavedClassifier classifier = load_transformer_classifier(folder, max_length);
    check_sizes(size_of(classifier.encoder), std::ssize(classifier.labels));
    classifier.temperature = temperature;
    return checked(std::move(classifier), folder);
  }
  Encoder encoder = load_encoder(encoder_name, folder);
  check_sizes(size_of(encoder), std::ssize(labels));
  std::unique_ptr<TextClassifier> model = make_classifier(name, shape);
  model->load_state_dict(load_safetensors(file_in(folder, weights_file)).tensors);
  return checked({name, shape, std::move(model), std::move(encoder), std::move(labels), temperature}, folder);
}

Tensor probabilities(TextClassifier& model, const Encoder& encoder, const text::StringList& texts, double temperature) {
  const std::vector<int64_t> no_labels(static_cast<size_t>(texts.size()), 0);
  return softmax(model.logits(encode_corpus(encoder, texts, no_labels)).to(cpu) / temperature);
}

std::vector<Prediction> predict(TextClassifier& model, const Encoder& encoder, const text::StringList& texts,
                                double temperature) {
  const ValuesIndices best = max(probabilities(model, encoder, texts, temperature), 1);
  std::vector<Prediction> predictions;
  for (int64_t i = 0; i < texts.size(); ++i)
    predictions.push_back({best.indices.data<int64_t>()[i], static_cast<double>(best.values.data<float>()[i])});
  return predictions;
}

}  // namespace roux::apps
