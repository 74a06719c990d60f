// Random kernels: words come in blocks from philox_words into a small buffer that stays in the cache.
#include <algorithm>
#include <cmath>

#include "tensor/cpu/cpu_backend.h"
#include "tensor/cpu/philox_bulk.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"

namespace roux::cpu_kernels {
namespace {

constexpr int64_t buffer_words = 2048;
constexpr int64_t words_per_task = 16384;

/// Calls f(words, begin, end) for stretches of [0, n) with `per_element` words for each element, in parallel.
template <class F>
void for_words(int64_t n, int64_t per_element, const Generator& generator, F&& f) {
  parallel_for(n, words_per_task / per_element, [&](int64_t task_begin, int64_t task_end) {
    alignas(64) uint32_t words[buffer_words];
    const int64_t step = buffer_words / per_element;
    for (int64_t begin = task_begin; begin < task_end; begin += step) {
      const int64_t end = std::min(begin + step, task_end);
      const uint64_t block = generator.offset() + static_cast<uint64_t>(begin * per_element) / 4;
      philox_words(words, (end - begin) * per_element, generator.seed(), generator.stream(), block);
      f(words, begin, end);
    }
  });
}

/// Kept where word >> 8, of 24 bits, is not below `least_kept`.
template <class T>
void drop(T* to, bool* __restrict kept, const T* from, const uint32_t* __restrict words, int64_t n, uint32_t least_kept,
          T scale) {
  for (int64_t i = 0; i < n; ++i) to[i] = words[i] >> 8 >= least_kept ? from[i] * scale : T(0);
  for (int64_t i = 0; i < n; ++i) kept[i] = words[i] >> 8 >= least_kept;
}

// The mask is read as bytes: g++ does not vectorise a choice by bool.
template <class T>
void scale_kept(T* to, const T* from, const unsigned char* __restrict kept, int64_t n, T scale) {
  for (int64_t i = 0; i < n; ++i) {
    const T scaled = from[i] * scale;
    to[i] = kept[i] ? scaled : T(0);
  }
}

double scale_of(double p) { return p < 1 ? 1 / (1 - p) : 0; }

}  // namespace

void CpuBackend::dropout(const View& out, const View& mask, const View& in, double p, Generator& generator) {
  const Generator first(generator.seed(), generator.stream(), generator.reserve(in.numel()));
  // Kept where uniform_float(word) >= p, compared as integers.
  const auto least_kept = static_cast<uint32_t>(std::ceil(p * 0x1p24));
  dispatch_floating(out.dtype, "dropout", [&](auto type) {
    using T = decltype(type);
    const T scale = static_cast<T>(scale_of(p));
    for_words(out.numel(), 1, first, [&](const uint32_t* words, int64_t begin, int64_t end) {
      drop(out.as<T>() + begin, mask.as<bool>() + begin, in.as<T>() + begin, words, end - begin, least_kept, scale);
    });
  });
}

void CpuBackend::masked_scale(const View& out, const View& in, const View& mask, double scale) {
  dispatch_floating(out.dtype, "dropout", [&](auto type) {
    using T = decltype(type);
    parallel_for(out.numel(), words_per_task, [&](int64_t begin, int64_t end) {
      scale_kept(out.as<T>() + begin, in.as<T>() + begin, mask.as<unsigned char>() + begin, end - begin,
                 static_cast<T>(scale));
    });
  });
}

void CpuBackend::uniform(const View& out, double low, double high, const Generator& generator) {
  if (out.dtype == DType::float32) {
    const float base = static_cast<float>(low), range = static_cast<float>(high - low);
    // Rounding may reach `high`, which is outside.
    const float last = std::nextafter(static_cast<float>(high), base);
    for_words(out.numel(), 1, generator, [&](const uint32_t* words, int64_t begin, int64_t end) {
      float* const to = out.as<float>() + begin;
      for (int64_t i = 0; i < end - begin; ++i) to[i] = std::min(base + range * uniform_float(words[i]), last);
    });
    return;
  }
  dispatch<double>(out.dtype, "uniform", [&](auto) {
    const double last = std::nextafter(high, low);
    for_words(out.numel(), 2, generator, [&](const uint32_t* words, int64_t begin, int64_t end) {
      double* const to = out.as<double>() + begin;
      for (int64_t i = 0; i < end - begin; ++i)
        to[i] = std::min(low + (high - low) * uniform_double(words[2 * i], words[2 * i + 1]), last);
    });
  });
}

}  // namespace roux::cpu_kernels
