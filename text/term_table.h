// Terms with numbers, for many millions of look-ups: most terms are so short that the table holds them itself.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "text/hash.h"
#include "text/string_list.h"

namespace roux::text {

/// Numbers distinct terms 0, 1, 2 ... in the order they are inserted. Open addressing with linear probing, at most half
/// full. A term of up to 7 bytes is its own key, and found without a look at the terms themselves.
class TermTable {
 public:
  /// The number of a term, which is added when it is not there. Throws when there would be more than 2^31 - 1.
  int32_t insert(std::string_view term) { return insert_key(term, key_of(term)); }
  /// The number of a term, or -1.
  int32_t find(std::string_view term) const { return find_key(term, key_of(term)); }
  /// The same for terms of which 8 bytes can be read, however short they are.
  int32_t insert_padded(std::string_view term) { return insert_key(term, key_of_padded(term)); }
  int32_t find_padded(std::string_view term) const { return find_key(term, key_of_padded(term)); }

  /// The term of a number; throws unless 0 <= number < size().
  std::string_view operator[](int64_t number) const { return terms_[number]; }
  int64_t size() const { return terms_.size(); }

 private:
  struct Slot {
    uint64_t key = 0;
    int32_t number = -1;
  };
  static constexpr size_t longest_in_key = 7;
  static constexpr uint64_t long_term = uint64_t{0xFF} << 56;  // no length of a term in a key

  /// The bytes of a short term and its length in the highest byte; of a long one its hash under a mark.
  static uint64_t key_of(std::string_view term) {
    if (term.size() > longest_in_key) return fnv1a(term) | long_term;
    uint64_t bytes = 0;
    for (const char c : term) bytes = bytes << 8 | static_cast<unsigned char>(c);
    return bytes | static_cast<uint64_t>(term.size()) << 56;
  }
  static uint64_t key_of_padded(std::string_view term) {
    if (term.size() > longest_in_key || term.empty()) return key_of(term);
    uint64_t bytes;
    std::memcpy(&bytes, term.data(), 8);
    bytes = __builtin_bswap64(bytes) >> (64 - 8 * term.size());
    return bytes | static_cast<uint64_t>(term.size()) << 56;
  }

  /// Where the term is, or would be.
  size_t slot_of(std::string_view term, uint64_t key) const {
    for (size_t slot = home_of(key);; slot = (slot + 1) & mask_) {
      const Slot& here = slots_[slot];
      if (here.number < 0) return slot;
      if (here.key == key && (key < long_term || terms_[here.number] == term)) return slot;
    }
  }
  size_t home_of(uint64_t key) const { return static_cast<size_t>((key * 0x9E3779B97F4A7C15u) >> shift_); }

  int32_t find_key(std::string_view term, uint64_t key) const {
    return slots_.empty() ? -1 : slots_[slot_of(term, key)].number;
  }
  int32_t insert_key(std::string_view term, uint64_t key) {
    if (!slots_.empty()) [[likely]] {
      const Slot& slot = slots_[slot_of(term, key)];
      if (slot.number >= 0) [[likely]]
        return slot.number;
    }
    return add(term, key);
  }
  int32_t add(std::string_view term, uint64_t key);
  void grow();

  StringList terms_;
  std::vector<Slot> slots_;  // none, or a power of two and at least twice the terms
  size_t mask_ = 0;
  int shift_ = 64;
};

}  // namespace roux::text
