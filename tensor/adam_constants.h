// The numbers that Adam's kernels compute a step with, made once a step on the host for either device.
#pragma once

#include <cmath>

#include "tensor/backend.h"

namespace roux {

/// An AdamStep in the type that it is used in. With c = 1 - beta2^t, the step
/// lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(c) + eps) is computed as rate * m / (sqrt(v) + eps * sqrt(c)).
/// `sparse_eps`: see Backend::adam_rows.
template <class T>
struct AdamConstants {
  T beta1, gain1, beta2, gain2, rate, eps, decay, l2, grad_scale;

  AdamConstants(const AdamStep& step, bool sparse_eps)
      : beta1(static_cast<T>(step.beta1)),
        gain1(static_cast<T>(1 - step.beta1)),
        beta2(static_cast<T>(step.beta2)),
        gain2(static_cast<T>(1 - step.beta2)),
        rate(static_cast<T>(step.lr * std::sqrt(step.bias_correction2) / step.bias_correction1)),
        eps(static_cast<T>(sparse_eps ? step.eps : step.eps * std::sqrt(step.bias_correction2))),
        decay(static_cast<T>(step.decoupled ? step.lr * step.weight_decay : 0)),
        l2(static_cast<T>(step.decoupled ? 0 : step.weight_decay)),
        grad_scale(static_cast<T>(step.grad_scale)) {}
};

}  // namespace roux
