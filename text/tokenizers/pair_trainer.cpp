// Pairs are counted once; after that every merge visits only the words that hold its pair and changes the counts of the
// pairs beside it. The next pair comes from a queue whose counts may be outdated: they are looked up when they come up.
#include "text/tokenizers/pair_trainer.h"

#include <limits>
#include <queue>

#include "tensor/error.h"

namespace roux::text {

namespace {

constexpr int64_t merges_per_report = 64;

uint64_t pair_of(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

struct Pair {
  int64_t count = 0;
  int32_t candidate = -1;  // the one that words are being added to
};

/// Finds the pair of two ids; open addressing, at most half full.
class PairTable {
 public:
  Pair& operator[](uint64_t pair) {
    if (2 * (size_ + 1) > slots_.size()) grow();
    size_t at = slot_of(pair);
    if (slots_[at].pair == none) {
      slots_[at].pair = pair;
      ++size_;
    }
    return slots_[at].value;
  }

 private:
  static constexpr uint64_t none = ~uint64_t{0};  // ids are not negative
  struct Slot {
    uint64_t pair = none;
    Pair value;
  };

  size_t slot_of(uint64_t pair) const {
    const size_t mask = slots_.size() - 1;
    uint64_t hash = pair * 0x9E3779B97F4A7C15u;
    hash ^= hash >> 32;
    size_t at = static_cast<size_t>(hash) & mask;
    while (slots_[at].pair != none && slots_[at].pair != pair) at = (at + 1) & mask;
    return at;
  }

  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old)
      if (slot.pair != none) slots_[slot_of(slot.pair)] = slot;
  }

  std::vector<Slot> slots_ = std::vector<Slot>(1024);
  size_t size_ = 0;
};

/// A pair with words that hold it. When a merge makes a token that there is already (which has to have been among the
/// symbols of the words for that), pairs with it get a second candidate, for the words where they are new, and can be
/// merged twice, as in Hugging Face's trainer.
struct Candidate {
  uint64_t pair;
  std::vector<int32_t> words;
};

struct QueueEntry {
  int64_t count;
  uint64_t pair;
  int32_t candidate;

  /// For std::priority_queue, whose greatest comes first.
  bool operator<(const QueueEntry& other) const {
    if (count != other.count) return count < other.count;
    return pair != other.pair ? pair > other.pair : candidate > other.candidate;
  }
};

class PairTrainer {
 public:
  PairTrainer(StringTable& tokens, CountedWords words, const PairTrainingOptions& options)
      : tokens_(tokens), words_(std::move(words)), options_(options) {
    ends_.assign(words_.offsets.begin() + 1, words_.offsets.end());
  }

  std::vector<std::pair<int32_t, int32_t>> train() {
    count_pairs();
    std::vector<std::pair<int32_t, int32_t>> merges;
    while (tokens_.size() < options_.vocab_size && !queue_.empty()) {
      const QueueEntry top = queue_.top();
      queue_.pop();
      const int64_t count = pairs_[top.pair].count;
      if (count != top.count) {
        if (count > 0) queue_.push({count, top.pair, top.candidate});
        continue;
      }
      if (count < options_.min_frequency) break;
      const auto left = static_cast<int32_t>(top.pair >> 32);
      const auto right = static_cast<int32_t>(top.pair);
      merges.emplace_back(left, right);
      merge_everywhere(left, right, tokens_.insert(joined(left, right)), top.candidate);
      if (options_.progress && static_cast<int64_t>(merges.size()) % merges_per_report == 0)
        options_.progress(tokens_.size(), options_.vocab_size);
    }
    if (options_.progress) options_.progress(tokens_.size(), options_.vocab_size);
    return merges;
  }

 private:
  std::string joined(int32_t left, int32_t right) const {
    std::string_view end = tokens_[right];
    const std::string& prefix = options_.continuing_subword_prefix;
    if (!prefix.empty() && end.starts_with(prefix)) end.remove_prefix(prefix.size());
    return std::string(tokens_[left]).append(end);
  }

