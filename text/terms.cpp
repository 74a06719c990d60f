// Taking texts apart into words and characters. Terms lie one after the other in one string, so that a run of them is a
// part of it.
#include "text/terms.h"

#include <utf8proc.h>

#include <array>
#include <limits>

#include "tensor/error.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

constexpr int32_t capital_i_with_dot = 0x130;

/// `\w` of Python's re.
bool is_word_character(int32_t code_point) {
  if (code_point == '_') return true;
  switch (utf8proc_category(code_point)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO: return true;
    default: return false;
  }
}

constexpr std::array<bool, 128> ascii_word = [] {
  std::array<bool, 128> table{};
  for (int c = 0; c < 26; ++c) table[static_cast<size_t>('a' + c)] = table[static_cast<size_t>('A' + c)] = true;
  for (int c = 0; c < 10; ++c) table[static_cast<size_t>('0' + c)] = true;
  table['_'] = true;
  return table;
}();

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

/// The text with every character valid, lower-cased where asked for.
void prepare(std::string_view text, bool lowercase, std::string& to) {
  to.clear();
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (is_ascii(c)) {
      to += lowercase && c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
      ++at;
      continue;
    }
    const CodePoint point = decode_utf8(text, static_cast<int64_t>(at));
    at += static_cast<size_t>(point.length);
    if (point.value < 0) {
      to += "\xEF\xBF\xBD";
    } else if (lowercase && point.value == capital_i_with_dot) {
      to += "i\xCC\x87";
    } else {
      append_utf8(static_cast<uint32_t>(lowercase ? utf8proc_tolower(point.value) : point.value), to);
    }
  }
}

}  // namespace

void check(const TermOptions& options) {
  ROUX_CHECK(options.ngram_min >= 1 && options.ngram_min <= options.ngram_max && options.ngram_max <= 100, "terms",
             "n-grams of ", options.ngram_min, " to ", options.ngram_max,
             "; expected 1 <= ngram_min <= ngram_max <= 100");
  ROUX_CHECK(options.min_word_length >= 1, "terms", "min_word_length is ", options.min_word_length,
             "; expected 1 or more");
}

TermSplitter::TermSplitter(const TermOptions& options) : options_(options) { check(options); }

void TermSplitter::split(std::string_view text) {
  ROUX_CHECK(text.size() < std::numeric_limits<uint32_t>::max() / 4, "terms", "a text has ", text.size(),
             " bytes; expected fewer than 1 GiB");
  prepare(text, options_.lowercase, lowered_);
  text_.clear();
  pieces_.clear();
  words_.clear();
  switch (options_.kind) {
    case TermKind::words: split_words(); break;
    case TermKind::characters: split_characters(); break;
    default: split_characters_in_words();
  }
  text_.append(8, '\0');  // what may be read behind the last term
}

/// Puts the words into text_, a space between two.
void TermSplitter::split_words() {
  const std::string_view text = lowered_;
  int64_t length = 0;
  size_t begin = 0;
  const auto end_word = [&](size_t end) {
    if (length >= options_.min_word_length) {
      if (!text_.empty()) text_ += ' ';
      const auto from = static_cast<uint32_t>(text_.size());
      text_.append(text, begin, end - begin);
      pieces_.push_back({from, static_cast<uint32_t>(text_.size())});
    }
    length = 0;
  };
  for (size_t at = 0; at < text.size();) {
    bool in_word = false;
    size_t next = at + 1;
    if (is_ascii(text[at])) {
      in_word = ascii_word[static_cast<size_t>(text[at])];
    } else {
      const CodePoint point = decode_utf8(text, static_cast<int64_t>(at));
      in_word = is_word_character(point.value);
      next = at + static_cast<size_t>(point.length);
    }
    if (!in_word) {
      end_word(at);
    } else if (length++ == 0) {
      begin = at;
    }
    at = next;
  }
  end_word(text.size());
}

void TermSplitter::split_characters() {
  const std::string_view text = lowered_;
  size_t spaces = 0;  // white spaces before `at`
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = is_ascii(text[at]) ? CodePoint{text[at], 1} : decode_utf8(text, static_cast<int64_t>(at));
    const auto length = static_cast<size_t>(point.length);
    const bool space = is_white_space(point.value);
    const auto from = static_cast<uint32_t>(text_.size());
    if (!space || spaces == 0) {
      text_.append(text, at, length);
      pieces_.push_back({from, static_cast<uint32_t>(text_.size())});
    } else if (spaces == 1) {  // the one before becomes a space for both
      text_.resize(pieces_.back().begin);
      text_ += ' ';
      pieces_.back().end = pieces_.back().begin + 1;
    }
    spaces = space ? spaces + 1 : 0;
    at += length;
  }
}

/// Puts the words into text_, a space before and one behind each.
void TermSplitter::split_characters_in_words() {
  const std::string_view text = lowered_;
  const auto add = [&](std::string_view character) {
    const auto from = static_cast<uint32_t>(text_.size());
    text_.append(character);
    pieces_.push_back({from, static_cast<uint32_t>(text_.size())});
  };
  bool in_word = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = is_ascii(text[at]) ? CodePoint{text[at], 1} : decode_utf8(text, static_cast<int64_t>(at));
    const bool space = is_white_space(point.value);
    if (!space && !in_word) words_.push_back(pieces_.size());
    if (space == in_word) add(" ");  // a word begins or ends
    if (!space) add(text.substr(at, static_cast<size_t>(point.length)));
    in_word = !space;
    at += static_cast<size_t>(point.length);
  }
  if (in_word) add(" ");
}

}  // namespace roux::text
