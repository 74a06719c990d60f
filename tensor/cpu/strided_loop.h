// Walks strided arrays of one shape in lockstep as few long inner runs as their layouts allow.
#pragma once

#include <array>
#include <cstdint>

#include "tensor/parallel.h"
#include "tensor/view.h"

namespace roux::cpu_kernels {

/// About how many elements one chunk of an elementwise kernel has: some tens of microseconds of work.
inline constexpr int64_t elementwise_grain = 1 << 15;

/// N arrays of one shape with their common dimensions merged where every array allows it; the last one is the inner run.
template <int N>
struct MergedLayout {
  Dims shape;
  std::array<Dims, N> strides;

  explicit MergedLayout(const std::array<const View*, N>& views) {
    const Shape& full = views[0]->shape;
    for (int axis = 0; axis < full.size(); ++axis) {
      if (full[axis] == 1) continue;
      bool mergeable = !shape.empty();
      for (int i = 0; i < N && mergeable; ++i)
        mergeable = strides[i].back() == views[i]->strides[axis] * full[axis];
      if (mergeable) {
        shape.back() *= full[axis];
        for (int i = 0; i < N; ++i) strides[i].back() = views[i]->strides[axis];
      } else {
        shape.push_back(full[axis]);
        for (int i = 0; i < N; ++i) strides[i].push_back(views[i]->strides[axis]);
      }
    }
    if (shape.empty()) {
      shape.push_back(1);
      for (int i = 0; i < N; ++i) strides[i].push_back(0);
    }
  }
};

/// Calls run(offsets, strides, n) for each inner run: array i has elements at offsets[i] + k * strides[i], k < n.
/// Runs may be called on several threads; together they cover every element once.
template <int N, class Run>
void for_each_run(const std::array<const View*, N>& views, Run run) {
  if (views[0]->numel() == 0) return;
  const MergedLayout<N> layout(views);
  const int last = layout.shape.size() - 1;
  const int64_t inner = layout.shape[last];
  std::array<int64_t, N> inner_strides;
  for (int i = 0; i < N; ++i) inner_strides[i] = layout.strides[i][last];
  if (last == 0) {
    parallel_for(inner, elementwise_grain, [&](int64_t begin, int64_t end) {
      std::array<int64_t, N> offsets;
      for (int i = 0; i < N; ++i) offsets[i] = begin * inner_strides[i];
      run(offsets, inner_strides, end - begin);
    });
    return;
  }
  const int64_t outer = layout.shape.numel() / inner;
  parallel_for(outer, std::max<int64_t>(1, elementwise_grain / inner), [&](int64_t begin, int64_t end) {
    // Position of run `begin`, counted like an odometer from there on.
    Dims index = Dims::filled(last, 0);
    std::array<int64_t, N> offsets{};
    int64_t rest = begin;
    for (int axis = last - 1; axis >= 0; --axis) {
      index[axis] = rest % layout.shape[axis];
      rest /= layout.shape[axis];
      for (int i = 0; i < N; ++i) offsets[i] += index[axis] * layout.strides[i][axis];
    }
    for (int64_t position = begin; position < end; ++position) {
      run(offsets, inner_strides, inner);
      for (int axis = last - 1; axis >= 0; --axis) {
        for (int i = 0; i < N; ++i) offsets[i] += layout.strides[i][axis];
        if (++index[axis] < layout.shape[axis]) break;
        index[axis] = 0;
        for (int i = 0; i < N; ++i) offsets[i] -= layout.shape[axis] * layout.strides[i][axis];
      }
    }
  });
}

/// out[k] = f(in[k]) for every element of two arrays.
template <class Out, class In, class F>
void map(const View& out, const View& in, F f) {
  for_each_run<2>({&out, &in}, [&](const auto& offsets, const auto& strides, int64_t n) {
    Out* const o = out.as<Out>() + offsets[0];
    const In* const x = in.as<In>() + offsets[1];
    if (strides[0] == 1 && strides[1] == 1) {
      for (int64_t k = 0; k < n; ++k) o[k] = f(x[k]);
    } else if (strides[0] == 1 && strides[1] == 0) {
      const Out value = f(x[0]);
      for (int64_t k = 0; k < n; ++k) o[k] = value;
    } else {
      for (int64_t k = 0; k < n; ++k) o[k * strides[0]] = f(x[k * strides[1]]);
    }
  });
}

/// out[k] = f(a[k], b[k]) for every element of three arrays.
template <class Out, class In, class F>
void map(const View& out, const View& a, const View& b, F f) {
  for_each_run<3>({&out, &a, &b}, [&](const auto& offsets, const auto& strides, int64_t n) {
    Out* const o = out.as<Out>() + offsets[0];
    const In* const x = a.as<In>() + offsets[1];
    const In* const y = b.as<In>() + offsets[2];
    if (strides[0] == 1 && strides[1] == 1 && strides[2] == 1) {
      for (int64_t k = 0; k < n; ++k) o[k] = f(x[k], y[k]);
    } else if (strides[0] == 1 && strides[1] == 1 && strides[2] == 0) {
      const In value = y[0];
      for (int64_t k = 0; k < n; ++k) o[k] = f(x[k], value);
    } else if (strides[0] == 1 && strides[1] == 0 && strides[2] == 1) {
      const In value = x[0];
      for (int64_t k = 0; k < n; ++k) o[k] = f(value, y[k]);
    } else {
      for (int64_t k = 0; k < n; ++k) o[k * strides[0]] = f(x[k * strides[1]], y[k * strides[2]]);
    }
  });
}

}  // namespace roux::cpu_kernels
