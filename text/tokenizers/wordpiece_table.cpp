// Looking the vocabulary up for every code point.
#include "text/tokenizers/wordpiece_table.h"

#include "text/unicode.h"

namespace roux::text {
namespace {

constexpr size_t code_points = 0x110000;

/// The code points that occur in tokens. A token that is no valid UTF-8 never matches.
struct Alphabet {
  std::vector<uint32_t> letters;
  std::vector<bool> has = std::vector<bool>(code_points);

  explicit Alphabet(std::span<const std::string> vocabulary) {
    for (const std::string& token : vocabulary) {
      for (size_t at = 0; at < token.size();) {
        const auto byte = static_cast<unsigned char>(token[at]);
        const CodePoint point = byte < 0x80 ? CodePoint{byte, 1} : decode_utf8(token, static_cast<int64_t>(at));
        at += static_cast<size_t>(point.length);
        if (point.value < 0 || has[static_cast<size_t>(point.value)]) continue;
        has[static_cast<size_t>(point.value)] = true;
        letters.push_back(static_cast<uint32_t>(point.value));
      }
    }
  }
};

/// Whether all code points of `text` are in the alphabet.
bool is_known(std::string_view text, const Alphabet& alphabet) {
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = decode_valid_utf8(text.data() + at);
    if (!alphabet.has[static_cast<size_t>(point.value)]) return false;
    at += static_cast<size_t>(point.length);
  }
  return true;
}

}  // namespace

WordPieceTable::WordPieceTable(const CharacterTable& characters, std::span<const std::string> vocabulary,
                               const std::function<int32_t(std::string_view)>& id_of)
    : characters_(characters), blocks_(characters.block_numbers()), entries_(characters.entries().size()) {
  const Alphabet alphabet(vocabulary);
  const auto unknown = static_cast<uint32_t>(id_of({}));
  // What is its own replacement first, as if it were in no token: such blocks are shared.
  for (size_t i = 0; i < entries_.size(); ++i) {
    const CharacterTable::Entry& from = characters.entries()[i];
    Entry& to = entries_[i];
    switch (from.kind) {
      case CharacterKind::hangul: to.kind = WordPieceKind::hangul; break;
      case CharacterKind::dropped: to.kind = WordPieceKind::dropped; break;
      case CharacterKind::reordered: to.kind = WordPieceKind::reordered; break;
      case CharacterKind::white_space: to.kind = WordPieceKind::white_space; break;
      case CharacterKind::punctuation:
      case CharacterKind::ideograph:
        to.kind = WordPieceKind::alone;
        to.value = from.length == 0 ? unknown : static_cast<uint32_t>(id_of(characters.replacement(from)));
        break;
      case CharacterKind::word:
        if (from.length == 0 || !is_known(characters.replacement(from), alphabet)) break;
        to = {from.bytes, from.length, WordPieceKind::word, from.characters};
        break;
    }
  }
  std::vector<int> uses(entries_.size() >> 8);
  for (const uint16_t number : blocks_) ++uses[number];
  for (const uint32_t c : alphabet.letters) {
    if (characters[c].length > 0) continue;
    const CharacterKind kind = characters[c].kind;
    std::string self;
    append_utf8(c, self);
    if (kind == CharacterKind::word) own_entry(c, uses).kind = WordPieceKind::word;
    if (kind == CharacterKind::punctuation || kind == CharacterKind::ideograph)
      own_entry(c, uses).value = static_cast<uint32_t>(id_of(self));
  }
}

/// The entry of a code point in a block that no other code points share; `uses` says how many do, for those there were.
WordPieceTable::Entry& WordPieceTable::own_entry(uint32_t code_point, std::vector<int>& uses) {
  uint16_t& number = blocks_[code_point >> 8];
  if (number < uses.size() && uses[number] > 1) {
    --uses[number];
    const std::vector<Entry> block(entries_.begin() + (number << 8), entries_.begin() + (number << 8) + 256);
    number = static_cast<uint16_t>(entries_.size() >> 8);
    entries_.insert(entries_.end(), block.begin(), block.end());
  }
  return entries_[(size_t{number} << 8) + (code_point & 255)];
}

}  // namespace roux::text
