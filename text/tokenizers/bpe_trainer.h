// Training byte-level BPE: a vocabulary and merges for BpeTokenizer, those that Hugging Face's BpeTrainer finds.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "text/tokenizers/pair_trainer.h"
#include "text/tokenizers/word_counter.h"

namespace roux::text {

/// Options of `BpeTrainer`.
struct BpeTrainerOptions {
  int64_t vocab_size = 30000;  ///< special tokens and the 256 bytes included; fewer where there is no pair left
  int64_t min_frequency = 0;   ///< of a pair that becomes a token
  std::vector<std::string> special_tokens;  ///< get the first ids
  bool add_prefix_space = false;            ///< as BpeOptions has it
  TokenizerTrainingProgress progress;       ///< told how far it is
};

/// What BpeTokenizer is made of: tokens by id, and merges by rank.
struct TrainedBpe {
  std::vector<std::string> vocabulary;                      ///< the token of id i at [i]
  std::vector<std::pair<std::string, std::string>> merges;  ///< the first learned first
};

/// Learns byte-level BPE from texts that come in blocks.
class BpeTrainer {
 public:
  /// Throws when vocab_size leaves no room for the bytes and the special tokens, or a special token is empty.
  explicit BpeTrainer(BpeTrainerOptions options);

  /// Counts the pieces (byte_level.h) of these texts as well; a corpus may come in as many blocks as you like.
  void add(const StringList& texts) { pieces_.add(texts); }

  /// Trains on all that was added: the merges of Hugging Face's tokenizers (0.23.3) with ByteLevel and its alphabet, in
  /// the same order, for any number of threads.
  TrainedBpe train() const;

 private:
  BpeTrainerOptions options_;
  WordCounter pieces_;
};

/// The same for texts that are in memory.
TrainedBpe train_bpe(const StringList& texts, BpeTrainerOptions options = {});

}  // namespace roux::text
