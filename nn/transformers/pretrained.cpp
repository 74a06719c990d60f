// Weights find their parameters by name; everything is checked before anything is changed.
#include "nn/transformers/pretrained.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <system_error>
#include <type_traits>

#include "nn/transformers/names.h"
#include "nn/transformers/weight_files.h"
#include "tensor/file.h"

namespace roux::nn {
namespace {

namespace fs = std::filesystem;

constexpr const char* loading = "load_pretrained";
constexpr const char* saving = "save_pretrained";

std::string in(const std::string& folder, const char* file) { return (fs::path(folder) / file).string(); }

// What transformers of older versions stored although it can be computed.
bool is_stored_buffer(const std::string& name) {
  return name == "embeddings.position_ids" || name == "embeddings.token_type_ids";
}

// Whether a parameter of ours belongs to a head of the task, which may be new; the encoder must be in the file. A model
// that is an encoder itself has its parameters without the prefix.
bool is_head(const std::string& name, bool is_encoder) {
  const std::string_view prefix = is_encoder ? "" : "encoder.";
  return !name.starts_with(prefix) || std::string_view(name).substr(prefix.size()).starts_with("pooler.");
}

// Names are translated for an encoder of this name alone.
void check_encoder_name(PretrainedModel& model, const char* operation) {
  for (const auto& [name, module] : model.named_modules())
    ROUX_CHECK(module != &model.transformer() || name.empty() || name == "encoder", operation,
               "the encoder is registered as '", name, "', expected 'encoder'");
}

// `what: a, b, c`, at most the first 20; nothing for an empty list.
std::string listed(const char* what, const std::vector<std::string>& names) {
  constexpr size_t shown = 20;
  if (names.empty()) return "";
  std::string text = std::string("; ") + what + ": " + names[0];
  for (size_t i = 1; i < std::min(names.size(), shown); ++i) text += ", " + names[i];
  if (names.size() > shown) text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

/// Where each tensor of a folder goes.
class Loading {
 public:
  Loading(PretrainedModel& model, const std::string& folder, bool new_classifier)
      : model_(model), type_(model.config().model_type) {
    check_encoder_name(model, loading);
    for (const auto& [name, parameter] : model.named_parameters()) {
      const std::string file_name = hugging_face_name(type_, name);
      targets_[canonical_name(type_, file_name)] = {name, file_name, parameter, {}};
    }
    for (auto& [name, tensor] : load_weights(folder)) place(name, tensor, new_classifier);
    for (const auto& [name, target] : targets_) {
      if (target.tensor.defined()) continue;
      report_.missing.push_back(target.file_name);
      if (!is_head(target.name, &model == &model.transformer())) lost_.push_back(target.file_name);
    }
    const std::string text = listed("missing", lost_) + listed("misshapen", misfits_);
    ROUX_CHECK(text.empty(), loading, "the weights of '", folder, "' do not fit its config", text);
  }

  PretrainedReport finish() {
    std::vector<std::string> fresh;
    for (auto& [name, target] : targets_) {
      if (target.tensor.defined())
        target.parameter.set_data(target.tensor.to(target.parameter.dtype()).to(target.parameter.device()));
      else
        fresh.push_back(target.name);
    }
    init_weights(model_, fresh);
    return std::move(report_);
  }

 private:
  struct Target {
    std::string name, file_name;
    Variable parameter;
    Tensor tensor;  // of the file
  };

  void place(const std::string& file_name, const Tensor& tensor, bool new_classifier) {
    const std::string name = canonical_name(type_, file_name);
    if (is_stored_buffer(name)) return;
    const auto found = targets_.find(name);
    if (found == targets_.end() || (new_classifier && name.starts_with("classifier."))) {
      report_.unexpected.push_back(file_name);
      return;
    }
    Target& target = found->second;
    ROUX_CHECK(!target.tensor.defined(), loading, "the file has two tensors for ", target.file_name, ", one of them '",
               file_name, "'");
    target.tensor = tensor;
    const Shape& expected = target.parameter.shape();
    if (tensor.shape() != expected)
      misfits_.push_back(file_name + " has shape " + to_string(tensor.shape()) + ", expected " + to_string(expected));
    else if (!is_floating(tensor.dtype()))
      misfits_.push_back(file_name + " is " + roux::name(tensor.dtype()) + ", expected a floating-point type");
  }

  PretrainedModel& model_;
  ModelType type_;
  std::map<std::string, Target> targets_;  // by canonical name
  std::vector<std::string> lost_, misfits_;
  PretrainedReport report_;
};

// Of settings that no shape of a weight tells.
void check_config_of(const PretrainedModel& model, const std::string& folder) {
  const TransformerConfig& ours = model.config();
  const TransformerConfig theirs = load_config(folder);
  const auto check = [&](const char* what, auto found, auto expected) {
    ROUX_CHECK(found == expected, loading, "the config of '", folder, "' has ", what, " ", expected,
               ", the model was made with ", found, " (hint: make it from nn::load_config(folder))");
  };
  check("the number of heads", ours.num_attention_heads, theirs.num_attention_heads);
  check("layer_norm_eps", ours.layer_norm_eps, theirs.layer_norm_eps);
  ROUX_CHECK(ours.model_type == theirs.model_type && ours.activation == theirs.activation, loading, "the config of '",
             folder, "' has another model type or activation than the model (hint: make it from load_config(folder))");
}

template <class Model>
std::unique_ptr<Model> load_classifier(const std::string& folder, const std::vector<std::string>& labels,
                                       PretrainedReport* report) {
  constexpr const char* single_label = "single_label_classification";
  TransformerConfig config = load_config(folder);
  const bool new_classifier = !labels.empty() && labels.size() != config.labels.size();
  if (!labels.empty()) config.labels = labels;
  if (new_classifier || std::is_same_v<Model, TokenClassificationModel>) config.problem_type = single_label;
  ROUX_CHECK(config.problem_type == single_label, "load_pretrained", "the classifier of '", folder, "' is for ",
             config.problem_type, ", expected ", single_label);
  auto model = std::make_unique<Model>(config, InitialWeights::none);
  PretrainedReport found = Loading(*model, folder, new_classifier).finish();
  if (report) *report = std::move(found);
  return model;
}

}  // namespace

TransformerConfig load_config(const std::string& folder) {
  std::error_code ignored;
  ROUX_CHECK(fs::is_directory(folder, ignored), "load_config", "there is no folder '", folder, "'");
  const std::string path = in(folder, "config.json");
  ROUX_CHECK(fs::exists(path, ignored), "load_config", "'", folder,
             "' has no config.json (hint: a model folder is what save_pretrained of transformers writes)");
  return parse_config(read_file(path), path);
}

PretrainedReport load_pretrained(PretrainedModel& model, const std::string& folder) {
  check_config_of(model, folder);
  return Loading(model, folder, false).finish();
}

std::unique_ptr<SequenceClassificationModel> load_sequence_classifier(const std::string& folder,
                                                                      const std::vector<std::string>& labels,
                                                                      PretrainedReport* report) {
  return load_classifier<SequenceClassificationModel>(folder, labels, report);
}

std::unique_ptr<TokenClassificationModel> load_token_classifier(const std::string& folder,
                                                                const std::vector<std::string>& labels,
                                                                PretrainedReport* report) {
  return load_classifier<TokenClassificationModel>(folder, labels, report);
}

std::unique_ptr<TransformerModel> load_transformer(const std::string& folder, PretrainedReport* report) {
  const TransformerConfig config = load_config(folder);
  const bool pooler = config.model_type == ModelType::bert;
  auto model = std::make_unique<TransformerModel>(config, pooler, InitialWeights::none);
  PretrainedReport found = Loading(*model, folder, false).finish();
  if (report) *report = std::move(found);
  return model;
}

void save_pretrained(const std::string& folder, PretrainedModel& model) {
  check_encoder_name(model, saving);
  std::error_code error;
  fs::create_directories(folder, error);
  ROUX_CHECK(!error, saving, "cannot make the folder '", folder, "': ", error.message());
  const std::string config = to_json(model.config(), model.architecture());
  NamedTensors tensors;
  for (const auto& [name, parameter] : model.named_parameters())
    tensors.emplace_back(hugging_face_name(model.config().model_type, name), parameter.data().to(float32));
  save_safetensors(in(folder, "model.safetensors"), tensors, {{"format", "pt"}});
  write_file_atomically(in(folder, "config.json"), config);
}

}  // namespace roux::nn
