// Writing and reading the folder of a trained classifier.
#include "apps/common/saved_classifier.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tensor/file.h"
#include "tensor/safetensors.h"

namespace roux::apps {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* settings_file = "settings.json";
constexpr const char* weights_file = "model.safetensors";
// All that such a folder holds: from the third on, files of the encoders.
constexpr std::array<std::string_view, 6> written_files = {settings_file, weights_file, "features.safetensors",
                                                           "words.txt",   "ngrams.txt", "encoder.json"};
// The encoders' names in the settings; settings without one are of n-grams.
constexpr const char* ngrams = "ngrams";
constexpr const char* features = "features";
constexpr const char* format_name = "roux text classifier, version 1";

// Removes the folder it is given unless that was moved away.
struct FolderGuard {
  fs::path path;
  ~FolderGuard() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
  }
};

fs::path without_trailing_slash(const std::string& folder) {
  fs::path path = folder;
  return path.has_filename() ? path : path.parent_path();
}

// `fresh` takes the place of `folder`; what was there is afterwards under `fresh`.
void put_in_place(const fs::path& fresh, const fs::path& folder) {
  if (!fs::exists(folder)) return fs::rename(fresh, folder);
#ifdef RENAME_EXCHANGE
  if (renameat2(AT_FDCWD, fresh.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) == 0) return;
#endif
  // File systems that cannot exchange: the old folder steps aside for a moment.
  const FolderGuard old{fresh.string() + ".old"};
  fs::rename(folder, old.path);
  fs::rename(fresh, folder);
}

// The name of the first tensor of a model (all are float32) with an infinity or a NaN; empty when there is none.
std::string not_finite(const TextClassifier& model) {
  for (const auto& [name, tensor] : model.state_dict()) {
    const Tensor values = tensor.to(cpu).contiguous();
    const float* const begin = values.data<float>();
    if (!std::all_of(begin, begin + values.numel(), [](float value) { return std::isfinite(value); })) return name;
  }
  return {};
}

// Whether all that is in the folder was written by save_classifier, or by an encoder for it.
bool holds_classifier_alone(const fs::path& path) {
  try {
    if (json::parse(read_file((path / settings_file).string())).at("format") != format_name) return false;
    for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
      const std::string name = entry.path().filename().string();
      if (std::find(written_files.begin(), written_files.end(), name) == written_files.end()) return false;
    }
    return true;
  } catch (const std::exception&) {
    return false;  // no settings, or others'
  }
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

}  // namespace

int64_t size_of(const Encoder& encoder) {
  return std::visit([](const auto& each) { return each.size(); }, encoder);
}

text::Corpus encode_corpus(const Encoder& encoder, const text::StringList& texts, const std::vector<int64_t>& labels) {
  return std::visit([&](const auto& each) { return text::encode_corpus(each, texts, labels); }, encoder);
}

void check_writable(const std::string& folder) {
  ROUX_CHECK(!folder.empty(), "save", "the name of the folder is empty");
  const fs::path path = without_trailing_slash(folder);
  std::error_code error;
  if (fs::exists(path, error)) {
    ROUX_CHECK(fs::is_directory(path, error), "save", folder, " exists and is not a folder");
    ROUX_CHECK(fs::is_empty(path, error) || holds_classifier_alone(path), "save", folder,
               " holds other files (hint: name an empty or a new folder)");
  }
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  fs::create_directories(parent, error);
  ROUX_CHECK(access(parent.c_str(), W_OK | X_OK) == 0, "save", "cannot write into the folder ", parent.string());
}

void save_classifier(const std::string& folder, const std::string& name, const ClassifierShape& shape,
                     TextClassifier& model, const Encoder& encoder, const std::vector<std::string>& labels,
                     double temperature) {
  check_writable(folder);
  const std::string damaged = not_finite(model);
  ROUX_CHECK(damaged.empty(), "save", "the weights '", damaged,
             "' are not finite, nothing was saved (hint: a lower --lr)");
  const fs::path path = without_trailing_slash(folder);
  const FolderGuard fresh{path.string() + ".tmp" + std::to_string(getpid())};
  try {
    fs::remove_all(fresh.path);
    fs::create_directory(fresh.path);
    std::visit([&](const auto& each) { each.save(fresh.path.string()); }, encoder);
    save_safetensors((fresh.path / weights_file).string(), model.state_dict());
    const json settings = {{"format", format_name},
                           {"model", name},
                           {"vocabulary_size", shape.vocabulary_size},
                           {"embedding_dim", shape.embedding_dim},
                           {"num_classes", shape.num_classes},
                           {"dropout", shape.dropout},
                           {"temperature", temperature},
                           {"encoder", std::holds_alternative<text::FeatureEncoder>(encoder) ? features : ngrams},
                           {"labels", labels}};
    write_file_atomically((fresh.path / settings_file).string(),
                          settings.dump(2, ' ', false, json::error_handler_t::replace) + "\n");
    put_in_place(fresh.path, path);
  } catch (const fs::filesystem_error& error) {
    fail("save", "cannot write the folder ", folder, ": ", error.code().message());
  }
}

SavedClassifier load_classifier(const std::string& folder) {
  const fs::path path = without_trailing_slash(folder);
  ROUX_CHECK(fs::is_directory(path), "load_classifier", folder,
             " is not a folder (hint: name the folder that train_recipes or classify wrote)");
  ROUX_CHECK(fs::exists(path / settings_file), "load_classifier", folder, " holds no classifier: there is no ",
             settings_file, " in it (hint: `classify train --save DIR` or `train_recipes --save DIR` makes one)");
  const json settings = read_settings((path / settings_file).string());
  std::string name;
  ClassifierShape shape;
  std::vector<std::string> labels;
  std::string encoder_name;
  double temperature = 1;
  try {
    ROUX_CHECK(settings.at("format") == format_name, "load_classifier", "unknown format ",
               settings.at("format").dump());
    name = settings.at("model").get<std::string>();
    shape = {settings.at("vocabulary_size").get<int64_t>(), settings.at("embedding_dim").get<int64_t>(),
             settings.at("num_classes").get<int64_t>(), settings.at("dropout").get<double>()};
    labels = settings.at("labels").get<std::vector<std::string>>();
    temperature = settings.value("temperature", 1.0);
    encoder_name = settings.value("encoder", ngrams);
  } catch (const json::exception& error) {
    fail("load_classifier", (path / settings_file).string(), " is damaged: ", error.what());
  }
  ROUX_CHECK(temperature > 0 && std::isfinite(temperature), "load_classifier", "the temperature is ", temperature,
             ", expected a number above 0");
  Encoder encoder = load_encoder(encoder_name, path.string());
  ROUX_CHECK(size_of(encoder) == shape.vocabulary_size && static_cast<int64_t>(labels.size()) == shape.num_classes,
             "load_classifier", "the files in ", folder, " do not belong together: ", size_of(encoder),
             " features and ", labels.size(), " labels, expected ", shape.vocabulary_size, " and ", shape.num_classes);
  std::unique_ptr<TextClassifier> model = make_classifier(name, shape);
  const std::string weights = (path / weights_file).string();
  model->load_state_dict(load_safetensors(weights).tensors);
  const std::string damaged = not_finite(*model);
  ROUX_CHECK(damaged.empty(), "load_classifier", weights, " is damaged: '", damaged,
             "' has numbers that are not finite");
  model->eval();
  return {name, shape, std::move(model), std::move(encoder), std::move(labels), temperature};
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
