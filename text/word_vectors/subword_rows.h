// Which rows of the table that is trained make up the vector of a word: its own, and those of its sub-words.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "text/string_table.h"
#include "text/word_vectors/subwords.h"

namespace roux::text {

/// Buckets for the sub-words of `words` (the other numbers of `rule`): four for each that differs, so that few share
/// one, and at most fastText's 2,000,000.
int64_t fitting_buckets(const StringTable& words, const SubwordRule& rule);

/// Row i is that of word i; behind them come the buckets that any word uses, the others have none: the table in
/// training is as small as the vocabulary allows.
class SubwordRows {
 public:
  /// Without a rule, words have their own rows alone.
  SubwordRows(const StringTable& words, const std::optional<SubwordRule>& rule);

  /// Rows of the table.
  int64_t count() const { return words_ + static_cast<int64_t>(buckets_.size()); }
  /// The rows whose mean is the vector of a word; its own is the first. A row may come twice.
  std::span<const int32_t> of(int32_t word) const {
    const auto i = static_cast<size_t>(word);
    return std::span(rows_).subspan(begins_[i], begins_[i + 1] - begins_[i]);
  }
  /// By how much that mean moves when 1 is added to each of these rows as often as it comes: 1 unless one comes twice.
  float weight(int32_t word) const { return weights_[static_cast<size_t>(word)]; }
  /// The sub-words with their vectors, the first `dim` columns of a trained table; those of other buckets are zeros.
  /// Null without a rule.
  std::shared_ptr<const Subwords> subwords(const Tensor& table, int64_t dim) const;

 private:
  int64_t words_;
  std::optional<SubwordRule> rule_;
  std::vector<int32_t> buckets_;  // of row words_ + i
  std::vector<int32_t> rows_;
  std::vector<size_t> begins_;
  std::vector<float> weights_;
};

}  // namespace roux::text
