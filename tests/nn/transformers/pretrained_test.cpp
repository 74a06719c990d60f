// Model folders: what is saved comes back; files of other forms, older names, other types; everything that is wrong.
#include "nn/transformers/pretrained.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include "nn/testing.h"
#include "nn/transformers/names.h"
#include "tensor/file.h"
#include "tensor/safetensors.h"
#include "tests/message_of.h"
#include "tests/nn/transformers/tiny_model.h"
#include "tests/temporary_folder.h"

using namespace roux;
using nn::ModelType;

namespace {

using Names = std::vector<std::string>;

/// A folder with a tiny classifier, whose weights file tests rewrite.
struct SavedModel {
  explicit SavedModel(ModelType type = ModelType::bert)
      : model(wide_range(tiny_config(type, 2))), input(tiny_input(type)) {
    model.eval();
    nn::save_pretrained(path(), model);
    tensors = load_safetensors(weights()).tensors;
  }
  std::string path() const { return folder / "model"; }
  std::string weights() const { return path() + "/model.safetensors"; }
  void rewrite(const std::function<void(std::string& name, Tensor& tensor)>& change) {
    for (auto& [name, tensor] : tensors) change(name, tensor);
    save_safetensors(weights(), tensors);
  }
  void remove(const Names& names) {
    std::erase_if(tensors,
                  [&](const auto& entry) { return std::find(names.begin(), names.end(), entry.first) != names.end(); });
    save_safetensors(weights(), tensors);
  }
  nn::CheckResult loads_the_same(const nn::CloseOptions& options = {.rtol = 0, .atol = 0}) {
    const auto loaded = nn::load_sequence_classifier(path());
    loaded->eval();
    return nn::close(loaded->forward(input), model.forward(input), options);
  }
  std::string error() {
    return message_of([&] { nn::load_sequence_classifier(path()); });
  }

  TemporaryFolder folder;
  nn::SequenceClassificationModel model;
  nn::TransformerInput input;
  NamedTensors tensors;
};

void write(const std::string& path, const std::string& text) { write_file_atomically(path, text); }

}  // namespace

TEST_CASE("a saved model comes back with the same bits, and shares the file") {
  for (const ModelType type : {ModelType::bert, ModelType::distilbert}) {
    SavedModel saved(type);
    CHECK(saved.loads_the_same());
    nn::PretrainedReport report;
    const auto loaded = nn::load_sequence_classifier(saved.path(), {}, &report);
    CHECK(report.missing.empty());
    CHECK(report.unexpected.empty());
    CHECK(loaded->config().labels == saved.model.config().labels);
    const Tensor word = loaded->encoder.embeddings.word_embeddings.weight.data();
    CHECK(word.shares_storage(loaded->classifier.weight.data()));  // the mapping of the file
    CHECK(load_safetensors(saved.weights()).metadata == Metadata{{"format", "pt"}});
  }
}

TEST_CASE("training a loaded model does not change its file") {
  SavedModel saved;
  const auto loaded = nn::load_sequence_classifier(saved.path());
  loaded->classifier.weight.mutable_data().fill_(7);
  CHECK(saved.loads_the_same());
}

TEST_CASE("names are those of transformers, one by one") {
  const auto name = [](ModelType type, const char* ours) { return nn::hugging_face_name(type, ours); };
  CHECK(name(ModelType::bert, "encoder.layers.11.self_attn.q_proj.weight") ==
        "bert.encoder.layer.11.attention.self.query.weight");
  CHECK(name(ModelType::bert, "encoder.layers.0.norm1.bias") == "bert.encoder.layer.0.attention.output.LayerNorm.bias");
  CHECK(name(ModelType::bert, "layers.0.linear2.weight") == "encoder.layer.0.output.dense.weight");
  CHECK(name(ModelType::bert, "encoder.pooler.weight") == "bert.pooler.dense.weight");
  CHECK(name(ModelType::distilbert, "encoder.layers.5.self_attn.out_proj.bias") ==
        "distilbert.transformer.layer.5.attention.out_lin.bias");
  CHECK(name(ModelType::distilbert, "encoder.embeddings.layer_norm.weight") ==
        "distilbert.embeddings.LayerNorm.weight");
  CHECK(name(ModelType::distilbert, "pre_classifier.weight") == "pre_classifier.weight");
  CHECK(nn::canonical_name(ModelType::bert, "bert.embeddings.LayerNorm.gamma") == "embeddings.LayerNorm.weight");
  CHECK(nn::canonical_name(ModelType::bert, "embeddings.LayerNorm.beta") == "embeddings.LayerNorm.bias");
  CHECK(nn::canonical_name(ModelType::bert, "distilbert.x") == "distilbert.x");
}

