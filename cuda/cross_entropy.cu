// Cross entropy of rows of logits, and its gradient. The formula is that of tensor/cpu/cross_entropy.cpp: the loss of a
// row is the sum of -t[c] * log p[c] over the classes c, its gradient by the logits p[c] * (sum of t) - t[c], where
//   labels as indices        t[c] = w[c] * ((1 - e) * [c == label] + e / classes), 0 in an ignored row
//   labels as probabilities  t[c] = w[c] * ((1 - e) * probability[c] + e / classes)
// A label that is no class is treated as one to ignore.
#include "cuda/block.h"
#include "cuda/cuda_backend.h"
#include "cuda/grid.h"
#include "cuda/softmax_rows.h"

namespace roux::cuda {
namespace {

/// The targets t of all rows.
template <class T>
struct Targets {
  const int64_t* labels;   // null where labels are probabilities
  const T* probabilities;  // null where labels are indices
  const T* weights;        // null: all 1
  int64_t classes, ignore_index;
  T kept, smoothing;  // 1 - e, e / classes

  Targets(const View& label_view, const View& class_weights, const CrossEntropyShape& shape)
      : labels(label_view.dtype == int64 ? label_view.as<const int64_t>() : nullptr),
        probabilities(label_view.dtype == int64 ? nullptr : label_view.as<const T>()),
        weights(class_weights.as<const T>()),
        classes(shape.classes),
        ignore_index(shape.ignore_index),
        kept(static_cast<T>(1 - shape.label_smoothing)),
        smoothing(shape.label_smoothing == 0
                      ? T(0)
                      : static_cast<T>(shape.label_smoothing / static_cast<double>(shape.classes))) {}

