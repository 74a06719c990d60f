// Words that were tokenised before, with their ids: most words of a text are among the few thousand that come back.
//
// One table of 32-byte slots, two a cache line: a word of up to 15 bytes is compared as two registers, and up to three
// ids lie beside it. A slot is written once, by the thread that claims it through its count, and published by that
// count; nobody waits for a lock. Probing ends after four slots and nothing is ever replaced, so that memory and the
// time of a look-up are bounded whatever the text; a word that finds no room is tokenised anew each time, as are longer
// words and words of more ids.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace roux::text {

/// A word of up to 15 bytes: its bytes, zeros, and its length in the last byte, as two little-endian numbers.
struct WordKey {
  uint64_t low = 0;
  uint64_t high = 0;

  bool operator==(const WordKey&) const = default;
};

class WordCache {
 public:
  static constexpr size_t max_bytes = 15;
  static constexpr size_t max_ids = 3;

  struct alignas(32) Slot {
    WordKey key;
    int32_t ids[max_ids] = {};        // all three may be copied; those from count on mean nothing
    std::atomic<uint32_t> count = 0;  // 0: free; more than max_ids: being written
  };

  /// Room for `slots` words (rounded up to a power of two), 32 bytes each: 2 MB by default.
  explicit WordCache(size_t slots = 65536);

  /// The key of a word of at most `max_bytes` bytes; reads no byte outside it.
  static WordKey key(std::string_view word) {
    const char* const begin = word.data();
    const size_t length = word.size();
    uint64_t low = 0, high = 0;
    if (length >= 8) {
      low = load<uint64_t>(begin);
      if (length > 8) high = load<uint64_t>(begin + length - 8) >> (8 * (16 - length));
    } else if (length >= 4) {
      low = load<uint32_t>(begin) | uint64_t{load<uint32_t>(begin + length - 4)} << (8 * (length - 4));
    } else if (length > 0) {
      for (size_t i = 0; i < length; ++i) low |= uint64_t{static_cast<unsigned char>(begin[i])} << (8 * i);
    }
    return {low, high | uint64_t{length} << 56};
  }

  /// The slot of a word, or null.
  const Slot* find(WordKey key) const {
    size_t at = home(key);
    for (int probe = 0; probe < probes; ++probe, at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.count.load(std::memory_order_acquire) - 1 >= max_ids) return nullptr;
      if (slot.key == key) return &slot;
    }
    return nullptr;
  }

  /// Keeps the ids of a word if there is room; does nothing for no ids, more than `max_ids`, a word that is there, or
  /// where another thread is writing.
  void insert(WordKey key, std::span<const int32_t> ids);

 private:
  static constexpr int probes = 4;
  static constexpr uint32_t being_written = ~uint32_t{0};

  template <class T>
  static T load(const char* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }

  /// Both halves of a 128-bit product, folded (the mixing step of wyhash).
  size_t home(WordKey key) const {
    const auto product =
        static_cast<unsigned __int128>(key.low ^ 0x9E3779B97F4A7C15u) * (key.high ^ 0xD1B54A32D192ED03u);
    return static_cast<size_t>(static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64)) & mask_;
  }

  size_t mask_;
  std::unique_ptr<Slot[]> slots_;
};

}  // namespace roux::text
