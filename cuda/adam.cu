// Adam on whole tensors and on the rows of a table that have a gradient: one pass over weight, gradient and moments.
#include <cmath>
#include <limits>
#include <type_traits>

#include "cuda/cuda_backend.h"
#include "cuda/strided.h"
#include "tensor/host_device.h"

namespace roux::cuda {
namespace {

/// The numbers of one step in the type that they are used in. With c = 1 - beta2^t, the step
/// lr / (1 - beta1^t) * m / (sqrt(v) / sqrt(c) + eps) is computed as rate * m / (sqrt(v) + eps * sqrt(c)).
template <class T>
struct Constants {
  T beta1, gain1, beta2, gain2, rate, eps, decay, l2, grad_scale;

  Constants(const AdamStep& step, bool sparse_eps)
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

template <class T>
EachStep<Constants<T>> constants_of(const EachStep<AdamStep>& step, bool sparse_eps) {
  return [step, sparse_eps] { return Constants<T>(step(), sparse_eps); };
}

/// A parameter and its state; max_v only with amsgrad.
template <class T>
struct Arrays {
  T* w;
  const T* grad;
  T *m, *v, *max_v;
};

/// x with 0 in place of what is so small that products of it become denormal, as on the CPU.
template <class T>
__device__ T without_denormals(T x) {
  constexpr T least = 16 * std::numeric_limits<T>::min();
  return x < least && x > -least ? T(0) : x;
}

/// The square root; for float32 that of 0 is that of the smallest normal number, as on the CPU, so that a step without
/// eps divides by it.
template <class T>
__device__ T square_root(T x) {
  if constexpr (std::is_same_v<T, float>) x = x < std::numeric_limits<T>::min() ? std::numeric_limits<T>::min() : x;
  return std::sqrt(x);
}

/// One step on `width` elements at `at`, whose gradients are at `grad_at`, or on the first `present` of them.
template <int width, bool amsgrad, class T>
__device__ void step_group(const Arrays<T>& arrays, int64_t at, int64_t grad_at, int present, const Constants<T>& c) {
  const auto read = [=](const T* from, int64_t offset) {
    return read_group<width>(Input<T>{from, T(0)}, offset, true, present);
  };
  Pack<T, width> w = read(arrays.w, at), m = read(arrays.m, at), v = read(arrays.v, at);
  const Pack<T, width> grad = read(arrays.grad, grad_at);
  Pack<T, width> second = amsgrad ? read(arrays.max_v, at) : v;
  for (int k = 0; k < width; ++k) {
    const T weight = w.at[k], g = grad.at[k] * c.grad_scale + weight * c.l2;
    m.at[k] = without_denormals(m.at[k] * c.beta1 + g * c.gain1);
    const T grown = v.at[k] * c.beta2 + g * g * c.gain2;
    v.at[k] = grown > std::numeric_limits<T>::max() ? std::numeric_limits<T>::max() : grown;
    second.at[k] = amsgrad && v.at[k] < second.at[k] ? second.at[k] : v.at[k];
    // w - w * decay: 1 - decay would be rounded to the same side in every step.
    w.at[k] = weight - weight * c.decay - m.at[k] * c.rate * (T(1) / (square_root(second.at[k]) + c.eps));
  }
  write_group(arrays.w + at, w, present);
  write_group(arrays.m + at, m, present);
  write_group(arrays.v + at, v, present);
  if constexpr (amsgrad) write_group(arrays.max_v + at, second, present);
}

// 28 bytes of float32 (36 with amsgrad) and about 20 flops an element: bound by memory.
template <int width, bool amsgrad, class T>
__global__ void adam_kernel(int64_t count, Arrays<T> arrays, StepValue<Constants<T>> step) {
  const Constants<T> constants = step.get();
  for_each_index((count + width - 1) / width, [&](int64_t group) {
    const int64_t at = group * width, left = count - at;
    step_group<width, amsgrad>(arrays, at, at, left < width ? static_cast<int>(left) : width, constants);
  });
}

/// A table whose rows `ids` are stepped; 2^`share` neighbouring threads share a row.
struct Rows {
  const int64_t* ids;
  int64_t count, table_rows, dim;
  int share;

