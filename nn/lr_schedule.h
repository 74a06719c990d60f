// Learning-rate schedules: each sets its optimizer's rate when it is made, and anew at every step() after that.
//
// How to add one: derive, say in `rate` what the learning rate is after a number of steps, and end the constructor with
// apply(): otherwise the first step has the optimizer's own rate.
#pragma once

#include <cstdint>

#include "nn/optimizer.h"

namespace roux::nn {

/// The base of all schedules: sets an optimiser's learning rate, step by step.
class LrSchedule {
 public:
  LrSchedule(const LrSchedule&) = delete;
  LrSchedule& operator=(const LrSchedule&) = delete;
  virtual ~LrSchedule() = default;

  /// To be called after each step of the optimizer, or after each epoch: whichever the schedule counts.
  void step();
  /// How often step() was called.
  int64_t steps() const { return steps_; }
  /// The optimizer's learning rate when the schedule was made.
  double base_lr() const { return base_lr_; }

  /// `base_lr` and `steps`: all there is to save.
  StateDict state_dict() const;
  /// Goes on from there; sets the optimizer's learning rate.
  void load_state_dict(const StateDict& state);

 protected:
  /// The optimizer must live as long as the schedule.
  explicit LrSchedule(Optimizer& optimizer) : optimizer_(optimizer), base_lr_(optimizer.lr()) {}
  /// The learning rate after `steps` steps.
  virtual double rate(int64_t steps) const = 0;
  /// Sets the optimizer's rate; the last thing a constructor does.
  void apply() { optimizer_.set_lr(rate(steps_)); }

 private:
  Optimizer& optimizer_;
  double base_lr_;
  int64_t steps_ = 0;
};

/// Every `step_size` steps the rate is multiplied by `gamma`.
class StepLR final : public LrSchedule {
 public:
  /// Throws unless step_size is at least 1 and gamma at least 0.
  StepLR(Optimizer& optimizer, int64_t step_size, double gamma = 0.1);

 private:
  double rate(int64_t steps) const override;
  int64_t step_size_;
  double gamma_;
};

/// From the base rate along half a cosine to `eta_min` after `t_max` steps (Loshchilov & Hutter 2017, without
/// restarts); after that up again.
class CosineAnnealingLR final : public LrSchedule {
 public:
  /// Throws unless t_max is at least 1 and eta_min at least 0.
  CosineAnnealingLR(Optimizer& optimizer, int64_t t_max, double eta_min = 0);

 private:
  double rate(int64_t steps) const override;
  int64_t t_max_;
  double eta_min_;
};

/// Rises linearly from 0 over `warmup_steps`, then falls linearly to 0 at `total_steps`: the first step has rate 0.
class LinearWarmupLR final : public LrSchedule {
 public:
  /// Throws on a negative number of steps.
  LinearWarmupLR(Optimizer& optimizer, int64_t warmup_steps, int64_t total_steps);

 private:
  double rate(int64_t steps) const override;
  int64_t warmup_steps_, total_steps_;
};

}  // namespace roux::nn
