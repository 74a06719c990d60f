// Central differences of sum(f(inputs) * cotangent), entry by entry, against one backward from that cotangent.
#include "autograd/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "tensor/random.h"

namespace roux {
namespace {

using Values = std::vector<double>;

// What one input's entries have come to.
struct Entry {
  int64_t index = 0;
  double found = 0, expected = 0;
  bool wrong = false;
  bool kink = false;

  double error() const { return std::abs(found - expected); }
};

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
  double excess(const Entry& entry) const {
    const double ratio = entry.error() / (options.atol + options.rtol * std::abs(entry.expected));
    return std::isnan(ratio) ? INFINITY : ratio;
  }
  Entry check_entry(const Tensor& flat, int64_t index, double found) const;
};

Entry Check::check_entry(const Tensor& flat, int64_t index, double found) const {
  const Tensor place = flat.slice(0, index, index + 1);
  const double value = place.item();
  const double above = value + options.eps, below = value - options.eps;
  Perturbed entry(place, value);
  entry.set(above);
  const Values upper = evaluate(f);
  entry.set(below);
  const Values lower = evaluate(f);
  Entry checked{.index = index, .found = found};
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

std::string index_text(int64_t flat, const Shape& shape) {
  Dims index = shape;
  for (int64_t axis = shape.size() - 1; axis >= 0; --axis) {
    index[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return to_string(index);
}

// The factor by which all entries are off; NaN when it is not the same for all.
double common_factor(const std::vector<Entry>& entries) {
  double factor = NAN;
  for (const Entry& entry : entries) {
    if (std::abs(entry.expected) < 1e-3) continue;
    const double ratio = entry.found / entry.expected;
    if (std::isnan(factor)) factor = ratio;
    if (!(std::abs(ratio - factor) <= 1e-3 * std::max(1.0, std::abs(factor)))) return NAN;
  }
  return factor;
}

// `the length of dimension 0 of the result`, where some dimension of either shape has this length; else nothing.
std::string length_text(double length, const Shape& input, const Shape& result) {
  const auto named = [&](const Shape& shape, const char* of) -> std::string {
    for (int i = 0; i < shape.size(); ++i)
      if (shape[i] > 1 && std::abs(length - static_cast<double>(shape[i])) < 2e-3 * length)
        return "the length of dimension " + std::to_string(i) + " of the " + of;
    return "";
  };
  const std::string of_result = named(result, "result");
  return of_result.empty() ? named(input, "input") : of_result;
}

// How a factor that all entries are off by may have come about. Several reasons where it fits several.
std::string factor_hint(double factor, const Shape& input, const Shape& result) {
  const auto is = [&](double value) { return std::abs(factor - value) < 2e-3 * std::abs(value); };
  if (is(-1)) return "the sign is turned around";
  std::string reasons;
  const auto say = [&](const std::string& reason) { reasons += (reasons.empty() ? "" : " Or: ") + reason; };
  if (is(2)) say("all are twice as large as they should be: is something added twice?");
  if (is(0.5)) say("all are half as large as they should be: is one of two uses forgotten?");
  const std::string times = length_text(factor, input, result), part = length_text(1 / factor, input, result);
  if (!times.empty())
    say("all are too large by " + times +
        ": is the division of a mean forgotten, or something added for each of them?");
  if (!part.empty())
    say("all are too small by " + part + ": is a sum over a broadcast dimension forgotten, or a mean taken for a sum?");
  return reasons.empty() ? "all are off by the factor " + detail::error_text(factor) : reasons;
}

// One input's entries, and which of them is worst.
struct Report {
  std::string name;
  Shape shape;
  bool arrived = false;  // whether backward gave the input a gradient
  std::vector<Entry> entries;
  Entry worst;
  double excess = 0;  // of the worst

  bool worse_than(const Report& other) const {
    return worst.wrong != other.worst.wrong ? worst.wrong : excess > other.excess;
  }
};

// What may be the reason; nothing when the numbers do not tell.
std::string hint(const Report& report, const Shape& result) {
  const Entry& worst = report.worst;
  if (std::isnan(worst.found) || std::isnan(worst.expected)) return "NaN: is the input outside the function's domain?";
  if (!report.arrived)
    return "no gradient arrives: does f use this input as a Variable, not its data(), and does backward add one for "
           "it?";
  if (worst.kink) return "the slopes left and right of this input differ: move it off the kink, or set allow_kinks";
  if (std::all_of(report.entries.begin(), report.entries.end(), [](const Entry& entry) { return entry.found == 0; }))
    return "a gradient arrives, but it is 0 everywhere";
  const double factor = common_factor(report.entries);
  return std::isnan(factor) ? "" : factor_hint(factor, report.shape, result);
}

Report check_input(const Check& check, const NamedVariable& input, const Arrived& gradient) {
  Variable variable = input.variable;
  Report report{.name = input.name, .shape = variable.shape(), .arrived = gradient.any, .entries = {}, .worst = {}};
  const Tensor flat = variable.mutable_data().reshape({-1});
  for (const int64_t index : choose_entries(gradient.values, check.options)) {
    const Entry entry = check.check_entry(flat, index, gradient.values[static_cast<size_t>(index)]);
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

// What the function gave: its shape, and its operation where it is a single one.
struct Summary {
  Shape shape;
  std::string operation;
};

std::string describe(const GradcheckResult& result, const Report& report, const Summary& of) {
  const auto wrong =
      std::count_if(report.entries.begin(), report.entries.end(), [](const Entry& entry) { return entry.wrong; });
  const std::string reason = hint(report, of.shape);
  return "[gradcheck] " + (of.operation.empty() ? "" : of.operation + ", ") + result.input + ": " +
         std::to_string(wrong) + " of " + std::to_string(report.entries.size()) + " entries are wrong; worst at " +
         result.index + ": found " + detail::error_text(result.found) + ", expected " +
         detail::error_text(result.expected) + ", relative error " + detail::error_text(result.relative_error) +
         (reason.empty() ? "" : " (hint: " + reason + ")");
}

// `input 0, input 2`: those reports for which `chosen` holds.
template <class Chosen>
std::string names_of(const std::vector<Report>& reports, const Chosen& chosen) {
  std::string names;
  for (const Report& report : reports)
    if (chosen(report)) names += (names.empty() ? "" : ", ") + report.name;
  return names;
}

GradcheckResult summarize(const std::vector<Report>& reports, const Summary& of) {
  GradcheckResult result;
  const Report* worst = nullptr;
  for (const Report& report : reports) {
    if (report.entries.empty()) continue;
    result.checked += static_cast<int64_t>(report.entries.size());
    for (const Entry& entry : report.entries) result.kinks += entry.kink && !entry.wrong;
    if (!worst || report.worse_than(*worst)) worst = &report;
  }
  if (!worst) {
    result.message = "[gradcheck] there is no entry to check";
    return result;
  }
  const Entry& entry = worst->worst;
  result.ok = !entry.wrong;
  result.input = worst->name;
  result.index = index_text(entry.index, worst->shape);
  result.found = entry.found;
  result.expected = entry.expected;
  result.relative_error = entry.error() / std::max({std::abs(entry.found), std::abs(entry.expected), 1e-300});
  if (result.ok) {
    const std::string checked = names_of(reports, [](const Report& report) { return !report.entries.empty(); });
    result.message = "[gradcheck] " + std::to_string(result.checked) + " entries are right (" + checked + ")";
    return result;
  }
  const std::string others = names_of(reports, [&](const Report& r) { return &r != worst && r.worst.wrong; });
  result.message = describe(result, *worst, of) + (others.empty() ? "" : "; also wrong: " + others);
  return result;
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

// Runs f forward and backward, and forward again. Gives the gradients of the inputs.
std::vector<Arrived> run_backward_once(Check& check, const std::vector<NamedVariable>& inputs, Summary& of) {
  for (NamedVariable input : inputs) input.variable.zero_grad();
  const Variable result = check.f();
  ROUX_CHECK(result.defined(), "gradcheck", "the function gave an undefined result");
  ROUX_CHECK(
      result.dtype() == float64, "gradcheck", "the result is ", result.dtype(),
      " though the inputs are float64 (hint: something in the function converts, or mixes in float32 tensors alone)");
  of = {result.shape(), single_operation(result)};
  check.result = result.data().to_vector<double>();
  const Values again = evaluate(check.f);
  const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  ROUX_CHECK(
      std::equal(again.begin(), again.end(), check.result.begin(), check.result.end(), same), "gradcheck",
      "two calls with the same inputs gave different results (hint: random numbers must be the same at each call; "
      "dropout, say, in eval() or with a generator that the function starts anew)");
  const Tensor cotangent = make_cotangent(result, check.options.seed);
  check.cotangent = cotangent.to_vector<double>();
  if (result.requires_grad()) result.backward(cotangent);
  std::vector<Arrived> gradients;
  for (NamedVariable input : inputs) {
    const Tensor gradient = input.variable.grad();
    const auto size = static_cast<size_t>(input.variable.numel());
    gradients.push_back({gradient.defined() ? gradient.to_vector<double>() : Values(size, 0.0), gradient.defined()});
    input.variable.zero_grad();
  }
  return gradients;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const GradcheckResult& result) { return out << result.message; }

GradcheckResult check_gradients(const std::function<Variable()>& f, const std::vector<NamedVariable>& inputs,
                                const GradcheckOptions& options) {
  validate(inputs);
  Check check{.f = f, .options = options, .result = {}, .cotangent = {}};
  Summary of;
  const std::vector<Arrived> gradients = run_backward_once(check, inputs, of);
  std::vector<Report> reports;
  for (size_t i = 0; i < inputs.size(); ++i) reports.push_back(check_input(check, inputs[i], gradients[i]));
  return summarize(reports, of);
}

GradcheckResult gradcheck(const std::function<Variable(const std::vector<Variable>&)>& f,
                          const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  std::vector<Variable> variables;
  std::vector<NamedVariable> leaves;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool floating = inputs[i].defined() && is_floating(inputs[i].dtype());
    variables.push_back(floating ? Variable(inputs[i].to(float64).clone(), true) : Variable(inputs[i]));
    if (floating) leaves.push_back({"input " + std::to_string(i), variables.back()});
  }
  return check_gradients([&] { return f(variables); }, leaves, options);
}

}  // namespace roux
