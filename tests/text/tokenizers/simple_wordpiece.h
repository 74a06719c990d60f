// WordPiece in its simplest form, which the tests and the fuzzer hold the fast one against: one step after the other
// over lists of code points, and greedy longest match by looking up every substring.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "text/tokenizers/unicode_table.h"
#include "text/tokenizers/wordpiece.h"
#include "text/unicode.h"

namespace simple {

using roux::text::TextSpan;
namespace table = roux::text::unicode_table;

/// A code point of the normalised text, and the bytes that it is from.
struct Character {
  int32_t value;
  TextSpan origin;
};
using Characters = std::vector<Character>;

/// The ranges of unicode_table.h, one entry a code point.
struct Properties {
  using Set = std::vector<bool>;
  Set removed = set_of(table::removed), white_space = set_of(table::white_space), marks = set_of(table::marks);
  Set ideographs = set_of(table::ideographs), punctuation = set_of(table::punctuation);
  std::unordered_map<int32_t, int32_t> combining_class, lower;
  std::unordered_map<int32_t, std::vector<int32_t>> decomposed;

  static const Properties& get() {
    static const Properties properties;
    return properties;
  }

 private:
  Properties() {
    for (const auto& range : table::combining)
      for (int32_t c = range.first; c <= range.last; ++c) combining_class[c] = range.combining_class;
    for (const auto& range : table::lower)
      for (int32_t c = range.first; c <= range.last; c += range.step) lower[c] = c + range.difference;
    for (size_t at = 0; at < table::decomposed.size();) {
      int32_t c = table::decomposed[at];
      for (size_t left = static_cast<size_t>(table::decomposed[at + 1]), from = at += 2; at < from + left; ++at)
        decomposed[c++] = {table::decomposed[at]};
    }
    for (const auto& [code_point, parts] : table::decomposed_longer)
      decomposed[code_point] = std::vector<int32_t>(parts, std::find(parts, parts + 3, 0));
    for (int32_t c = 0; c < 11172; ++c) {
      auto& letters = decomposed[0xAC00 + c] = {0x1100 + c / 588, 0x1161 + c / 28 % 21};
      if (c % 28 != 0) letters.push_back(0x11A7 + c % 28);
    }
  }
  static Set set_of(std::span<const table::Range> ranges) {
    Set set(0x110000);
    for (const auto& range : ranges)
      for (int32_t c = range.first; c <= range.last; ++c) set[static_cast<size_t>(c)] = true;
    return set;
  }
};

inline bool is_in(const Properties::Set& set, int32_t c) { return set[static_cast<size_t>(c)]; }

template <class Value>
Value value_of(const std::unordered_map<int32_t, Value>& map, int32_t c, Value otherwise) {
  const auto found = map.find(c);
  return found == map.end() ? otherwise : found->second;
}

/// NFD without marks. Marks are put in order by their classes, while origins stay in the order of the text.
inline Characters strip_accents(const Characters& text) {
  struct Part {
    int32_t value;
    int32_t combining_class;
    bool inserted;
  };
  const Properties& of = Properties::get();
  std::vector<Part> parts;
  for (const Character& character : text) {
    bool inserted = false;
    for (const int32_t value : value_of(of.decomposed, character.value, {character.value}))
      parts.push_back({value, value_of(of.combining_class, value, 0), std::exchange(inserted, true)});
  }
  for (auto run = parts.begin(); run != parts.end();) {
    const auto end = std::find_if(run, parts.end(), [](const Part& part) { return part.combining_class == 0; });
    std::stable_sort(run, end, [](const Part& a, const Part& b) { return a.combining_class < b.combining_class; });
    run = end == parts.end() ? end : end + 1;
  }
  Characters result;
  size_t next = 0;
  for (const Part& part : parts) {
    next += part.inserted ? 0 : 1;
    if (!is_in(of.marks, part.value)) result.push_back({part.value, text[next - 1].origin});
  }
  return result;
}

inline void lower(const Character& character, Characters& result) {
  if (character.value == 0x130) {
    result.push_back({'i', character.origin});
    result.push_back({0x307, character.origin});
    return;
  }
  result.push_back({value_of(Properties::get().lower, character.value, character.value), character.origin});
}

inline Characters normalize(std::string_view text, const roux::text::WordPieceOptions& options) {
  const Properties& of = Properties::get();
  Characters characters, result;
  for (int32_t at = 0; at < static_cast<int32_t>(text.size());) {
    const auto point = roux::text::decode_utf8(text, at);
    characters.push_back({point.value, {at, at + point.length}});
    at += point.length;
  }
  for (const Character& character : characters) {
    if (options.clean_text && is_in(of.removed, character.value)) continue;
    const bool is_space = options.clean_text && is_in(of.white_space, character.value);
    const bool isolated = options.handle_chinese_chars && is_in(of.ideographs, character.value);
    if (isolated) result.push_back({' ', character.origin});
    result.push_back({is_space ? ' ' : character.value, character.origin});
    if (isolated) result.push_back({' ', character.origin});
  }
  if (options.strip_accents.value_or(options.lowercase)) result = strip_accents(result);
  if (!options.lowercase) return result;
  Characters lowered;
  for (const Character& character : result) lower(character, lowered);
  return lowered;
}

inline std::string utf8(const Character* begin, const Character* end) {
  std::string text;
  for (; begin != end; ++begin) roux::text::append_utf8(static_cast<uint32_t>(begin->value), text);
  return text;
}

/// Ids and spans in bytes.
struct Tokens {
  std::vector<int32_t> ids;
  std::vector<TextSpan> spans;
};

class WordPiece {
 public:
  WordPiece(const std::vector<std::string>& vocabulary, const roux::text::WordPieceOptions& options)
      : options_(options) {
    for (size_t i = 0; i < vocabulary.size(); ++i) {
      if (!vocabulary[i].empty()) ids_[vocabulary[i]] = static_cast<int32_t>(i);
      longest_ = std::max(longest_, static_cast<ptrdiff_t>(vocabulary[i].size()));
    }
  }

