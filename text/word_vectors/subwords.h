// Sub-words as fastText has them: the runs of characters of a word, hashed into a table of vectors, from which words
// that were never seen have vectors too (Bojanowski, Grave, Joulin, Mikolov 2017, "Enriching Word Vectors with Subword
// Information", https://arxiv.org/abs/1607.04606).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "tensor/tensor.h"

namespace roux::text {

/// Which runs of characters a word has, and in which of the buckets each is.
struct SubwordRule {
  int64_t min_chars = 3;  ///< characters of the shortest run, the marks `<` and `>` at the ends of a word included
  int64_t max_chars = 6;  ///< of the longest
  int64_t buckets = 2'000'000;  ///< vectors that all runs share, by their hash

  /// Appends the bucket, in [0, buckets), of every run of `word`, in fastText's order: by where they begin, then by
  /// length. A character is a code point of UTF-8; the hash is FNV-1a of 32 bits over sign-extended bytes, as in
  /// fastText. The marks alone are no run.
  void append_buckets(std::string_view word, std::vector<int32_t>& to) const;

  bool operator==(const SubwordRule&) const = default;
};

/// The vectors of sub-words.
class Subwords {
 public:
  /// `table` is (rule.buckets, dim), float32. Throws when it is not, or unless 1 <= min_chars <= max_chars and
  /// 1 <= buckets <= 2^31 - 1.
  Subwords(SubwordRule rule, Tensor table);

  /// What it was made with.
  const SubwordRule& rule() const { return rule_; }
  const Tensor& table() const { return table_; }
  int64_t dim() const { return table_.size(1); }
  /// The mean of the vectors of the word's sub-words, to `to` (dim). False, and zeros, for a word without any.
  bool mean(std::string_view word, float* to) const;
  /// Makes `own` (dim), the row of a known word, the mean of itself and of the word's sub-words: what fastText
  /// calls the vector of the word.
  void mean_with(std::string_view word, float* own) const;

 private:
  /// Adds the vectors of the word's sub-words to `to`; returns how many.
  int64_t add(std::string_view word, float* to) const;

  SubwordRule rule_;
  Tensor table_;
};

}  // namespace roux::text
