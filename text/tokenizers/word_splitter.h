// From a text to its words: white space, case, accents, punctuation, contractions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text/tokenizers/tokenizer.h"

namespace roux::text {

/// What becomes of punctuation (the Unicode categories P and S). An apostrophe between letters belongs to its word.
enum class Punctuation {
  keep,    ///< it stays in its word: "Hi!" and "Hi" differ
  split,   ///< each sign is a word of its own: "Hi!" is "Hi", "!"
  remove,  ///< it is left out and separates words: "Hi!" is "Hi"
};

/// What becomes of the words of a text.
struct WordOptions {
  bool lowercase = true;                        ///< "Apple" is "apple"
  bool strip_accents = false;                   ///< "café" is "cafe"
  Punctuation punctuation = Punctuation::keep;  ///< whether signs stay, part or go
  bool expand_contractions = false;             ///< English ones: "don't" is "do", "not"

  bool operator==(const WordOptions&) const = default;
};

/// Takes texts apart. White space is Python's (`is_white_space`), lower case the simple mapping of Unicode.
class WordSplitter {
 public:
  /// For any number of texts.
  explicit WordSplitter(const WordOptions& options) : options_(options) {}

  /// Calls `f(std::string_view word, TextSpan bytes)` for each word of a valid text, with the bytes of `text` that it
  /// comes from. Words of one contraction share its bytes.
  template <class F>
  void for_each(std::string_view text, F&& f) {
    for (int64_t at = 0; next(text, at);) {
      f(std::string_view(word_), bytes_);
      if (!second_.empty()) f(std::string_view(second_), bytes_);
    }
  }

 private:
  /// Goes to the next word behind byte `at`, which moves on; false at the end of the text.
  bool next(std::string_view text, int64_t& at);
  void expand_contraction();

  WordOptions options_;
  std::string word_;
  std::string second_;  // of a contraction; else empty
  TextSpan bytes_;
};

std::string to_string(Punctuation punctuation);
/// Throws unless `name` is keep, split or remove.
Punctuation punctuation_from(std::string_view name);

}  // namespace roux::text
