// The rates of the schedules.
#include "nn/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace roux::nn {

void LrSchedule::step() {
  ++steps_;
  apply();
}

StateDict LrSchedule::state_dict() const {
  return {{"base_lr", Tensor::scalar(base_lr_, float64)}, {"steps", Tensor::scalar(steps_, int64)}};
}

void LrSchedule::load_state_dict(const StateDict& state) {
  StateReader reader(state, "load_state_dict");
  const double base_lr = reader.take("base_lr", {}, float64).item();
  const auto steps = static_cast<int64_t>(reader.take("steps", {}, int64).item());
  reader.finish();
  ROUX_CHECK(steps >= 0, "load_state_dict", "a schedule cannot be after ", steps, " steps");
  ROUX_CHECK(base_lr >= 0 && std::isfinite(base_lr), "load_state_dict", "the base learning rate is ", base_lr);
  base_lr_ = base_lr;
  steps_ = steps;
  apply();
}

StepLR::StepLR(Optimizer& optimizer, int64_t step_size, double gamma)
    : LrSchedule(optimizer), step_size_(step_size), gamma_(gamma) {
  ROUX_CHECK(step_size > 0, "StepLR", "step_size must be at least 1, found ", step_size);
  ROUX_CHECK(gamma >= 0 && std::isfinite(gamma), "StepLR", "gamma must be at least 0, found ", gamma);
  apply();
}

double StepLR::rate(int64_t steps) const {
  return base_lr() * std::pow(gamma_, static_cast<double>(steps / step_size_));
}

CosineAnnealingLR::CosineAnnealingLR(Optimizer& optimizer, int64_t t_max, double eta_min)
    : LrSchedule(optimizer), t_max_(t_max), eta_min_(eta_min) {
  ROUX_CHECK(t_max > 0, "CosineAnnealingLR", "t_max must be at least 1, found ", t_max);
  ROUX_CHECK(eta_min >= 0 && std::isfinite(eta_min), "CosineAnnealingLR", "eta_min must be at least 0, found ",
             eta_min);
  apply();
}

double CosineAnnealingLR::rate(int64_t steps) const {
  const double angle = std::numbers::pi * static_cast<double>(steps) / static_cast<double>(t_max_);
  return eta_min_ + (base_lr() - eta_min_) * (1 + std::cos(angle)) / 2;
}

LinearWarmupLR::LinearWarmupLR(Optimizer& optimizer, int64_t warmup_steps, int64_t total_steps)
    : LrSchedule(optimizer), warmup_steps_(warmup_steps), total_steps_(total_steps) {
  ROUX_CHECK(warmup_steps >= 0 && total_steps >= 0, "LinearWarmupLR", "found ", warmup_steps,
             " steps of warm-up out of ", total_steps, ", expected 0 or more");
  apply();
}

double LinearWarmupLR::rate(int64_t steps) const {
  const auto share = [](int64_t part, int64_t whole) {
    return static_cast<double>(part) / static_cast<double>(std::max<int64_t>(1, whole));
  };
  if (steps < warmup_steps_) return base_lr() * share(steps, warmup_steps_);
  return base_lr() * std::max(0.0, share(total_steps_ - steps, total_steps_ - warmup_steps_));
}

}  // namespace roux::nn