  int64_t words() const { return static_cast<int64_t>(ends_.size()); }

  /// A pair occurs `count` times more (or less); where it is new, its word is kept.
  void change(int32_t left, int32_t right, int64_t count, int32_t word) {
    const uint64_t key = pair_of(left, right);
    Pair& pair = pairs_[key];
    pair.count += count;
    if (count < 0) return;
    if (pair.candidate < first_candidate_) {
      pair.candidate = static_cast<int32_t>(candidates_.size());
      candidates_.push_back({key, {}});
    }
    std::vector<int32_t>& holders = candidates_[static_cast<size_t>(pair.candidate)].words;
    if (holders.empty() || holders.back() != word) holders.push_back(word);
  }

  /// Puts the candidates that have been collected into the queue; the next ones are others.
  void queue_candidates() {
    for (auto i = static_cast<size_t>(first_candidate_); i < candidates_.size(); ++i) {
      const int64_t count = pairs_[candidates_[i].pair].count;
      if (count > 0) queue_.push({count, candidates_[i].pair, static_cast<int32_t>(i)});
    }
    first_candidate_ = static_cast<int32_t>(candidates_.size());
  }

  void count_pairs() {
    for (int64_t word = 0; word < words(); ++word)
      for (int64_t i = words_.offsets[static_cast<size_t>(word)]; i + 1 < ends_[static_cast<size_t>(word)]; ++i)
        change(words_.symbols[static_cast<size_t>(i)], words_.symbols[static_cast<size_t>(i + 1)],
               words_.counts[static_cast<size_t>(word)], static_cast<int32_t>(word));
    queue_candidates();
  }

  void merge_everywhere(int32_t left, int32_t right, int32_t result, int32_t candidate) {
    const std::vector<int32_t> holders = std::move(candidates_[static_cast<size_t>(candidate)].words);
    for (const int32_t word : holders) merge_in(word, left, right, result);
    queue_candidates();
  }

  /// Replaces the pair in a word, from the left. The count of the pair itself stays: it is not asked for again.
  void merge_in(int32_t word, int32_t left, int32_t right, int32_t result) {
    const int64_t count = words_.counts[static_cast<size_t>(word)];
    int32_t* const begin = words_.symbols.data() + words_.offsets[static_cast<size_t>(word)];
    int32_t* const end = words_.symbols.data() + ends_[static_cast<size_t>(word)];
    int32_t* to = begin;
    for (const int32_t* from = begin; from < end;) {
      if (*from != left || from + 1 == end || from[1] != right) {
        *to++ = *from++;
        continue;
      }
      from += 2;
      if (to > begin) {
        change(to[-1], left, -count, word);
        change(to[-1], result, count, word);
      }
      if (from < end) {
        change(right, *from, -count, word);
        change(result, *from, count, word);
      }
      *to++ = result;
    }
    ends_[static_cast<size_t>(word)] = to - words_.symbols.data();
  }

  StringTable& tokens_;
  CountedWords words_;
  std::vector<int64_t> ends_;  // of the words; merging shortens them
  const PairTrainingOptions& options_;
  PairTable pairs_;
  std::vector<Candidate> candidates_;
  int32_t first_candidate_ = 0;  // those before are in the queue or done
  std::priority_queue<QueueEntry> queue_;
};

}  // namespace

std::vector<std::pair<int32_t, int32_t>> train_pairs(StringTable& tokens, CountedWords words,
                                                     const PairTrainingOptions& options) {
  ROUX_CHECK(words.counts.size() < static_cast<size_t>(std::numeric_limits<int32_t>::max()), "train",
             words.counts.size(), " distinct words; expected less than 2^31 - 1");
  return PairTrainer(tokens, std::move(words), options).train();
}

}  // namespace roux::text