  ROUX_HOST_DEVICE int threads() const { return 1 << share; }
};

// The same for each element of the given rows. Rows of -1 are skipped.
template <int width, bool amsgrad, class T>
__global__ void adam_rows_kernel(Rows rows, Arrays<T> arrays, StepValue<Constants<T>> step) {
  const Constants<T> constants = step.get();
  const int64_t groups = rows.dim / width;
  for_each_index(rows.count << rows.share, [&](int64_t i) {
    const int64_t position = i >> rows.share, row = rows.ids[position];
    if (row < 0 || row >= rows.table_rows) return;
    for (int64_t group = i & (rows.threads() - 1); group < groups; group += rows.threads())
      step_group<width, amsgrad>(arrays, row * rows.dim + group * width, position * rows.dim + group * width, width,
                                 constants);
  });
}

template <class T>
Arrays<T> arrays_of(const View& w, const View& grad, const View& m, const View& v, const View& max_v) {
  return {w.as<T>(), grad.as<const T>(), m.as<T>(), v.as<T>(), max_v.as<T>()};
}

/// Calls f<width, amsgrad>(): whole packs where rows of `dim` elements consist of them.
template <class T, class F>
void with_variant(bool packed, bool amsgrad, F f) {
  if (packed && amsgrad) return f.template operator()<pack_width<T>, true>();
  if (packed) return f.template operator()<pack_width<T>, false>();
  if (amsgrad) return f.template operator()<1, true>();
  f.template operator()<1, false>();
}

template <class T>
bool in_whole_packs(int64_t dim, const Arrays<T>& arrays) {
  return has_whole_packs<T>(dim, arrays.w, arrays.grad, arrays.m, arrays.v, arrays.max_v);
}

}  // namespace

void CudaBackend::adam(const View& w, const View& grad, const View& m, const View& v, const View& max_v,
                       const EachStep<AdamStep>& step) {
  const int64_t count = w.numel();
  dispatch_floating(w.dtype, "adam", [&](auto type) {
    using T = decltype(type);
    const Arrays<T> arrays = arrays_of<T>(w, grad, m, v, max_v);
    const auto constants = step_value(constants_of<T>(step, false));
    const bool aligned = in_whole_packs(0, arrays);  // the last group may be part of a pack
    with_variant<T>(aligned, max_v.data != nullptr, [&]<int width, bool amsgrad>() {
      launch(adam_kernel<width, amsgrad, T>, blocks_for((count + width - 1) / width), block_threads, stream(), count,
             arrays, constants);
    });
  });
}

void CudaBackend::adam_rows(const View& w, const View& rows, const View& grad, const View& m, const View& v,
                            const View& max_v, const EachStep<AdamStep>& step, bool sparse_eps) {
  const int64_t count = rows.numel(), dim = w.shape[1];
  dispatch_floating(w.dtype, "adam", [&](auto type) {
    using T = decltype(type);
    const Arrays<T> arrays = arrays_of<T>(w, grad, m, v, max_v);
    const auto constants = step_value(constants_of<T>(step, sparse_eps));
    with_variant<T>(in_whole_packs(dim, arrays), max_v.data != nullptr, [&]<int width, bool amsgrad>() {
      Rows table{rows.as<const int64_t>(), count, w.shape[0], dim, 0};
      // As many threads as a row has groups, so that no thread of a short row is idle and long ones are read in runs.
      while (table.threads() < block_threads && table.threads() < dim / width) ++table.share;
      launch(adam_rows_kernel<width, amsgrad, T>, blocks_for(count << table.share), block_threads, stream(), table,
             arrays, constants);
    });
  });
}

}  // namespace roux::cuda
