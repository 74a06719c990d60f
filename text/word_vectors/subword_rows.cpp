// Numbering the buckets that are used.
#include "text/word_vectors/subword_rows.h"

#include <algorithm>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "tensor/error.h"

namespace roux::text {
namespace {

/// sum over rows of (how often it comes)^2 / how many come.
float weight_of(std::vector<int32_t> rows) {
  std::sort(rows.begin(), rows.end());
  double squares = 0;
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    while (end < rows.size() && rows[end] == rows[begin]) ++end;
    squares += static_cast<double>((end - begin) * (end - begin));
  }
  return static_cast<float>(squares / static_cast<double>(rows.size()));
}

void check(const SubwordRule& rule) {
  ROUX_CHECK(1 <= rule.min_chars && rule.min_chars <= rule.max_chars, "SubwordRows", "runs of ", rule.min_chars, " to ",
             rule.max_chars, " characters; expected 1 <= min_chars <= max_chars");
  ROUX_CHECK(1 <= rule.buckets && rule.buckets <= std::numeric_limits<int32_t>::max(), "SubwordRows", "found ",
             rule.buckets, " buckets; expected 1 to 2^31 - 1");
}

}  // namespace

int64_t fitting_buckets(const StringTable& words, const SubwordRule& rule) {
  SubwordRule finest = rule;
  finest.buckets = std::numeric_limits<int32_t>::max();
  check(finest);
  std::unordered_set<int32_t> different;
  std::vector<int32_t> found;
  for (int32_t word = 0; word < words.size(); ++word) {
    found.clear();
    finest.append_buckets(words[word], found);
    different.insert(found.begin(), found.end());
  }
  const auto count = static_cast<int64_t>(different.size());
  return std::clamp<int64_t>(4 * count, 1, SubwordRule{}.buckets);
}

SubwordRows::SubwordRows(const StringTable& words, const std::optional<SubwordRule>& rule)
    : words_(words.size()), rule_(rule), begins_{0} {
  if (rule) check(*rule);
  std::unordered_map<int32_t, int32_t> row_of_bucket;
  std::vector<int32_t> rows;
  for (int32_t word = 0; word < words_; ++word) {
    rows.clear();
    if (rule) rule->append_buckets(words[word], rows);
    for (int32_t& bucket : rows) {
      const auto [found, is_new] = row_of_bucket.try_emplace(bucket, static_cast<int32_t>(count()));
      if (is_new) buckets_.push_back(bucket);
      bucket = found->second;
    }
    rows.insert(rows.begin(), word);
    rows_.insert(rows_.end(), rows.begin(), rows.end());
    begins_.push_back(rows_.size());
    weights_.push_back(weight_of(rows));
  }
}

std::shared_ptr<const Subwords> SubwordRows::subwords(const Tensor& table, int64_t dim) const {
  if (!rule_) return nullptr;
  Tensor vectors = Tensor::zeros({rule_->buckets, dim});
  float* const to = vectors.mutable_data<float>();
  const int64_t stride = table.size(1);
  const float* const from = table.data<float>() + words_ * stride;
  for (size_t i = 0; i < buckets_.size(); ++i)
    std::copy_n(from + static_cast<int64_t>(i) * stride, dim, to + buckets_[i] * dim);
  return std::make_shared<const Subwords>(*rule_, vectors);
}

}  // namespace roux::text
