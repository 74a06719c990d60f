// A corpus as word vectors are trained on it: every word a number, all sentences end to end.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "text/byte_source.h"
#include "text/string_table.h"

namespace roux::text {

/// Options of `read_training_corpus`.
struct TrainingCorpusOptions {
  int64_t min_count = 5;                       ///< words that occur fewer times are left out
  TextEncoding encoding = TextEncoding::utf8;  ///< of the corpus
};

/// Words with counts, and sentences of their numbers. Words that were left out are missing in the sentences, as in
/// word2vec: what stood on both sides of them is neighbours.
struct TrainingCorpus {
  StringTable words;            ///< the most frequent first, equals in the order they were first met
  std::vector<int64_t> counts;  ///< of each word
  std::vector<int32_t> ids;     ///< of all sentences
  std::vector<int64_t> ends;    ///< sentence i is ids[ends[i - 1], ends[i]), the first from 0; none is empty
  int64_t tokens_read = 0;      ///< those included that were left out

  /// Lines that are not UTF-8: left out, counted, and where the first of them is (0: there is none).
  int64_t damaged_lines = 0;
  int64_t first_damaged_line = 0;

  /// How many there are.
  int64_t sentences() const { return static_cast<int64_t>(ends.size()); }
  /// The words of one of them, by number; not checked.
  std::span<const int32_t> sentence(int64_t index) const {
    const auto i = static_cast<size_t>(index);
    const auto begin = static_cast<size_t>(i == 0 ? 0 : ends[i - 1]);
    return std::span(ids).subspan(begin, static_cast<size_t>(ends[i]) - begin);
  }
};

/// Longer lines are cut after so many words.
inline constexpr int64_t longest_sentence = 10000;

/// Reads a corpus of a sentence (or any text whose words belong together) a line, words between ASCII white space, as
/// they are: nothing is lowered or taken off. `source` names it in errors. Throws when min_count is below 1, when there
/// is no word at all, when fewer than two words occur often enough (nothing is to be told apart then), and where
/// `as_utf8` does.
TrainingCorpus read_training_corpus(ReadFunction read, const std::string& source,
                                    const TrainingCorpusOptions& options = {});

/// The same from a file, which may be gzip-compressed.
TrainingCorpus read_training_corpus(const std::string& path, const TrainingCorpusOptions& options = {});

}  // namespace roux::text
