// Adam, AdamW and SparseAdam: the choice between dense and row updates; the arithmetic is in the backend's kernels.
#include "nn/adam.h"

#include <cmath>
#include <utility>

#include "nn/lazy_adam.h"
#include "tensor/backend.h"
#include "tensor/operands.h"

namespace roux::nn {
namespace {

void check_options(const AdamOptions& options, const char* optimizer) {
  ROUX_CHECK(options.beta1 >= 0 && options.beta1 < 1, optimizer, "beta1 must be in [0, 1), found ", options.beta1);
  ROUX_CHECK(options.beta2 >= 0 && options.beta2 < 1, optimizer, "beta2 must be in [0, 1), found ", options.beta2);
  ROUX_CHECK(options.eps >= 0 && std::isfinite(options.eps), optimizer, "eps must be at least 0, found ", options.eps);
  ROUX_CHECK(options.weight_decay >= 0 && std::isfinite(options.weight_decay), optimizer,
             "weight_decay must be at least 0, found ", options.weight_decay);
}

Tensor zeros_like(const Variable& parameter) {
  return Tensor::zeros(parameter.shape(), parameter.dtype(), parameter.device());
}

int64_t read_step(StateReader& reader, const std::string& prefix) {
  const Tensor step = reader.take(prefix + "step", {}, int64);
  const auto value = static_cast<int64_t>(step.item());
  ROUX_CHECK(value >= 0, "load_state_dict", "'", prefix, "step' is ", value);
  return value;
}

}  // namespace

AdamStep adam_step(const AdamOptions& options, double lr, bool decoupled, int64_t step) {
  return {.lr = lr,
          .beta1 = options.beta1,
          .beta2 = options.beta2,
          .eps = options.eps,
          .weight_decay = options.weight_decay,
          .decoupled = decoupled,
          .bias_correction1 = 1 - std::pow(options.beta1, static_cast<double>(step)),
          .bias_correction2 = 1 - std::pow(options.beta2, static_cast<double>(step)),
          .grad_scale = options.maximize ? -1.0 : 1.0};
}

Adam::Adam(NamedParameters parameters, const AdamOptions& options) : Adam(std::move(parameters), options, false) {}

Adam::Adam(NamedParameters parameters, const AdamOptions& options, bool decoupled)
    : Optimizer(std::move(parameters), options.lr), options_(options), decoupled_(decoupled), states_(count()) {
  check_options(options, decoupled ? "AdamW" : "Adam");
}

Adam::~Adam() = default;

AdamW::AdamW(NamedParameters parameters, const AdamWOptions& options)
    : Adam(std::move(parameters),
           {.lr = options.lr,
            .beta1 = options.beta1,
            .beta2 = options.beta2,
            .eps = options.eps,
            .weight_decay = options.weight_decay,
            .amsgrad = options.amsgrad,
            .maximize = options.maximize},
           true) {}

// A table that once had a dense gradient stays dense.
bool Adam::can_be_lazy(const Variable& parameter, const State& state) const {
  const bool decays_at_all = !decoupled_ || lr() * options_.weight_decay < 1;
  return decays_at_all && (state.lazy || (state.step == 0 && LazyAdam::applies(parameter, options_, decoupled_)));
}

void Adam::update() {
  std::vector<size_t> dense;
  for (size_t i = 0; i < count(); ++i) {
    Variable& variable = parameter(i);
    State& state = states_[i];
    const Gradient& gradient = variable.gradient();
    if (!gradient.defined()) continue;
    if (gradient.kind() == Gradient::Kind::rows && can_be_lazy(variable, state)) {
      if (!state.lazy) state.lazy = std::make_unique<LazyAdam>(variable, options_, decoupled_);
      state.lazy->step(gradient.rows(), lr());
      continue;
    }
    if (state.lazy) {
      state.lazy->commit_all();
      state.step = state.lazy->steps();
      state.exp_avg = state.lazy->exp_avg();
      state.exp_avg_sq = state.lazy->exp_avg_sq();
      state.max_exp_avg_sq = state.lazy->max_exp_avg_sq();
      state.lazy.reset();
    } else if (!state.exp_avg.defined()) {
      state.exp_avg = zeros_like(variable);
      state.exp_avg_sq = zeros_like(variable);
      if (options_.amsgrad) state.max_exp_avg_sq = zeros_like(variable);
    }
    dense.push_back(i);
  }
  dense_step(std::move(dense));
}

// Those that have come equally far, on one device and in one type, take their step together.
void Adam::dense_step(std::vector<size_t> waiting) {
  while (!waiting.empty()) {
    const Variable& like = parameter(waiting[0]);
    const int64_t step = states_[waiting[0]].step;
    std::vector<size_t> together, others;
    std::vector<AdamParameter> views;
    std::vector<Tensor> kept;
    for (const size_t i : waiting) {
      const Variable& variable = parameter(i);
      State& state = states_[i];
      if (state.step != step || variable.dtype() != like.dtype() || variable.device() != like.device()) {
        others.push_back(i);
        continue;
      }
      const Tensor weight = writable(i, state.exp_avg), grad = parameter(i).grad().contiguous();
      views.push_back({weight.view(), grad.view(), state.exp_avg.view(), state.exp_avg_sq.view(),
                       view_or_null(state.max_exp_avg_sq)});
      kept.push_back(grad);
      weight.bump_version();
      together.push_back(i);
    }
    backend(like.device()).adam(views, [this, together] {
      for (const size_t i : together) ++states_[i].step;
      return adam_step(options_, lr(), decoupled_, states_[together[0]].step);
    });
    waiting = std::move(others);
  }
}

StateDict Adam::state_dict() const {
  StateDict result{{"lr", Tensor::scalar(lr(), float64)}};
  for (size_t i = 0; i < count(); ++i) {
    const State& state = states_[i];
    const std::string prefix = name(i) + ".";
    if (state.lazy) {
      state.lazy->save(prefix, result);
    } else if (state.exp_avg.defined()) {
      result.emplace_back(prefix + "step", Tensor::scalar(state.step, int64));
      result.emplace_back(prefix + "exp_avg", state.exp_avg.clone());
      result.emplace_back(prefix + "exp_avg_sq", state.exp_avg_sq.clone());
      if (state.max_exp_avg_sq.defined()) result.emplace_back(prefix + "max_exp_avg_sq", state.max_exp_avg_sq.clone());
    }
  }
  return result;
}

void Adam::load_state_dict(const StateDict& given) {
  constexpr const char* operation = "load_state_dict";
  StateReader reader(given, operation);
  const double new_lr = reader.take("lr", {}, float64).item();
  std::vector<State> states(count());
  std::vector<LazyAdam::Saved> tables(count());
  for (size_t i = 0; i < count(); ++i) {
    const std::string prefix = name(i) + ".";
    const Variable& variable = parameter(i);
    if (reader.has(prefix + "record")) {
      ROUX_CHECK(LazyAdam::applies(variable, options_, decoupled_), operation, "'", name(i),
                 "' was updated lazily, which these options or this parameter do not allow");
      tables[i] = LazyAdam::read(prefix, variable, options_, decoupled_, reader);
    } else if (reader.has(prefix + "step")) {
      const auto copy = [&](const char* what) {
        return reader.take(prefix + what, variable.shape(), variable.dtype()).to(variable.device()).clone();
      };
      states[i].step = read_step(reader, prefix);
      states[i].exp_avg = copy("exp_avg");
      states[i].exp_avg_sq = copy("exp_avg_sq");
      if (options_.amsgrad) states[i].max_exp_avg_sq = copy("max_exp_avg_sq");
    }
  }
  reader.finish();

  set_lr(new_lr);
  states_ = std::move(states);  // tables that were lazy are committed now, before their weights are replaced
  for (size_t i = 0; i < count(); ++i) {
    if (!tables[i].record.defined()) continue;
    states_[i].lazy = std::make_unique<LazyAdam>(parameter(i), options_, decoupled_);
    states_[i].lazy->restore(tables[i]);
  }
}

SparseAdam::SparseAdam(NamedParameters parameters, const SparseAdamOptions& options)
    : Optimizer(std::move(parameters), options.lr), options_(options), states_(count()) {
  check_options({.beta1 = options.beta1, .beta2 = options.beta2, .eps = options.eps}, "SparseAdam");
}

void SparseAdam::update() {
  for (size_t i = 0; i < count(); ++i)
    ROUX_CHECK(parameter(i).gradient().kind() != Gradient::Kind::dense, "SparseAdam", "'", name(i),
               "' has a dense gradient, expected rows of a table (hint: give such parameters to an Adam of their own)");
  for (size_t i = 0; i < count(); ++i) {
    Variable& variable = parameter(i);
    State& state = states_[i];
    if (!variable.gradient().defined()) continue;
    if (!state.exp_avg.defined()) {
      state.exp_avg = zeros_like(variable);
      state.exp_avg_sq = zeros_like(variable);
    }
    const Tensor weight = writable(i, state.exp_avg);
    const RowGradient& gradient = variable.gradient().rows();
    const Tensor rows = gradient.rows.contiguous(), values = gradient.values.contiguous();
    const auto next_step = [this, &state] {
      ++state.step;
      const AdamOptions options{
          .beta1 = options_.beta1, .beta2 = options_.beta2, .eps = options_.eps, .maximize = options_.maximize};
      return adam_step(options, lr(), false, state.step);
    };
    backend(weight.device())
        .adam_rows(weight.view(), rows.view(), values.view(), state.exp_avg.view(), state.exp_avg_sq.view(), View{},
                   next_step, true);
    weight.bump_version();
  }
}

StateDict SparseAdam::state_dict() const {
  StateDict result{{"lr", Tensor::scalar(lr(), float64)}};
  for (size_t i = 0; i < count(); ++i) {
    if (!states_[i].exp_avg.defined()) continue;
    const std::string prefix = name(i) + ".";
    result.emplace_back(prefix + "step", Tensor::scalar(states_[i].step, int64));
    result.emplace_back(prefix + "exp_avg", states_[i].exp_avg.clone());
    result.emplace_back(prefix + "exp_avg_sq", states_[i].exp_avg_sq.clone());
  }
  return result;
}

void SparseAdam::load_state_dict(const StateDict& given) {
  StateReader reader(given, "load_state_dict");
  const double new_lr = reader.take("lr", {}, float64).item();
  std::vector<State> states(count());
  for (size_t i = 0; i < count(); ++i) {
    const std::string prefix = name(i) + ".";
    const Variable& variable = parameter(i);
    if (!reader.has(prefix + "step")) continue;
    states[i].step = read_step(reader, prefix);
    states[i].exp_avg =
        reader.take(prefix + "exp_avg", variable.shape(), variable.dtype()).to(variable.device()).clone();
    states[i].exp_avg_sq =
        reader.take(prefix + "exp_avg_sq", variable.shape(), variable.dtype()).to(variable.device()).clone();
  }
  reader.finish();
  set_lr(new_lr);
  states_ = std::move(states);
}

}  // namespace roux::nn
