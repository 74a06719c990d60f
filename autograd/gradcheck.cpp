// Central differences of sum(f(inputs) * cotangent), entry by entry, against one backward from that cotangent.
#include "autograd/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "autograd/gradcheck_report.h"
#include "tensor/random.h"

namespace roux {
namespace {

using detail::GradcheckEntry;
using detail::GradcheckReport;
using detail::GradcheckSubject;
using detail::index_text;
using Values = std::vector<double>;

// An input's gradient; zeros where backward gave it none.
struct Arrived {
  Values values;
  bool any = false;
};

// Puts an entry back on every way out.
class Perturbed {
 public:
  Perturbed(const Tensor& entry, double value) : entry_(entry), value_(value) {}
  ~Perturbed() { entry_.fill_(value_); }
  Perturbed(const Perturbed&) = delete;
  Perturbed& operator=(const Perturbed&) = delete;
  void set(double value) { entry_.fill_(value); }

 private:
  Tensor entry_;
  double value_;
};

Values evaluate(const std::function<Variable()>& f) {
  const NoGrad guard;
  return f().data().to_vector<double>();
}

double weighted_difference(const Values& a, const Values& b, const Values& weights) {
  double sum = 0;
  for (size_t i = 0; i < weights.size(); ++i) sum += (a[i] - b[i]) * weights[i];
  return sum;
}

// 1 for a scalar; else of either sign and away from 0, so that no part of the result is overlooked.
Tensor make_cotangent(const Variable& result, uint64_t seed) {
  if (result.numel() == 1) return Tensor::ones(result.shape(), float64, result.device());
  Generator generator(seed);
  const Tensor magnitude = Tensor::rand(result.shape(), float64, cpu, generator) + 0.5;
  const Tensor negative = lt(Tensor::rand(result.shape(), float64, cpu, generator), 0.5);
  return where(negative, neg(magnitude), magnitude).to(result.device());
}

// `count` different ones out of `all`, one from each of as many equal parts.
void sample(const std::vector<int64_t>& all, int64_t count, Generator& generator, std::vector<int64_t>& out) {
  const auto n = static_cast<int64_t>(all.size());
  count = std::min(count, n);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t begin = i * n / count, end = (i + 1) * n / count;
    out.push_back(all[static_cast<size_t>(begin + uniform_int(generator, end - begin))]);
  }
}

// Which entries of an input with these gradients are checked.
std::vector<int64_t> choose_entries(const Values& gradient, const GradcheckOptions& options) {
  std::vector<int64_t> all, touched, chosen;
  for (size_t i = 0; i < gradient.size(); ++i) {
    all.push_back(static_cast<int64_t>(i));
    if (gradient[i] != 0) touched.push_back(static_cast<int64_t>(i));
  }
  const auto n = static_cast<int64_t>(all.size());
  if (options.max_entries <= 0 || n <= options.max_entries) return all;
  Generator generator(options.seed, 1);
  sample(touched, options.max_entries / 2, generator, chosen);
  sample(all, options.max_entries - static_cast<int64_t>(chosen.size()), generator, chosen);
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

// Everything that stays the same while one function is checked.
struct Check {
  const std::function<Variable()>& f;
  const GradcheckOptions& options;
  Values result, cotangent;

  bool close(double found, double expected) const {
    return std::abs(found - expected) <= options.atol + options.rtol * std::abs(expected);
  }
  // By how much an entry exceeds what is allowed; NaN counts as infinitely wrong.
  double excess(const GradcheckEntry& entry) const {
    const double ratio = entry.error() / (options.atol + options.rtol * std::abs(entry.expected));
    return std::isnan(ratio) ? INFINITY : ratio;
  }
  GradcheckEntry check_entry(const Tensor& flat, int64_t index, double found) const;
};

GradcheckEntry Check::check_entry(const Tensor& flat, int64_t index, double found) const {
  const Tensor place = flat.slice(0, index, index + 1);
  const double value = place.item();
  const double above = value + options.eps, below = value - options.eps;
  Perturbed entry(place, value);
  entry.set(above);
  const Values upper = evaluate(f);
  entry.set(below);
  const Values lower = evaluate(f);
  GradcheckEntry checked{.index = index, .found = found};
  checked.expected = weighted_difference(upper, lower, cotangent) / (above - below);
  checked.wrong = !close(found, checked.expected);
  if (checked.wrong) {
    const double right = weighted_difference(upper, result, cotangent) / (above - value);
    const double left = weighted_difference(result, lower, cotangent) / (value - below);
    checked.kink = !close(left, right);
    const double slack = options.atol + options.rtol * std::max(std::abs(left), std::abs(right));
    const bool between = found >= std::min(left, right) - slack && found <= std::max(left, right) + slack;
    if (options.allow_kinks && checked.kink && between) checked.wrong = false;
  }
  return checked;
}

GradcheckReport check_input(const Check& check, const NamedVariable& input, const Arrived& gradient) {
  Variable variable = input.variable;
  GradcheckReport report{
      .name = input.name, .shape = variable.shape(), .arrived = gradient.any, .entries = {}, .worst = {}};
  const Tensor flat = variable.mutable_data().reshape({-1});
  for (const int64_t index : choose_entries(gradient.values, check.options)) {
    const GradcheckEntry entry = check.check_entry(flat, index, gradient.values[static_cast<size_t>(index)]);
    const double excess = check.excess(entry);
    const bool worse = entry.wrong != report.worst.wrong ? entry.wrong : excess > report.excess;
    if (report.entries.empty() || worse) {
      report.worst = entry;
      report.excess = excess;
    }
    report.entries.push_back(entry);
  }
  return report;
}

void validate(const std::vector<NamedVariable>& inputs) {
  ROUX_CHECK(!inputs.empty(), "gradcheck", "there is no floating-point input to check");
  for (const auto& [name, variable] : inputs) {
    ROUX_CHECK(variable.defined() && variable.is_leaf() && variable.requires_grad(), "gradcheck", name,
               " must be a leaf that requires a gradient");
    ROUX_CHECK(variable.dtype() == float64, "gradcheck", name, " is ", variable.dtype(),
               ", expected float64: differences in less precision are noise");
    ROUX_CHECK(variable.raw().is_contiguous(), "gradcheck", name, " is not contiguous");
  }
}

// The result's operation when its inputs are leaves: then it is the one that is checked; else "".
std::string single_operation(const Variable& result) {
  const detail::Node* const node = result.node();
  if (!node) return "";
  for (int i = 0; i < node->input_count; ++i)
    if (node->inputs[i] && !node->inputs[i]->is_leaf()) return "";
  return node->name;
}

// `squared`, `squared in MyLayer`, `MyLayer`: the operation where it is a single one, and the name that was given.
std::string name_of(const Variable& result, const GradcheckOptions& options) {
  const std::string operation = single_operation(result);
  if (operation.empty()) return options.name;
  if (options.name.empty() || operation == options.name) return operation;
  return operation + " in " + options.name;
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// What leaves held before f ran. An f that writes into them computes differences of something else.
class Originals {
 public:
  explicit Originals(const std::vector<NamedVariable>& inputs) : inputs_(inputs) {
    for (const NamedVariable& input : inputs) values_.push_back(input.variable.raw().to_vector<double>());
  }
  void check_unchanged(const std::string& name) const {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const Tensor& tensor = inputs_[i].variable.raw();
      const Values now = tensor.to_vector<double>();
      const auto [was, is] = std::mismatch(values_[i].begin(), values_[i].end(), now.begin(), same);
      if (was == values_[i].end()) continue;
      fail("gradcheck", name.empty() ? "the function" : name, " changed ", inputs_[i].name, " in place: at ",
           index_text(was - values_[i].begin(), tensor.shape()), " it was ", *was, " and is ", *is,
           " (hint: compute into a new tensor, or change a clone())");
    }
  }

 private:
  const std::vector<NamedVariable>& inputs_;
  std::vector<Values> values_;
};

// Runs f forward and backward, and forward again. Gives the gradients of the inputs.
std::vector<Arrived> run_backward_once(Check& check, const std::vector<NamedVariable>& inputs, GradcheckSubject& of) {
  for (NamedVariable input : inputs) input.variable.zero_grad();
  const Originals originals(inputs);
  const Variable result = check.f();
  ROUX_CHECK(result.defined(), "gradcheck", "the function gave an undefined result");
  ROUX_CHECK(
      result.dtype() == float64, "gradcheck", "the result is ", result.dtype(),
      " though the inputs are float64 (hint: something in the function converts, or mixes in float32 tensors alone)");
  of = {result.shape(), name_of(result, check.options)};
  originals.check_unchanged(of.name);
  check.result = result.data().to_vector<double>();
  const Values again = evaluate(check.f);
  ROUX_CHECK(
      std::equal(again.begin(), again.end(), check.result.begin(), check.result.end(), same), "gradcheck",
      "two calls with the same inputs gave different results (hint: does it keep something from call to call? random "
      "numbers must be the same at each: dropout in eval(), in a child that add() knows of, or with a generator that "
      "the function starts anew)");
  const Tensor cotangent = make_cotangent(result, check.options.seed);
  check.cotangent = cotangent.to_vector<double>();
  if (result.requires_grad()) result.backward(cotangent);
  originals.check_unchanged("the backward of " + (of.name.empty() ? "the function" : of.name));
  std::vector<Arrived> gradients;
  for (NamedVariable input : inputs) {
    const Tensor gradient = input.variable.grad();
    const auto size = static_cast<size_t>(input.variable.numel());
    gradients.push_back({gradient.defined() ? gradient.to_vector<double>() : Values(size, 0.0), gradient.defined()});
    input.variable.zero_grad();
  }
  return gradients;
}

// The inputs as Variables of their own in float64, of which those require a gradient for which `wanted` holds.
template <class Wanted>
std::vector<Variable> make_inputs(const std::vector<Tensor>& inputs, const Wanted& wanted) {
  std::vector<Variable> variables;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool floating = inputs[i].defined() && is_floating(inputs[i].dtype());
    variables.push_back(floating ? Variable(inputs[i].to(float64).clone(), wanted(i)) : Variable(inputs[i]));
  }
  return variables;
}

// The gradient that input i gets when no other input wants one, with f's own errors explained.
Tensor gradient_alone(const std::function<Variable(const std::vector<Variable>&)>& f, const std::vector<Tensor>& inputs,
                      size_t i, uint64_t seed) {
  const std::vector<Variable> variables = make_inputs(inputs, [i](size_t j) { return j == i; });
  try {
    const Variable result = f(variables);
    if (result.requires_grad()) result.backward(make_cotangent(result, seed));
  } catch (const Error& error) {
    throw Error(std::string(error.what()) + " (in gradcheck, while input " + std::to_string(i) +
                " alone requires a gradient: each input's is to be given where to.wants(i), whatever others want)");
  }
  return variables[i].grad();
}

bool same_gradient(const Tensor& found, const Arrived& expected, const GradcheckOptions& options) {
  if (found.defined() != expected.any) return false;
  if (!found.defined()) return true;
  const Values values = found.to_vector<double>();
  double largest = 0;
  for (const double value : expected.values) largest = std::max(largest, std::abs(value));
  const double allowed = options.atol + options.rtol * largest;
  return std::equal(values.begin(), values.end(), expected.values.begin(), expected.values.end(),
                    [=](double a, double b) { return std::abs(a - b) <= allowed; });
}

// What a check has found, of what, and the gradients that it compared.
struct Outcome {
  GradcheckResult result;
  GradcheckSubject of;
  std::vector<Arrived> gradients;  // of each input
};

Outcome check_all(const std::function<Variable()>& f, const std::vector<NamedVariable>& inputs,
                  const GradcheckOptions& options) {
  validate(inputs);
  Check check{.f = f, .options = options, .result = {}, .cotangent = {}};
  Outcome outcome;
  outcome.gradients = run_backward_once(check, inputs, outcome.of);
  std::vector<GradcheckReport> reports;
  for (size_t i = 0; i < inputs.size(); ++i) reports.push_back(check_input(check, inputs[i], outcome.gradients[i]));
  outcome.result = detail::summarize(reports, outcome.of);
  return outcome;
}

// A backward may give an input another gradient, or none, when it is the only one that wants one. Changes the result
// when it does; `places` are those of the inputs that were checked.
void check_each_alone(const std::function<Variable(const std::vector<Variable>&)>& f, const std::vector<Tensor>& inputs,
                      const std::vector<size_t>& places, const GradcheckOptions& options, Outcome& outcome) {
  for (size_t i = 0; i < places.size(); ++i) {
    if (same_gradient(gradient_alone(f, inputs, places[i], options.seed), outcome.gradients[i], options)) continue;
    outcome.result.ok = false;
    outcome.result.input = "input " + std::to_string(places[i]);
    outcome.result.message = "[gradcheck] " + outcome.of.name + ", " + outcome.result.input +
                             ": its gradient is another one when no other input requires one (hint: to.wants(i) is "
                             "about input i alone)";
    return;
  }
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const GradcheckResult& result) { return out << result.message; }

GradcheckResult check_gradients(const std::function<Variable()>& f, const std::vector<NamedVariable>& inputs,
                                const GradcheckOptions& options) {
  return check_all(f, inputs, options).result;
}

GradcheckResult gradcheck(const std::function<Variable(const std::vector<Variable>&)>& f,
                          const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  const std::vector<Variable> variables = make_inputs(inputs, [](size_t) { return true; });
  std::vector<NamedVariable> leaves;
  std::vector<size_t> places;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!variables[i].requires_grad()) continue;
    leaves.push_back({"input " + std::to_string(i), variables[i]});
    places.push_back(i);
  }
  Outcome outcome = check_all([&] { return f(variables); }, leaves, options);
  if (outcome.result.ok && leaves.size() > 1) check_each_alone(f, inputs, places, options, outcome);
  return outcome.result;
}

}  // namespace roux
