// Finding added tokens in a text.
#include "text/tokenizers/added_tokens.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "tensor/error.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

// Word characters of Unicode 15.1 and 16, which Hugging Face's tokenizers (0.23.3) know and utf8proc 2.8 does not:
// found by looking for a single_word token behind every code point.
constexpr std::pair<int32_t, int32_t> newer_word_characters[] = {
    {0x897, 0x897},     {0x1C89, 0x1C8A},   {0xA7CB, 0xA7CD},   {0xA7DA, 0xA7DC},   {0x105C0, 0x105F3},
    {0x10D40, 0x10D65}, {0x10D69, 0x10D6D}, {0x10D6F, 0x10D85}, {0x10EC2, 0x10EC4}, {0x10EFC, 0x10EFC},
    {0x11380, 0x11389}, {0x1138B, 0x1138B}, {0x1138E, 0x1138E}, {0x11390, 0x113B5}, {0x113B7, 0x113C0},
    {0x113C2, 0x113C2}, {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D3}, {0x113E1, 0x113E2},
    {0x116D0, 0x116E3}, {0x11BC0, 0x11BE0}, {0x11BF0, 0x11BF9}, {0x11F5A, 0x11F5A}, {0x13460, 0x143FA},
    {0x16100, 0x16139}, {0x16D40, 0x16D6C}, {0x16D70, 0x16D79}, {0x18CFF, 0x18CFF}, {0x1CCF0, 0x1CCF9},
    {0x1E5D0, 0x1E5FA}, {0x2EBF0, 0x2EE5D}};

/// The `\w` of regular expressions by Unicode Technical Standard 18: Alphabetic, marks, decimal digits, connector
/// punctuation, joiners.
bool is_word_character(int32_t c) {
  if (is_letter(c)) return true;
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC: return true;
    default: break;
  }
  // Joiners, and the circled and squared letters that are Alphabetic without being letters.
  const auto holds = [c](const std::pair<int32_t, int32_t>& range) { return range.first <= c && c <= range.second; };
  if (std::any_of(std::begin(newer_word_characters), std::end(newer_word_characters), holds)) return true;
  return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
         (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
}

bool word_character_before(std::string_view text, int64_t at) {
  return at > 0 && is_word_character(decode_utf8(text, character_before(text, at)).value);
}

bool word_character_at(std::string_view text, int64_t at) {
  return at < static_cast<int64_t>(text.size()) && is_word_character(decode_utf8(text, at).value);
}

}  // namespace

// ---- PatternMatcher -------------------------------------------------------------------------------------------------

PatternMatcher::PatternMatcher(std::vector<Pattern> patterns) : patterns_(std::move(patterns)) {
  std::erase_if(patterns_, [](const Pattern& pattern) { return pattern.bytes.empty(); });
  std::stable_sort(patterns_.begin(), patterns_.end(),
                   [](const Pattern& a, const Pattern& b) { return a.bytes < b.bytes; });
  const auto equal = [](const Pattern& a, const Pattern& b) { return a.bytes == b.bytes; };
  patterns_.erase(std::unique(patterns_.begin(), patterns_.end(), equal), patterns_.end());
  for (const Pattern& pattern : patterns_) {
    const char first = pattern.bytes[0];
    bool& begins = begins_[static_cast<unsigned char>(first)];
    if (!begins) first_bytes_ += first;
    begins = true;
  }
}

/// The first place at or behind `from` where a pattern may begin; the size of the text if there is none.
size_t PatternMatcher::next_candidate(std::string_view text, size_t from) const {
  constexpr size_t few = 3;
  constexpr size_t window = 512;  // so that a byte that is rare is not looked for in the whole text again and again
  while (first_bytes_.size() <= few && from < text.size()) {
    const size_t end = std::min(text.size(), first_bytes_.size() == 1 ? text.size() : from + window);
    size_t nearest = end;
    for (const char byte : first_bytes_) {
      const void* found = std::memchr(text.data() + from, byte, nearest - from);
      if (found != nullptr) nearest = static_cast<size_t>(static_cast<const char*>(found) - text.data());
    }
    if (nearest != end) return nearest;
    from = end;
  }
  while (from < text.size() && !begins_[static_cast<unsigned char>(text[from])]) ++from;
  return from;
}

