// Byte-pair merging: of all neighbours in a piece, the pair with the lowest rank is joined, the leftmost of equals
// first, until no pair has a rank (Sennrich et al. 2016, arXiv 1508.07909).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace roux::text {

/// A token in the making: its id, and how many units of the piece (bytes, as the caller counts them) it covers.
struct BpeSymbol {
  int32_t id;
  int32_t length;
};

/// A rule: `left` and `right` side by side become `result`. Its rank is its place in the list.
struct BpeMerge {
  int32_t left;
  int32_t right;
  int32_t result;
};

class BpeMerger {
 public:
  BpeMerger() = default;
  /// Of rules for the same pair the last one counts, as in Hugging Face's tokenizers. Ids are not negative.
  explicit BpeMerger(std::span<const BpeMerge> merges);

  /// Merges the symbols in place and returns how many are left, at the front. Short pieces are scanned, longer ones go
  /// through a queue, and long ones are merged in blocks, in time linear in their length.
  size_t merge(std::span<BpeSymbol> symbols) const;

  /// The same for bytes, byte b being the symbol byte_ids[b]: appends the ids. Needs little memory beside them.
  void merge_bytes(std::string_view bytes, std::span<const int32_t, 256> byte_ids, std::vector<int32_t>& ids) const;

 private:
  static constexpr uint32_t no_rank = 0xFFFFFFFF;
  static constexpr size_t longest_scanned = 32;
  static constexpr size_t block_size = 4096;

  struct Slot {
    uint64_t pair = no_pair;
    uint32_t rank = no_rank;
    int32_t result = -1;
  };
  static constexpr uint64_t no_pair = ~uint64_t{0};

  static uint64_t pair_of(int32_t left, int32_t right) {
    return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  }
  size_t home(uint64_t pair) const { return static_cast<size_t>((pair * 0x9E3779B97F4A7C15u) >> shift_); }

  /// The rank of a pair, `no_rank` for none.
  uint32_t rank(int32_t left, int32_t right) const {
    const uint64_t pair = pair_of(left, right);
    for (size_t at = home(pair);; at = (at + 1) & mask_) {
      if (slots_[at].pair == pair) return slots_[at].rank;
      if (slots_[at].pair == no_pair) return no_rank;
    }
  }

  size_t merge_by_scanning(std::span<BpeSymbol> symbols) const;
  size_t merge_by_queue(std::span<BpeSymbol> symbols) const;
  size_t merge_by_blocks(std::span<BpeSymbol> symbols) const;
  friend class BpeBlocks;

  std::vector<Slot> slots_ = std::vector<Slot>(2);  // a power of two, at most half full; linear probing
  size_t mask_ = 1;
  int shift_ = 63;
  std::vector<int32_t> results_;  // by rank
};

}  // namespace roux::text
