// Filling the cache of words.
#include "text/tokenizers/word_cache.h"

#include <algorithm>
#include <bit>

namespace roux::text {

WordCache::WordCache(size_t slots)
    : mask_(std::bit_ceil(std::max<size_t>(slots, probes)) - 1), slots_(new Slot[mask_ + 1]) {}

void WordCache::insert(WordKey key, std::span<const int32_t> ids) {
  if (ids.empty() || ids.size() > max_ids) return;
  size_t at = home(key);
  for (int probe = 0; probe < probes; ++probe, at = (at + 1) & mask_) {
    Slot& slot = slots_[at];
    uint32_t count = slot.count.load(std::memory_order_acquire);
    if (count == 0 && slot.count.compare_exchange_strong(count, being_written, std::memory_order_acquire)) {
      slot.key = key;
      std::copy(ids.begin(), ids.end(), slot.ids);
      slot.count.store(static_cast<uint32_t>(ids.size()), std::memory_order_release);
      return;
    }
    if (count == being_written || slot.key == key) return;
  }
}

}  // namespace roux::text
