// The inner loop of word2vec, over whole registers of several rows at once.
#include "text/word_vectors/negative_sampling.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "tensor/cpu/philox_bulk.h"
#include "tensor/cpu/simd.h"
#include "tensor/error.h"
#include "tensor/vector_math.h"

namespace roux::text {
namespace {

using Lanes = cpu_kernels::Simd<float>;
using Vector = Lanes::Vector;

/// As many rows go through the registers together.
constexpr int64_t most_rows = 6;

float sum_of(Vector x) {
#if ROUX_AVX512
  // Masks because g++ 12 warns of its own header in the forms without.
  const __m256 eight =
      _mm256_add_ps(_mm512_maskz_extractf32x8_ps(0xff, __m512(x), 0), _mm512_maskz_extractf32x8_ps(0xff, __m512(x), 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
#else
  float lanes[Lanes::lanes];
  Lanes::store(lanes, x);
  for (int64_t width = Lanes::lanes / 2; width > 0; width /= 2)
    for (int64_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
#endif
}

/// scores[r] = hidden . rows[r]
template <int64_t Rows>
[[gnu::always_inline]] inline void score_rows(const float* hidden, float* const* rows, int64_t stride, float* scores) {
  Vector sums[Rows] = {};
  for (int64_t i = 0; i < stride; i += Lanes::lanes) {
    const Vector h = Lanes::load(hidden + i);
    for (int64_t r = 0; r < Rows; ++r) sums[r] += h * Lanes::load(rows[r] + i);
  }
  for (int64_t r = 0; r < Rows; ++r) scores[r] = sum_of(sums[r]);
}

/// change += steps[r] * rows[r]
template <int64_t Rows>
[[gnu::always_inline]] inline void add_rows(float* const* rows, int64_t stride, const float* steps, float* change) {
  Vector factors[Rows];
  for (int64_t r = 0; r < Rows; ++r) factors[r] = Lanes::broadcast(steps[r]);
  for (int64_t i = 0; i < stride; i += Lanes::lanes) {
    Vector sum = Lanes::load(change + i);
    for (int64_t r = 0; r < Rows; ++r) sum += factors[r] * Lanes::load(rows[r] + i);
    Lanes::store(change + i, sum);
  }
}

/// rows[r] += steps[r] * hidden, one after the other: a row may be there twice.
template <int64_t Rows>
[[gnu::always_inline]] inline void move_rows(const float* hidden, float* const* rows, int64_t stride,
                                             const float* steps) {
  Vector factors[Rows];
  for (int64_t r = 0; r < Rows; ++r) factors[r] = Lanes::broadcast(steps[r]);
  for (int64_t i = 0; i < stride; i += Lanes::lanes) {
    const Vector h = Lanes::load(hidden + i);
    for (int64_t r = 0; r < Rows; ++r) Lanes::store(rows[r] + i, Lanes::load(rows[r] + i) + factors[r] * h);
  }
}

/// Calls f.operator()<Rows>(first) for groups of at most `most_rows` of `count` rows.
template <class F>
[[gnu::always_inline]] inline void for_groups(int64_t count, F&& f) {
  int64_t first = 0;
  for (; first + most_rows <= count; first += most_rows) f.template operator()<most_rows>(first);
  for (; first + 2 <= count; first += 2) f.template operator()<2>(first);
  if (first < count) f.template operator()<1>(first);
}

}  // namespace

void RandomWords::refill() {
  cpu_kernels::philox_words(words_.data(), static_cast<int64_t>(block_size), seed_, stream_, next_block_);
  next_block_ += block_size / 4;
  at_ = 0;
}

NegativeSampler::NegativeSampler(std::span<const int64_t> counts, double power) {
  ROUX_CHECK(!counts.empty(), "NegativeSampler", "there are no words");
  std::vector<double> shares;
  double total = 0;
  for (const int64_t count : counts) {
    ROUX_CHECK(count >= 1, "NegativeSampler", "a word has the count ", count, "; expected at least 1");
    shares.push_back(std::pow(static_cast<double>(count), power));
    total += shares.back();
  }
  // Shares of the mean: cells below 1 are filled up by what others have above it.
  const auto n = static_cast<double>(counts.size());
  std::vector<int32_t> small, large;
  for (size_t i = 0; i < shares.size(); ++i) {
    shares[i] *= n / total;
    (shares[i] < 1 ? small : large).push_back(static_cast<int32_t>(i));
  }
  for (size_t i = 0; i < shares.size(); ++i) cells_.push_back({~uint32_t{0}, static_cast<int32_t>(i)});
  while (!small.empty() && !large.empty()) {
    const auto low = static_cast<size_t>(small.back());
    const auto high = static_cast<size_t>(large.back());
    small.pop_back();
    cells_[low] = {static_cast<uint32_t>(shares[low] * 0x1p32), static_cast<int32_t>(high)};
    shares[high] -= 1 - shares[low];
    if (shares[high] >= 1) continue;
    large.pop_back();
    small.push_back(static_cast<int32_t>(high));
  }
}

NegativeSamplingStep::NegativeSamplingStep(int64_t dim, int64_t negatives)
    : stride_(stride_of(dim)),
      scores_(static_cast<size_t>((negatives + 1 + Lanes::lanes - 1) / Lanes::lanes * Lanes::lanes)),
      losses_(scores_.size()) {}

int64_t NegativeSamplingStep::stride_of(int64_t dim) { return (dim + Lanes::lanes - 1) / Lanes::lanes * Lanes::lanes; }

float NegativeSamplingStep::run(const float* hidden, std::span<float* const> targets, float lr, float* change) {
  const auto count = static_cast<int64_t>(targets.size());
  float* const scores = scores_.data();
  const int64_t stride = stride_;
  for_groups(count, [&]<int64_t Rows>(int64_t first) {
    score_rows<Rows>(hidden, targets.data() + first, stride, scores + first);
  });
  // The score of the word that is there should be large, those of the others small: with the sign of the first turned,
  // all have the loss log(1 + e^score), whose derivative is sigmoid(score).
  scores[0] = -scores[0];
  for (size_t r = 0; r < scores_.size(); ++r) {
    const float score = scores[r];
    const float e = vector_math::exp(score < 0 ? score : -score);
    losses_[r] = (score < 0 ? 0 : score) + vector_math::log(1 + e);
    scores[r] = -lr * (score < 0 ? e : 1) / (1 + e);
  }
  scores[0] = -scores[0];
  for_groups(count, [&]<int64_t Rows>(int64_t first) {
    add_rows<Rows>(targets.data() + first, stride, scores + first, change);
  });
  for_groups(count, [&]<int64_t Rows>(int64_t first) {
    move_rows<Rows>(hidden, targets.data() + first, stride, scores + first);
  });
  float loss = 0;
  for (int64_t r = 0; r < count; ++r) loss += losses_[static_cast<size_t>(r)];
  return loss;
}

void add_row(float* to, const float* from, float factor, int64_t stride) {
  for (int64_t i = 0; i < stride; i += Lanes::lanes)
    Lanes::store(to + i, Lanes::load(to + i) + factor * Lanes::load(from + i));
}

}  // namespace roux::text
