// Looking at values, and for the parameters nearest to where one went wrong.
#include "autograd/anomaly.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_set>

#include "autograd/gradcheck_report.h"
#include "tensor/ops.h"

namespace roux {
namespace {

using detail::Node;

// Of every value times 0: finite ones give 0, all others NaN. A pass on any device, without a copy of the values.
bool all_finite(const Tensor& x) {
  if (!x.defined() || !is_floating(x.dtype()) || x.numel() == 0) return true;
  const Tensor values = x.dtype() == float64 ? x : x.to(float32);
  return sum(mul(values, 0)).item() == 0;
}

struct Found {
  int64_t count = 0, first = 0;  // in row-major order
  bool any_nan = false;
  double value = 0;  // the first
};

Found look(const Tensor& x) {
  Found found;
  const std::vector<double> values = x.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    if (found.count++ == 0) found.first = static_cast<int64_t>(i);
    if (found.count == 1) found.value = values[i];
    found.any_nan |= std::isnan(values[i]);
  }
  return found;
}

// `2 values of (32, 4) that are NaN or infinite, the first, at (0, 3), is -inf`
std::string described(const Found& found, const Shape& shape) {
  const std::string value = std::isnan(found.value) ? "nan" : found.value > 0 ? "inf" : "-inf";
  if (shape.empty()) return value;
  return std::to_string(found.count) + (found.count == 1 ? " value" : " values") + " of " + to_string(shape) +
         (found.count == 1 ? " that is NaN or infinite, " : " that are NaN or infinite, the first, ") + "at " +
         detail::index_text(found.first, shape) + (found.count == 1 ? ": " : ", is ") + value;
}

}  // namespace

std::string AnomalyMode::name_of(const Node* leaf) const {
  for (const auto& [name, variable] : names_)
    if (variable.node() == leaf) return name;
  return "";
}

// Breadth first, so that all parameters at the smallest distance are found together.
std::string AnomalyMode::nearest(const std::vector<const Node*>& start) const {
  std::vector<const Node*> level = start;
  std::unordered_set<const Node*> seen(level.begin(), level.end());
  while (!level.empty()) {
    std::string names;
    std::vector<const Node*> next;
    for (const Node* const node : level) {
      const std::string name = name_of(node);
      if (!name.empty()) names += (names.empty() ? "" : ", ") + name;
      for (int i = 0; i < node->input_count; ++i)
        if (node->inputs[i] && seen.insert(node->inputs[i].get()).second) next.push_back(node->inputs[i].get());
    }
    if (!names.empty())
      return std::string(names.find(',') == std::string::npos ? " (nearest parameter: " : " (nearest parameters: ") +
             names + ")";
    level = std::move(next);
  }
  return names_.empty() ? " (hint: AnomalyMode anomaly(model.named_parameters()) names the nearest parameters)"
                        : " (no named parameter is upstream)";
}

void AnomalyMode::operation(const char* name, const Tensor& result, std::span<const Variable> inputs) {
  if (all_finite(result) || std::string_view(name) == "masked_fill") return;
  const Found found = look(result);
  std::vector<const Node*> nodes;
  bool meant = false;  // an infinity that came in with an input
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Variable& input = inputs[i];
    if (!input.defined()) continue;
    if (input.node() && std::find(nodes.begin(), nodes.end(), input.node()) == nodes.end())
      nodes.push_back(input.node());
    if (all_finite(input.raw())) continue;
    const Found before = look(input.raw());
    const std::string leaf = input.node() ? name_of(input.node()) : "";
    // A parameter must be finite; what else was not has been let pass, unless it came from outside as a NaN.
    ROUX_CHECK(leaf.empty(), name, "the parameter '", leaf, "' has ", described(before, input.shape()),
               " (hint: the last step was too large, or a gradient was not finite)");
    ROUX_CHECK(!before.any_nan, name, "its input ", static_cast<int64_t>(i), " has ", described(before, input.shape()),
               ", which no operation here computed", nearest(nodes));
    meant = true;
  }
  if (meant && !found.any_nan) return;
  fail(name, "forward gave ", described(found, result.shape()), nearest(nodes));
}

void AnomalyMode::gradient(const Node& node, int i, const Tensor& grad) {
  if (all_finite(grad)) return;
  const std::string leaf = name_of(node.inputs[i].get());
  fail(node.name, "backward gave ", leaf.empty() ? "input " + std::to_string(i) : "'" + leaf + "'", " a gradient with ",
       described(look(grad), grad.shape()), nearest({&node}));
}

}  // namespace roux
