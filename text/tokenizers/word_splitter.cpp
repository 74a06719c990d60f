// Splitting texts into words.
#include "text/tokenizers/word_splitter.h"

#include <utf8proc.h>

#include <array>
#include <optional>

#include "tensor/error.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

constexpr int32_t apostrophe = '\'';
constexpr int32_t right_quote = 0x2019;

bool is_punctuation(int32_t c) {
  const utf8proc_category_t category = utf8proc_category(c);
  return category >= UTF8PROC_CATEGORY_PC && category <= UTF8PROC_CATEGORY_SO;
}

/// Whether the character `c` at `at` is an apostrophe between letters.
bool is_inner_apostrophe(std::string_view text, int64_t at, const CodePoint& c) {
  if (c.value != apostrophe && c.value != right_quote) return false;
  const int64_t next = at + c.length;
  return at > 0 && next < static_cast<int64_t>(text.size()) && is_letter(decode_utf8(text, next).value) &&
         is_letter(decode_utf8(text, character_before(text, at)).value);
}

/// Appends a character in the form that is looked up.
void append_normalized(int32_t c, const WordOptions& options, std::string& to) {
  if (c < 0x80) {
    to += static_cast<char>(options.lowercase && c >= 'A' && c <= 'Z' ? c + 32 : c);
    return;
  }
  if (!options.strip_accents) {
    append_utf8(static_cast<uint32_t>(options.lowercase ? utf8proc_tolower(c) : c), to);
    return;
  }
  std::array<utf8proc_int32_t, 32> parts{};
  int boundary = 0;
  const utf8proc_ssize_t count = utf8proc_decompose_char(c, parts.data(), parts.size(), UTF8PROC_DECOMPOSE, &boundary);
  for (utf8proc_ssize_t i = 0; i < count; ++i) {
    const utf8proc_int32_t part = parts[static_cast<size_t>(i)];
    if (utf8proc_category(part) == UTF8PROC_CATEGORY_MN) continue;
    append_utf8(static_cast<uint32_t>(options.lowercase ? utf8proc_tolower(part) : part), to);
  }
}

struct Contraction {
  std::string_view written;
  std::string_view first;  // in the place of what is written, or of its end
  std::string_view second;
};

// Whole words first: their ends mislead.
constexpr Contraction whole_words[] = {
    {"can't", "can", "not"},  {"won't", "will", "not"}, {"shan't", "shall", "not"}, {"let's", "let", "us"},
    {"it's", "it", "is"},     {"he's", "he", "is"},     {"she's", "she", "is"},     {"that's", "that", "is"},
    {"what's", "what", "is"}, {"who's", "who", "is"},   {"where's", "where", "is"}, {"there's", "there", "is"},
    {"here's", "here", "is"}, {"how's", "how", "is"},   {"when's", "when", "is"},   {"why's", "why", "is"},
};
constexpr Contraction endings[] = {{"n't", "", "not"},  {"'re", "", "are"},  {"'ve", "", "have"},
                                   {"'ll", "", "will"}, {"'d", "", "would"}, {"'m", "", "am"}};

/// ASCII lower case, with ' for the right quotation mark.
std::string plain(std::string_view word) {
  std::string result;
  for (size_t i = 0; i < word.size(); ++i) {
    if (word.substr(i, 3) == "\xE2\x80\x99") {
      result += '\'';
      i += 2;
    } else {
      result += word[i] >= 'A' && word[i] <= 'Z' ? static_cast<char>(word[i] + 32) : word[i];
    }
  }
  return result;
}

struct Expansion {
  std::string first;
  std::string second;
};

/// The two words that a contraction stands for; what is kept of it keeps its case.
std::optional<Expansion> expansion_of(std::string_view word) {
  const std::string form = plain(word);
  if (form.find('\'') == std::string::npos) return std::nullopt;
  for (const Contraction& contraction : whole_words) {
    if (form != contraction.written) continue;
    std::string first(contraction.first);
    if (word[0] >= 'A' && word[0] <= 'Z') first[0] = word[0];
    return Expansion{first, std::string(contraction.second)};
  }
  for (const Contraction& contraction : endings) {
    size_t length = contraction.written.size();
    if (form.size() <= length || !form.ends_with(contraction.written)) continue;
    if (plain(word.substr(word.size() - length)) != contraction.written) length += 2;  // of the quotation mark's bytes
    return Expansion{std::string(word.substr(0, word.size() - length)), std::string(contraction.second)};
  }
  return std::nullopt;
}

/// Where a word begins and ends without the punctuation around it.
TextSpan core_of(std::string_view word) {
  int32_t begin = -1;
  int32_t end = 0;
  for (int32_t at = 0; at < static_cast<int32_t>(word.size());) {
    const CodePoint c = decode_utf8(word, at);
    if (!is_punctuation(c.value)) {
      if (begin < 0) begin = at;
      end = at + c.length;
    }
    at += c.length;
  }
  return {begin < 0 ? 0 : begin, end};
}

}  // namespace

bool WordSplitter::next(std::string_view text, int64_t& at) {
  word_.clear();
  second_.clear();
  while (at < static_cast<int64_t>(text.size())) {
    const CodePoint c = decode_utf8(text, at);
    const bool is_space = is_white_space(c.value);
    const bool is_sign =
        options_.punctuation != Punctuation::keep && is_punctuation(c.value) && !is_inner_apostrophe(text, at, c);
    if ((is_space || is_sign) && !word_.empty()) break;  // that ends the word, and is looked at again
    const auto begin = static_cast<int32_t>(at);
    at += c.length;
    if (is_space || (is_sign && options_.punctuation == Punctuation::remove)) continue;
    const size_t size = word_.size();
    append_normalized(c.value, options_, word_);
    if (word_.size() == size) continue;  // an accent that is left out
    if (size == 0) bytes_.begin = begin;
    bytes_.end = static_cast<int32_t>(at);
    if (is_sign) break;
  }
  if (options_.expand_contractions) expand_contraction();
  return !word_.empty();
}

void WordSplitter::expand_contraction() {
  const TextSpan core = core_of(word_);
  const auto begin = static_cast<size_t>(core.begin), end = static_cast<size_t>(core.end);
  const std::optional<Expansion> found = expansion_of(std::string_view(word_).substr(begin, end - begin));
  if (!found) return;
  second_ = found->second + word_.substr(end);
  word_ = word_.substr(0, begin) + found->first;
}

std::string to_string(Punctuation punctuation) {
  return punctuation == Punctuation::keep ? "keep" : punctuation == Punctuation::split ? "split" : "remove";
}

Punctuation punctuation_from(std::string_view name) {
  for (const Punctuation punctuation : {Punctuation::keep, Punctuation::split, Punctuation::remove})
    if (to_string(punctuation) == name) return punctuation;
  fail("words", "punctuation '", name, "'; expected keep, split or remove");
}

}  // namespace roux::text