  __device__ T weight(int64_t c) const { return weights ? weights[c] : T(1); }
  __device__ T of_probability(T probability, int64_t c) const { return weight(c) * (kept * probability + smoothing); }
  /// The label of a row, -1 for one to ignore.
  __device__ int64_t label(int64_t row) const {
    const int64_t label = labels[row];
    return label == ignore_index || label < 0 || label >= classes ? -1 : label;
  }
};

// 8 bytes (of float32) and about 20 flops a class, 4 bytes more where labels are probabilities: bound by memory. Rows
// beyond the registers are read twice.
template <class Layout, class T>
__global__ void cross_entropy_kernel(T* losses, T* divisors, T* log_probabilities, const T* logits, Targets<T> targets,
                                     int64_t rows) {
  ROUX_SHARED(Exponentials<T>, scratch, warp_size);
  T* const numbers = reinterpret_cast<T*>(scratch);
  const int64_t n = targets.classes;
  Layout::for_each_row(rows, [&](int64_t row, bool present) {
    const int64_t length = present ? n : 0;
    const RowIn<Layout, T> x(logits + row * n, length);
    const RowIn<Layout, T> probability(targets.labels ? nullptr : targets.probabilities + row * n,
                                       targets.labels ? 0 : length);
    RowOut<Layout, T> log_p(log_probabilities + row * n);
    const Exponentials<T> all = sum_exponentials(x, length, scratch);
    const T log_sum = vector_math::log(all.sum);
    const int64_t label = present && targets.labels ? targets.label(row) : -1;
    T sum = 0, of_label = 0;  // the sum of t * log p, without what the label adds
    Layout::template each<T>(length, [&](int k, int64_t c) {
      const T value = x.at(k, c) - all.largest - log_sum;
      log_p.set(k, c, value);
      if (!targets.labels) sum += targets.of_probability(probability.at(k, c), c) * value;
      if (targets.labels && targets.smoothing != 0) sum += targets.weight(c) * value;
      if (c == label) of_label = value;
    });
    log_p.flush(length);
    sum = team_reduce<Layout::threads>(sum, Sum{}, numbers);
    of_label = team_reduce<Layout::threads>(of_label, Sum{}, numbers);  // the others have 0
    if (!present || Layout::rank() != 0) return;
    if (!targets.labels) {
      losses[row] = -sum;
      divisors[row] = 1;
    } else if (label < 0) {
      losses[row] = divisors[row] = 0;
    } else {
      const T weight = targets.weight(label), loss = -targets.kept * weight * of_label;
      losses[row] = targets.smoothing != 0 ? loss - targets.smoothing * sum : loss;
      divisors[row] = weight;
    }
  });
}

// 8 bytes (of float32) and about 18 flops a class, 4 bytes more where labels are probabilities: bound by memory.
template <class Layout, class T>
__global__ void cross_entropy_backward_kernel(T* grad_logits, const T* grad, int64_t grad_stride, const T* divisor,
                                              const T* log_probabilities, Targets<T> targets, int64_t rows) {
  ROUX_SHARED(T, scratch, warp_size);
  const int64_t n = targets.classes;
  Layout::for_each_row(rows, [&](int64_t row, bool present) {
    const int64_t length = present ? n : 0;
    const RowIn<Layout, T> log_p(log_probabilities + row * n, length);
    const RowIn<Layout, T> probability(targets.labels ? nullptr : targets.probabilities + row * n,
                                       targets.labels ? 0 : length);
    RowOut<Layout, T> result(grad_logits + row * n);
    const int64_t label = present && targets.labels ? targets.label(row) : -1;
    T sum = 0;  // of the targets of probabilities, or of the weights
    Layout::template each<T>(length, [&](int k, int64_t c) {
      if (!targets.labels) sum += targets.of_probability(probability.at(k, c), c);
      if (targets.labels && targets.smoothing != 0) sum += targets.weight(c);
    });
    sum = team_reduce<Layout::threads>(sum, Sum{}, scratch);
    const T g = present ? grad[row * grad_stride] / (divisor ? *divisor : T(1)) : T(0);
    const T target = label < 0 ? T(0) : targets.kept * targets.weight(label);
    const T scale = g * (target + targets.smoothing * sum), spread = g * targets.smoothing;
    Layout::template each<T>(length, [&](int k, int64_t c) {
      const T p = vector_math::exp(log_p.at(k, c));
      if (!targets.labels) {
        result.set(k, c, g * (p * sum - targets.of_probability(probability.at(k, c), c)));
      } else if (label < 0) {
        result.set(k, c, T(0));
      } else {
        const T value = p * scale - (c == label ? g * target : T(0));
        result.set(k, c, targets.smoothing != 0 ? value - spread * targets.weight(c) : value);
      }
    });
    result.flush(length);
  });
}

constexpr int mean_threads = 1024;

// Two sums and their quotient by one block: 8 bytes a row, bound by latency up to some 100,000 rows.
template <class T>
__global__ void mean_loss_kernel(T* loss, T* divisor, const T* losses, const T* divisors, int64_t rows) {
  ROUX_SHARED(T, scratch, warp_size);
  T sum = 0, weight = 0;
  for_each_index(rows, [&](int64_t row) {
    sum += losses[row];
    weight += divisors[row];
  });
  sum = block_reduce<mean_threads>(sum, Sum{}, scratch);
  weight = block_reduce<mean_threads>(weight, Sum{}, scratch);
  if (threadIdx.x != 0) return;
  *loss = sum / weight;
  *divisor = weight;
}

}  // namespace

void CudaBackend::cross_entropy(const View& losses, const View& divisors, const View& log_probabilities,
                                const View& logits, const View& labels, const View& class_weights,
                                const CrossEntropyShape& shape) {
  dispatch_floating(logits.dtype, "cross_entropy", [&]<class T>(T) {
    const Targets<T> targets(labels, class_weights, shape);
    T* const log_p = log_probabilities.as<T>();
    const T* const x = logits.as<const T>();
    const bool wide = has_whole_packs<T>(shape.classes, log_p, x, targets.probabilities);
    with_row_layout(shape.classes, wide, [&]<class Layout>(Layout) {
      launch(cross_entropy_kernel<Layout, T>, Layout::grid(shape.rows), Layout::block, stream(), losses.as<T>(),
             divisors.as<T>(), log_p, x, targets, shape.rows);
    });
  });
}

void CudaBackend::cross_entropy_mean(const View& loss, const View& divisor, const View& losses, const View& divisors) {
  dispatch_floating(loss.dtype, "cross_entropy", [&]<class T>(T) {
    launch(mean_loss_kernel<T>, dim3(1), dim3(mean_threads), stream(), loss.as<T>(), divisor.as<T>(),
           losses.as<const T>(), divisors.as<const T>(), losses.numel());
  });
}

void CudaBackend::cross_entropy_backward(const View& grad_logits, const View& grad, const View& divisor,
                                         const View& log_probabilities, const View& labels, const View& class_weights,
                                         const CrossEntropyShape& shape) {
  dispatch_floating(log_probabilities.dtype, "cross_entropy_backward", [&]<class T>(T) {
    const Targets<T> targets(labels, class_weights, shape);
    T* const out = grad_logits.as<T>();
    const T* const log_p = log_probabilities.as<const T>();
    const bool wide = has_whole_packs<T>(shape.classes, out, log_p, targets.probabilities);
    with_row_layout(shape.classes, wide, [&]<class Layout>(Layout) {
      launch(cross_entropy_backward_kernel<Layout, T>, Layout::grid(shape.rows), Layout::block, stream(), out,
             grad.as<const T>(), grad.strides[0], divisor.as<const T>(), log_p, targets, shape.rows);
    });
  });
}

}  // namespace roux::cuda
