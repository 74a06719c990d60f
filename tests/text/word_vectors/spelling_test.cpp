// Spellings: distances, the words nearest to a misspelt one.
#include "text/word_vectors/spelling.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tensor/parallel.h"
#include "tests/thread_count_guard.h"

using namespace roux::text;

namespace {

using Names = std::vector<std::string>;

Names closest(const Names& words, const std::string& word, int64_t count = 3) {
  StringTable table;
  for (const std::string& w : words) table.insert(w);
  const WordList list(std::move(table));
  return closest_spellings(list, list.size(), word, count);
}

}  // namespace

TEST_CASE("spelling_distance counts insertions, deletions, replacements and swaps") {
  CHECK(spelling_distance("", "", 3) == 0);
  CHECK(spelling_distance("kitten", "sitting", 9) == 3);
  CHECK(spelling_distance("king", "kign", 9) == 1);
  CHECK(spelling_distance("ca", "abc", 9) == 3);  // as no character is touched twice
  CHECK(spelling_distance("King", "king", 9) == 0);
  CHECK(spelling_distance("abc", "", 9) == 3);
  CHECK(spelling_distance("abcdef", "uvwxyz", 3) == 4);
  CHECK(spelling_distance("a", "abcdefgh", 3) == 4);
  CHECK(spelling_distance("cr\u00e8me", "creme", 9) == 1);  // a character, though two bytes
  CHECK(spelling_distance("\u5bff\u53f8", "\u53f8\u5bff", 9) == 1);
  CHECK(spelling_distance("\xff\xfe", "\x80", 9) == 2);
}

TEST_CASE("closest_spellings come by distance, then in the order of the words") {
  CHECK(closest({"ring", "king", "sing", "queen", "kings"}, "kign") == Names{"king"});
  CHECK(closest({"ring", "kin", "sing", "wing", "kind"}, "king") == Names{"ring", "kin", "sing"});
  CHECK(closest({"bread", "king", "KING"}, "King") == Names{"king", "KING"});
  CHECK(closest({"a", "b", "c"}, "xyz").empty());
  CHECK(closest({"a", "A", "b"}, "a") == Names{"a", "A"});
  CHECK(closest({"if", "of", "an"}, "og") == Names{"of"});
  CHECK(closest({"aubergine", "tangerine"}, "auberjin", 1) == Names{"aubergine"});
  CHECK(closest({}, "king").empty());
  CHECK(closest({"king"}, "king", 0).empty());
  CHECK(closest({"tomato"}, "") == Names{});
}

TEST_CASE("spelling hints name what is there") {
  StringTable table;
  for (const char* word : {"pear", "peas", "<pad>"}) table.insert(word);
  const WordList list(std::move(table));
  CHECK(spelling_hint(list, list.size(), "pears") == " (hint: 'pear', 'peas' are there)");
  CHECK(spelling_hint(list, list.size(), "<pda>") == " (hint: '<pad>' is there)");
  CHECK(spelling_hint(list, list.size(), "zucchini").empty());
  CHECK(spelling_hint(list, 1, "pears") == " (hint: 'pear' is there)");
}

TEST_CASE("threads make no difference to spellings") {
  Names words;
  for (int i = 0; i < 60000; ++i) words.push_back("w" + std::to_string(i * 7919 % 60000));
  const ThreadCountGuard guard;
  roux::set_num_threads(1);
  const Names expected = closest(words, "w4711x", 20);
  roux::set_num_threads(3);
  CHECK(closest(words, "w4711x", 20) == expected);
  CHECK(expected.size() == 20);
}
