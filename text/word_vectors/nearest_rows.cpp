// The search for the closest rows: a pass over the compact rows that keeps candidates, and their exact comparison.
#include "text/word_vectors/nearest_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::text {
namespace {

constexpr int64_t block_rows = CompactRows::block_rows;

// a.b, a.a and b.b, each in eight sums that are joined in one order.
struct Products {
  double ab = 0, aa = 0, bb = 0;
};

Products products_of(const float* a, const float* b, int64_t dim) {
  std::array<double, 8> ab{}, aa{}, bb{};
  int64_t i = 0;
  for (; i + 8 <= dim; i += 8) {
    for (size_t l = 0; l < 8; ++l) {
      const double x = a[static_cast<size_t>(i) + l], y = b[static_cast<size_t>(i) + l];
      ab[l] += x * y;
      aa[l] += x * x;
      bb[l] += y * y;
    }
  }
  for (size_t l = 0; i < dim; ++i, ++l) {
    const double x = a[i], y = b[i];
    ab[l] += x * y;
    aa[l] += x * x;
    bb[l] += y * y;
  }
  Products total;
  for (size_t l = 0; l < 8; ++l) {
    total.ab += ab[l];
    total.aa += aa[l];
    total.bb += bb[l];
  }
  return total;
}

double cosine_of(const float* a, const float* b, int64_t dim) {
  const Products p = products_of(a, b, dim);
  if (p.aa == 0 || p.bb == 0) return 0;
  return std::clamp(p.ab / (std::sqrt(p.aa) * std::sqrt(p.bb)), -1.0, 1.0);
}

bool comes_first(const RowScore& a, const RowScore& b) {
  return a.score != b.score ? a.score > b.score : a.row < b.row;
}

// A row that may be among the answers, and the bounds of its cosine.
struct Candidate {
  int32_t row;
  float lower, upper;
};

// One query of a search, and what is known of it beforehand.
struct Query {
  const float* values;
  CompactQuery compact;
  std::vector<int32_t> excluded;  // rising
};

// What one query has found in a stretch of rows.
class Found {
 public:
  Found(const float* rows, int64_t dim, const Query& query, int64_t top_n)
      : rows_(rows), dim_(dim), query_(&query), top_n_(static_cast<size_t>(top_n)) {}

  // Rows whose upper bound is below are no answers: top_n rows are known that are not worse.
  float bar() const { return bar_; }

  void offer(const Candidate& candidate) {
    if (std::binary_search(query_->excluded.begin(), query_->excluded.end(), candidate.row)) return;
    candidates_.push_back(candidate);
    raise_bar(candidate.lower);
    if (candidates_.size() >= room_) make_room();
  }

  const std::vector<Candidate>& candidates() const { return candidates_; }

 private:
  // best_ holds the top_n largest lower bounds, the smallest of them in front.
  void raise_bar(float lower) {
    if (best_.size() == top_n_ && lower <= best_.front()) return;
    if (best_.size() == top_n_) {
      std::pop_heap(best_.begin(), best_.end(), std::greater<>());
      best_.pop_back();
    }
    best_.push_back(lower);
    std::push_heap(best_.begin(), best_.end(), std::greater<>());
    if (best_.size() == top_n_) bar_ = best_.front();
  }

  // Too many candidates: those that the bar has passed go, and if that is not enough, as among thousands of equal rows,
  // all are compared in full and only the best stay.
  void make_room() {
    std::erase_if(candidates_, [&](const Candidate& c) { return c.upper < bar_; });
    if (candidates_.size() < room_ / 2) return;
    std::vector<RowScore> exact;
    for (const Candidate& c : candidates_) exact.push_back({c.row, cosine_of(query_->values, row(c.row), dim_)});
    const size_t keep = std::min(top_n_, exact.size());
    std::partial_sort(exact.begin(), exact.begin() + static_cast<int64_t>(keep), exact.end(), comes_first);
    candidates_.clear();
    constexpr float narrow = 1e-6f;  // more than a double loses when it becomes a float
    for (size_t i = 0; i < keep; ++i) {
      const auto score = static_cast<float>(exact[i].score);
      candidates_.push_back({exact[i].row, score - narrow, score + narrow});
      raise_bar(score - narrow);
    }
    room_ = std::max(room_, 4 * candidates_.size());
  }

