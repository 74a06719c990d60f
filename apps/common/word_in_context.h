// A word inside a sentence, and its vectors: in the sentence, and in a table that knows no sentences.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/common/token_vectors.h"

namespace roux::apps {

/// A word, a sentence that has it, and which sense it has there.
struct WordInContext {
  std::string word, text, sense;
};

/// Row i of the vectors belongs to word i.
struct WordVectorsInContext {
  std::vector<std::string> sentences;           ///< as the model reads them: tokens, those of the word in brackets
  std::vector<std::vector<int64_t>> positions;  ///< of the word's tokens in its sentence, [CLS] being 0
  Tensor in_context;                            ///< (words, dim): the mean of the word's tokens' last hidden states
  Tensor from_table;                            ///< (words, dim): the mean of their rows in the model's embedding table
};

/// Throws when a sentence does not have its word.
WordVectorsInContext vectors_in_context(const ContextualModel& model, const std::vector<WordInContext>& words);

/// The words' vectors from a file of word vectors, (words, dim). Throws, naming it, for a word that has none.
Tensor vectors_of_words(const std::string& path, const std::vector<WordInContext>& words);

/// Cosines of all rows with all rows: (n, dim) -> (n, n), float64; 0 for a row of zeros.
Tensor cosine_table(const Tensor& vectors);
/// One of them.
double at(const Tensor& table, size_t row, size_t column);

}  // namespace roux::apps
