// Which words a misspelt one may have meant.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/word_vectors/word_list.h"

namespace roux::text {

/// How many characters one must insert, delete, replace or swap with their neighbour to make `b` of `a` (Damerau 1964
/// in the form where no character is touched twice); the case of ASCII letters makes no difference. A character is a
/// code point. Returns limit + 1 as soon as it is clear that there are more than `limit`.
int64_t spelling_distance(std::string_view a, std::string_view b, int64_t limit);

/// The `count` words that are spelt most like `word`, equals in their order, which in word vectors is that of falling
/// frequency. None is farther than a third of the characters of `word`, or 1; a word of one character is like no other.
/// Of `words` the first `size` are looked at.
std::vector<std::string> closest_spellings(const WordList& words, int64_t size, std::string_view word,
                                           int64_t count = 3);

/// A hint for an error message: ` (hint: 'kitchen', 'kitten' are there)`; nothing when no word is near.
std::string spelling_hint(const WordList& words, int64_t size, std::string_view word);

}  // namespace roux::text
