// The ways of merging, which give the same result.
#include "text/tokenizers/bpe_merger.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <utility>

#include "tensor/error.h"

namespace roux::text {

BpeMerger::BpeMerger(std::span<const BpeMerge> merges) {
  ROUX_CHECK(merges.size() < (size_t{1} << 31), "bpe", "there are ", merges.size(),
             " merges; at most 2^31 - 1 have ranks");
  const size_t capacity = std::bit_ceil(std::max<size_t>(2, 2 * merges.size()));
  slots_.assign(capacity, Slot{});
  mask_ = capacity - 1;
  shift_ = 64 - std::countr_zero(capacity);
  results_.reserve(merges.size());
  for (const BpeMerge& merge : merges) {
    const uint64_t pair = pair_of(merge.left, merge.right);
    size_t at = home(pair);
    while (slots_[at].pair != no_pair && slots_[at].pair != pair) at = (at + 1) & mask_;
    slots_[at] = {pair, static_cast<uint32_t>(results_.size()), merge.result};
    results_.push_back(merge.result);
  }
}

size_t BpeMerger::merge(std::span<BpeSymbol> symbols) const {
  if (symbols.size() < 2) return symbols.size();
  if (symbols.size() <= longest_scanned) return merge_by_scanning(symbols);
  return symbols.size() <= block_size ? merge_by_queue(symbols) : merge_by_blocks(symbols);
}

size_t BpeMerger::merge_by_scanning(std::span<BpeSymbol> symbols) const {
  uint32_t ranks[longest_scanned];  // of the symbol and the one after it; the last has none
  size_t count = symbols.size();
  for (size_t i = 0; i + 1 < count; ++i) ranks[i] = rank(symbols[i].id, symbols[i + 1].id);
  ranks[count - 1] = no_rank;
  for (;;) {
    size_t best = 0;
    uint32_t lowest = ranks[0];
    for (size_t i = 1; i + 1 < count; ++i) {
      best = ranks[i] < lowest ? i : best;
      lowest = std::min(ranks[i], lowest);
    }
    if (lowest == no_rank) return count;
    symbols[best] = {results_[lowest], symbols[best].length + symbols[best + 1].length};
    --count;
    for (size_t i = best + 1; i < count; ++i) {
      symbols[i] = symbols[i + 1];
      ranks[i] = ranks[i + 1];
    }
    ranks[best] = best + 1 < count ? rank(symbols[best].id, symbols[best + 1].id) : no_rank;
    if (best > 0) ranks[best - 1] = rank(symbols[best - 1].id, symbols[best].id);
  }
}

namespace {

// A piece while it is merged: symbols keep their places, those that are merged into another have length 0.
struct LinkedPlace {
  int32_t before;
  int32_t after;  // -1 at the ends
  uint32_t rank;  // of the symbol here and the one after it
};

}  // namespace

size_t BpeMerger::merge_by_queue(std::span<BpeSymbol> symbols) const {
  const auto count = static_cast<int32_t>(symbols.size());
  std::vector<LinkedPlace> places(symbols.size());
  std::vector<uint64_t> queue;  // a heap of rank and place, the least first; places change, so entries may be outdated
  for (int32_t i = 0; i < count; ++i) {
    const bool last = i + 1 == count;
    places[i] = {i - 1, last ? -1 : i + 1, last ? no_rank : rank(symbols[i].id, symbols[i + 1].id)};
    if (places[i].rank != no_rank) queue.push_back(uint64_t{places[i].rank} << 32 | static_cast<uint32_t>(i));
  }
  std::make_heap(queue.begin(), queue.end(), std::greater<>());
  const auto update = [&](int32_t at) {
    LinkedPlace& place = places[at];
    place.rank = place.after < 0 ? no_rank : rank(symbols[at].id, symbols[place.after].id);
    if (place.rank == no_rank) return;
    queue.push_back(uint64_t{place.rank} << 32 | static_cast<uint32_t>(at));
    std::push_heap(queue.begin(), queue.end(), std::greater<>());
  };
  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), std::greater<>());
    const auto lowest = static_cast<uint32_t>(queue.back() >> 32);
    const auto at = static_cast<int32_t>(queue.back());
    queue.pop_back();
    if (places[at].rank != lowest) continue;
    const int32_t gone = places[at].after;
    symbols[at] = {results_[lowest], symbols[at].length + symbols[gone].length};
    symbols[gone].length = 0;
    places[gone].rank = no_rank;
    places[at].after = places[gone].after;
    if (places[at].after >= 0) places[places[at].after].before = at;
    update(at);
    if (places[at].before >= 0) update(places[at].before);
  }
  size_t left = 0;
  for (int32_t at = 0; at >= 0; at = places[at].after) symbols[left++] = symbols[at];
  return left;
}

// ---- Blocks ---------------------------------------------------------------------------------------------------------
//
// Tokens t1 t2 ... are what merging makes of their symbols if, and only if, merging the symbols of each two neighbours
// alone gives those two. For as long as nothing has been merged across an end of ti or t(i+1), the merges within the
// two come in the same order whatever stands around them, so that the first merge across their border would happen in
// the two alone as well. So blocks are merged on their own, and only what stands around their borders needs to fit.

