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

bool is_letter_at(std::string_view text, int64_t at) {
  return at < static_cast<int64_t>(text.size()) && is_letter(decode_utf8(text, at).value);
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
    const size_t length = contraction.written.size();
    if (form.size() <= length || form.compare(form.size() - length, length, contraction.written) != 0) continue;
    const size_t cut = word.size() - length - (word.size() - form.size());  // the quotation mark takes two bytes more
    return Expansion{std::string(word.substr(0, cut)), std::string(contraction.second)};
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

/// One character in its normalised form: to the last word, or the first of a new one.
void WordSplitter::append(std::string_view part, TextSpan bytes, bool continues_word) {
  if (continues_word) {
    words_.back().text += part;
    words_.back().bytes.end = bytes.end;
  } else {
    words_.push_back({std::string(part), bytes});
  }
}

void WordSplitter::expand(size_t number) {
  const Word& word = words_[number];
  const TextSpan core = core_of(word.text);
  const std::string_view text = word.text;
  const auto found =
      expansion_of(text.substr(static_cast<size_t>(core.begin), static_cast<size_t>(core.end - core.begin)));
  if (!found) return;
  Word second{found->second + std::string(text.substr(static_cast<size_t>(core.end))), word.bytes};
  words_[number].text = std::string(text.substr(0, static_cast<size_t>(core.begin))) + found->first;
  words_.insert(words_.begin() + static_cast<int64_t>(number) + 1, std::move(second));
}

bool WordSplitter::next_chunk(std::string_view text, int64_t& at) {
  const auto size = static_cast<int64_t>(text.size());
  while (at < size) {
    const CodePoint c = decode_utf8(text, at);
    if (!is_white_space(c.value)) break;
    at += c.length;
  }
  words_.clear();
  if (at == size) return false;
  bool in_word = false;
  int32_t before = 0;
  std::string part;
  while (at < size) {
    const CodePoint c = decode_utf8(text, at);
    if (is_white_space(c.value)) break;
    const TextSpan bytes{static_cast<int32_t>(at), static_cast<int32_t>(at + c.length)};
    at += c.length;
    const bool inner = (c.value == apostrophe || c.value == right_quote) && is_letter(before) && is_letter_at(text, at);
    const bool sign = options_.punctuation != Punctuation::keep && !inner && is_punctuation(c.value);
    before = c.value;
    if (sign && options_.punctuation == Punctuation::remove) {
      in_word = false;
      continue;
    }
    part.clear();
    append_normalized(c.value, options_, part);
    if (part.empty()) continue;
    append(part, bytes, in_word && !sign);
    in_word = !sign;
  }
  if (options_.expand_contractions)
    for (size_t i = words_.size(); i-- > 0;) expand(i);
  return true;
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
