// Attention row by row: which keys a query may attend to, which of its weights are dropped, and the softmax between the
// two products, forward and backward.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "tensor/backend.h"
#include "tensor/cpu/attention_products.h"
#include "tensor/cpu/lanes.h"
#include "tensor/cpu/philox_bulk.h"
#include "tensor/vector_math.h"

namespace roux::cpu_kernels {

/// The keys that the queries of one batch entry and head may attend to.
template <class T>
class KeyMask {
 public:
  KeyMask(const View& mask, const AttentionShape& shape)
      : mask_(mask), shape_(shape), row_(mask.data ? vectors_for<T>(shape.keys) * Simd<T>::lanes : 0) {
    if (mask_.data) std::fill_n(row_.get(), vectors_for<T>(shape.keys) * Simd<T>::lanes, T(0));
  }

  void enter(int64_t batch, int64_t head) {
    if (!mask_.data) return;
    from_ = mask_.as<const bool>() + batch * mask_.strides[0] + head * mask_.strides[1];
    if (!shared()) return;
    fill(0);
    for (first_ = 0; first_ < shape_.keys && row_.get()[first_] == 0;) ++first_;
    for (end_ = shape_.keys; end_ > 0 && row_.get()[end_ - 1] == 0;) --end_;
  }

  /// Keys from here on are later than the query.
  int64_t causal_end(int64_t query) const {
    if (!shape_.causal) return shape_.keys;
    return std::clamp<int64_t>(query + 1 + shape_.keys - shape_.queries, 0, shape_.keys);
  }

  bool attends(int64_t query) const {
    const int64_t end = causal_end(query);
    if (!mask_.data) return end > 0;
    if (shared()) return end > first_;
    const bool* const from = from_ + query * mask_.strides[2];
    for (int64_t j = 0; j < end; ++j)
      if (from[j * mask_.strides[3]]) return true;
    return false;
  }

  /// Queries first to last - 1 give keys from here on no weight.
  int64_t end(int64_t first, int64_t last) const {
    for (int64_t query = first; query < last; ++query) {
      if (!attends(query)) return shape_.keys;  // all alike
      if (!mask_.data || shared()) break;       // later ones attend to what this one attends to
    }
    return mask_.data && shared() ? std::min(end_, causal_end(last - 1)) : causal_end(last - 1);
  }

  /// 1 where the mask is true, 0 elsewhere, in whole registers; null without a mask.
  const T* allowed(int64_t query) {
    if (mask_.data && !shared()) fill(query);
    return mask_.data ? row_.get() : nullptr;
  }

 private:
  bool shared() const { return mask_.strides[2] == 0; }  // by all queries
  void fill(int64_t query) {
    const bool* const from = from_ + query * mask_.strides[2];
    for (int64_t j = 0; j < shape_.keys; ++j) row_.get()[j] = from[j * mask_.strides[3]] ? T(1) : T(0);
  }

  const View& mask_;
  const AttentionShape& shape_;
  const bool* from_ = nullptr;
  int64_t first_ = 0, end_ = 0;  // of the keys that a shared mask allows
  Scratch<T> row_;
};

/// The random words of the weights of some queries of one head. Weight i of all takes word i % 4 of block i / 4.
class DroppedWeights {
 public:
  DroppedWeights(const AttentionShape& shape, const Generator* generator, uint64_t place, int64_t most_queries)
      : keys_(shape.keys),
        least_kept_(static_cast<uint32_t>(std::ceil(shape.dropout * 0x1p24))),
        seed_(generator ? generator->seed() : 0),
        stream_(generator ? generator->stream() : 0),
        place_(place),
        words_(shape.dropout > 0 ? most_queries * shape.keys + 4 : 0) {}

  /// For `count` queries from `first`, counted over all heads.
  void draw(int64_t first, int64_t count) {
    const int64_t begin = first * keys_;
    skipped_ = begin % 4;
    philox_words(words_.get(), count * keys_ + skipped_, seed_, stream_, place_ + static_cast<uint64_t>(begin / 4));
  }
  /// Of the query that is the i-th of those drawn for.
  const uint32_t* words(int64_t i) const { return words_.get() + skipped_ + i * keys_; }
  /// Kept where word >> 8, of 24 bits, is not below this: as in dropout.
  uint32_t least_kept() const { return least_kept_; }