TEST_CASE("weights with and without prefix, old LayerNorm names and stored buffers are read") {
  for (const ModelType type : {ModelType::bert, ModelType::distilbert}) {
    SavedModel saved(type);
    const std::string prefix = type == ModelType::bert ? "bert." : "distilbert.";
    saved.rewrite([&](std::string& name, Tensor&) {
      if (name.starts_with(prefix)) name.erase(0, prefix.size());
    });
    CHECK(saved.loads_the_same());
  }
  SavedModel saved;
  saved.tensors.emplace_back("bert.embeddings.position_ids", Tensor::arange(0, 6).unsqueeze(0));
  saved.rewrite([](std::string& name, Tensor&) {
    for (const auto& [now, before] :
         {std::pair{"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}})
      if (const size_t at = name.find(now); at != std::string::npos) name.replace(at, std::string::npos, before);
  });
  CHECK(saved.loads_the_same());
  nn::PretrainedReport report;
  nn::load_sequence_classifier(saved.path(), {}, &report);
  CHECK(report.unexpected.empty());
}

TEST_CASE("float16, bfloat16 and float64 files become float32, also into a float64 model") {
  for (const DType dtype : {float16, bfloat16, float64}) {
    SavedModel saved;
    saved.rewrite([&](std::string&, Tensor& tensor) { tensor = tensor.to(dtype); });
    const double tolerance = dtype == float64 ? 0 : dtype == float16 ? 0.02 : 0.2;
    CHECK(saved.loads_the_same({.rtol = 0, .atol = tolerance}));
    const auto loaded = nn::load_sequence_classifier(saved.path());
    for (const auto& [name, parameter] : loaded->named_parameters()) CHECK(parameter.dtype() == float32);
    CHECK(nn::close(loaded->classifier.weight, saved.model.classifier.weight.data().to(dtype), {.rtol = 0, .atol = 0}));
    loaded->to(float64);
    nn::load_pretrained(*loaded, saved.path());
    CHECK(loaded->classifier.weight.dtype() == float64);
  }
}

TEST_CASE("weights in several files are found through the index") {
  SavedModel saved;
  std::string map;
  NamedTensors parts[2];
  for (size_t i = 0; i < saved.tensors.size(); ++i) {
    parts[i % 2].push_back(saved.tensors[i]);
    map += (i ? ", " : "") + ("\"" + saved.tensors[i].first + "\": \"part-") + std::to_string(i % 2) + ".safetensors\"";
  }
  for (size_t i = 0; i < 2; ++i)
    save_safetensors(saved.path() + "/part-" + std::to_string(i) + ".safetensors", parts[i]);
  const std::string index = saved.path() + "/model.safetensors.index.json";
  write(index, "{\"metadata\": {\"total_size\": 1}, \"weight_map\": {" + map + "}}");
  std::filesystem::remove(saved.weights());
  CHECK(saved.loads_the_same());

  std::filesystem::remove(saved.path() + "/part-1.safetensors");
  CHECK(saved.error() == "[load_pretrained] '" + index + "' lists the file 'part-1.safetensors', which is not there");
  save_safetensors(saved.path() + "/part-1.safetensors", {});
  CHECK(saved.error().find("in 'part-1.safetensors', which does not hold it") != std::string::npos);
  const auto error_with = [&](const std::string& text) {
    write(index, text);
    return saved.error();
  };
  for (const char* file : {"../model.safetensors", "/etc/x.safetensors", "a\\\\b.safetensors", "pytorch_model.bin", ""})
    CHECK(error_with(R"({"weight_map": {"a": ")" + std::string(file) + "\"}}")
              .find("expected the name of a .safetensors file of the folder") != std::string::npos);
  CHECK(error_with("{}").find("weight_map is missing") != std::string::npos);
  CHECK(error_with("[]").find("expected an object") != std::string::npos);
  CHECK(error_with(R"({"weight_map": []})").find("expected an object") != std::string::npos);
  CHECK(error_with(R"({"weight_map": {"a": 1}})").find("expected a string") != std::string::npos);
  CHECK(error_with(R"({"weight_map": {"a": "x.safetensors", "a": "x.safetensors"}})").find("twice") !=
        std::string::npos);
  CHECK(error_with(R"({"weight_map": {}})").find("missing: ") != std::string::npos);
}

TEST_CASE("a base model gets a new head, which is reported; heads of other tasks are left alone") {
  SavedModel saved(ModelType::distilbert);
  saved.remove({"pre_classifier.weight", "pre_classifier.bias", "classifier.weight", "classifier.bias"});
  saved.tensors.emplace_back("vocab_projector.bias", Tensor::zeros({11}));
  saved.rewrite([](std::string&, Tensor&) {});
  nn::PretrainedReport report;
  const auto loaded = nn::load_sequence_classifier(saved.path(), {"a", "b"}, &report);
  CHECK(report.missing ==
        Names{"classifier.bias", "classifier.weight", "pre_classifier.bias", "pre_classifier.weight"});
  CHECK(report.unexpected == Names{"vocab_projector.bias"});
  CHECK(norm(loaded->classifier.bias.data()).item() == 0);
  CHECK(norm(loaded->pre_classifier->weight.data()).item() > 0);
  CHECK(loaded->forward(saved.input).shape() == Shape{2, 2});

  const auto encoder = nn::load_transformer(saved.path(), &report);
  encoder->eval();
  CHECK(report.missing.empty());
  CHECK(nn::close(encoder->forward(saved.input), saved.model.encoder.forward(saved.input), {.rtol = 0, .atol = 0}));
  nn::load_token_classifier(saved.path(), {}, &report);
  CHECK(report.missing == Names{"classifier.bias", "classifier.weight"});
}

TEST_CASE("other labels keep the classifier where their number allows it") {
  SavedModel saved;
  nn::PretrainedReport report;
  auto loaded = nn::load_sequence_classifier(saved.path(), {"a", "b", "c"}, &report);
  CHECK(report.missing.empty());
  CHECK(loaded->config().labels == Names{"a", "b", "c"});
  CHECK(nn::close(loaded->classifier.weight, saved.model.classifier.weight, {.rtol = 0, .atol = 0}));
  loaded = nn::load_sequence_classifier(saved.path(), {"a", "b"}, &report);
  CHECK(report.missing == Names{"classifier.bias", "classifier.weight"});
  CHECK(report.unexpected == Names{"classifier.bias", "classifier.weight"});
  CHECK(loaded->classifier.weight.shape() == Shape{2, 8});
}

TEST_CASE("a classifier of several labels a text is loaded as an encoder, or with a new head") {
  SavedModel saved;
  nn::TransformerConfig config = saved.model.config();
  config.problem_type = "multi_label_classification";
  write(saved.path() + "/config.json", nn::to_json(config, "BertForSequenceClassification"));
  CHECK(saved.error() == "[load_pretrained] the classifier of '" + saved.path() +
                             "' is for multi_label_classification, expected single_label_classification");
  CHECK_NOTHROW(nn::load_transformer(saved.path()));
  const auto loaded = nn::load_sequence_classifier(saved.path(), {"a", "b"});
  CHECK(loaded->config().problem_type == "single_label_classification");
}

TEST_CASE("weights of a model that computes something else are refused") {
  SavedModel saved;
  const auto error_with = [&](const nn::TransformerConfig& config) {
    nn::SequenceClassificationModel model(config);
    return message_of([&] { nn::load_pretrained(model, saved.path()); });
  };
  nn::TransformerConfig config = saved.model.config();
  const int64_t heads = config.num_attention_heads;
  config.num_attention_heads = 1;
  CHECK(error_with(config).find("has the number of heads " + std::to_string(heads) + ", the model was made with 1") !=
        std::string::npos);
  config = saved.model.config();
  config.layer_norm_eps = 0.5;
  CHECK(error_with(config).find("has layer_norm_eps 1e-12, the model was made with 0.5") != std::string::npos);
  config = saved.model.config();
  config.activation = nn::Activation::relu;
  CHECK(error_with(config).find("another model type or activation") != std::string::npos);
}

TEST_CASE("missing and misshapen weights are listed, and nothing is changed") {
  SavedModel saved;
  saved.remove({"bert.encoder.layer.1.output.dense.weight", "bert.embeddings.LayerNorm.bias"});
  CHECK(saved.error() == "[load_pretrained] the weights of '" + saved.path() +
                             "' do not fit its config; missing: bert.embeddings.LayerNorm.bias, "
                             "bert.encoder.layer.1.output.dense.weight");
  saved.rewrite([](std::string& name, Tensor& tensor) {
    if (name == "classifier.weight") tensor = Tensor::zeros({3, 9});
    if (name == "classifier.bias") tensor = Tensor::zeros({3}, int64);
  });
  nn::SequenceClassificationModel model(tiny_config(ModelType::bert, 2));
  const Tensor before = model.encoder.embeddings.word_embeddings.weight.data().clone();
  const std::string text = message_of([&] { nn::load_pretrained(model, saved.path()); });
  CHECK(text.find("misshapen: classifier.bias is int64, expected a floating-point type, "
                  "classifier.weight has shape (3, 9), expected (3, 8)") != std::string::npos);
  CHECK(text.find("missing: bert.embeddings.LayerNorm.bias") != std::string::npos);
  CHECK(nn::close(model.encoder.embeddings.word_embeddings.weight, before, {.rtol = 0, .atol = 0}));
}

TEST_CASE("two tensors for one parameter are refused") {
  SavedModel saved;
  saved.tensors.emplace_back("pooler.dense.bias", Tensor::zeros({8}));
  saved.rewrite([](std::string&, Tensor&) {});
  CHECK(saved.error().find("the file has two tensors for bert.pooler.dense.bias") != std::string::npos);
}

TEST_CASE("frozen parameters stay frozen when weights are loaded") {
  SavedModel saved;
  nn::SequenceClassificationModel model(tiny_config(ModelType::bert, 2));
  nn::set_trainable(model, "head");
  nn::load_pretrained(model, saved.path());
  CHECK(model.num_parameters(true) == 8 * 8 + 8 + 3 * 8 + 3);
}

TEST_CASE("folders that are no model folders are refused with what to do") {
  SavedModel saved;
  CHECK(message_of([] { nn::load_config("no/such/folder"); }) == "[load_config] there is no folder 'no/such/folder'");
  CHECK(message_of([&] { nn::load_config(saved.weights()); }).find("there is no folder") != std::string::npos);
  std::filesystem::remove(saved.weights());
  CHECK(saved.error() ==
        "[load_pretrained] '" + saved.path() + "' has no model.safetensors and no model.safetensors.index.json");
  write(saved.path() + "/pytorch_model.bin", "PK");
  CHECK(saved.error().find("has pytorch_model.bin but no model.safetensors; such files can run code and are not read "
                           "(hint: convert it once in Python: import transformers; getattr(transformers, ") !=
        std::string::npos);
  CHECK(saved.error().find(".architectures[0]).from_pretrained(\"" + saved.path() + "\").save_pretrained(\"") !=
        std::string::npos);
  write(saved.weights(), "no safetensors");
  CHECK(saved.error().starts_with("[load_safetensors] '" + saved.weights()));
  std::filesystem::remove(saved.path() + "/config.json");
  CHECK(saved.error().find("has no config.json (hint: ") != std::string::npos);
}