  Tokens encode(std::string_view text) const {
    const Properties& of = Properties::get();
    Tokens tokens;
    const Characters characters = normalize(text, options_);
    const Character* const end = characters.data() + characters.size();
    for (const Character* at = characters.data(); at != end;) {
      const Character* word_end = at;
      while (word_end != end && !is_in(of.white_space, word_end->value) && !is_in(of.punctuation, word_end->value))
        ++word_end;
      if (word_end == at && is_in(of.punctuation, at->value)) ++word_end;
      if (word_end != at) match(at, word_end, tokens);
      at = word_end == at ? at + 1 : word_end;
    }
    return tokens;
  }

 private:
  void match(const Character* begin, const Character* end, Tokens& tokens) const {
    const size_t before = tokens.ids.size();
    bool known = end - begin <= options_.max_input_chars_per_word;
    for (const Character* at = begin; known && at != end;) {
      const Character* piece_end = at + std::min(end - at, longest_);
      for (known = false; piece_end != at; --piece_end) {
        const auto found = ids_.find((at == begin ? "" : options_.continuing_subword_prefix) + utf8(at, piece_end));
        if (found == ids_.end()) continue;
        known = true;
        tokens.ids.push_back(found->second);
        tokens.spans.push_back({at->origin.begin, (piece_end - 1)->origin.end});
        break;
      }
      at = piece_end;
    }
    if (known) return;
    tokens.ids.resize(before);
    tokens.spans.resize(before);
    tokens.ids.push_back(ids_.at(options_.unk_token));
    tokens.spans.push_back({begin->origin.begin, (end - 1)->origin.end});
  }

  std::unordered_map<std::string, int32_t> ids_;
  roux::text::WordPieceOptions options_;
  ptrdiff_t longest_ = 1;  // bytes of a token
};

}  // namespace simple
