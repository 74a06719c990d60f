// Adam on whole tensors and on the rows of a table that have a gradient: one pass over weight, gradient and moments.
#include <algorithm>
#include <limits>

#include "tensor/adam_constants.h"
#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/grain.h"
#include "tensor/cpu/simd.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

constexpr int64_t elements_per_task = 16384;

/// Where one stretch of a parameter lies.
template <class T>
struct Stretch {
  T* w;
  const T* grad;
  T *m, *v, *max_v;  // max_v: only with amsgrad
};

/// One step on n elements. Everything comes by value: the compiler cannot know that the stores leave `c` alone.
template <bool Amsgrad, class T>
[[gnu::always_inline]] inline void step_elements(Stretch<T> at, int64_t n, AdamConstants<T> c) {
  using Vector = typename Simd<T>::Vector;
  for_vectors<T>(n, [=](int64_t i, auto access) {
    const Vector w = access.load(at.w + i);
    const Vector g = access.load(at.grad + i) * c.grad_scale + w * c.l2;
    const Vector m = without_denormals<T>(access.load(at.m + i) * c.beta1 + g * c.gain1);
    const Vector v = at_most(access.load(at.v + i) * c.beta2 + g * g * c.gain2, std::numeric_limits<T>::max());
    access.store(at.m + i, m);
    access.store(at.v + i, v);
    Vector second = v;
    if constexpr (Amsgrad) {
      const Vector before = access.load(at.max_v + i);
      second = v < before ? before : v;
      access.store(at.max_v + i, second);
    }
    // w - w * decay: 1 - decay would be rounded to the same side in every step.
    access.store(at.w + i, w - w * c.decay - m * c.rate * reciprocal<T>(square_root<T>(second) + c.eps));
  });
}

/// One step on rows of `dim` elements of w, m, v, max_v; the gradients of rows lie one after the other.
template <bool Amsgrad, class T>
void step_rows(Stretch<T> table, const int64_t* rows, int64_t count, int64_t dim, const AdamConstants<T>& c) {
  for (int64_t i = 0; i < count; ++i) {
    if (rows[i] < 0) continue;
    const int64_t at = rows[i] * dim;
    step_elements<Amsgrad>(Stretch<T>{table.w + at, table.grad + i * dim, table.m + at, table.v + at,
                                      Amsgrad ? table.max_v + at : nullptr},
                           dim, c);
  }
}

}  // namespace

void CpuBackend::adam(const std::vector<AdamParameter>& parameters, const EachStep<AdamStep>& each_step) {
  const AdamStep step = each_step();
  for (const AdamParameter& parameter : parameters) {
    dispatch_floating(parameter.w.dtype, "adam", [&](auto type) {
      using T = decltype(type);
      const AdamConstants<T> constants(step, false);
      parallel_for(parameter.w.numel(), elements_per_task, [&](int64_t begin, int64_t end) {
        const Stretch<T> at{parameter.w.as<T>() + begin, parameter.grad.as<T>() + begin, parameter.m.as<T>() + begin,
                            parameter.v.as<T>() + begin,
                            parameter.max_v.data ? parameter.max_v.as<T>() + begin : nullptr};
        if (at.max_v)
          step_elements<true>(at, end - begin, constants);
        else
          step_elements<false>(at, end - begin, constants);
      });
    });
  }
}

void CpuBackend::adam_rows(const View& w, const View& rows, const View& grad, const View& m, const View& v,
                           const View& max_v, const EachStep<AdamStep>& each_step, bool sparse_eps) {
  const AdamStep step = each_step();
  const int64_t dim = w.shape[1];
  const int64_t grain = grain_of(dim, elements_per_task);
  dispatch_floating(w.dtype, "adam", [&](auto type) {
    using T = decltype(type);
    const AdamConstants<T> constants(step, sparse_eps);
    parallel_for(rows.numel(), grain, [&](int64_t begin, int64_t end) {
      const Stretch<T> table{w.as<T>(), grad.as<T>() + begin * dim, m.as<T>(), v.as<T>(), max_v.as<T>()};
      const int64_t* const first = rows.as<int64_t>() + begin;
      if (table.max_v)
        step_rows<true>(table, first, end - begin, dim, constants);
      else
        step_rows<false>(table, first, end - begin, dim, constants);
    });
  });
}

}  // namespace roux::cpu_kernels