  const float* row(int32_t number) const { return rows_ + number * dim_; }

  const float* rows_;
  int64_t dim_;
  const Query* query_;
  size_t top_n_;
  size_t room_ = std::max<size_t>(1024, 4 * top_n_);
  float bar_ = -std::numeric_limits<float>::infinity();
  std::vector<float> best_;
  std::vector<Candidate> candidates_;
};

// The rows of one block against queries that are side by side.
void offer_block(const CompactRows& compact, int64_t block, int64_t n, const Query* queries,
                 const CompactRows::Together& together, Found* found) {
  std::array<int32_t, CompactRows::max_together * block_rows> sums;
  compact.products(block, together, sums.data());
  const float* const scales = compact.scales(block);
  for (int64_t q = 0; q < together.count; ++q) {
    const int32_t* const sum = sums.data() + q * block_rows;
    const CompactQuery& query = queries[q].compact;
    const float bar = found[q].bar() - query.slack;
    int any = 0;
    for (int64_t r = 0; r < block_rows; ++r)
      any |= scales[r] * (query.step * static_cast<float>(sum[r]) + query.spread) >= bar;
    if (!any) continue;
    for (int64_t r = 0; r < block_rows && block * block_rows + r < n; ++r) {
      const float middle = scales[r] * (query.step * static_cast<float>(sum[r]));
      const float half = scales[r] * query.spread + query.slack;
      if (middle + half >= found[q].bar())
        found[q].offer({static_cast<int32_t>(block * block_rows + r), middle - half, middle + half});
    }
  }
}

// All queries of a group against the blocks [begin, end). Some blocks that stay in the cache meet all queries.
void offer_blocks(const CompactRows& compact, int64_t begin, int64_t end, int64_t n, std::span<const Query> queries,
                  Found* found) {
  std::vector<CompactRows::Together> parts;
  for (size_t q = 0; q < queries.size();) {
    size_t count = CompactRows::max_together;
    while (count > queries.size() - q) count /= 2;
    std::vector<CompactQuery> part;
    for (size_t i = q; i < q + count; ++i) part.push_back(queries[i].compact);
    parts.push_back(CompactRows::together(part));
    q += count;
  }
  constexpr int64_t cached = 64;
  for (int64_t first = begin; first < end; first += cached) {
    size_t q = 0;
    for (const CompactRows::Together& part : parts) {
      for (int64_t block = first; block < std::min(end, first + cached); ++block)
        offer_block(compact, block, n, queries.data() + q, part, found + q);
      q += static_cast<size_t>(part.count);
    }
  }
}

// The answers to one query, from what was found in each stretch of rows.
std::vector<RowScore> best_of(std::span<const Found* const> stretches, const float* rows, int64_t dim,
                              const Query& query, int64_t top_n) {
  std::vector<Candidate> all;
  for (const Found* found : stretches) all.insert(all.end(), found->candidates().begin(), found->candidates().end());
  const size_t keep = std::min(static_cast<size_t>(top_n), all.size());
  if (keep == 0) return {};
  std::nth_element(all.begin(), all.begin() + static_cast<int64_t>(keep) - 1, all.end(),
                   [](const Candidate& a, const Candidate& b) { return a.lower > b.lower; });
  const float bar = all[keep - 1].lower;
  std::vector<RowScore> exact;
  for (const Candidate& c : all)
    if (c.upper >= bar) exact.push_back({c.row, cosine_of(query.values, rows + c.row * dim, dim)});
  std::partial_sort(exact.begin(), exact.begin() + static_cast<int64_t>(keep), exact.end(), comes_first);
  exact.resize(keep);
  return exact;
}

std::vector<Query> prepared(const CompactRows& compact, const Tensor& queries,
                            const std::vector<std::vector<int32_t>>& excluded) {
  const int64_t count = queries.size(0), dim = queries.size(1);
  const float* const values = queries.data<float>();
  std::vector<Query> all;
  std::vector<double> unit(static_cast<size_t>(dim));
  for (int64_t q = 0; q < count; ++q) {
    const float* const value = values + q * dim;
    const double square = products_of(value, value, dim).aa;
    ROUX_CHECK(std::isfinite(square), "closest rows", "query ", q, " has a value that is not a finite number");
    ROUX_CHECK(square > 0, "closest rows", "query ", q, " is a vector of zeros, which has no direction");
    for (int64_t i = 0; i < dim; ++i) unit[static_cast<size_t>(i)] = value[i] / std::sqrt(square);
    Query query{value, compact.query(unit), {}};
    if (!excluded.empty()) query.excluded = excluded[static_cast<size_t>(q)];
    std::sort(query.excluded.begin(), query.excluded.end());
    all.push_back(std::move(query));
  }
  return all;
}

}  // namespace

