// One file of weights, or several with an index. No pickle is ever read: it can run code.
#include "nn/transformers/weight_files.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tensor/json_value.h"

namespace roux::nn {
namespace {

namespace fs = std::filesystem;

constexpr const char* operation = "load_pretrained";
constexpr const char* single_file = "model.safetensors";
constexpr const char* index_file = "model.safetensors.index.json";

std::string in(const std::string& folder, const std::string& file) { return (fs::path(folder) / file).string(); }

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// Each tensor must be in the file that the index names for it.
NamedTensors load_sharded(const std::string& folder) {
  const std::string index_path = in(folder, index_file);
  std::map<std::string, SafetensorsFile> files;
  NamedTensors result;
  for (const auto& [tensor, file] : parse_weight_index(read_file(index_path), index_path)) {
    const std::string path = in(folder, file);
    auto found = files.find(file);
    if (found == files.end()) {
      ROUX_CHECK(exists(path), operation, "'", index_path, "' lists the file '", file, "', which is not there");
      found = files.emplace(file, load_safetensors(path)).first;
    }
    const Tensor* weights = found->second.find(tensor);
    ROUX_CHECK(weights, operation, "'", index_path, "' places the tensor '", tensor, "' in '", file,
               "', which does not hold it");
    result.emplace_back(tensor, *weights);
  }
  return result;
}

}  // namespace

Metadata parse_weight_index(std::string_view json, const std::string& name) {
  const JsonValue value = parse_json(json, name, operation);
  const JsonObject map = JsonObject(value, "'" + name + "'", operation).object("weight_map");
  Metadata result;
  for (size_t i = 0; i < map.value().keys.size(); ++i) {
    const std::string& tensor = map.value().keys[i];
    const JsonValue& place = map.value().items[i];  // map.text(tensor) would look through them all
    if (place.type != JsonValue::Type::string) map.refuse(tensor, "a string");
    const std::string& file = place.text;
    ROUX_CHECK(file.ends_with(".safetensors") && file.find_first_of(std::string_view("/\\\0", 3)) == file.npos,
               operation, "'", name, "' places the tensor '", tensor, "' in '", file,
               "'; expected the name of a .safetensors file of the folder");
    result.emplace_back(tensor, file);
  }
  return result;
}

NamedTensors load_weights(const std::string& folder) {
  const std::string path = in(folder, single_file);
  if (exists(path)) return load_safetensors(path).tensors;
  if (exists(in(folder, index_file))) return load_sharded(folder);
  for (const char* pickle : {"pytorch_model.bin", "pytorch_model.bin.index.json"})
    ROUX_CHECK(!exists(in(folder, pickle)), operation, "'", folder, "' has ", pickle, " but no ", single_file,
               "; such files can run code and are not read (hint: convert it once in Python: import transformers; "
               "getattr(transformers, transformers.AutoConfig.from_pretrained(\"",
               folder, "\").architectures[0]).from_pretrained(\"", folder, "\").save_pretrained(\"", folder, "\"))");
  fail(operation, "'", folder, "' has no ", single_file, " and no ", index_file);
}

}  // namespace roux::nn
