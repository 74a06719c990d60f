// Training WordPiece: a vocabulary for WordPieceTokenizer, learned as Hugging Face's WordPieceTrainer learns it, by
// merging the most frequent pairs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/tokenizers/bert_normalizer.h"
#include "text/tokenizers/pair_trainer.h"
#include "text/tokenizers/word_counter.h"

namespace roux::text {

/// The defaults are those of Hugging Face's BertWordPieceTokenizer.train.
struct WordPieceTrainerOptions {
  int64_t vocab_size = 30000;     ///< special tokens and characters included; fewer where there is no pair left
  int64_t min_frequency = 2;      ///< of a pair that becomes a token
  int64_t limit_alphabet = 1000;  ///< the most frequent characters are kept, so many; the others are left out of words
  std::vector<std::string> special_tokens = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};  ///< get the first ids
  std::string continuing_subword_prefix = "##";  ///< before pieces inside a word
  BertNormalizerOptions normalizer;              ///< what is done to texts before words are counted
  TokenizerTrainingProgress progress;            ///< told how far it is
};

/// Learns a WordPiece vocabulary from texts that come in blocks.
class WordPieceTrainer {
 public:
  /// Throws when vocab_size leaves no room for the special tokens, limit_alphabet is less than 1, or a special token or
  /// the prefix is empty.
  explicit WordPieceTrainer(WordPieceTrainerOptions options = {});

  /// Counts the words of these texts as well; a corpus may come in as many blocks as you like.
  void add(const StringList& texts) { words_.add(texts); }

  /// The vocabulary, the token of id i at [i], the same for any number of threads: special tokens, characters in the
  /// order of their code points, the same with the prefix, merged pieces in the order in which they were found.
  /// Hugging Face's trainer gives the characters with the prefix ids in an order that changes from run to run, and with
  /// it the choice among equally frequent pairs; with an order that is fixed (as special tokens), both learn the same.
  std::vector<std::string> train() const;

 private:
  WordPieceTrainerOptions options_;
  WordCounter words_;
};

/// The same for texts that are in memory.
std::vector<std::string> train_wordpiece(const StringList& texts, WordPieceTrainerOptions options = {});

}  // namespace roux::text
