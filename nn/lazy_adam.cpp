// The bookkeeping of lazily updated tables: which rows are up to which step, and what is recorded of past steps. The
// arithmetic is in the kernels lazy_adam_* of the table's backend.
#include "nn/lazy_adam.h"

#include <algorithm>
#include <cmath>

namespace roux::nn {
namespace {

using Constants = LazyAdamConstants;

constexpr double negligible = 1e-12;  // of the first term: where the sum over past steps ends
constexpr double tolerance = 2e-7;    // of the sum: what the quadrature may miss
constexpr double smallest_eps = 1e-15;

/// By how much the terms of the sum decay from step to step, where eps counts for nothing.
double term_decay(const AdamOptions& options) {
  return options.amsgrad ? options.beta1 : options.beta1 / std::sqrt(options.beta2);
}

/// The number of steps after which the terms are negligible.
double window_of(const AdamOptions& options) {
  const double decay = term_decay(options);
  if (decay == 0) return 1;
  return decay < 1 ? std::max(1.0, std::ceil(std::log(negligible) / std::log(decay))) : INFINITY;
}

/// What the quadrature over the steps beyond s + j misses, as a share of the sum after step s: 4.5 * spread^4 of that
/// part of the sum, with `spread` the standard deviation of log d_k over it. Measured, and never exceeded, for beta1
/// from 0.1 to 0.97 and beta2 from 0.9 to 0.9999.
double quadrature_error(int64_t s, int64_t j, const AdamOptions& options) {
  const double decay = term_decay(options), remembered = std::pow(options.beta2, static_cast<double>(s + j));
  const double slope = -std::log(options.beta2) / 2 / (1 - remembered) * (options.amsgrad ? remembered : 1);
  return std::pow(decay, static_cast<double>(j)) * 4.5 * std::pow(slope / (1 - decay), 4);
}

/// The numbers that depend on the options alone, as kernels take them: see LazyAdamConstants.
Tensor make_constants(const AdamOptions& options, int64_t window) {
  Tensor table = Tensor::zeros({LazyAdamConstants::fields, lazy_adam_steps}, float64);
  double* const values = table.mutable_data<double>();
  const auto at = [&](int field, int64_t i) -> double& { return values[field * lazy_adam_steps + i]; };
  for (int64_t j = 0; j < lazy_adam_steps; ++j) {
    const double age = static_cast<double>(j);
    at(Constants::power1, j) = std::pow(options.beta1, age);
    at(Constants::power2, j) = std::pow(options.beta2, age);
    at(Constants::stretch, j) = options.amsgrad ? 1 : std::pow(options.beta2, -age / 2);
  }
  // How many terms after step s have to be taken one by one. From one s to the next it is the same number or one less.
  int64_t needed = window;
  for (int64_t s = 1; s < lazy_adam_steps; ++s) {
    while (needed > 0 && quadrature_error(s, needed - 1, options) <= tolerance) --needed;
    at(Constants::exact_terms, s) = static_cast<double>(needed);
  }
  for (int64_t j = 1; j <= window; ++j)
    for (int i = 0; i < 4; ++i)
      at(Constants::share0 + i, window - j) = at(Constants::power1, j) * std::pow(at(Constants::stretch, j), i + 1);
  return table;
}

bool same_rows(const Tensor& a, const Tensor& b) {
  return a.defined() && b.defined() && a.shares_storage(b) && a.numel() == b.numel();
}

void check_row_numbers(const Tensor& rows, int64_t bound) {
  ROUX_CHECK(rows.dim() == 1 && rows.dtype() == int64, "adam", "rows must be int64 of 1 dimension, found ",
             rows.dtype(), " of shape ", rows.shape());
  if (rows.device() != cpu) return;
  int64_t outside = 0;
  const Tensor flat = rows.contiguous();
  const int64_t* const row = flat.data<int64_t>();
  for (int64_t i = 0; i < flat.numel(); ++i) outside += row[i] < -1 || row[i] >= bound;
  ROUX_CHECK(outside == 0, "adam", outside, " rows lie outside the table of ", bound, " rows");
}

}  // namespace

bool LazyAdam::applies(const Variable& table, const AdamOptions& options, bool decoupled) {
  return table.dtype() == float32 && table.dim() == 2 && table.raw().is_contiguous() &&
         (decoupled || options.weight_decay == 0) && options.eps >= smallest_eps &&
         window_of(options) < static_cast<double>(lazy_adam_steps - 1);
}

LazyAdam::LazyAdam(const Variable& table, const AdamOptions& options, bool decoupled)
    : table_(table), options_(options), decoupled_(decoupled), window_(static_cast<int64_t>(window_of(options))) {
  const int64_t count = table.size(0);
  const Device device = table.device();
  exp_avg_ = Tensor::zeros(table.shape(), float32, device);
  exp_avg_sq_ = Tensor::zeros(table.shape(), float32, device);
  if (options.amsgrad) max_exp_avg_sq_ = Tensor::zeros(table.shape(), float32, device);
  last_steps_ = Tensor::zeros({count}, int32, device);
  if (decoupled && options.weight_decay != 0) settled_decay_ = Tensor::zeros({count}, float64, device);
  record_ = Tensor::zeros({LazyAdamRecord::fields, lazy_adam_steps}, float64, device);
  constants_ = make_constants(options, window_).to(device);
  table_.set_pending_rows(this);
}

LazyAdam::~LazyAdam() {
  const bool moved = table_.dtype() != float32 || table_.device() != exp_avg_.device();  // committed before it was
  try {
    if (!moved) commit_all();
  } catch (const std::exception&) {
    // The table keeps its rows as they are: a destructor can tell nobody, and whatever failed here fails again.
  }
  table_.set_pending_rows(nullptr);
}

LazyAdamTable LazyAdam::views() const {
  const Tensor& weight = table_.raw();
  ROUX_CHECK(weight.dtype() == float32 && weight.device() == exp_avg_.device() && weight.is_contiguous(), "adam",
             "the table is now ", weight.dtype(), " on ", weight.device(), ", its optimizer's state is float32 on ",
             exp_avg_.device(), " (hint: make the optimizer after to(device) or to(dtype))");
  LazyAdamTable views;
  views.w = weight.view();
  views.m = exp_avg_.view();
  views.v = exp_avg_sq_.view();
  if (max_exp_avg_sq_.defined()) views.max_v = max_exp_avg_sq_.view();
  views.last = last_steps_.view();
  if (settled_decay_.defined()) views.settled_decay = settled_decay_.view();
  views.record = record_.view();
  views.constants = constants_.view();
  views.eps = options_.eps;
  views.window = window_;
  views.step = [this] { return step_; };
  return views;
}

void LazyAdam::commit(const Tensor& ids) {
  if (step_ == 0) return;
  const Tensor rows = ids.contiguous();
  backend(rows.device()).lazy_adam_commit(views(), rows.view());
  ready_ = rows;
}

void LazyAdam::commit_all() {
  if (step_ == 0) return;
  if (!all_rows_.defined()) all_rows_ = Tensor::arange(0, table_.size(0), 1, int64, table_.device());
  commit(all_rows_);
}

Tensor LazyAdam::rows(const Tensor& ids) const {
  const Tensor flat = ids.contiguous();
  const Tensor out = Tensor::empty({flat.numel(), table_.size(1)}, float32, table_.device());
  backend(table_.device()).lazy_adam_read(out.view(), views(), flat.view());
  return out;
}

Tensor LazyAdam::materialise() const { return rows(Tensor::arange(0, table_.size(0), 1, int64, table_.device())); }

void LazyAdam::step(const RowGradient& gradient, const double& lr) {
  const Tensor rows = gradient.rows.contiguous(), values = gradient.values.contiguous();
  if (!same_rows(rows, ready_)) {
    check_row_numbers(rows, table_.size(0));
    commit(rows);
  }
  ready_ = Tensor();
  Backend& device = backend(rows.device());
  // The record of the step lazy_adam_steps before the next is about to be overwritten: nobody may still need it.
  device.lazy_adam_settle(views());
  device.lazy_adam_step(views(), rows.view(), values.view(), [this, &lr] {
    ++step_;
    return adam_step(options_, lr, decoupled_, step_);
  });
  table_.raw().bump_version();
}

void LazyAdam::save(const std::string& prefix, StateDict& state) const {
  state.emplace_back(prefix + "step", Tensor::scalar(step_, int64));
  state.emplace_back(prefix + "raw_weight", table_.raw().clone());
  state.emplace_back(prefix + "exp_avg", exp_avg_.clone());
  state.emplace_back(prefix + "exp_avg_sq", exp_avg_sq_.clone());
  if (max_exp_avg_sq_.defined()) state.emplace_back(prefix + "max_exp_avg_sq", max_exp_avg_sq_.clone());
  state.emplace_back(prefix + "last_steps", last_steps_.clone());
  if (settled_decay_.defined()) state.emplace_back(prefix + "settled_decay", settled_decay_.clone());
  state.emplace_back(prefix + "record", record_.clone());
}

LazyAdam::Saved LazyAdam::read(const std::string& prefix, const Variable& table, const AdamOptions& options,
                               bool decoupled, StateReader& reader) {
  const Shape& shape = table.shape();
  Saved saved;
  saved.step = reader.take(prefix + "step", {}, int64).to(cpu).data<int64_t>()[0];
  saved.raw_weight = reader.take(prefix + "raw_weight", shape, float32);
  saved.exp_avg = reader.take(prefix + "exp_avg", shape, float32);
  saved.exp_avg_sq = reader.take(prefix + "exp_avg_sq", shape, float32);
  if (options.amsgrad) saved.max_exp_avg_sq = reader.take(prefix + "max_exp_avg_sq", shape, float32);
  saved.last_steps = reader.take(prefix + "last_steps", {shape[0]}, int32);
  if (decoupled && options.weight_decay != 0)
    saved.settled_decay = reader.take(prefix + "settled_decay", {shape[0]}, float64);
  saved.record = reader.take(prefix + "record", {LazyAdamRecord::fields, lazy_adam_steps}, float64);

  const Tensor last_steps = saved.last_steps.to(cpu).contiguous();
  for (int64_t i = 0; i < shape[0]; ++i) {
    const int64_t last = last_steps.data<int32_t>()[i];
    ROUX_CHECK(last <= saved.step && last >= -saved.step && (last <= 0 || last > saved.step - lazy_adam_steps),
               "load_state_dict", "'", prefix, "last_steps' says ", last, " for row ", i, " at step ", saved.step);
  }
  return saved;
}

void LazyAdam::restore(const Saved& saved) {
  Tensor weight = table_.raw();
  weight.copy_(saved.raw_weight);
  exp_avg_.copy_(saved.exp_avg);
  exp_avg_sq_.copy_(saved.exp_avg_sq);
  if (max_exp_avg_sq_.defined()) max_exp_avg_sq_.copy_(saved.max_exp_avg_sq);
  last_steps_.copy_(saved.last_steps);
  if (settled_decay_.defined()) settled_decay_.copy_(saved.settled_decay);
  record_.copy_(saved.record);
  step_ = saved.step;
  ready_ = Tensor();
}

}  // namespace roux::nn
