// The words of word vectors, numbered by row, and how one is found.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tensor/tensor.h"
#include "text/string_table.h"

namespace roux::text {

/// Distinct words, numbered 0, 1, 2 ...: a table in memory that was built word by word, or three tensors of a file,
/// which are used where they lie, so that opening costs nothing a word.
class WordList {
 public:
  /// `bytes` (int32; the bytes of all words one after the other, with zeros up to a whole element), `ends` (int64, (n):
  /// where each word ends in them) and `slots` (int32: the numbers of the words in a table of open addressing by their
  /// FNV-1a hashes, a power of two long, -1 where it is empty; numbers from n on are passed over).
  struct Tensors {
    Tensor bytes, ends, slots;
  };

  WordList() = default;
  WordList(StringTable words) : table_(std::move(words)) {}
  /// Throws, naming `source`, when the tensors have other types or shapes or contradict each other. The slots alone are
  /// believed: if they lie, a word is not found.
  WordList(Tensors tensors, const std::string& source);

  int64_t size() const { return words_ < 0 ? table_.size() : words_; }
  /// The number of a word, or -1.
  int32_t find(std::string_view word) const;
  /// Throws unless 0 <= number < size().
  std::string_view operator[](int64_t number) const;
  /// The words as tensors, for a file.
  Tensors tensors() const;

 private:
  StringTable table_;
  Tensors tensors_;
  int64_t words_ = -1;  // of tensors_; below 0: table_ has the words
};

}  // namespace roux::text
