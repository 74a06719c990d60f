// Adam on whole tensors and on the rows of a table that have a gradient: one pass over weight, gradient and moments.
#include <cmath>
#include <limits>
#include <type_traits>

#include "cuda/cuda_backend.h"
#include "cuda/flush.h"
#include "cuda/strided.h"
#include "tensor/adam_constants.h"
#include "tensor/host_device.h"

namespace roux::cuda {
namespace {

template <class T>
EachStep<AdamConstants<T>> constants_of(const EachStep<AdamStep>& step, bool sparse_eps) {
  return [step, sparse_eps] { return AdamConstants<T>(step(), sparse_eps); };
}

/// A parameter and its state; max_v only with amsgrad.
template <class T>
struct Arrays {
  T* w;
  const T* grad;
  T *m, *v, *max_v;

  bool aligned() const { return are_aligned(w, grad, m, v, max_v); }
};

/// The square root; for float32 that of 0 is that of the smallest normal number, as on the CPU, so that a step without
/// eps divides by it.
template <class T>
__device__ T square_root(T x) {
  if constexpr (std::is_same_v<T, float>) x = x < std::numeric_limits<T>::min() ? std::numeric_limits<T>::min() : x;
  return std::sqrt(x);
}

/// One step on `width` elements at `at`, whose gradients are at `grad_at`, or on the first `present` of them.
template <int width, bool amsgrad, class T>
__device__ void step_group(const Arrays<T>& arrays, int64_t at, int64_t grad_at, int present,
                           const AdamConstants<T>& c) {
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

/// Several parameters, whose packs of elements are counted through: parameter i has those from begin[i] on.
template <class T>
struct ParameterList {
  static constexpr int most = 48;  // an argument list has room for 4 KB

  Arrays<T> arrays[most];
  int64_t begin[most + 1] = {};
  int64_t count[most] = {};  // elements
  int size = 0;
};

// 28 bytes of float32 (36 with amsgrad) and about 20 flops an element: bound by memory.
template <int width, bool amsgrad, class T>
__global__ void adam_kernel(ParameterList<T> list, StepValue<AdamConstants<T>> step) {
  const AdamConstants<T> constants = step.get();
  for_each_index(list.begin[list.size], [&](int64_t group) {
    int i = 0;
    while (group >= list.begin[i + 1]) ++i;
    const int64_t at = (group - list.begin[i]) * width, left = list.count[i] - at;
    step_group<width, amsgrad>(list.arrays[i], at, at, left < width ? static_cast<int>(left) : width, constants);
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
__global__ void adam_rows_kernel(Rows rows, Arrays<T> arrays, StepValue<AdamConstants<T>> step) {
  const AdamConstants<T> constants = step.get();
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

}  // namespace

void CudaBackend::adam(const std::vector<AdamParameter>& parameters, const EachStep<AdamStep>& step) {
  if (parameters.empty()) return;
  dispatch_floating(parameters[0].w.dtype, "adam", [&](auto type) {
    using T = decltype(type);
    const auto constants = step_value(constants_of<T>(step, false));
    bool aligned = true;
    for (const AdamParameter& p : parameters) aligned &= arrays_of<T>(p.w, p.grad, p.m, p.v, p.max_v).aligned();
    with_variant<T>(aligned, parameters[0].max_v.data != nullptr, [&]<int width, bool amsgrad>() {
      for (size_t first = 0; first < parameters.size();) {
        ParameterList<T> list;
        for (; first < parameters.size() && list.size < ParameterList<T>::most; ++first) {
          const AdamParameter& p = parameters[first];
          const int i = list.size++;
          list.arrays[i] = arrays_of<T>(p.w, p.grad, p.m, p.v, p.max_v);
          list.count[i] = p.w.numel();
          list.begin[i + 1] = list.begin[i] + (list.count[i] + width - 1) / width;  // the last may be part of a pack
        }
        launch(adam_kernel<width, amsgrad, T>, blocks_for(list.begin[list.size]), block_threads, stream(), list,
               constants);
      }
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
    const bool packed = dim % pack_width<T> == 0 && arrays.aligned();
    with_variant<T>(packed, max_v.data != nullptr, [&]<int width, bool amsgrad>() {
      Rows table{rows.as<const int64_t>(), count, w.shape[0], dim, 0};
      // As many threads as a row has groups, so that no thread of a short row is idle and long ones are read in runs.
      while (table.threads() < block_threads && table.threads() < dim / width) ++table.share;
      launch(adam_rows_kernel<width, amsgrad, T>, blocks_for(count << table.share), block_threads, stream(), table,
             arrays, constants);
    });
  });
}

}  // namespace roux::cuda
