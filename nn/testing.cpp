// The kit for testing layers.
#include "nn/testing.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <ostream>
#include <sstream>
#include <unordered_set>

#include "autograd/gradcheck_report.h"
#include "nn/module_guards.h"
#include "tensor/memory.h"
#include "tensor/random.h"

namespace roux::nn {
namespace {

using detail::EvalGuard;
using detail::ModuleGuard;
using detail::trainable;
using detail::unknown_leaf;
using detail::unregistered;
using roux::detail::Node;

std::string digits(double value, int precision = 9) {
  std::ostringstream out;
  out.precision(precision);
  out << value;
  return out.str();
}

// By how many times an entry exceeds what is allowed: up to 1 is right, infinity where no difference can be taken.
double excess(double found, double expected, const CloseOptions& options) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (found == expected || (options.equal_nan && std::isnan(found) && std::isnan(expected))) return 0;
  const double difference = std::abs(found - expected);
  if (!std::isfinite(difference)) return infinity;
  const double allowed = options.atol + options.rtol * std::abs(expected);
  return allowed > 0 ? difference / allowed : infinity;
}

// What `forward` gives for a module in float64. Errors of types are explained: that it is in float64 is not written in
// the layer that throws.
Variable forward_in_float64(const std::function<Variable()>& forward) {
  try {
    return forward();
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.find("float32") == std::string::npos) throw;
    throw Error(text +
                " (in gradcheck, which runs in float64: pass floating-point tensors as inputs, register parameters "
                "with add())");
  }
}

// The inputs as Variables, copies of the floating-point ones in this type.
std::vector<Variable> make_variables(const std::vector<Tensor>& inputs, DType dtype, bool requires_grad) {
  std::vector<Variable> variables;
  for (const Tensor& input : inputs) {
    const bool floating = is_floating(input.dtype());
    variables.push_back(floating ? Variable(input.to(dtype).clone(), requires_grad) : Variable(input));
  }
  return variables;
}

// Looks for parameters that forward uses and nobody registered. In the module's own type, for in float64 they would
// first be found as an error of types; what forward throws here, it will throw there.
void check_registered(const Module& module, const std::vector<Tensor>& inputs,
                      const std::function<Variable(const std::vector<Variable>&)>& forward) {
  const NamedParameters parameters = module.named_parameters();
  if (parameters.empty()) return;
  const std::vector<Variable> variables = make_variables(inputs, parameters[0].variable.dtype(), false);
  Variable result;
  try {
    result = forward(variables);
  } catch (const Error&) {
    return;
  }
  if (!result.defined()) return;
  if (const Node* const leaf = unknown_leaf(result, trainable(module))) fail("gradcheck", unregistered(*leaf));
}

constexpr CloseOptions same_bits{.rtol = 0, .atol = 0, .equal_nan = true};

}  // namespace

const Node* detail::unknown_leaf(const Variable& result, const std::vector<NamedVariable>& known) {
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> waiting;  // a list, not recursion: graphs may be deep
  const auto visit = [&](const Node* node) {
    if (node && seen.insert(node).second) waiting.push_back(node);
  };
  for (const NamedVariable& leaf : known) seen.insert(leaf.variable.node());
  visit(result.node());
  while (!waiting.empty()) {
    const Node* const node = waiting.back();
    waiting.pop_back();
    if (node->is_leaf()) return node;
    for (int i = 0; i < node->input_count; ++i) visit(node->inputs[i].get());
  }
  return nullptr;
}

std::string detail::unregistered(const Node& leaf) {
  return "forward uses a parameter of shape " + to_string(leaf.shape) +
         " that is not registered (hint: add(\"name\", member))";
}

std::vector<NamedVariable> detail::trainable(const Module& module, std::string* frozen) {
  std::vector<NamedVariable> leaves;
  for (const auto& [name, parameter] : module.named_parameters()) {
    if (parameter.requires_grad())
      leaves.push_back({name, parameter});
    else if (frozen)
      *frozen += (frozen->empty() ? "" : ", ") + name;
  }
  return leaves;
}

std::ostream& operator<<(std::ostream& out, const CheckResult& result) { return out << result.message; }

Tensor random_values(const Shape& shape, uint64_t seed, DType dtype) {
  ROUX_CHECK(is_floating(dtype), "random_values", "found ", dtype, ", expected a floating-point type");
  const int64_t n = shape.numel();
  Generator generator(seed);
  const Tensor order = Tensor::randperm(n, cpu, generator).to(float64);
  // A quarter, not half of a step: the middle one of an odd number would be 0.
  return ((order + 0.25) * (4.0 / static_cast<double>(n > 0 ? n : 1)) - 2.0).reshape(shape).to(dtype);
}

Tensor random_ids(const Shape& shape, int64_t num_ids, uint64_t seed) {
  ROUX_CHECK(num_ids >= 1, "random_ids", "found ", num_ids, " ids, expected at least 1");
  Generator generator(seed);
  return Tensor::randint(0, num_ids, shape, cpu, generator);
}

