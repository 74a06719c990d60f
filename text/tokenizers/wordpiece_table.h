// What WordPiece does at each code point, for one way of normalising and one vocabulary.
//
// A CharacterTable with the vocabulary looked into: a character that stands alone has its id here, and a letter that is
// in no token says so (its word is unknown, whatever else is in it). In texts of many scripts most code points are
// settled by the one look-up.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizers/character_table.h"

namespace roux::text {

enum class WordPieceKind : uint8_t {
  foreign,  ///< part of a word, and in no token
  word,     ///< part of a word
  hangul,   ///< the same: a syllable, to be replaced by its letters
  dropped,
  reordered,  ///< asks for a text to be normalised before
  alone,      ///< a token by itself
  white_space,
};

class WordPieceTable {
 public:
  struct Entry {
    uint32_t value = 0;  ///< alone: the id (as int32_t). word: the replacement's bytes, or its place in `longer`
    uint8_t length = 0;  ///< word: of the replacement; 0: itself
    WordPieceKind kind = WordPieceKind::foreign;
    uint8_t characters = 1;  ///< word: in the replacement, or 1
  };

  /// `id_of` gives the id of a word of one character, the unknown token's included.
  WordPieceTable(const CharacterTable& characters, std::span<const std::string> vocabulary,
                 const std::function<int32_t(std::string_view)>& id_of);

  const Entry& operator[](uint32_t code_point) const {
    return entries_[(size_t{blocks_[code_point >> 8]} << 8) + (code_point & 255)];
  }
  /// The bytes of a replacement of more than 4.
  const char* longer(const Entry& entry) const { return characters_.longer(entry.value); }
  bool lowercase() const { return characters_.steps().lowercase; }

 private:
  Entry& own_entry(uint32_t code_point, std::vector<int>& uses);

  const CharacterTable& characters_;
  std::array<uint16_t, CharacterTable::blocks> blocks_;
  std::vector<Entry> entries_;
};

}  // namespace roux::text
