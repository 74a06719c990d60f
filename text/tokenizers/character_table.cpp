// Composing the steps, from the ranges of unicode_table.h.
#include "text/tokenizers/character_table.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <span>

#include "text/tokenizers/unicode_table.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

constexpr int32_t code_points = 0x110000;
constexpr int32_t block_size = 256;
constexpr int32_t capital_i_with_dot = 0x130;  // its lower case, i and U+0307, is the only one of two code points

enum Property : uint8_t {
  is_white_space_bit = 1,
  is_removed = 2,
  is_ideograph = 4,
  is_punctuation = 8,
  is_mark = 16,
  is_hangul = 32,
  is_replaced = 64,  // has a lower case or a decomposition
  combines = 128,
};

/// The ranges spread out, so that every code point's properties are one look-up away; lives while a table is made.
struct Properties {
  std::vector<uint8_t> bits = std::vector<uint8_t>(code_points);
  std::map<int32_t, uint8_t> combining;
  std::map<int32_t, int32_t> lower;
  std::map<int32_t, std::vector<int32_t>> decomposed;

  Properties() {
    add(unicode_table::white_space, is_white_space_bit);
    add(unicode_table::removed, is_removed);
    add(unicode_table::ideographs, is_ideograph);
    add(unicode_table::punctuation, is_punctuation);
    add(unicode_table::marks, is_mark);
    add(std::array{unicode_table::Range{0xAC00, 0xD7A3}}, is_hangul);
    for (const auto& range : unicode_table::combining) {
      add(std::array{unicode_table::Range{range.first, range.last}}, combines);
      for (int32_t c = range.first; c <= range.last; ++c) combining[c] = range.combining_class;
    }
    for (const auto& range : unicode_table::lower)
      for (int32_t c = range.first; c <= range.last; c += range.step) set(lower, c, c + range.difference);
    set(lower, capital_i_with_dot, int32_t{'i'});
    for (size_t at = 0; at < unicode_table::decomposed.size();) {
      const int32_t first = unicode_table::decomposed[at++];
      const int32_t count = unicode_table::decomposed[at++];
      for (int32_t c = first; c < first + count; ++c)
        set(decomposed, c, std::vector<int32_t>{unicode_table::decomposed[at++]});
    }
    for (const auto& [code_point, parts] : unicode_table::decomposed_longer)
      set(decomposed, code_point, std::vector<int32_t>(parts, std::find(parts, parts + 3, 0)));
  }

  uint8_t combining_class(int32_t code_point) const {
    return bits[static_cast<size_t>(code_point)] & combines ? combining.at(code_point) : 0;
  }

 private:
  void add(std::span<const unicode_table::Range> ranges, uint8_t property) {
    for (const auto& [first, last] : ranges)
      for (int32_t c = first; c <= last; ++c) bits[static_cast<size_t>(c)] |= property;
  }
  template <class Value>
  void set(std::map<int32_t, Value>& map, int32_t code_point, Value value) {
    map[code_point] = std::move(value);
    bits[static_cast<size_t>(code_point)] |= is_replaced;
  }
};

/// What a code point becomes when its properties are those of no other table entry: the steps, one after the other.
CharacterTable::Entry compose(int32_t code_point, const Properties& of, const CharacterSteps& steps,
                              std::string& longer) {
  const uint8_t bits = of.bits[static_cast<size_t>(code_point)];
  CharacterTable::Entry entry;
  if (steps.clean_text && (bits & is_removed))
    return {.kind = CharacterKind::dropped, .combining_class = CharacterTable::absent};
  if (steps.clean_text && (bits & is_white_space_bit))
    return {.bytes = ' ', .length = 1, .kind = CharacterKind::white_space};
  std::vector<int32_t> parts = {code_point};
  if (steps.strip_accents) {
    if (bits & is_hangul) return {.kind = CharacterKind::hangul};
    entry.combining_class = of.combining_class(code_point);
    if (bits & is_mark) return {.kind = CharacterKind::dropped, .combining_class = entry.combining_class};
    if (const auto found = of.decomposed.find(code_point); found != of.decomposed.end()) parts = found->second;
    if (of.combining_class(parts.back()) > 0) entry.kind = CharacterKind::reordered;
  }
  std::string text;
  for (int32_t part : parts) {
    if (entry.kind == CharacterKind::word) {
      const uint8_t part_bits = of.bits[static_cast<size_t>(part)];
      if (part_bits & is_white_space_bit) entry.kind = CharacterKind::white_space;
      if (part_bits & is_punctuation) entry.kind = CharacterKind::punctuation;
    }
    if (steps.lowercase)
      if (const auto found = of.lower.find(part); found != of.lower.end()) part = found->second;
    append_utf8(static_cast<uint32_t>(part), text);
    if (steps.lowercase && code_point == capital_i_with_dot && parts[0] == code_point) append_utf8(0x307, text);
  }
  if (steps.isolate_ideographs && (bits & is_ideograph)) entry.kind = CharacterKind::ideograph;
  std::string unchanged;
  append_utf8(static_cast<uint32_t>(code_point), unchanged);
  if (text == unchanged) return entry;
  entry.characters = static_cast<uint8_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !continues_character(byte); }));
  entry.length = static_cast<uint8_t>(text.size());
  if (text.size() <= sizeof entry.bytes) {
    std::memcpy(&entry.bytes, text.data(), text.size());
  } else {
    entry.bytes = static_cast<uint32_t>(longer.size());
    longer += text;
  }
  return entry;
}

}  // namespace

CharacterTable::CharacterTable(const CharacterSteps& steps) : steps_(steps) {
  const Properties properties;
  std::map<uint8_t, uint16_t> shared;  // by the properties that all code points of the block have
  for (int32_t first = 0; first < code_points; first += block_size) {
    const uint8_t* const bits = properties.bits.data() + first;
    const bool alike = std::memcmp(bits, bits + 1, block_size - 1) == 0 && !(bits[0] & (is_replaced | combines));
    uint16_t& number = blocks_[static_cast<size_t>(first / block_size)];
    if (const auto found = shared.find(bits[0]); alike && found != shared.end()) {
      number = found->second;
      continue;
    }
    number = static_cast<uint16_t>(entries_.size() / block_size);
    if (alike) shared[bits[0]] = number;
    for (int32_t c = first; c < first + block_size; ++c) {
      const bool is_surrogate = c >= 0xD800 && c < 0xE000;  // never looked up
      entries_.push_back(is_surrogate ? Entry{} : compose(c, properties, steps, longer_));
    }
  }
}

}  // namespace roux::text
