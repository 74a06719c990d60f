// Word vectors from a corpus: skip-gram and CBOW with negative sampling, on words alone or on their sub-words too.
//
// Mikolov, Chen, Corrado, Dean, "Efficient estimation of word representations in vector space" (2013), and the paper at
// the top of negative_sampling.h; with sub-words: Bojanowski, Grave, Joulin, Mikolov, "Enriching word vectors with
// subword information" (2017), which is fastText.
#pragma once

#include <cstdint>
#include <optional>

#include "text/word_vectors/subwords.h"
#include "text/word_vectors/training.h"
#include "text/word_vectors/training_corpus.h"
#include "text/word_vectors/word_vectors.h"

namespace roux::text {

enum class Word2VecMethod {
  skip_gram,  ///< from a word its neighbours, one by one
  cbow        ///< from the mean of its neighbours a word
};

/// Options of `train_word2vec`.
struct Word2VecOptions {
  Word2VecMethod method = Word2VecMethod::skip_gram;  ///< skip-gram or CBOW
  int64_t dim = 100;                                  ///< numbers in a vector
  int64_t epochs = 5;                                 ///< passes over the text
  int64_t window = 5;    ///< neighbours on either side at most; at each place 1 to this many, drawn anew
  int64_t negative = 5;  ///< words drawn for each that is there
  double lr = 0.05;      ///< of the start; falls to 0 in a straight line
  double sample = 1e-4;  ///< of words with a larger share of the corpus, some are passed over; 0: of none
  std::optional<SubwordRule> subwords = std::nullopt;  ///< vectors of runs of characters too
  uint64_t seed = 1;                                   ///< of the start, the neighbours and the drawn words
  /// 1: the same seed gives the same vectors, bit for bit. More: as many parts of the corpus are trained on side by
  /// side (as far as `num_threads` allows) on the same vectors, without a lock, as in word2vec, gensim and fastText
  /// (Niu, Recht, Re, Wright, "Hogwild", 2011): an update may be lost now and then, and no two runs give quite the same
  /// vectors.
  int threads = 1;
  /// Called now and then with how far it is.
  TrainingProgress progress = {};
};

/// Trains. Neighbours' vectors and those of runs of characters start uniform in +-0.5 / dim, the words' other vectors,
/// which are dropped at the end, at 0. The error of a mean (of sub-words, of neighbours) goes to each part of it whole,
/// not divided by their number, as in word2vec and fastText.
///
/// Throws when an option is out of bounds, when no sentence has two words, and when training has gone astray (lr too
/// large) so that losses or vectors are no numbers any more.
WordVectors train_word2vec(const TrainingCorpus& corpus, const Word2VecOptions& options = {});

}  // namespace roux::text
