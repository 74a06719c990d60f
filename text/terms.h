// The terms of a text that vectorizers count: words, characters, and their n-grams.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace roux::text {

/// What terms are made of. The characters forms are scikit-learn's analyzers `char` and `char_wb`.
enum class TermKind {
  words,       ///< runs of letters, digits and underscores, as `\w+` of Python's re; n-grams join them by a space
  characters,  ///< runs of the text's characters; two or more white spaces count as one space
  characters_in_words  ///< runs inside each word between white space, with a space before and behind it
};

/// Which terms a text has.
struct TermOptions {
  TermKind kind = TermKind::words;  ///< what a term is made of
  int64_t ngram_min = 1;            ///< runs of this many words or characters ...
  int64_t ngram_max = 1;            ///< ... to this many
  bool lowercase = true;            ///< each character by Unicode's simple mapping
  int64_t min_word_length = 1;      ///< words with fewer characters are left out; scikit-learn's default is 2

  bool operator==(const TermOptions&) const = default;
};

/// Throws unless 1 <= ngram_min <= ngram_max <= 100 and min_word_length >= 1.
void check(const TermOptions& options);

/// Takes texts apart, one after the other; keeps its memory.
class TermSplitter {
 public:
  /// Throws what `check` throws.
  explicit TermSplitter(const TermOptions& options);

  /// Calls `f(std::string_view term)` for each term of a text. The 8 bytes from the start of a term on can be read,
  /// however short it is. Bytes that are not valid UTF-8 are read as U+FFFD.
  template <class F>
  void for_each(std::string_view text, F&& f) {
    split(text);
    if (options_.kind != TermKind::characters_in_words) return ngrams(0, pieces_.size(), f);
    for (size_t word = 0; word < words_.size(); ++word) {
      in_word(words_[word], word + 1 < words_.size() ? words_[word + 1] : pieces_.size(), f);
    }
  }

 private:
  /// The part [begin, end) of text_: a word, or a character.
  struct Piece {
    uint32_t begin, end;
  };

  void split(std::string_view text);
  void split_words();
  void split_characters();
  void split_characters_in_words();

  /// Every run of ngram_min to ngram_max of the pieces [first, last).
  template <class F>
  void ngrams(size_t first, size_t last, F&& f) {
    const auto shortest = static_cast<size_t>(options_.ngram_min), longest = static_cast<size_t>(options_.ngram_max);
    const char* const text = text_.data();
    for (size_t begin = first; begin < last; ++begin) {
      const uint32_t from = pieces_[begin].begin;
      const size_t stop = std::min(begin + longest, last);
      for (size_t end = begin + shortest; end <= stop; ++end)
        f(std::string_view(text + from, pieces_[end - 1].end - from));
    }
  }

  /// The same for one word between spaces, which is itself a term once when it is shorter than ngram_min.
  template <class F>
  void in_word(size_t first, size_t last, F&& f) {
    if (last - first >= static_cast<size_t>(options_.ngram_min)) return ngrams(first, last, f);
    f(std::string_view(text_.data() + pieces_[first].begin, pieces_[last - 1].end - pieces_[first].begin));
  }

  TermOptions options_;
  std::string lowered_, text_;
  std::vector<Piece> pieces_;
  std::vector<size_t> words_;  // characters_in_words: the first piece of each word
};

}  // namespace roux::text
