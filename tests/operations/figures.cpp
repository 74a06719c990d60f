// The figures' file, and the file of inputs from which PyTorch makes it.
#include "tests/operations/figures.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <map>

#include <nlohmann/json.hpp>

namespace roux::operations {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* figures_path = "tests/oracle/operations.json";

// JSON has no NaN and no infinities: they are strings.
Json number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

double number(const Json& value) {
  return value.is_string() ? std::stod(value.get<std::string>()) : value.get<double>();
}

Json to_json(const Tensor& x) {
  Json values = Json::array(), shape = Json::array();
  for (const double value : x.to_vector<double>()) values.push_back(number(value));
  for (const int64_t length : x.shape()) shape.push_back(length);
  return {{"dtype", to_string(x.dtype())}, {"shape", shape}, {"values", values}};
}

DType dtype_named(const std::string& wanted) {
  for (const DType dtype : {boolean, int64, float32, float64})
    if (wanted == name(dtype)) return dtype;
  fail("figures", "unknown dtype ", wanted);
}

Tensor from_json(const Json& json) {
  if (json.is_null()) return Tensor();
  std::vector<double> values;
  for (const Json& value : json["values"]) values.push_back(number(value));
  Shape shape;
  for (const Json& length : json["shape"]) shape.push_back(length.get<int64_t>());
  return Tensor::from(values, shape).to(dtype_named(json["dtype"]));
}

Json case_inputs(const Case& item, const Variant& variant) {
  const std::vector<Tensor> tensors = make_inputs(variant, item.name());
  Json inputs = Json::array();
  for (size_t i = 0; i < tensors.size(); ++i) {
    Json input = to_json(tensors[i]);
    input["grad"] = item.variables != nullptr && variant.inputs[i].takes_gradient && is_floating(tensors[i].dtype());
    inputs.push_back(input);
  }
  Shape shape;
  if (item.tensors) {
    shape = item.tensors(tensors)[0].shape();
  } else {
    shape = item.variables(std::vector<Variable>(tensors.begin(), tensors.end())).shape();
  }
  return {{"inputs", inputs}, {"cotangent", to_json(make_cotangent(shape, item.name()))}};
}

std::string checksum(const std::string& text) {
  uint64_t value = 0xcbf29ce484222325u;  // FNV-1a
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

std::map<std::string, Figures> read_figures() {
  std::ifstream file(figures_path);
  ROUX_CHECK(file.good(), "figures", "cannot read ", figures_path, " (hint: tests run at the root of the repository)");
  std::map<std::string, Figures> all;
  const Json json = Json::parse(file);
  for (const auto& [name, item] : json.items()) {
    Figures figures;
    figures.checksum = item["checksum"];
    for (const Json& output : item["outputs"]) figures.outputs.push_back(from_json(output));
    for (const Json& gradient : item["gradients"]) figures.gradients.push_back(from_json(gradient));
    all.emplace(name, std::move(figures));
  }
  return all;
}

}  // namespace

std::string figure_name(const Case& item, const Variant& variant) { return item.name() + ":" + variant.name; }

const Figures* find_figures(const std::string& name) {
  static const std::map<std::string, Figures> all = read_figures();
  const auto found = all.find(name);
  return found == all.end() ? nullptr : &found->second;
}

std::string checksum_of_inputs(const Case& item, const Variant& variant) {
  return checksum(case_inputs(item, variant).dump());
}

void write_inputs(const std::string& path) {
  Json all = Json::object();
  for (const Case& item : all_cases())
    for (const Variant& variant : item.variants) {
      if (!item.oracle || variant.large) continue;
      Json inputs = case_inputs(item, variant);
      inputs["checksum"] = checksum(inputs.dump());
      inputs["case"] = item.name();
      all[figure_name(item, variant)] = inputs;
    }
  std::ofstream(path) << all.dump(1) << "\n";
}

}  // namespace roux::operations
