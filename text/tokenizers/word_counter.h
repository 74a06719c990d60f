// How often each word of a corpus occurs: what vocabularies of word pieces are trained on.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "text/string_list.h"
#include "text/string_table.h"

namespace roux::text {

/// Counts words over blocks of texts, so that a corpus need not fit into memory; the distinct words do.
class WordCounter {
 public:
  using TakeWord = std::function<void(std::string_view word)>;
  /// Hands every word of a text of valid UTF-8 to `take`; called from several threads at once.
  using Split = std::function<void(std::string_view text, const TakeWord& take)>;

  explicit WordCounter(Split split) : split_(std::move(split)) {}

  /// Counts the words of these texts as well, in parallel. Words are numbered by first occurrence, whatever the number
  /// of threads. Invalid UTF-8 is read as U+FFFD.
  void add(const StringList& texts);

  int64_t size() const { return words_.size(); }
  std::string_view word(int64_t number) const { return words_[static_cast<int32_t>(number)]; }
  int64_t count(int64_t number) const { return counts_[static_cast<size_t>(number)]; }

 private:
  Split split_;
  StringTable words_;
  std::vector<int64_t> counts_;
};

}  // namespace roux::text
