// From a text to the ids of its words and n-grams: the input of the bag-of-words models.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/string_list.h"
#include "text/vocabulary.h"

namespace roux::text {

/// Which features a text is made into.
struct NgramOptions {
  int64_t min_count = 2;        ///< words met fewer times in the training texts are `<unk>`
  int64_t word_ngrams = 1;      ///< runs of 2 to this many words become extra ids; 1: none
  int64_t char_ngrams_min = 0;  ///< runs of this many ...
  int64_t char_ngrams_max = 0;  ///< ... to this many characters of a word become extra ids; 0 and 0: none
  int64_t buckets = 0;          ///< n-grams are hashed into this many ids; 0: each has an id of its own
  int64_t ngram_min_count = 2;  ///< where each has its own: those met fewer times in the training texts are left out

  bool operator==(const NgramOptions&) const = default;
};

/// Turns texts, cleaned as `clean` does, into ids. Built from the training texts alone.
///
/// Ids: words as in `words()` (`<pad>` 0, `<unk>` 1, then by falling count), behind them the n-grams. An n-gram is a
/// string: words joined by spaces, or characters of `<word>` (see text/ngrams.h). With buckets its id is
/// words().size() + fnv1a(n-gram) % buckets; without, n-grams are numbered by falling count, equals in the order they
/// were first met, those of characters before those of words. A text gives the id of each word followed by its
/// character n-grams, then its word n-grams; an n-gram that occurs twice is there twice; a text that cleans to nothing
/// gives none.
class NgramEncoder {
 public:
  /// Counts the words and n-grams of `texts`. Throws when an option makes no sense.
  NgramEncoder(const StringList& texts, const NgramOptions& options);

  /// Appends the ids of a text. Several threads may call it at once.
  void encode(std::string_view text, std::vector<int32_t>& ids) const;

  /// The number of ids: the rows that an embedding table needs.
  int64_t size() const;
  /// The words that have ids of their own.
  const Vocabulary& words() const { return words_; }
  const NgramOptions& options() const { return options_; }
  /// The share of the words of `texts` that are `<unk>`, in [0, 1]; 0 when there are no words.
  double unknown_rate(const StringList& texts) const;

  /// Writes `encoder.json` (the options, and length and hash of the other files), `words.txt` and, where n-grams are
  /// counted, `ngrams.txt` into a folder that exists. The files are replaced one by one, each as a whole.
  void save(const std::string& folder) const;
  /// Throws when a file is missing, damaged, or not the one that was saved with the others.
  static NgramEncoder load(const std::string& folder);

 private:
  NgramEncoder(const NgramOptions& options, Vocabulary words, StringTable ngrams);
  void add_ngram(std::string_view ngram, uint64_t hash, std::vector<int32_t>& ids) const;
  void add_char_ngrams(std::string_view word, std::vector<int32_t>& ids) const;
  void remember_char_ngrams();

  NgramOptions options_;
  Vocabulary words_;
  StringTable ngrams_;  // empty with buckets
  // The ids of a known word's character n-grams are char_ngram_ids_[char_ngram_ends_[id - 1], char_ngram_ends_[id]).
  std::vector<int32_t> char_ngram_ids_;
  std::vector<int64_t> char_ngram_ends_;
};

}  // namespace roux::text