CheckResult close(const Variable& found, const Variable& expected, const CloseOptions& options) {
  if (!found.defined() || !expected.defined())
    return {false, std::string("[close] the ") + (found.defined() ? "expected" : "found") + " tensor is undefined"};
  if (found.shape() != expected.shape())
    return {false, "[close] found shape " + to_string(found.shape()) + ", expected " + to_string(expected.shape())};
  const std::vector<double> a = found.data().to_vector<double>(), b = expected.data().to_vector<double>();
  if (a.empty()) return {true, "[close] no entries to compare"};
  size_t worst = 0, wrong = 0;
  double worst_excess = -1;
  for (size_t i = 0; i < a.size(); ++i) {
    const double by = excess(a[i], b[i], options);
    if (by > 1) ++wrong;
    if (by <= worst_excess) continue;
    worst_excess = by;
    worst = i;
  }
  const double relative = a[worst] == b[worst] ? 0 : std::abs(a[worst] - b[worst]) / std::abs(b[worst]);
  return {wrong == 0,
          "[close] " + std::to_string(wrong) + " of " + std::to_string(a.size()) + " entries are wrong; worst at " +
              roux::detail::index_text(static_cast<int64_t>(worst), found.shape()) + ": found " + digits(a[worst]) +
              ", expected " + digits(b[worst]) + ", relative error " + digits(relative, 3) +
              " (allowed: " + digits(options.atol, 3) + " + " + digits(options.rtol, 3) + " * |expected|)"};
}

GradcheckResult gradcheck(Module& module, const std::vector<Tensor>& inputs,
                          const std::function<Variable(const std::vector<Variable>&)>& forward,
                          const GradcheckOptions& options) {
  ModuleGuard guard(module, "gradcheck");
  for (size_t i = 0; i < inputs.size(); ++i) ROUX_CHECK(inputs[i].defined(), "gradcheck", "input ", i, " is undefined");
  for (auto& [name, parameter] : module.named_parameters()) parameter.set_data(parameter.data().clone());
  check_registered(module, inputs, forward);
  module.to(float64);
  std::string frozen;
  std::vector<NamedVariable> leaves = trainable(module, &frozen);
  const std::vector<Variable> variables = make_variables(inputs, float64, true);
  for (size_t i = 0; i < variables.size(); ++i)
    if (variables[i].requires_grad()) leaves.push_back({"input " + std::to_string(i), variables[i]});
  ROUX_CHECK(!leaves.empty(), "gradcheck",
             "there is no floating-point input and no parameter that requires a gradient to check");
  const auto evaluate = [&] {
    guard.restart_generators();
    const Variable result = forward_in_float64([&] { return forward(variables); });
    if (const Node* const leaf = unknown_leaf(result, leaves)) fail("gradcheck", unregistered(*leaf));
    return result;
  };
  GradcheckOptions named = options;
  if (named.name.empty()) named.name = module.class_name();
  GradcheckResult result = check_gradients(evaluate, leaves, named);
  if (result.ok && !frozen.empty()) result.message += "; frozen: " + frozen;
  return result;
}

GradcheckResult gradcheck(Module& module, const std::function<Variable()>& forward, const GradcheckOptions& options) {
  return gradcheck(
      module, {}, [&](const std::vector<Variable>&) { return forward(); }, options);
}

CheckResult eval_is_deterministic(Module& module, const std::function<Variable()>& forward) {
  const EvalGuard eval(module);
  const NoGrad no_grad;
  const StateDict before = module.state_dict();
  const Tensor first = forward().data().clone();
  const StateDict after = module.state_dict();
  for (size_t i = 0; i < before.size(); ++i) {
    const CheckResult same = close(after[i].second, before[i].second, same_bits);
    if (!same) return {false, "[eval_is_deterministic] evaluation changed " + before[i].first + ": " + same.message};
  }
  const CheckResult same = close(forward(), first, same_bits);
  if (!same)
    return {
        false,
        "[eval_is_deterministic] the second result differs from the first (hint: does a dropout act, one that is not "
        "registered by add()?): " +
            same.message};
  return {true, "[eval_is_deterministic] both results have the same bits"};
}

CheckResult detail::state_dict_round_trips(Module& module, Module& other, const std::function<Variable()>& forward,
                                           const std::function<Variable()>& other_forward) {
  ROUX_CHECK(&module != &other, "state_dict_round_trips",
             "both modules are the same one (hint: make another to load into)");
  const StateDict state = module.state_dict();
  other.load_state_dict(state);
  const StateDict loaded = other.state_dict();
  for (size_t i = 0; i < state.size(); ++i) {
    const CheckResult same = close(loaded[i].second, state[i].second, same_bits);
    if (!same) return {false, "[state_dict_round_trips] " + state[i].first + " came out changed: " + same.message};
  }
  const EvalGuard eval(module), other_eval(other);
  const Variable expected = forward();
  if (const Node* const leaf = unknown_leaf(expected, trainable(module)))
    return {false, "[state_dict_round_trips] " + unregistered(*leaf)};
  const NoGrad no_grad;
  const CheckResult same = close(other_forward(), expected, same_bits);
  if (!same)
    return {false,
            "[state_dict_round_trips] after loading, the modules differ (hint: is every parameter, buffer and "
            "child module that forward uses registered by add or add_buffer?): " +
                same.message};
  return {true, "[state_dict_round_trips] the loaded module gives the same bits"};
}

CheckResult leaks_nothing(const std::function<void()>& step) {
  constexpr int steps = 3;
  step();
  step();
  const int64_t nodes = live_nodes();
  const MemoryStats memory = memory_stats();
  for (int i = 0; i < steps; ++i) step();
  const int64_t more_nodes = live_nodes() - nodes;
  const int64_t more_blocks = memory_stats().live_blocks - memory.live_blocks;
  const int64_t more_bytes = memory_stats().live_bytes - memory.live_bytes;
  if (more_nodes <= 0 && more_blocks <= 0 && more_bytes <= 0) return {true, "[leaks_nothing] nothing was left behind"};
  return {false, "[leaks_nothing] " + std::to_string(steps) + " steps left " + std::to_string(more_nodes) +
                     " graph nodes and " + std::to_string(more_blocks) + " blocks of memory (" +
                     std::to_string(more_bytes) +
                     " bytes) behind (hint: does something keep a Variable of each step, or does a backward "
                     "lambda capture its own result?)"};
}

}  // namespace roux::nn
