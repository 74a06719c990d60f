// One register of numbers at a time: kernels that the compiler does not vectorise well by itself are written once over
// `Simd<T>::Vector`, a vector type of g++ and clang that takes the usual operators, and work on any processor.
//
// Where AVX-512 is there, square roots and reciprocals of floats come from its approximations and Newton steps: the
// divider takes 10 to 20 cycles a register, these 3 or 4. The results are within 1 ulp.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#include <immintrin.h>
#define ROUX_AVX512 1
#else
#define ROUX_AVX512 0
#endif

namespace roux::cpu_kernels {

#if ROUX_AVX512
inline constexpr int vector_bytes = 64;
#elif defined(__AVX__)
inline constexpr int vector_bytes = 32;
#else
inline constexpr int vector_bytes = 16;
#endif

/// The vector of T and how it is read and written; memory need not be aligned.
template <class T>
struct Simd {
  typedef T Vector __attribute__((vector_size(vector_bytes)));
  static constexpr int64_t lanes = vector_bytes / static_cast<int64_t>(sizeof(T));

  static Vector broadcast(T x) { return x - Vector{}; }
  static Vector load(const T* from) {
    Vector x;
    std::memcpy(&x, from, sizeof x);
    return x;
  }
  static void store(T* to, Vector x) { std::memcpy(to, &x, sizeof x); }
};

/// Access to a whole vector.
template <class T>
struct WholeVector {
  using Vector = typename Simd<T>::Vector;
  static constexpr int64_t lanes() { return Simd<T>::lanes; }
  Vector load(const T* from) const { return Simd<T>::load(from); }
  void store(T* to, Vector x) const { Simd<T>::store(to, x); }
};

/// Access to the first `count` lanes of a vector; the others read as 0.
template <class T>
struct PartOfVector {
  using Vector = typename Simd<T>::Vector;
  int64_t count;
  int64_t lanes() const { return count; }
  Vector load(const T* from) const {
    Vector x{};
    std::memcpy(&x, from, static_cast<size_t>(count) * sizeof(T));
    return x;
  }
  void store(T* to, Vector x) const { std::memcpy(to, &x, static_cast<size_t>(count) * sizeof(T)); }
};

#if ROUX_AVX512
template <>
struct PartOfVector<float> {
  using Vector = Simd<float>::Vector;
  int64_t count;
  __mmask16 mask = static_cast<__mmask16>((1u << count) - 1);
  int64_t lanes() const { return count; }
  Vector load(const float* from) const { return Vector(_mm512_maskz_loadu_ps(mask, from)); }
  void store(float* to, Vector x) const { _mm512_mask_storeu_ps(to, mask, __m512(x)); }
};
#endif

/// Calls f(i, access) for i = 0, lanes, 2 * lanes, ... below n; `access` reads and writes what of a vector lies below
/// n.
template <class T, class F>
[[gnu::always_inline]] inline void for_vectors(int64_t n, F&& f) {
  constexpr int64_t lanes = Simd<T>::lanes;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(i, WholeVector<T>{});
  if (i < n) f(i, PartOfVector<T>{n - i});
}

/// The smaller and the larger of x and a plain number; NaN stays.
template <class Vector, class T>
inline Vector at_most(Vector x, T bound) {
  return x > bound ? Vector{} + bound : x;
}
template <class Vector, class T>
inline Vector at_least(Vector x, T bound) {
  return x < bound ? Vector{} + bound : x;
}

/// x with 0 in place of what is so small that products of it become denormal, which processors compute with a hundred
/// times slower.
template <class T, class Vector = typename Simd<T>::Vector>
inline Vector without_denormals(Vector x) {
  constexpr T least = 16 * std::numeric_limits<T>::min();
  return ((x < least) & (x > -least)) ? Vector{} : x;
}

/// The square root, 0 <= x <= the largest finite number; that of 0 may be the root of the smallest normal number.
template <class T, class Vector = typename Simd<T>::Vector>
inline Vector square_root(Vector x) {
  Vector root;
  for (int64_t i = 0; i < Simd<T>::lanes; ++i) root[i] = std::sqrt(x[i]);
  return root;
}

/// 1 / x, where that is a finite normal number.
template <class T, class Vector = typename Simd<T>::Vector>
inline Vector reciprocal(Vector x) {
  return T(1) / x;
}

#if ROUX_AVX512
inline constexpr __mmask16 all_lanes = 0xffff;  // g++ 12 warns of its own header in the forms without a mask

template <>
inline Simd<double>::Vector square_root<double>(Simd<double>::Vector x) {
  return Simd<double>::Vector(_mm512_maskz_sqrt_pd(0xff, __m512d(x)));
}

// y ~ 1 / sqrt(x) to 14 bits; root = x * y, then one Newton step.
template <>
inline Simd<float>::Vector square_root<float>(Simd<float>::Vector x) {
  const Simd<float>::Vector in = at_least(x, std::numeric_limits<float>::min());
  const __m512 y = _mm512_maskz_rsqrt14_ps(all_lanes, __m512(in));
  const __m512 root = _mm512_mul_ps(__m512(in), y);
  const __m512 half_y = _mm512_mul_ps(y, _mm512_set1_ps(0.5f));
  return Simd<float>::Vector(_mm512_fmadd_ps(_mm512_fnmadd_ps(root, root, __m512(in)), half_y, root));
}

// y ~ 1 / x to 14 bits, then one Newton step.
template <>
inline Simd<float>::Vector reciprocal<float>(Simd<float>::Vector x) {
  const __m512 y = _mm512_maskz_rcp14_ps(all_lanes, __m512(x));
  return Simd<float>::Vector(_mm512_fmadd_ps(_mm512_fnmadd_ps(__m512(x), y, _mm512_set1_ps(1)), y, y));
}
#endif

}  // namespace roux::cpu_kernels
