// Reductions along one dimension of [outer][n][inner]. Every order of sums is fixed by the shape: rows are summed in
// lanes (lanes.h), long rows in chunks that are combined in order.
#include <limits>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/lanes.h"
#include "tensor/cpu/strided_loop.h"
#include "tensor/parallel.h"

namespace roux::cpu_kernels {
namespace {

// Largest or smallest where NaN beats everything.
template <class T>
T larger(T a, T b) {
  return a > b || a != a ? a : b;
}
template <class T>
T smaller(T a, T b) {
  return a < b || a != a ? a : b;
}

// One row of n neighbours to one value.
template <class T, class F>
T reduce_row(const T* row, int64_t n, T start, F f) {
  T value = start;
  for (int64_t j = 0; j < n; ++j) value = f(value, row[j]);
  return value;
}

// inner == 1: rows lie one behind the other. A single long row is cut into chunks.
template <class T, class Row, class F>
void reduce_rows(T* out, const T* in, Along along, T start, Row row, F f) {
  if (along.n > elementwise_grain) {
    for (int64_t o = 0; o < along.outer; ++o) {
      const T* const x = in + o * along.n;
      out[o] = parallel_reduce(
          along.n, elementwise_grain, start, [&](int64_t begin, int64_t end) { return row(x + begin, end - begin); },
          f);
    }
    return;
  }
  parallel_for(along.outer, grain_of(along.n, elementwise_grain), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) out[o] = row(in + o * along.n, along.n);
  });
}

// inner > 1: whole inner rows are combined elementwise.
template <class T, class F>
void reduce_columns(T* out, const T* in, Along along, T start, F f) {
  constexpr int64_t width = 512;  // what stays in the first-level cache while n rows pass by
  const int64_t blocks = (along.inner + width - 1) / width;
  const int64_t grain = grain_of(along.n * std::min(width, along.inner), elementwise_grain);
  parallel_for(along.outer * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t o = item / blocks, from = item % blocks * width;
      const int64_t count = std::min(width, along.inner - from);
      T* const __restrict target = out + o * along.inner + from;
      const T* const x = in + o * along.n * along.inner + from;
      for (int64_t i = 0; i < count; ++i) target[i] = start;
      for (int64_t j = 0; j < along.n; ++j) {
        const T* const __restrict row = x + j * along.inner;
        for (int64_t i = 0; i < count; ++i) target[i] = f(target[i], row[i]);
      }
    }
  });
}

template <class T, class F>
void reduce_with(const View& out, const View& in, Along along, T start, F f) {
  if (along.inner > 1) return reduce_columns<T>(out.as<T>(), in.as<T>(), along, start, f);
  reduce_rows<T>(
      out.as<T>(), in.as<T>(), along, start, [=](const T* row, int64_t n) { return reduce_row(row, n, start, f); }, f);
}

template <class T>
void reduce_sum(const View& out, const View& in, Along along) {
  const auto plus = [](T a, T b) { return static_cast<T>(a + b); };
  if (along.inner > 1) return reduce_columns<T>(out.as<T>(), in.as<T>(), along, T(0), plus);
  const auto row = [](const T* x, int64_t n) { return lane_sum(n, [x](int64_t i) { return x[i]; }); };
  reduce_rows<T>(out.as<T>(), in.as<T>(), along, T(0), row, plus);
}

template <class T>
void reduce_numbers(ReduceOp op, const View& out, const View& in, Along along) {
  constexpr bool fraction = std::is_floating_point_v<T>;
  constexpr T low = fraction ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::lowest();
  constexpr T high = fraction ? std::numeric_limits<T>::infinity() : std::numeric_limits<T>::max();
  switch (op) {
    case ReduceOp::sum: return reduce_sum<T>(out, in, along);
    case ReduceOp::prod: return reduce_with<T>(out, in, along, T(1), [](T a, T b) { return static_cast<T>(a * b); });
    case ReduceOp::amax: return reduce_with<T>(out, in, along, low, [](T a, T b) { return larger(b, a); });
    case ReduceOp::amin: return reduce_with<T>(out, in, along, high, [](T a, T b) { return smaller(b, a); });
    default: fail("reduce", "unknown code ", static_cast<int>(op));
  }
}

// `wins(a, b)`: a replaces b, the best so far; strict, so that the first of equals stays. Places are counted in
// integers of the values' own width, so that values and places move through vector registers side by side.
template <class T, class Place, class Wins>
[[gnu::flatten]] void best_of_columns(T* values, int64_t* indices, const T* in, Along along, Wins wins) {
  constexpr int64_t width = 256;
  Place place[width];
  for (int64_t from = 0; from < along.inner; from += width) {
    const int64_t count = std::min(width, along.inner - from);
    T* const __restrict best = values + from;
    std::copy_n(in + from, count, best);
    std::fill_n(place, count, Place{0});
    for (int64_t j = 1; j < along.n; ++j) {
      const T* const __restrict row = in + j * along.inner + from;
      for (int64_t i = 0; i < count; ++i) {
        const bool replace = wins(row[i], best[i]);
        best[i] = replace ? row[i] : best[i];
        place[i] = replace ? static_cast<Place>(j) : place[i];
      }
    }
    std::copy_n(place, count, indices + from);
  }
}

template <class T, class Wins>
void best_with_index(T* values, int64_t* indices, const T* in, Along along, Wins wins) {
  parallel_for(along.outer, grain_of(along.n * along.inner, elementwise_grain), [&](int64_t begin, int64_t end) {
    for (int64_t o = begin; o < end; ++o) {
      T* const best = values + o * along.inner;
      int64_t* const place = indices + o * along.inner;
      const T* const x = in + o * along.n * along.inner;
      if (sizeof(T) == 4 && along.n <= std::numeric_limits<int32_t>::max())
        best_of_columns<T, int32_t>(best, place, x, along, wins);
      else
        best_of_columns<T, int64_t>(best, place, x, along, wins);
    }
  });
}

}  // namespace

void CpuBackend::reduce(ReduceOp op, const View& out, const View& in, Along along) {
  if (out.numel() == 0) return;
  if (op == ReduceOp::any) return reduce_with<bool>(out, in, along, false, [](bool a, bool b) { return a || b; });
  if (op == ReduceOp::all) return reduce_with<bool>(out, in, along, true, [](bool a, bool b) { return a && b; });
  dispatch<float, double, int64_t>(in.dtype, "reduce",
                                   [&](auto type) { reduce_numbers<decltype(type)>(op, out, in, along); });
}

void CpuBackend::reduce_with_index(bool largest, const View& values, const View& indices, const View& in, Along along) {
  dispatch_computing(in.dtype, "reduce", [&](auto type) {
    using T = decltype(type);
    T* const best = values.as<T>();
    int64_t* const place = indices.as<int64_t>();
    if (largest)
      best_with_index<T>(best, place, in.as<T>(), along, [](T a, T b) { return (a > b) | ((a != a) & (b == b)); });
    else
      best_with_index<T>(best, place, in.as<T>(), along, [](T a, T b) { return (a < b) | ((a != a) & (b == b)); });
  });
}

}  // namespace roux::cpu_kernels
