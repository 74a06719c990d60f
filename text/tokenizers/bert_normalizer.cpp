// The normaliser: one look-up a code point; runs of marks that change places are put in order here.
#include "text/tokenizers/bert_normalizer.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "tensor/error.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

char* write_hangul_letter(uint32_t letter, char* to) {
  *to++ = static_cast<char>(0xE1);
  *to++ = static_cast<char>(0x80 | (letter >> 6 & 0x3F));
  *to++ = static_cast<char>(0x80 | (letter & 0x3F));
  return to;
}

/// A mark that is being put in order; `bytes` is empty for one that is dropped.
struct Mark {
  uint8_t combining_class;
  bool inserted;  // not the first of its code point's decomposition: takes the origin of what it comes behind
  std::string_view bytes;
};

void append(std::string_view bytes, const TextSpan& origin, NormalizedText& result) {
  result.text.append(bytes);
  result.origin.insert(result.origin.end(), bytes.size(), origin);
}

/// What a code point becomes, but for Hangul.
std::string_view replacement(const CharacterTable& table, const CharacterTable::Entry& entry, std::string_view self) {
  if (entry.kind == CharacterKind::dropped) return {};
  return entry.length == 0 ? self : table.replacement(entry);
}

/// Appends a code point that does not take part in reordering.
void append_character(const CharacterTable& table, const CharacterTable::Entry& entry, std::string_view self,
                      const TextSpan& origin, NormalizedText& result) {
  if (entry.kind == CharacterKind::ideograph) append(" ", origin, result);
  if (entry.kind == CharacterKind::hangul) {
    char letters[9];
    const auto syllable = static_cast<uint32_t>(decode_valid_utf8(self.data()).value);
    append({letters, static_cast<size_t>(write_hangul(syllable, letters) - letters)}, origin, result);
  } else {
    append(replacement(table, entry, self), origin, result);
  }
  if (entry.kind == CharacterKind::ideograph) append(" ", origin, result);
}

/// Appends a code point of combining class 0, if one begins at `at`, and the marks behind it in canonical order
/// (Unicode 15, section 3.11); returns where they end. Marks that are dropped later are put in order with the others:
/// the origins stay in the order of the text, whatever stands at them.
size_t append_reordered(const CharacterTable& table, std::string_view text, size_t at, NormalizedText& result) {
  std::vector<Mark> marks;
  std::vector<TextSpan> origins;
  TextSpan last{static_cast<int32_t>(at), static_cast<int32_t>(at)};
  for (const size_t begin = at; at < text.size();) {
    const CodePoint point = decode_valid_utf8(text.data() + at);
    const auto& entry = table[static_cast<uint32_t>(point.value)];
    if (entry.combining_class == 0 && at > begin) break;
    const std::string_view self = text.substr(at, static_cast<size_t>(point.length));
    const TextSpan origin{static_cast<int32_t>(at), static_cast<int32_t>(at + self.size())};
    at += self.size();
    if (entry.combining_class == CharacterTable::absent) continue;
    if (entry.combining_class > 0) {
      marks.push_back({entry.combining_class, false, replacement(table, entry, self)});
      origins.push_back(origin);
      continue;
    }
    last = origin;
    if (entry.kind != CharacterKind::reordered) {
      append_character(table, entry, self, origin, result);
      continue;
    }
    const std::string_view parts = replacement(table, entry, self);  // a letter and marks
    for (size_t part = 0; part < parts.size();) {
      const CodePoint mark = decode_valid_utf8(parts.data() + part);
      const std::string_view bytes = parts.substr(part, static_cast<size_t>(mark.length));
      if (part == 0) append(bytes, origin, result);
      if (part > 0) marks.push_back({table[static_cast<uint32_t>(mark.value)].combining_class, true, bytes});
      part += bytes.size();
    }
  }
  std::stable_sort(marks.begin(), marks.end(),
                   [](const Mark& a, const Mark& b) { return a.combining_class < b.combining_class; });
  auto next_origin = origins.begin();
  for (const Mark& mark : marks) {
    if (!mark.inserted) last = *next_origin++;
    append(mark.bytes, last, result);
  }
  return at;
}

}  // namespace

char* write_hangul(uint32_t syllable, char* to) {
  const uint32_t index = syllable - 0xAC00;
  to = write_hangul_letter(0x1100 + index / (21 * 28), to);
  to = write_hangul_letter(0x1161 + index / 28 % 21, to);
  return index % 28 == 0 ? to : write_hangul_letter(0x11A7 + index % 28, to);
}

BertNormalizer::BertNormalizer(const BertNormalizerOptions& options)
    : table_({.clean_text = options.clean_text,
              .isolate_ideographs = options.handle_chinese_chars,
              .strip_accents = options.strip_accents.value_or(options.lowercase),
              .lowercase = options.lowercase}) {}

NormalizedText BertNormalizer::normalize(std::string_view text) const {
  NormalizedText result;
  result.text.reserve(text.size() + text.size() / 8);
  result.origin.reserve(text.size() + text.size() / 8);
  size_t run_at = 0, run_size = 0;  // the last code point of combining class 0, and what had been appended before it
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = decode_valid_utf8(text.data() + at);
    const auto& entry = table_[static_cast<uint32_t>(point.value)];
    if (entry.combining_class == 0) {
      run_at = at;
      run_size = result.text.size();
    }
    if (entry.kind == CharacterKind::reordered) {
      result.text.resize(run_size);
      result.origin.resize(run_size);
      at = append_reordered(table_, text, run_at, result);
      run_at = at;
      run_size = result.text.size();
      continue;
    }
    const std::string_view self = text.substr(at, static_cast<size_t>(point.length));
    at += self.size();
    append_character(table_, entry, self, {static_cast<int32_t>(at - self.size()), static_cast<int32_t>(at)}, result);
  }
  ROUX_CHECK(result.text.size() <= static_cast<size_t>(std::numeric_limits<int32_t>::max()), "normalize", "a text of ",
             text.size(), " bytes becomes ", result.text.size(), "; expected 2^31 - 1 at most");
  return result;
}

}  // namespace roux::text
