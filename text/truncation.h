// Shortening encoded texts: the beginning, the end, both, or what matters most.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "text/corpus.h"

namespace roux::text {

/// What is kept of a text that is too long.
enum class Keep {
  head,           ///< the first ids
  tail,           ///< the last ids
  head_and_tail,  ///< the first and the last ids, half of the room each
  smart,          ///< the first and the last ids, a quarter of the room each, and what weighs most of those between
};

/// Options of `truncate`.
struct TruncationOptions {
  int64_t max_length = 512;           ///< ids a text at most, `start` and `end` included
  Keep keep = Keep::head;             ///< which part stays
  std::optional<int32_t> start = {};  ///< put before every text, long or short
  std::optional<int32_t> end = {};    ///< put behind every text
  /// smart: the ids that end a sentence (of ".", "!" and "?", say). With them, whole sentences are kept: those whose
  /// ids weigh most on average, the last of them cut where the room ends. Empty: single ids.
  std::vector<int32_t> sentence_ends = {};
};

/// How much the ids of a text matter: TF-IDF, the count of the id in the text times ln(N / df), df of the N texts
/// having it. An id that none of them has counts as one that one has.
class IdWeights {
 public:
  /// Counts how many of the texts have each id.
  explicit IdWeights(const EncodedTexts& texts);
  /// ln(N / df).
  double idf(int32_t id) const;

 private:
  double texts_;
  std::vector<int64_t> document_frequency_;  // by id
};

/// Appends to `shortened` what is left of a text, in its order. With `smart` a single id that comes again counts less:
/// its k-th occurrence weighs 1/k of the first; of equal weights the earlier is kept. Throws when max_length leaves no
/// room beside `start` and `end`, and with `smart` without weights.
void truncate(std::span<const int32_t> text, const TruncationOptions& options, const IdWeights* weights,
              std::vector<int32_t>& shortened);

/// All texts, in parallel, with the weights of a training set, or their own.
EncodedTexts truncate(const EncodedTexts& texts, const TruncationOptions& options, const IdWeights& weights);
EncodedTexts truncate(const EncodedTexts& texts, const TruncationOptions& options);
/// The same for texts with labels.
Corpus truncate(const Corpus& corpus, const TruncationOptions& options, const IdWeights& weights);
Corpus truncate(const Corpus& corpus, const TruncationOptions& options);

}  // namespace roux::text