double cosine(std::span<const float> a, std::span<const float> b) {
  ROUX_CHECK(a.size() == b.size(), "cosine", "the vectors have ", a.size(), " and ", b.size(), " numbers");
  return cosine_of(a.data(), b.data(), static_cast<int64_t>(a.size()));
}

NearestRows::NearestRows(const Tensor& rows) : rows_(rows.defined() ? rows.contiguous() : rows), compact_(rows_) {}

std::vector<std::vector<RowScore>> NearestRows::find(const Tensor& queries, int64_t top_n,
                                                     const std::vector<std::vector<int32_t>>& excluded) const {
  const int64_t n = rows_.size(0), dim = rows_.size(1);
  ROUX_CHECK(queries.defined() && queries.dtype() == float32 && queries.dim() == 2 && queries.size(1) == dim,
             "closest rows", "expected float32 queries of shape (queries, ", dim, ")",
             queries.defined() ? ", found " + to_string(queries.shape()) : std::string());
  ROUX_CHECK(top_n >= 0, "closest rows", "top_n must be at least 0, found ", top_n);
  const Tensor asked = queries.to(cpu).contiguous();
  const int64_t count = asked.size(0);
  ROUX_CHECK(excluded.empty() || static_cast<int64_t>(excluded.size()) == count, "closest rows", "found ", count,
             " queries and ", excluded.size(), " lists of excluded rows");
  top_n = std::min(top_n, n);
  std::vector<std::vector<RowScore>> results(static_cast<size_t>(count));
  const std::vector<Query> all = prepared(compact_, asked, excluded);
  if (top_n == 0 || count == 0) return results;

  // Groups of queries times stretches of rows: enough pieces for many threads, whatever there is more of.
  constexpr int64_t group_size = 64, pieces = 32;
  const int64_t groups = (count + group_size - 1) / group_size, blocks = compact_.blocks();
  const int64_t wanted = (pieces + groups - 1) / groups;
  const int64_t stretch = std::max<int64_t>(64, (blocks + wanted - 1) / wanted);
  const int64_t stretches = (blocks + stretch - 1) / stretch;
  const float* const rows = rows_.data<float>();
  std::vector<Found> found;
  found.reserve(static_cast<size_t>(count * stretches));
  for (int64_t s = 0; s < stretches; ++s)
    for (const Query& query : all) found.emplace_back(rows, dim, query, top_n);
  parallel_for(groups * stretches, 1, [&](int64_t begin, int64_t end) {
    for (int64_t piece = begin; piece < end; ++piece) {
      const int64_t first = piece / stretches * group_size, s = piece % stretches;
      const auto group =
          std::span(all).subspan(static_cast<size_t>(first), static_cast<size_t>(std::min(group_size, count - first)));
      offer_blocks(compact_, s * stretch, std::min(blocks, (s + 1) * stretch), n, group,
                   found.data() + s * count + first);
    }
  });
  parallel_for(count, 8, [&](int64_t begin, int64_t end) {
    for (int64_t q = begin; q < end; ++q) {
      std::vector<const Found*> parts;
      for (int64_t s = 0; s < stretches; ++s) parts.push_back(&found[static_cast<size_t>(s * count + q)]);
      results[static_cast<size_t>(q)] = best_of(parts, rows, dim, all[static_cast<size_t>(q)], top_n);
    }
  });
  return results;
}

}  // namespace roux::text
