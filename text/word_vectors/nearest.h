// What one asks word vectors: which words are closest to a vector, to others as king - man + woman, which word does not
// belong, how alike all are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tensor/tensor.h"
#include "text/word_vectors/nearest_rows.h"
#include "text/word_vectors/word_vectors.h"

namespace roux::text {

/// A word and the cosine of its vector with what was asked for.
struct Neighbour {
  std::string word;  ///< as the vectors spell it
  double score;      ///< in [-1, 1]

  bool operator==(const Neighbour&) const = default;
};

/// How the words of an analogy are added up.
enum class AnalogyForm {
  plain,  ///< the vectors as they are: queen is 0.7834 for king - man + woman with glove.6B.100d
  unit,   ///< each scaled to length 1 before, as in gensim's most_similar: queen is 0.7699
};

/// A name for each: `plain`, `unit`. Throws for another name.
AnalogyForm analogy_form(const std::string& name);

/// The cosine of two vectors (dim), float32: nearest_rows.h.
double cosine(const Tensor& a, const Tensor& b);

/// Cosines of all pairs of rows of x (n, dim), float32 -> (n, n) float64. 1 on the diagonal; 0 in the rows and columns
/// of vectors of zeros, there too.
Tensor similarity_matrix(const Tensor& x);

/// The vectors of some words, (words, dim).
Tensor vectors_of(const WordVectors& vectors, const std::vector<std::string>& words,
                  UnknownWord unknown = UnknownWord::refuse);

/// The word that is least like the others: whose cosine with the mean of all their vectors, each scaled to length 1, is
/// smallest; the first of equals. As gensim's doesnt_match. Throws for fewer than 3 words.
std::string odd_one_out(const WordVectors& vectors, const std::vector<std::string>& words,
                        UnknownWord unknown = UnknownWord::refuse);

/// Finds the words closest to a direction. Making one costs a pass over all vectors and a quarter of their memory; then
/// questions cost a pass over that quarter, many at once together hardly more. Answers are exact: the same as comparing
/// with every word, equals in the order of the rows, for any number of threads.
class NearestWords {
 public:
  /// Makes the compact copy; `vectors` must live as long as this.
  explicit NearestWords(const WordVectors& vectors);

  /// Those it was made from.
  const WordVectors& vectors() const { return vectors_; }

  /// The `top_n` words closest to `vector` (dim), the closest first, `exclude` and all its words left out (words that
  /// have no vector may stand in it). A word whose vector is zeros scores 0. Throws when `vector` is zeros, or holds
  /// what is not a finite number.
  std::vector<Neighbour> find_closest_words(const Tensor& vector, const std::vector<std::string>& exclude = {},
                                            int64_t top_n = 10) const;

  /// The same for queries (n, dim) at once; exclude[i] belongs to query i; no lists at all leave nothing out.
  /// Throws as well unless there are as many lists as queries or none, and top_n >= 0.
  std::vector<std::vector<Neighbour>> find_closest_words_each(const Tensor& queries,
                                                              const std::vector<std::vector<std::string>>& exclude,
                                                              int64_t top_n) const;

  /// The words closest to the sum of `positive` minus that of `negative`, which are left out: king - man + woman is
  /// ({"king", "woman"}, {"man"}). Throws for words that `unknown` refuses, and when nothing is added or taken away.
  std::vector<Neighbour> analogy(const std::vector<std::string>& positive, const std::vector<std::string>& negative,
                                 int64_t top_n = 10, AnalogyForm form = AnalogyForm::plain,
                                 UnknownWord unknown = UnknownWord::refuse) const;

 private:
  WordVectors vectors_;
  NearestRows rows_;
};

}  // namespace roux::text
