// Reads the headers for the operations they declare: each must have a case in the table, and each case an operation.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/operations/cases.h"

using namespace roux;
using namespace roux::operations;

namespace {

// The text of a file between two markers, without comments; all of it for empty markers.
std::string read(const std::string& path, const std::string& from = "", const std::string& to = "") {
  std::ifstream file(path);
  REQUIRE_MESSAGE(file.good(), "cannot read " << path << " (hint: tests run at the root of the repository)");
  std::ostringstream all;
  all << file.rdbuf();
  std::string text = all.str();
  REQUIRE(text.find(from) != std::string::npos);
  text = text.substr(text.find(from));
  if (!to.empty()) text = text.substr(0, text.find(to));
  return std::regex_replace(text, std::regex("//[^\n]*"), "");
}

// `const Tensor& a` is T, `const Axes& axes = {}` is Axes.
std::string parameter_type(const std::string& parameter) {
  static const std::regex shape(R"(^\s*(?:const\s+)?(?:std::)?([\w:]+))");
  std::smatch match;
  const bool found = std::regex_search(parameter, match, shape);
  const std::string type = found ? match[1].str() : "";
  return type == "Tensor" || type == "Variable" ? "T" : type;
}

// The types in `(...)` that begins at `open`: `(T, Scalar)`.
std::string parameter_types(const std::string& text, size_t open) {
  std::vector<std::string> parameters(1);
  int depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '{' || c == '<') ++depth;
    if (c == ')' || c == '}' || c == '>') --depth;
    if (depth == 0) break;
    if (i == open) continue;
    if (c == ',' && depth == 1) {
      parameters.emplace_back();
    } else {
      parameters.back() += c;
    }
  }
  std::string types;
  for (const std::string& parameter : parameters) {
    const std::string type = parameter_type(parameter);
    if (!type.empty()) types += (types.empty() ? "" : ", ") + type;
  }
  return "(" + types + ")";
}

// Functions that return one of these types: `tanh`, or `add(T, T)` for each overload of a name that has several.
std::set<std::string> declared(const std::string& text, const std::string& return_types) {
  const std::regex head("(?:" + return_types + R"()\s+(operator[^\s\w(]+|[a-z]\w*)(\())");
  std::multimap<std::string, std::string> found;
  for (auto match = std::sregex_iterator(text.begin(), text.end(), head); match != std::sregex_iterator(); ++match)
    found.emplace((*match)[1].str(), parameter_types(text, static_cast<size_t>(match->position(2))));
  std::set<std::string> names;
  for (const auto& [name, types] : found) names.insert(found.count(name) > 1 ? name + types : name);
  return names;
}

std::set<std::string> tensor_operations() {
  std::set<std::string> all =
      declared(read("tensor/ops.h"), R"(\bTensor|\bValuesIndices|\bUniqueIds|)"
                                     R"(\b(?:EmbeddingBag|MaskedPool|LayerNorm|Attention|CrossEntropy|Dropout)Result)");
  all.merge(declared(read("tensor/tensor.h", "// --- Conversions", "// --- Changes in place"), R"(\n  Tensor)"));
  return all;
}

std::set<std::string> variable_operations() {
  std::set<std::string> all = declared(read("autograd/ops.h"), R"(\bVariable|\bVariableIndices)");
  all.merge(declared(read("autograd/variable.h", "// Views and conversions", "// For operations"), R"(\n  Variable)"));
  return all;
}

std::set<std::string> with_cases(bool variables) {
  std::set<std::string> names;
  for (const Case& item : all_cases())
    if (variables ? item.variables != nullptr : item.tensors != nullptr) names.insert(item.operation);
  return names;
}

std::string missing(const std::set<std::string>& wanted, const std::set<std::string>& there) {
  std::string names;
  for (const std::string& name : wanted)
    if (!there.count(name)) names += (names.empty() ? "" : "; ") + name;
  return names;
}

}  // namespace

TEST_CASE("operations: every declared operation has a case") {
  const std::string hint = " (hint: tests/operations/cases.h says how to add one)";
  const std::set<std::string> tensors = tensor_operations(), variables = variable_operations();
  // The reading itself: these must be found.
  for (const char* const name :
       {"tanh", "pow(T, Scalar)", "operator-(T)", "embedding_bag", "to(DType)", "squeeze()", "max"})
    CHECK_MESSAGE(tensors.count(name), name << " was not found in the headers of tensor/");
  for (const char* const name :
       {"tanh", "pow(T, Scalar)", "operator-(T)", "embedding_bag", "to(DType)", "squeeze()", "max"})
    CHECK_MESSAGE(variables.count(name), name << " was not found in the headers of autograd/");
  const std::string of_tensors = missing(tensors, with_cases(false)),
                    of_variables = missing(variables, with_cases(true));
  CHECK_MESSAGE(of_tensors.empty(), "declared in tensor/ without a case: " << of_tensors << hint);
  CHECK_MESSAGE(of_variables.empty(), "declared in autograd/ without a case: " << of_variables << hint);
}

TEST_CASE("operations: every case is of a declared operation") {
  std::set<std::string> declared_anywhere = tensor_operations();
  declared_anywhere.merge(variable_operations());
  std::set<std::string> in_table = with_cases(false);
  in_table.merge(with_cases(true));
  const std::string unknown = missing(in_table, declared_anywhere);
  CHECK_MESSAGE(unknown.empty(), "in the table, but not declared: " << unknown);
}

TEST_CASE("operations: an operation without a case is found") {
  const std::string text =
      "Tensor fresh(const Tensor& x);\nTensor twice(const Tensor& a, const Axes& axes = {}, bool keep = false);"
      "inline Tensor twice(Scalar a, const std::vector<Tensor>& b) { return fresh(b[0]); }";
  const std::set<std::string> names = declared(text, R"(\bTensor)");
  CHECK(names == std::set<std::string>{"fresh", "twice(T, Axes, bool)", "twice(Scalar, vector)"});
  CHECK(missing(names, with_cases(false)) == "fresh; twice(Scalar, vector); twice(T, Axes, bool)");
}
