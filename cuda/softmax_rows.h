// The largest of a row and the sum of exponentials around it, which softmax and cross entropy share.
#pragma once

#include <limits>

#include "cuda/block.h"
#include "tensor/vector_math.h"

namespace roux::cuda {

/// The sum of exp(x - largest) over some x, and the largest of them: both follow x as it passes by once. NaN never is
/// the largest but makes the sum NaN, and so does infinity; -infinity adds nothing while there is nothing else.
template <class T>
struct Exponentials {
  T largest;
  T sum;

  __device__ static Exponentials none() { return {-std::numeric_limits<T>::infinity(), T(0)}; }
  __device__ void add(T x) {
    if (x > largest) {
      sum *= rescale(largest, x);
      largest = x;
    }
    if (x != -std::numeric_limits<T>::infinity()) sum += vector_math::exp(x - largest);
  }
  /// What a sum around `from` is multiplied by to be one around `to`, which is no smaller.
  __device__ static T rescale(T from, T to) { return from == to ? T(1) : vector_math::exp(from - to); }
};

template <class T>
__device__ Exponentials<T> exchange(Exponentials<T> value, int mask) {
  return {shuffle_xor(value.largest, mask), shuffle_xor(value.sum, mask)};
}

struct JoinExponentials {
  template <class T>
  __device__ Exponentials<T> operator()(Exponentials<T> a, Exponentials<T> b) const {
    const T largest = LargestNumber{}(a.largest, b.largest);
    return {largest, a.sum * a.rescale(a.largest, largest) + b.sum * b.rescale(b.largest, largest)};
  }
};

/// Of the first n elements of a row, for all threads of its team.
template <class Layout, class T>
__device__ Exponentials<T> sum_exponentials(const RowIn<Layout, T>& row, int64_t n, Exponentials<T>* scratch) {
  if constexpr (Layout::in_registers) {  // a second pass costs nothing, and no sum needs to be scaled anew
    T* const numbers = reinterpret_cast<T*>(scratch);
    T largest = -std::numeric_limits<T>::infinity(), sum = 0;
    Layout::template each<T>(n, [&](int k, int64_t c) { largest = LargestNumber{}(largest, row.at(k, c)); });
    largest = team_reduce<Layout::threads>(largest, LargestNumber{}, numbers);
    Layout::template each<T>(n, [&](int k, int64_t c) { sum += vector_math::exp(row.at(k, c) - largest); });
    return {largest, team_reduce<Layout::threads>(sum, Sum{}, numbers)};
  } else {
    auto all = Exponentials<T>::none();
    Layout::template each<T>(n, [&](int k, int64_t c) { all.add(row.at(k, c)); });
    return team_reduce<Layout::threads>(all, JoinExponentials{}, scratch);
  }
}

}  // namespace roux::cuda
