// Dense Adam on an embedding table, at the cost of the rows that batches touch.
//
// A row that a batch does not touch still moves under Adam: its momentum decays and pushes the weights on. But its
// gradient is zero, so all the steps it missed have one closed form, and the row can wait until somebody needs it.
// Say a row was last stepped at step s, with m and v as of then, and is due up to step t. For the steps k after s let
//
//   d_k = sqrt(1 - beta2^k) * beta2^(-(k - s) / 2)        p_k = lr_k * beta1^(k - s) / (1 - beta1^k) * d_k
//
// Then exactly   w -= m * sum_k p_k / (sqrt(v) + eps * d_k),   m *= beta1^(t - s),   v *= beta2^(t - s).
//
// The sum differs from element to element through eps / sqrt(v), but d_k hardly varies while p_k is not yet negligible:
// a Gauss quadrature with two nodes integrates 1 / (sqrt(v) + eps * d) over the measure p_k to float32 accuracy. It
// needs the moments M_i = sum_k p_k * d_k^i, i = 0 to 3, which depend on s and t alone: they are kept for the last
// 1,024 steps, and each step adds its term to those that still change. With mu, c2 and c3 the mean, variance and third
// central moment of the measure and h = c3 / (2 c2), the nodes are the roots of x^2 - 2 (mu + h) x + mu^2 + 2 mu h -
// c2, and with r = sqrt(v) the quadrature is the rational function
//
//   (M0 r + eps M0 (mu + 2 h)) / (r^2 + 2 eps (mu + h) r + eps^2 (mu^2 + 2 mu h - c2)).
//
// Its error grows like the fourth power of the spread of d_k, which is wide in the first steps of a training: there the
// first terms of the sum are taken one by one, as many as it takes for the rest to be below 2e-7 of the whole.
//
// After `window` steps the terms are below 1e-12 of the first: the row has come to rest. Before the record of step s is
// overwritten, rows still waiting since s are settled: they are moved for good, their m becomes 0, and they need
// nothing until they are touched again. To find them each step looks at another small part of the table, so that every
// row is looked at once in lazy_adam_steps - 1 - window steps.
//
// Decoupled weight decay multiplies w and the moments by 1 - lr * weight_decay each step. With amsgrad, v is its
// maximum, which does not decay: d_k = sqrt(1 - beta2^k).
#pragma once

#include <vector>

#include "autograd/variable.h"
#include "nn/adam.h"
#include "nn/optimizer.h"
#include "tensor/backend.h"

namespace roux::nn {

/// The state of one table under lazily updated Adam, and what it owes to the table's rows. Reads never write: only
/// `commit`, `commit_all` and `step` change anything.
class LazyAdam final : public PendingRows {
 public:
  /// Whether Adam with these options can be lazy on this table: a contiguous float32 matrix, no L2 weight decay, a
  /// window shorter than the record, and an eps that float32 can square.
  static bool applies(const Variable& table, const AdamOptions& options, bool decoupled);

  /// Installs itself as the table's pending rows; throws when another optimizer's are there.
  LazyAdam(const Variable& table, const AdamOptions& options, bool decoupled);
  /// Brings all rows up to date and takes itself away.
  ~LazyAdam() override;
  LazyAdam(const LazyAdam&) = delete;
  LazyAdam& operator=(const LazyAdam&) = delete;

  void commit(const Tensor& ids) override;
  void commit_all() override;
  Tensor rows(const Tensor& ids) const override;
  Tensor materialise() const override;

  /// One step of Adam on the whole table, of which only these rows have a gradient.
  void step(const RowGradient& gradient, const double& lr);

  int64_t steps() const { return step_; }
  const Tensor& exp_avg() const { return exp_avg_; }
  const Tensor& exp_avg_sq() const { return exp_avg_sq_; }
  const Tensor& max_exp_avg_sq() const { return max_exp_avg_sq_; }

  /// Appends everything that later steps depend on to `state`, under prefix + name: the raw weights among it.
  void save(const std::string& prefix, StateDict& state) const;
  /// What `save` has written, checked and not yet in use.
  struct Saved {
    int64_t step = 0;
    Tensor raw_weight, exp_avg, exp_avg_sq, max_exp_avg_sq, last_steps, settled_decay, record;
  };
  static Saved read(const std::string& prefix, const Variable& table, const AdamOptions& options, bool decoupled,
                    StateReader& reader);
  /// Goes on from there, the table's weights included.
  void restore(const Saved& saved);

 private:
  LazyAdamTable views() const;

  Variable table_;
  AdamOptions options_;
  bool decoupled_;
  int64_t window_;
  int64_t step_ = 0;
  Tensor exp_avg_, exp_avg_sq_, max_exp_avg_sq_;  // (rows, dim), the rows as of their own last steps
  Tensor last_steps_, settled_decay_, record_, constants_;
  Tensor all_rows_;  // 0 .. rows - 1, once commit_all was called
  Tensor ready_;     // rows that the last commit brought up to date
};

}  // namespace roux::nn