std::optional<AddedTokenMatch> PatternMatcher::find(std::string_view text, int64_t from) const {
  if (patterns_.empty()) return std::nullopt;
  for (size_t begin = static_cast<size_t>(from); begin < text.size(); ++begin) {
    begin = next_candidate(text, begin);
    // The patterns [low, high) agree with the text in `length` bytes; the first of them may be no longer than that.
    auto low = patterns_.begin();
    auto high = patterns_.end();
    const Pattern* longest = nullptr;
    for (size_t length = 0; begin + length < text.size() && low != high; ++length) {
      const char byte = text[begin + length];
      const auto less = [length](const Pattern& pattern, char c) {
        return pattern.bytes.size() <= length ||
               static_cast<unsigned char>(pattern.bytes[length]) < static_cast<unsigned char>(c);
      };
      low = std::lower_bound(low, high, byte, less);
      high = std::upper_bound(low, high, byte, [length](char c, const Pattern& pattern) {
        return static_cast<unsigned char>(c) < static_cast<unsigned char>(pattern.bytes[length]);
      });
      if (low != high && low->bytes.size() == length + 1) longest = &*low;
    }
    if (longest != nullptr) {
      const auto at = static_cast<int64_t>(begin);
      return AddedTokenMatch{at, at + static_cast<int64_t>(longest->bytes.size()), longest->token};
    }
  }
  return std::nullopt;
}

// ---- AddedTokens ----------------------------------------------------------------------------------------------------

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const AddedToken& token = tokens_[i];
    const auto index = static_cast<int32_t>(i);
    ROUX_CHECK(!token.content.empty(), "AddedTokens", "the token with id ", token.id, " has no content");
    ROUX_CHECK(is_valid_utf8(token.content), "AddedTokens", "the token with id ", token.id, " is not valid UTF-8");
    ROUX_CHECK(token.id >= 0, "AddedTokens", "'", token.content, "' has the id ", token.id, "; expected 0 or more");
    ROUX_CHECK(by_content_.emplace(token.content, index).second, "AddedTokens", "'", token.content, "' is there twice");
    const auto [other, is_new] = by_id_.emplace(token.id, index);
    ROUX_CHECK(is_new, "AddedTokens", "'", tokens_[static_cast<size_t>(other->second)].content, "' and '",
               token.content, "' have the same id, ", token.id);
    any_normalized_ = any_normalized_ || token.normalized;
  }
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  if (empty()) return nullptr;
  const auto found = by_content_.find(std::string(content));
  return found == by_content_.end() ? nullptr : &tokens_[static_cast<size_t>(found->second)];
}

const AddedToken* AddedTokens::find(int32_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : &tokens_[static_cast<size_t>(found->second)];
}

PatternMatcher AddedTokens::raw_matcher() const {
  std::vector<PatternMatcher::Pattern> patterns;
  for (size_t i = 0; i < tokens_.size(); ++i)
    if (!tokens_[i].normalized) patterns.push_back({tokens_[i].content, static_cast<int32_t>(i)});
  return PatternMatcher(std::move(patterns));
}

PatternMatcher AddedTokens::normalized_matcher(const std::function<std::string(std::string_view)>& normalize) const {
  std::vector<PatternMatcher::Pattern> patterns;
  for (const bool special : {true, false})
    for (size_t i = 0; i < tokens_.size(); ++i)
      if (tokens_[i].normalized && tokens_[i].special == special)
        patterns.push_back({normalize(tokens_[i].content), static_cast<int32_t>(i)});
  return PatternMatcher(std::move(patterns));
}

bool AddedTokens::applies(std::string_view text, int64_t done, AddedTokenMatch& match) const {
  const AddedToken& token = tokens_[static_cast<size_t>(match.token)];
  if (token.single_word && (word_character_before(text, match.begin) || word_character_at(text, match.end)))
    return false;
  // White space that the token before has taken stays with that one.
  while (token.lstrip && match.begin > done) {
    const int64_t at = character_before(text, match.begin);
    if (!has_white_space_property(decode_utf8(text, at).value)) break;
    match.begin = at;
  }
  if (token.lstrip) match.begin = std::max(match.begin, done);
  // A token in the white space that the one before has taken: all up to there is white space, and not looked at again.
  if (token.rstrip) match.end = std::max(match.end, done);
  while (token.rstrip && match.end < static_cast<int64_t>(text.size())) {
    const CodePoint next = decode_utf8(text, match.end);
    if (!has_white_space_property(next.value)) break;
    match.end += next.length;
  }
  return match.begin < match.end;
}

}  // namespace roux::text
