// Walks strided arrays of one shape in lockstep as few long inner runs as their layouts allow.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/cpu/grain.h"
#include "tensor/merged_arrays.h"
#include "tensor/parallel.h"
#include "tensor/view.h"

namespace roux::cpu_kernels {

/// About how many elements one chunk of an elementwise kernel has: some tens of microseconds of work.
inline constexpr int64_t elementwise_grain = 1 << 15;

/// Calls run(offsets, strides, n) for each inner run: array i has elements at offsets[i] + k * strides[i], k < n.
/// Runs may be called on several threads; together they cover every element once.
template <int N, class Run>
void for_each_run(const std::array<const View*, N>& views, Run run) {
  if (views[0]->numel() == 0) return;
  const MergedArrays<N> arrays(views);
  const int64_t inner = arrays.extents[0];
  std::array<int64_t, N> inner_strides;
  for (int i = 0; i < N; ++i) inner_strides[i] = arrays.strides[i][0];
  if (arrays.dims == 1) {
    parallel_for(inner, elementwise_grain, [&](int64_t begin, int64_t end) {
      std::array<int64_t, N> offsets;
      for (int i = 0; i < N; ++i) offsets[i] = begin * inner_strides[i];
      run(offsets, inner_strides, end - begin);
    });
    return;
  }
  const int64_t outer = arrays.count / inner;
  parallel_for(outer, grain_of(inner, elementwise_grain), [&](int64_t begin, int64_t end) {
    // Position of run `begin`, counted like an odometer from there on.
    int64_t index[Dims::max_size] = {};
    std::array<int64_t, N> offsets{};
    int64_t rest = begin;
    for (int axis = 1; axis < arrays.dims; ++axis) {
      index[axis] = rest % arrays.extents[axis];
      rest /= arrays.extents[axis];
      for (int i = 0; i < N; ++i) offsets[i] += index[axis] * arrays.strides[i][axis];
    }
    for (int64_t position = begin; position < end; ++position) {
      run(offsets, inner_strides, inner);
      for (int axis = 1; axis < arrays.dims; ++axis) {
        for (int i = 0; i < N; ++i) offsets[i] += arrays.strides[i][axis];
        if (++index[axis] < arrays.extents[axis]) break;
        index[axis] = 0;
        for (int i = 0; i < N; ++i) offsets[i] -= arrays.extents[axis] * arrays.strides[i][axis];
      }
    }
  });
}

/// o[k * step_o] = f(x[k * step_x]). Everything is inlined into these loops (flatten): a call would keep the compiler
/// from vectorising them, and in a file with so many it gives up inlining by itself.
template <class Out, class In, class F>
[[gnu::flatten]] void map_run(Out* o, int64_t step_o, const In* x, int64_t step_x, int64_t n, F f) {
  if (step_o == 1 && step_x == 1) {
    for (int64_t k = 0; k < n; ++k) o[k] = f(x[k]);
  } else if (step_o == 1 && step_x == 0) {
    const Out value = f(x[0]);
    for (int64_t k = 0; k < n; ++k) o[k] = value;
  } else {
    for (int64_t k = 0; k < n; ++k) o[k * step_o] = f(x[k * step_x]);
  }
}

/// o[k * step_o] = f(x[k * step_x], y[k * step_y]).
template <class Out, class In, class F>
[[gnu::flatten]] void map_run(Out* o, int64_t step_o, const In* x, int64_t step_x, const In* y, int64_t step_y,
                              int64_t n, F f) {
  if (step_o == 1 && step_x == 1 && step_y == 1) {
    for (int64_t k = 0; k < n; ++k) o[k] = f(x[k], y[k]);
  } else if (step_o == 1 && step_x == 1 && step_y == 0) {
    const In value = y[0];
    for (int64_t k = 0; k < n; ++k) o[k] = f(x[k], value);
  } else if (step_o == 1 && step_x == 0 && step_y == 1) {
    const In value = x[0];
    for (int64_t k = 0; k < n; ++k) o[k] = f(value, y[k]);
  } else {
    for (int64_t k = 0; k < n; ++k) o[k * step_o] = f(x[k * step_x], y[k * step_y]);
  }
}

/// out[k] = f(in[k]) for every element of two arrays.
template <class Out, class In, class F>
void map(const View& out, const View& in, F f) {
  for_each_run<2>({&out, &in}, [&](const auto& offsets, const auto& strides, int64_t n) {
    map_run(out.as<Out>() + offsets[0], strides[0], in.as<const In>() + offsets[1], strides[1], n, f);
  });
}

/// out[k] = f(a[k], b[k]) for every element of three arrays.
template <class Out, class In, class F>
void map(const View& out, const View& a, const View& b, F f) {
  for_each_run<3>({&out, &a, &b}, [&](const auto& offsets, const auto& strides, int64_t n) {
    map_run(out.as<Out>() + offsets[0], strides[0], a.as<const In>() + offsets[1], strides[1],
            b.as<const In>() + offsets[2], strides[2], n, f);
  });
}

}  // namespace roux::cpu_kernels
