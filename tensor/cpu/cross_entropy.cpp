// Cross entropy of rows of logits, and its gradient.
//
// Both kinds of labels are one formula: the loss of a row is the sum of -t[c] * log p[c] over the classes c, where
//   labels as indices        t[c] = w[c] * ((1 - e) * [c == label] + e / classes), 0 in an ignored row
//   labels as probabilities  t[c] = w[c] * ((1 - e) * probability[c] + e / classes)
// with class weights w and label smoothing e (Szegedy et al. 2016, "Rethinking the Inception Architecture"), and its
// gradient by the logits is p[c] * (sum of t) - t[c].
#include <algorithm>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/grain.h"
#include "tensor/cpu/softmax_rows.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

constexpr int64_t elements_per_task = 8192;

/// The targets t of all rows.
template <class T>
struct Targets {
  const int64_t* labels;   // null where labels are probabilities
  const T* probabilities;  // null where labels are indices
  const T* weights;        // null: all 1
  int64_t classes, ignore_index;
  T kept, smoothing;  // 1 - e, e / classes
  T weight_sum;

  Targets(const View& label_view, const View& class_weights, const CrossEntropyShape& shape)
      : labels(label_view.dtype == int64 ? label_view.as<const int64_t>() : nullptr),
        probabilities(labels ? nullptr : label_view.as<const T>()),
        weights(class_weights.as<const T>()),
        classes(shape.classes),
        ignore_index(shape.ignore_index),
        kept(static_cast<T>(1 - shape.label_smoothing)),
        smoothing(shape.label_smoothing == 0
                      ? 0
                      : static_cast<T>(shape.label_smoothing / static_cast<double>(shape.classes))),
        weight_sum(static_cast<T>(classes)) {
    if (weights) weight_sum = lane_sum(classes, [this](int64_t c) { return weights[c]; });
  }
  T weight(int64_t c) const { return weights ? weights[c] : 1; }
  T of_probability(int64_t row, int64_t c) const {
    return weight(c) * (kept * probabilities[row * classes + c] + smoothing);
  }
};

template <class T>
void index_losses(T* losses, T* divisors, const T* log_p, const Targets<T>& targets, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const int64_t label = targets.labels[row];
    const T* const x = log_p + row * targets.classes;
    if (label == targets.ignore_index) {
      losses[row] = divisors[row] = 0;
      continue;
    }
    const T weight = targets.weight(label);
    T loss = -targets.kept * weight * x[label];
    if (targets.smoothing != 0) {
      loss -= targets.smoothing * lane_sum(targets.classes, [&](int64_t c) { return targets.weight(c) * x[c]; });
    }
    losses[row] = loss;
    divisors[row] = weight;
  }
}

template <class T>
void probability_losses(T* losses, T* divisors, const T* log_p, const Targets<T>& targets, int64_t begin, int64_t end) {
  for (int64_t row = begin; row < end; ++row) {
    const T* const x = log_p + row * targets.classes;
    losses[row] = -lane_sum(targets.classes, [&](int64_t c) { return targets.of_probability(row, c) * x[c]; });
    divisors[row] = 1;
  }
}

/// The gradient of each row's loss.
template <class T>
struct RowGradients {
  const T* grad;
  int64_t stride;
  T divisor;

  RowGradients(const View& view, const View& by)
      : grad(view.as<const T>()), stride(view.strides[0]), divisor(by.data ? *by.as<const T>() : T(1)) {}
  T operator[](int64_t row) const { return grad[row * stride] / divisor; }
};

// `out` comes with p and leaves with the gradient.
template <class T>
void index_gradients(T* out, const RowGradients<T>& grad, const Targets<T>& targets, int64_t begin, int64_t end) {
  const int64_t n = targets.classes;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t label = targets.labels[row];
    T* const x = out + row * n;
    if (label == targets.ignore_index) {
      std::fill_n(x, n, T{0});
      continue;
    }
    const T g = grad[row], target = targets.kept * targets.weight(label);
    const T scale = g * (target + targets.smoothing * targets.weight_sum);
    for (int64_t c = 0; c < n; ++c) x[c] *= scale;
    x[label] -= g * target;
    if (targets.smoothing != 0) {
      for (int64_t c = 0; c < n; ++c) x[c] -= g * targets.smoothing * targets.weight(c);
    }
  }
}

template <class T>
void probability_gradients(T* out, const RowGradients<T>& grad, const Targets<T>& targets, int64_t begin, int64_t end) {
  const int64_t n = targets.classes;
  for (int64_t row = begin; row < end; ++row) {
    T* const x = out + row * n;
    const T sum = lane_sum(n, [&](int64_t c) { return targets.of_probability(row, c); });
    const T g = grad[row];
    for (int64_t c = 0; c < n; ++c) x[c] = g * (x[c] * sum - targets.of_probability(row, c));
  }
}

}  // namespace

void CpuBackend::cross_entropy(const View& losses, const View& divisors, const View& log_probabilities,
                               const View& logits, const View& labels, const View& class_weights,
                               const CrossEntropyShape& shape) {
  dispatch_floating(logits.dtype, "cross_entropy", [&]<class T>(T) {
    const Targets<T> targets(labels, class_weights, shape);
    T* const log_p = log_probabilities.as<T>();
    parallel_for(shape.rows, grain_of(shape.classes, elements_per_task), [&](int64_t begin, int64_t end) {
      const int64_t at = begin * shape.classes;
      if (shape.classes > 0) {
        softmax_rows(log_p + at, logits.as<const T>() + at, end - begin, shape.classes, true);
      }
      const auto fill = targets.labels ? index_losses<T> : probability_losses<T>;
      fill(losses.as<T>(), divisors.as<T>(), log_p, targets, begin, end);
    });
  });
}

void CpuBackend::cross_entropy_mean(const View& loss, const View& divisor, const View& losses, const View& divisors) {
  const Along rows{.outer = 1, .n = losses.numel(), .inner = 1};
  reduce(ReduceOp::sum, loss, losses, rows);
  reduce(ReduceOp::sum, divisor, divisors, rows);
  dispatch_floating(loss.dtype, "cross_entropy", [&]<class T>(T) { *loss.as<T>() /= *divisor.as<T>(); });
}

void CpuBackend::cross_entropy_backward(const View& grad_logits, const View& grad, const View& divisor,
                                        const View& log_probabilities, const View& labels, const View& class_weights,
                                        const CrossEntropyShape& shape) {
  dispatch_floating(log_probabilities.dtype, "cross_entropy_backward", [&]<class T>(T) {
    const Targets<T> targets(labels, class_weights, shape);
    const RowGradients<T> gradients(grad, divisor);
    const T* const log_p = log_probabilities.as<const T>();
    T* const out = grad_logits.as<T>();
    parallel_for(shape.rows, grain_of(shape.classes, elements_per_task), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin * shape.classes; i < end * shape.classes; ++i) out[i] = vector_math::exp(log_p[i]);
      const auto finish = targets.labels ? index_gradients<T> : probability_gradients<T>;
      finish(out, gradients, targets, begin, end);
    });
  });
}

}  // namespace roux::cpu_kernels
