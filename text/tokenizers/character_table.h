// What becomes of each code point before WordPiece sees it, for one choice of normalising steps: one look-up a
// code point, however many steps there are.
//
// Two stages: a code point's upper bits name a block of 256 entries, and blocks of one kind (ideographs, Hangul,
// unassigned code points) are shared, so that the 1,114,112 code points take some 200 kB. An entry is 8 bytes and holds
// the replacement as UTF-8, ready to be copied; a code point that stays what it is has none, which is what makes blocks
// alike. The steps depend on nothing around a code point (tests/oracle/unicode_table.py checks that of the reference),
// but for the reordering of marks, which a kind of its own announces.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace roux::text {

enum class CharacterKind : uint8_t {
  word,       ///< part of a word
  hangul,     ///< part of a word: a syllable, to be replaced by its two or three letters
  reordered,  ///< part of a word: a mark whose place depends on the marks beside it
  dropped,
  punctuation,  ///< a token by itself
  ideograph,    ///< the same, and the normalised text has spaces around it
  white_space,
};

/// Which steps a table composes.
struct CharacterSteps {
  bool clean_text = false;
  bool isolate_ideographs = false;
  bool strip_accents = false;
  bool lowercase = false;
};

class CharacterTable {
 public:
  /// In the place of a combining class: dropped before marks are put in order.
  static constexpr uint8_t absent = 255;

  struct Entry {
    uint32_t bytes = 0;  ///< the replacement in the order of memory; or, for more than 4 bytes, its place in `longer`
    uint8_t length = 0;  ///< of the replacement, in bytes; 0: the code point stays what it is
    CharacterKind kind = CharacterKind::word;
    uint8_t characters = 1;       ///< in the replacement, or 1
    uint8_t combining_class = 0;  ///< of the first code point of the decomposition, with strip_accents
  };

  explicit CharacterTable(const CharacterSteps& steps);

  const Entry& operator[](uint32_t code_point) const {
    return entries_[(size_t{blocks_[code_point >> 8]} << 8) + (code_point & 255)];
  }
  /// The replacement of an entry that has one, which must live as long.
  std::string_view replacement(const Entry& entry) const {
    return {entry.length > sizeof entry.bytes ? longer(entry.bytes) : reinterpret_cast<const char*>(&entry.bytes),
            entry.length};
  }
  /// The bytes at a place in `longer`.
  const char* longer(uint32_t place) const { return longer_.data() + place; }
  const CharacterSteps& steps() const { return steps_; }

  /// The two stages: the block of each 256 code points, and the entries, 256 a block.
  static constexpr size_t blocks = 0x1100;
  const std::array<uint16_t, blocks>& block_numbers() const { return blocks_; }
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  CharacterSteps steps_;
  std::array<uint16_t, blocks> blocks_{};
  std::vector<Entry> entries_;
  std::string longer_;
};

}  // namespace roux::text
