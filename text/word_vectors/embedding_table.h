// A table of vectors for the words of a vocabulary: what nn::Embedding::from_pretrained and
// EmbeddingBag::from_pretrained take.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"
#include "text/vocabulary.h"
#include "text/word_vectors/word_vectors.h"

namespace roux::text {

/// Options of `embedding_table`.
struct EmbeddingTableOptions {
  int64_t rows = 0;      ///< of the table, where ids go on behind the vocabulary's, as n-grams' do; 0: as many as ids
  bool subwords = true;  ///< a word that is not there starts with its sub-words', where the vectors have those
  uint64_t seed = 0;     ///< of what starts at random
};

/// A row for each id, and where it came from.
///
/// A word that has a vector starts with it. Padding is zeros. Every other row, words that are not there, special tokens
/// and ids behind the vocabulary, is drawn from a normal distribution with the root mean square of the numbers found (1
/// when none are): rows that were not found are as long as those that were. A special token that has a vector, `<unk>`
/// say, gets it.
struct EmbeddingTable {
  Tensor table;               ///< (rows, dim) float32
  int64_t found = 0;          ///< words of the vocabulary, special tokens left out, that have a vector
  int64_t from_subwords = 0;  ///< words that have none but sub-words
  int64_t not_found = 0;      ///< words that start at random
  std::vector<std::string> first_not_found = {};  ///< ten of these at most, those of the lowest ids

  /// How many words of the vocabulary there are, special tokens left out.
  int64_t words() const { return found + from_subwords + not_found; }
};

/// Throws when `rows` is below the vocabulary's size.
EmbeddingTable embedding_table(const Vocabulary& vocabulary, const WordVectors& vectors,
                               const EmbeddingTableOptions& options = {});

/// `3,412 of 3,501 words have vectors (97.5 %), 89 start at random: blintzes, kugel, ...`
std::string to_string(const EmbeddingTable& table);

/// The words of a vocabulary, for LoadOptions::words: of a large file, the vectors of these alone are kept.
StringTable words_of(const Vocabulary& vocabulary);

}  // namespace roux::text
