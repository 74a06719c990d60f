// Counting pairs in a hash table of numbers.
#include "text/word_vectors/cooccurrence.h"

#include <algorithm>

#include "text/word_vectors/training.h"

namespace roux::text {
namespace {

/// Finds a pair in the list by open addressing with linear probing, at most half full.
class PairTable {
 public:
  void add(int32_t a, int32_t b, double amount) {
    const auto [first, second] = std::minmax(a, b);
    if (2 * (pairs_.size() + 1) > slots_.size()) grow();
    size_t slot = home_of(first, second);
    for (; slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
      Cooccurrence& pair = pairs_[static_cast<size_t>(slots_[slot])];
      if (pair.first != first || pair.second != second) continue;
      pair.count += amount;
      return;
    }
    slots_[slot] = static_cast<int64_t>(pairs_.size());
    pairs_.push_back({first, second, amount});
  }

  std::vector<Cooccurrence> pairs() { return std::move(pairs_); }

 private:
  size_t home_of(int32_t first, int32_t second) const {
    const uint64_t key = uint64_t{static_cast<uint32_t>(first)} << 32 | static_cast<uint32_t>(second);
    const uint64_t mixed = (key ^ key >> 29) * 0x9E3779B97F4A7C15u;
    return static_cast<size_t>(mixed ^ mixed >> 32) & (slots_.size() - 1);
  }

  void grow() {
    slots_.assign(std::max<size_t>(2 * slots_.size(), 1024), -1);
    for (size_t i = 0; i < pairs_.size(); ++i) {
      size_t slot = home_of(pairs_[i].first, pairs_[i].second);
      while (slots_[slot] >= 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = static_cast<int64_t>(i);
    }
  }

  std::vector<Cooccurrence> pairs_;
  std::vector<int64_t> slots_;
};

}  // namespace

std::vector<Cooccurrence> count_cooccurrences(const TrainingCorpus& corpus, int64_t window) {
  check_within("count_cooccurrences", "window", window, 1, 1000);
  PairTable table;
  for (int64_t i = 0; i < corpus.sentences(); ++i) {
    const std::span<const int32_t> sentence = corpus.sentence(i);
    for (size_t at = 0; at < sentence.size(); ++at) {
      const size_t nearest = std::min(at, static_cast<size_t>(window));
      for (size_t distance = 1; distance <= nearest; ++distance) {
        const int32_t word = sentence[at], other = sentence[at - distance];
        table.add(word, other, (word == other ? 2.0 : 1.0) / static_cast<double>(distance));
      }
    }
  }
  return table.pairs();
}

}  // namespace roux::text
