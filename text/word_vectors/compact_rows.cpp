// CompactRows: making them, and the product of a block of rows with some queries.
#include "text/word_vectors/compact_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "tensor/error.h"
#include "tensor/parallel.h"

#if defined(__AVX512F__) && defined(__AVX512VNNI__)
#include <immintrin.h>
#endif

namespace roux::text {
namespace {

constexpr int64_t numbers_in_group = 4;
constexpr double steps_each_way = 127;

struct RowSize {
  double largest = 0;  // of the absolute values
  double square = 0;   // of the length; not finite if a value is not
};

RowSize size_of(const float* row, int64_t dim) {
  std::array<float, 16> largest{};
  std::array<double, 16> square{};
  int64_t i = 0;
  for (; i + 16 <= dim; i += 16) {
    for (size_t l = 0; l < 16; ++l) {
      const float x = row[static_cast<size_t>(i) + l];
      largest[l] = std::max(largest[l], std::fabs(x));
      square[l] += static_cast<double>(x) * x;
    }
  }
  RowSize size;
  for (; i < dim; ++i) {
    size.largest = std::max<double>(size.largest, std::fabs(row[i]));
    size.square += static_cast<double>(row[i]) * row[i];
  }
  for (size_t l = 0; l < 16; ++l) {
    size.largest = std::max<double>(size.largest, largest[l]);
    size.square += square[l];
  }
  return size;
}

#if defined(__AVX512F__) && defined(__AVX512VNNI__)
template <int Count>
void vector_products(const int32_t* rows, int64_t groups, const int32_t* steps, const int32_t* starts, int32_t* sums) {
  __m512i sum[Count];
  for (int q = 0; q < Count; ++q) sum[q] = _mm512_set1_epi32(starts[q]);
  for (int64_t g = 0; g < groups; ++g) {
    const __m512i row = _mm512_load_si512(rows + g * CompactRows::block_rows);
    for (int q = 0; q < Count; ++q) sum[q] = _mm512_dpbusd_epi32(sum[q], row, _mm512_set1_epi32(steps[g * Count + q]));
  }
  for (int q = 0; q < Count; ++q) _mm512_storeu_si512(sums + q * CompactRows::block_rows, sum[q]);
}
#endif

}  // namespace

CompactRows::CompactRows(const Tensor& rows) {
  ROUX_CHECK(rows.defined() && rows.dim() == 2 && rows.dtype() == float32 && rows.is_contiguous(), "compact rows",
             "takes a contiguous float32 tensor (rows, dim)");
  const int64_t n = rows.size(0);
  dim_ = rows.size(1);
  ROUX_CHECK(dim_ <= max_dim, "compact rows", "found ", dim_, " dimensions, at most ", max_dim, " are possible");
  groups_ = (dim_ + numbers_in_group - 1) / numbers_in_group;
  blocks_ = (n + block_rows - 1) / block_rows;
  steps_ = Tensor::empty({blocks_, groups_, block_rows}, int32);
  scales_.assign(static_cast<size_t>(blocks_ * block_rows), 0.0f);
  steps_.bump_version();
  const float* const values = rows.data<float>();
  parallel_for(blocks_, 128, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * block_rows;
      write_block(block, values + first * dim_, std::min(block_rows, n - first));
    }
  });
}

void CompactRows::write_block(int64_t block, const float* rows, int64_t count) {
  // Distinct blocks are written by distinct threads; the version of the tensor was raised once for all of them.
  int32_t* const steps = const_cast<int32_t*>(steps_of(block));
  std::memset(steps, 128, static_cast<size_t>(groups_ * block_rows) * sizeof(int32_t));
  auto* const bytes = reinterpret_cast<unsigned char*>(steps);
  for (int64_t r = 0; r < count; ++r) {
    const float* const row = rows + r * dim_;
    const RowSize size = size_of(row, dim_);
    ROUX_CHECK(std::isfinite(size.square), "compact rows", "row ", block * block_rows + r,
               " has a value that is not a finite number");
    if (size.largest == 0) continue;
    const double steps_per_one = steps_each_way / size.largest;
    for (int64_t i = 0; i < dim_; ++i) {
      bytes[(i / numbers_in_group * block_rows + r) * numbers_in_group + i % numbers_in_group] =
          static_cast<unsigned char>(row[i] * steps_per_one + 128.5);
    }
    scales_[static_cast<size_t>(block * block_rows + r)] =
        static_cast<float>(size.largest / steps_each_way / std::sqrt(size.square));
  }
}

