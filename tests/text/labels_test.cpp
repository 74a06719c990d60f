// The ingredient rule, the order of labels, and Python lists.
#include "text/labels.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "text/python_list.h"

using namespace roux::text;

namespace {

using enum IngredientLabel;
using Names = std::vector<std::string>;

IngredientLabel substring(std::string_view ingredients) {
  return label_by_ingredients(ingredients, KeywordMatch::substring);
}

IngredientLabel whole_word(std::string_view ingredients) {
  return label_by_ingredients(ingredients, KeywordMatch::whole_word);
}

/// The strings of a list literal between bars; "damaged" for none.
std::string parsed(std::string_view text) {
  const auto list = parse_python_list(text);
  if (!list) return "damaged";
  std::string result = "|";
  for (int64_t i = 0; i < list->size(); ++i) result.append((*list)[i]).append("|");
  return result;
}

}  // namespace

TEST_CASE("every keyword labels alone, in both forms of the rule") {
  for (const char* word :
       {"apple", "banana", "orange", "strawberry", "grape", "mango", "cherry", "berry", "lemon", "lime", "melon"}) {
    CAPTURE(word);
    CHECK(substring(word) == fruit);
    CHECK(whole_word(word) == fruit);
  }
  for (const char* word : {"carrot", "broccoli", "spinach", "potato", "tomato", "onion", "garlic", "pepper", "lettuce",
                           "cucumber", "celery", "mushroom", "corn", "bean", "pea", "cabbage", "asparagus"}) {
    CAPTURE(word);
    CHECK(substring(word) == vegetable);
    CHECK(whole_word(word) == vegetable);
  }
  CHECK(whole_word("pineapple") == fruit);
  CHECK(whole_word("peach") == fruit);
  CHECK(whole_word("pear") == fruit);
}

TEST_CASE("the substring rule finds keywords inside words, as the course does") {
  CHECK(substring("peach") == both);  // holds "pea"
  CHECK(substring("pears") == both);
  CHECK(substring("peanut butter, sugar") == vegetable);
  CHECK(substring("grapefruit juice") == fruit);
  CHECK(substring("blueberry jam") == fruit);
  CHECK(substring("blueberries") == neither);
  CHECK(substring("Fresh LEMON Juice, flour") == fruit);
  CHECK(substring("lemon; black pepper") == both);
  CHECK(substring("flour, sugar") == neither);
  CHECK(substring("") == neither);
  CHECK(substring("tomat") == neither);
  CHECK(substring("L\u0130me") == neither);
  CHECK(substring("broccol\u0130, oran\u212Age") == vegetable);
}

TEST_CASE("the whole-word rule knows plurals and no compounds") {
  for (const char* words : {"cherries", "peaches", "mangos", "mangoes", "Strawberries!", "2 limes", "lemon-juice",
                            "pear\u2019s", "\u00BD melon"}) {
    CAPTURE(words);
    CHECK(whole_word(words) == fruit);
  }
  for (const char* words : {"tomatoes", "potatos", "radish, carrots", "red onions", "green beans", "peas"}) {
    CAPTURE(words);
    CHECK(whole_word(words) == vegetable);
  }
  for (const char* words :
       {"peanut", "grapefruit", "blueberries", "popcorn", "pepperoni", "p\u00EAche", "pea\u0301", "", "tomat oes"}) {
    CAPTURE(words);
    CHECK(whole_word(words) == neither);
  }
  CHECK(whole_word("peach\npeas") == both);
}

TEST_CASE("labels are sorted as numbers when all are numbers, else as text") {
  CHECK(sorted_labels({"vegetable", "fruit", "fruit"}) == Names{"fruit", "vegetable"});
  CHECK(sorted_labels({"10", "9", "-1", "2.5", "10"}) == Names{"-1", "2.5", "9", "10"});
  CHECK(sorted_labels({"10", "9", "x"}) == Names{"10", "9", "x"});
  CHECK(sorted_labels({"nan", "2", "10"}) == Names{"10", "2", "nan"});
  CHECK(sorted_labels({"1.0", "1", "0"}) == Names{"0", "1", "1.0"});
  CHECK(sorted_labels({"", "2", "10"}) == Names{"", "10", "2"});
  CHECK(sorted_labels({}).empty());
}

TEST_CASE("Python lists of strings") {
  CHECK(parsed("['salt', 'pepper']") == "|salt|pepper|");
  CHECK(parsed(R"(["baker's yeast", 'say "hi"'])") == "|baker's yeast|say \"hi\"|");
  CHECK(parsed(R"(['it\'s', "\"", 'a\\b', 'x\ty\x41\u00e9\U0001F34B'])") == "|it's|\"|a\\b|x\tyA\u00E9\U0001F34B|");
  CHECK(parsed("[]") == "|");
  CHECK(parsed(" [ 'a' , 'b' , ] \n") == "|a|b|");
  CHECK(parsed("['a, b]', '']") == "|a, b]||");
  for (const char* damaged : {"",        "[",          "['a'",      "['a' 'b']",   "['a",
                              "[,]",     "['a',,'b']", "[1]",       "['a'] x",     "salt, pepper",
                              "['\\q']", "['\\x4']",   "['\\x4g']", "['\\ud800']", "['\\U00110000']",
                              "['\\",    "['a\\']",    "[None]",    "['a'; 'b']",  "['\\x+1']"}) {
    CAPTURE(damaged);
    CHECK(parsed(damaged) == "damaged");
  }
}