 private:
  int64_t keys_, skipped_ = 0;
  uint32_t least_kept_;
  uint64_t seed_, stream_, place_;
  Scratch<uint32_t> words_;
};

/// e^x for x <= 0, and 0 where that would be so small that products of it become denormal: those are slow, and beside
/// the largest weight of a row, which is 1, they are nothing.
template <class T>
T weight(T x) {
  constexpr T least = sizeof(T) == 4 ? T(-80) : T(-700);
  const T e = vector_math::exp(x < least ? least : x);
  return x < least ? T(0) : e;
}

/// All lanes brought together by `combine`, halves first.
template <class T, size_t step, class Combine, size_t... lane>
T across_lanes(typename Simd<T>::Vector x, Combine combine, std::index_sequence<lane...> order) {
  const auto both = combine(x, __builtin_shufflevector(x, x, (lane ^ step)...));
  if constexpr (step > 1) return across_lanes<T, step / 2>(both, combine, order);
  return both[0];
}
template <class T, class Combine>
T across_lanes(typename Simd<T>::Vector x, Combine combine) {
  return across_lanes<T, Simd<T>::lanes / 2>(x, combine, std::make_index_sequence<Simd<T>::lanes>());
}

/// What the weights of a row are divided by, and the logarithm of the sum of the exponentials of its scores.
template <class T>
struct RowSums {
  T sum, log_sum_exp;
};

/// Turns a row of products into weights that are yet to be divided by their sum. `padded` fills whole registers; keys
/// from `end` on and those that are not allowed get 0.
template <class T>
RowSums<T> softmax_weights(T* row, const T* allowed, int64_t end, int64_t padded, T scale) {
  using S = Simd<T>;
  using Vector = typename S::Vector;
  const Vector none = S::broadcast(-std::numeric_limits<T>::infinity());
  Vector most = none, sum{};
  for (int64_t j = 0; j < padded; j += S::lanes) {
    const Vector x = S::load(row + j) * scale;
    S::store(row + j, allowed ? (S::load(allowed + j) != 0 ? x : none) : x);
  }
  std::fill(row + end, row + padded, none[0]);
  for (int64_t j = 0; j < padded; j += S::lanes) {
    const Vector x = S::load(row + j);
    most = x > most ? x : most;
  }
  const T largest = across_lanes<T>(most, [](Vector a, Vector b) { return a > b ? a : b; });
  for (int64_t j = 0; j < padded; ++j) row[j] = weight(row[j] - largest);
  for (int64_t j = 0; j < padded; j += S::lanes) sum += S::load(row + j);
  const T total = across_lanes<T>(sum, [](Vector a, Vector b) { return a + b; });
  return {total, largest + vector_math::log(total)};
}

/// A query that has no key attends to all alike.
template <class T>
RowSums<T> uniform_weights(T* row, int64_t keys) {
  std::fill_n(row, keys, T(1));
  return {static_cast<T>(keys), -std::numeric_limits<T>::infinity()};
}

template <class T>
void drop_weights(T* row, const uint32_t* words, uint32_t least_kept, int64_t n) {
  for (int64_t j = 0; j < n; ++j) row[j] = words[j] >> 8 >= least_kept ? row[j] : T(0);
}

/// Turns a row of products into weights, from the sum that forward has kept.
template <class T>
void weights_again(T* row, const T* allowed, int64_t end, int64_t padded, T scale, T log_sum_exp) {
  for (int64_t j = 0; j < padded; ++j) row[j] = weight(row[j] * scale - log_sum_exp);
  if (allowed)
    for (int64_t j = 0; j < padded; ++j) row[j] = allowed[j] != 0 ? row[j] : T(0);
  std::fill(row + end, row + padded, T(0));
}

/// What dropout makes of weight j: nothing, or a choice by a random word.
template <class T>
struct AllKept {
  T operator()(int64_t) const { return 1; }
};
template <class T>
struct SomeKept {
  const uint32_t* words;
  uint32_t least_kept;
  T factor;
  T operator()(int64_t j) const { return words[j] >> 8 >= least_kept ? factor : T(0); }
};

/// weights become those that v was multiplied by, and grad_weights (the gradient of those) the gradient of the products
/// q k^T. `mean` is the sum of weights * their gradient (Dao et al. 2022, section 3.1).
template <class T, class Kept>
void softmax_backward_row(T* __restrict weights, T* __restrict grad_weights, T mean, T scale, int64_t n, Kept kept) {
  for (int64_t j = 0; j < n; ++j) {
    const T factor = kept(j);
    grad_weights[j] = weights[j] * (grad_weights[j] * factor - mean) * scale;
    weights[j] *= factor;
  }
}

}  // namespace roux::cpu_kernels
