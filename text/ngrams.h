// The n-grams of a text, one after the other. Used where they are counted and where they are looked up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "text/hash.h"
#include "text/unicode.h"

namespace roux::text {

/// Calls `f(std::string_view ngram, uint64_t hash)` for each run of 2 to `longest` words of a text whose words are
/// separated by one space: "hot apple pie" gives "hot apple", "hot apple pie", "apple pie". `hash` is `fnv1a(ngram)`.
template <class F>
void for_each_word_ngram(std::string_view cleaned, int64_t longest, F&& f) {
  const auto word_end = [&](size_t from) {
    const size_t space = cleaned.find(' ', from);
    return space == std::string_view::npos ? cleaned.size() : space;
  };
  for (size_t begin = 0; begin < cleaned.size();) {
    const size_t first_end = word_end(begin);
    size_t end = first_end;
    uint64_t hash = fnv1a(cleaned.substr(begin, end - begin));
    for (int64_t n = 2; n <= longest && end < cleaned.size(); ++n) {
      const size_t next_end = word_end(end + 1);
      hash = fnv1a(cleaned.substr(end, next_end - end), hash);
      end = next_end;
      f(cleaned.substr(begin, end - begin), hash);
    }
    begin = first_end + 1;
  }
}

/// Calls `f(std::string_view ngram, uint64_t hash)` for each run of `shortest` to `longest` characters of `<word>`, the
/// word between boundary marks, as fastText does: a beginning, a middle and an end differ ("<pi", "pie", "ie>"), and a
/// mark alone is left out. Characters are code points of UTF-8; `hash` is `fnv1a(ngram)`.
template <class F>
void for_each_char_ngram(std::string_view word, int64_t shortest, int64_t longest, F&& f) {
  const std::string marked = "<" + std::string(word) + ">";
  for (size_t begin = 0; begin < marked.size(); ++begin) {
    if (continues_character(marked[begin])) continue;
    uint64_t hash = fnv1a_basis;
    size_t end = begin;
    for (int64_t n = 1; n <= longest && end < marked.size(); ++n) {
      const size_t from = end;
      do ++end;
      while (end < marked.size() && continues_character(marked[end]));
      hash = fnv1a(std::string_view(marked).substr(from, end - from), hash);
      const bool mark_alone = n == 1 && (begin == 0 || end == marked.size());
      if (n >= shortest && !mark_alone) f(std::string_view(marked).substr(begin, end - begin), hash);
    }
  }
}

}  // namespace roux::text