class BpeBlocks {
 public:
  /// `id_of(i)` is the id of symbol i.
  BpeBlocks(const BpeMerger& merger, size_t count, std::function<int32_t(size_t)> id_of)
      : merger_(merger), count_(count), id_of_(std::move(id_of)) {}

  /// Hands the tokens to `emit` in order, all but the last `kept` as soon as they are found; their lengths count
  /// symbols. False where those that were kept are too few to make a border fit; then `emit` has seen wrong tokens.
  template <class Emit>
  bool run(size_t kept, Emit&& emit) {
    std::vector<BpeSymbol> block;
    for (size_t begin = 0; begin < count_; begin += BpeMerger::block_size) {
      merge_range(begin, std::min(begin + BpeMerger::block_size, count_), block);
      if (!append(block, begin)) return false;
      if (tokens_.size() / 2 < kept) continue;
      const size_t done = tokens_.size() - kept;
      emit(std::span<const BpeSymbol>(tokens_).first(done));
      tokens_.erase(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(done));
      emitted_ = true;
    }
    emit(std::span<const BpeSymbol>(tokens_));
    return true;
  }

 private:
  void merge_range(size_t begin, size_t end, std::vector<BpeSymbol>& merged) const {
    merged.resize(end - begin);
    for (size_t i = begin; i < end; ++i) merged[i - begin] = {id_of_(i), 1};
    // A window around a border may be longer than a block; it must not be cut into blocks again.
    merged.resize(merged.size() <= BpeMerger::block_size ? merger_.merge(merged) : merger_.merge_by_queue(merged));
  }

  /// Whether two tokens stay as they are side by side; `border` is the symbol where the second begins.
  bool fit(const BpeSymbol& left, const BpeSymbol& right, size_t border) {
    merge_range(border - static_cast<size_t>(left.length), border + static_cast<size_t>(right.length), pair_);
    return pair_.size() == 2 && pair_[0].length == left.length;
  }

  static size_t symbols_in(std::span<const BpeSymbol> tokens) {
    size_t count = 0;
    for (const BpeSymbol& token : tokens) count += static_cast<size_t>(token.length);
    return count;
  }

  /// Adds a block that begins at symbol `border` behind the tokens so far. Around the border a window is merged anew,
  /// and widened on the side where its tokens do not fit.
  bool append(const std::vector<BpeSymbol>& block, size_t border) {
    size_t left = 0;   // tokens before the border that the window takes in
    size_t right = 0;  // and behind it
    window_.clear();
    bool fits = tokens_.empty() || fit(tokens_.back(), block.front(), border);
    for (size_t more_left = 4, more_right = 4; !fits;) {
      left = std::min(more_left, tokens_.size());
      right = std::min(more_right, block.size());
      if (left == tokens_.size() && emitted_) return false;
      const size_t begin = border - symbols_in(std::span(tokens_).last(left));
      const size_t end = border + symbols_in(std::span(block).first(right));
      merge_range(begin, end, window_);
      const bool fits_left = left == tokens_.size() || fit(tokens_[tokens_.size() - left - 1], window_.front(), begin);
      const bool fits_right = right == block.size() || fit(window_.back(), block[right], end);
      if (!fits_left) more_left *= 2;
      if (!fits_right) more_right *= 2;
      fits = fits_left && fits_right;
    }
    tokens_.resize(tokens_.size() - left);
    tokens_.insert(tokens_.end(), window_.begin(), window_.end());
    tokens_.insert(tokens_.end(), block.begin() + static_cast<std::ptrdiff_t>(right), block.end());
    return true;
  }

  const BpeMerger& merger_;
  size_t count_;
  std::function<int32_t(size_t)> id_of_;
  std::vector<BpeSymbol> tokens_;
  bool emitted_ = false;
  std::vector<BpeSymbol> window_;
  std::vector<BpeSymbol> pair_;
};

size_t BpeMerger::merge_by_blocks(std::span<BpeSymbol> symbols) const {
  BpeBlocks blocks(*this, symbols.size(), [=](size_t i) { return symbols[i].id; });
  size_t count = 0;
  blocks.run(std::numeric_limits<size_t>::max(), [&](std::span<const BpeSymbol> tokens) {
    size_t at = 0;
    for (const BpeSymbol& token : tokens) {  // count <= at: what is overwritten has been read
      int32_t length = 0;
      for (const size_t end = at + static_cast<size_t>(token.length); at < end; ++at) length += symbols[at].length;
      symbols[count++] = {token.id, length};
    }
  });
  return count;
}

void BpeMerger::merge_bytes(std::string_view bytes, std::span<const int32_t, 256> byte_ids,
                            std::vector<int32_t>& ids) const {
  const size_t before = ids.size();
  // Room for all at once, so that they need not move; at least twice as much as before, so that many pieces do not.
  if (ids.capacity() < before + bytes.size()) ids.reserve(std::max(before + bytes.size(), 2 * ids.capacity()));
  const auto id_of = [=](size_t i) { return byte_ids[static_cast<uint8_t>(bytes[i])]; };
  const auto append = [&](std::span<const BpeSymbol> tokens) {
    for (const BpeSymbol& token : tokens) ids.push_back(token.id);
  };
  if (BpeBlocks(*this, bytes.size(), id_of).run(block_size, append)) return;
  ids.resize(before);
  BpeBlocks(*this, bytes.size(), id_of).run(std::numeric_limits<size_t>::max(), append);
}

}  // namespace roux::text
