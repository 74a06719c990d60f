// The rows that a loader gathers: words and numbers, in memory that grows without being copied.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "tensor/tensor.h"
#include "text/string_table.h"
#include "text/word_vectors/word_vectors.h"

namespace roux::text {

/// True when none of `count` numbers is nan or infinite.
bool all_finite(const float* numbers, int64_t count);

/// A table of float32 that grows at its end. Its pages are the system's own: those that nobody wrote take no memory,
/// and growing moves no numbers (on Linux).
class GrowingRows {
 public:
  explicit GrowingRows(int64_t dim) : dim_(dim) {}
  GrowingRows(const GrowingRows&) = delete;
  GrowingRows& operator=(const GrowingRows&) = delete;
  ~GrowingRows();

  int64_t dim() const { return dim_; }
  /// Row `index`; valid until the next `reserve`.
  float* row(int64_t index) const { return data_ + index * dim_; }
  /// Makes room for `rows` rows.
  void reserve(int64_t rows);
  /// The first `rows` rows as a tensor; nothing is left behind.
  Tensor release(int64_t rows);

 private:
  int64_t dim_;
  float* data_ = nullptr;
  size_t bytes_ = 0;
};

/// Gathers words and rows, the first of each word, as far as the options want them, and what was skipped. Rows are
/// written where they will stay: into the slots behind those that were kept.
class RowCollector {
 public:
  RowCollector(int64_t dim, const LoadOptions& options) : options_(options), rows_(dim) {}

  int64_t dim() const { return rows_.dim(); }
  int64_t size() const { return words_.size(); }
  /// True when no more words are wanted.
  bool full() const {
    return (options_.max_words > 0 && size() == options_.max_words) ||
           (options_.words != nullptr && size() == options_.words->size());
  }
  bool wants(std::string_view word, uint64_t hash) const {
    return options_.words == nullptr || options_.words->find(word, hash) >= 0;
  }
  /// Makes room for `count` rows behind those that were kept, and forgets what lay there. Returns the first.
  float* open_slots(int64_t count);
  /// Makes room for about so many words.
  void expect(int64_t words) {
    if (options_.words == nullptr) words_.reserve(options_.max_words > 0 ? std::min(words, options_.max_words) : words);
  }
  /// Says that `keep` will be called with this hash soon.
  void prepare(uint64_t hash) const { words_.prefetch(hash); }
  /// Keeps the row in slot `slot` unless its word is there already. Slots must be kept in rising order.
  void keep(std::string_view word, uint64_t hash, int64_t slot);
  /// Counts a row that could not be read.
  void skip(int64_t line, const std::string& reason);
  /// True while reasons of bad rows are wanted.
  bool wants_reasons() const { return report_.first_bad.size() < most_reasons; }

  /// The vectors; fills the report that the options name. Throws, naming `source`, when there is no row.
  WordVectors finish(const std::string& form, const std::string& source,
                     std::shared_ptr<const Subwords> subwords = nullptr);

 private:
  static constexpr size_t most_reasons = 10;

  const LoadOptions& options_;
  StringTable words_;
  GrowingRows rows_;
  int64_t first_slot_ = 0;
  LoadReport report_;
};

}  // namespace roux::text