CompactQuery CompactRows::query(std::span<const double> unit) const {
  CompactQuery query;
  query.steps.assign(static_cast<size_t>(groups_), 0);
  double largest = 0, total = 0;
  for (const double x : unit) {
    largest = std::max(largest, std::fabs(x));
    total += std::fabs(x);
  }
  const double step = largest / steps_each_way;
  auto* const bytes = reinterpret_cast<signed char*>(query.steps.data());
  double lost = 0;
  for (size_t i = 0; i < unit.size(); ++i) {
    const auto z = static_cast<signed char>(step == 0 ? 0 : std::lround(unit[i] / step));
    bytes[i] = z;
    query.start -= 128 * z;
    lost += (unit[i] - z * step) * (unit[i] - z * step);
  }
  // Roundings of float32 and of the steps themselves, some 1e-7 each way, are covered by the last term.
  constexpr double rounding = 4e-6;
  query.step = static_cast<float>(step);
  query.spread = static_cast<float>(total / 2 * (1 + rounding));
  const double longest_row = 1 + std::sqrt(static_cast<double>(dim_)) / 2 / steps_each_way;
  query.slack = static_cast<float>(std::sqrt(lost) * longest_row + rounding);
  return query;
}

CompactRows::Together CompactRows::together(std::span<const CompactQuery> queries) {
  Together all;
  all.count = static_cast<int64_t>(queries.size());
  const size_t groups = queries.empty() ? 0 : queries[0].steps.size();
  for (size_t g = 0; g < groups; ++g)
    for (const CompactQuery& query : queries) all.steps.push_back(query.steps[g]);
  for (const CompactQuery& query : queries) all.starts.push_back(query.start);
  return all;
}

void CompactRows::products(int64_t block, const Together& queries, int32_t* sums) const {
#if defined(__AVX512F__) && defined(__AVX512VNNI__)
  const int32_t* const rows = steps_of(block);
  const int32_t *const steps = queries.steps.data(), *const starts = queries.starts.data();
  switch (queries.count) {
    case 1: return vector_products<1>(rows, groups_, steps, starts, sums);
    case 2: return vector_products<2>(rows, groups_, steps, starts, sums);
    case 4: return vector_products<4>(rows, groups_, steps, starts, sums);
    case 8: return vector_products<8>(rows, groups_, steps, starts, sums);
    default: break;
  }
#endif
  plain_products(block, queries, sums);
}

void CompactRows::plain_products(int64_t block, const Together& queries, int32_t* sums) const {
  const auto* const rows = reinterpret_cast<const unsigned char*>(steps_of(block));
  const auto* const steps = reinterpret_cast<const signed char*>(queries.steps.data());
  for (int64_t q = 0; q < queries.count; ++q) {
    int32_t* const sum = sums + q * block_rows;
    std::fill_n(sum, block_rows, queries.starts[static_cast<size_t>(q)]);
    for (int64_t g = 0; g < groups_; ++g) {
      const unsigned char* const row = rows + g * block_rows * numbers_in_group;
      const signed char* const z = steps + (g * queries.count + q) * numbers_in_group;
      for (int64_t r = 0; r < block_rows; ++r) {
        const unsigned char* const c = row + r * numbers_in_group;
        sum[r] += c[0] * z[0] + c[1] * z[1] + c[2] * z[2] + c[3] * z[3];
      }
    }
  }
}

}  // namespace roux::text
