// The linear-time matcher against the greedy algorithm that it stands for.
#include "text/tokenizers/wordpiece_matcher.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>
#include <vector>

using roux::text::WordPieceMatcher;

namespace {

using Ids = std::vector<int32_t>;

std::optional<Ids> match(const WordPieceMatcher& matcher, std::string_view word) {
  Ids ids;
  int32_t node = WordPieceMatcher::root;
  const auto take = [&](int32_t id) { ids.push_back(id); };
  for (const char byte : word)
    if (!matcher.step(node, byte, take)) return std::nullopt;
  if (!matcher.finish(node, take)) return std::nullopt;
  return ids;
}

std::optional<Ids> greedy(const std::unordered_map<std::string, int32_t>& ids, const std::string& prefix,
                          std::string_view word) {
  Ids result;
  for (size_t begin = 0; begin < word.size();) {
    size_t end = word.size();
    auto found = ids.end();
    for (; end > begin && found == ids.end(); --end)
      found = ids.find((begin == 0 ? "" : prefix) + std::string(word.substr(begin, end - begin)));
    if (found == ids.end()) return std::nullopt;
    result.push_back(found->second);
    begin = end + 1;
  }
  return result;
}

/// Of processor time, the least of five.
double seconds_of_match(const std::vector<std::string>& vocabulary, const std::string& word) {
  const WordPieceMatcher matcher(vocabulary, "##");
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const std::clock_t begin = std::clock();
    REQUIRE(match(matcher, word)->size() == word.size());
    best = std::min(best, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  return best;
}

}  // namespace

TEST_CASE("WordPieceMatcher: the example of the paper") {
  const std::vector<std::string> vocabulary = {"a", "abcdx", "##b", "##c", "##cdy", "##dz"};
  const WordPieceMatcher matcher(vocabulary, "##");
  CHECK(match(matcher, "abcdz") == Ids{0, 2, 3, 5});
  CHECK(match(matcher, "abcdx") == Ids{1});
  CHECK(match(matcher, "abcdy") == Ids{0, 2, 4});
  CHECK(!match(matcher, "abcd").has_value());
  CHECK(!match(matcher, "b").has_value());
  CHECK(match(matcher, "") == Ids{});
}

TEST_CASE("WordPieceMatcher: random vocabularies give what greedy longest match gives") {
  std::mt19937 random(3);
  const auto word = [&](size_t longest, unsigned letters) {
    std::string text;
    for (size_t left = 1 + random() % longest; left > 0; --left) text += static_cast<char>('a' + random() % letters);
    return text;
  };
  for (int round = 0; round < 300; ++round) {
    const unsigned letters = 1 + random() % 3;
    const std::string prefix = round % 3 == 0 ? "" : round % 3 == 1 ? "##" : "a";
    std::vector<std::string> vocabulary;
    std::unordered_map<std::string, int32_t> ids;
    for (size_t i = 0; i < 3 + random() % 40; ++i) {
      vocabulary.push_back((random() % 2 ? prefix : "") + word(6, letters));
      ids[vocabulary.back()] = static_cast<int32_t>(i);
    }
    const WordPieceMatcher matcher(vocabulary, prefix);
    for (int i = 0; i < 50; ++i) {
      const std::string text = word(20, letters);
      CAPTURE(text);
      CHECK(match(matcher, text) == greedy(ids, prefix, text));
    }
  }
}

TEST_CASE("WordPieceMatcher: every byte can be in a token, and a node can have all of them below it") {
  std::vector<std::string> vocabulary;
  for (int first = 0; first < 256; ++first) {
    vocabulary.push_back({static_cast<char>(first)});
    vocabulary.push_back("##" + vocabulary.back());
    for (int second = 0; second < 256; second += 5)
      vocabulary.push_back({static_cast<char>(first), static_cast<char>(second)});
  }
  const WordPieceMatcher matcher(vocabulary, "##");
  for (int32_t i = 0; i < static_cast<int32_t>(vocabulary.size()); ++i) {
    const std::string& token = vocabulary[static_cast<size_t>(i)];
    if (token.size() <= 2) CHECK(match(matcher, token) == Ids{i});
  }
}

TEST_CASE("WordPieceMatcher: a word that nearly is a long token everywhere takes no longer than another") {
  // Greedy matching would look at 1,000 letters before each token of one.
  const std::vector<std::string> short_tokens = {"a", "##a"};
  std::vector<std::string> long_tokens = short_tokens;
  for (const char* prefix : {"", "##"}) long_tokens.push_back(prefix + std::string(1000, 'a') + "b");
  const std::string word(1 << 20, 'a');
  CHECK(seconds_of_match(long_tokens, word) < 20 * seconds_of_match(short_tokens, word) + 1e-3);
}
