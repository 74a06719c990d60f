// Merging: every way of it gives what the definition gives, and long pieces take time in proportion.
#include "text/tokenizers/bpe_merger.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <random>

using namespace roux::text;

namespace {

using Rules = std::vector<BpeMerge>;

// The definition: the lowest rank first, the leftmost of equals.
std::vector<int32_t> merged_slowly(const Rules& rules, std::vector<int32_t> ids) {
  std::map<std::pair<int32_t, int32_t>, size_t> ranks;
  for (size_t rank = 0; rank < rules.size(); ++rank) ranks[{rules[rank].left, rules[rank].right}] = rank;
  for (;;) {
    size_t best = rules.size(), at = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      const auto found = ranks.find({ids[i], ids[i + 1]});
      if (found != ranks.end() && found->second < best) {
        best = found->second;
        at = i;
      }
    }
    if (best == rules.size()) return ids;
    ids[at] = rules[best].result;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

std::vector<int32_t> merged(const BpeMerger& merger, const std::vector<int32_t>& ids) {
  std::vector<BpeSymbol> symbols;
  for (const int32_t id : ids) symbols.push_back({id, 3});
  symbols.resize(merger.merge(symbols));
  std::vector<int32_t> result;
  int64_t length = 0;
  for (const BpeSymbol& symbol : symbols) {
    result.push_back(symbol.id);
    length += symbol.length;
  }
  REQUIRE(length == 3 * static_cast<int64_t>(ids.size()));
  return result;
}

std::vector<int32_t> merged_bytes(const BpeMerger& merger, const std::string& bytes) {
  std::array<int32_t, 256> ids;
  for (int32_t i = 0; i < 256; ++i) ids[static_cast<size_t>(i)] = i;
  std::vector<int32_t> result = {-7};
  merger.merge_bytes(bytes, ids, result);
  REQUIRE(result[0] == -7);
  return {result.begin() + 1, result.end()};
}

// Rules over the symbols 0 to `symbols` - 1 whose ranks are in no order: results of low ranks need those of high ones.
Rules random_rules(std::mt19937& random, int32_t symbols, int count) {
  Rules rules;
  std::map<std::string, int32_t> ids;
  std::vector<std::string> tokens;
  for (int32_t i = 0; i < symbols; ++i) {
    tokens.push_back(std::string(1, static_cast<char>('a' + i)));
    ids[tokens.back()] = i;
  }
  while (static_cast<int>(rules.size()) < count) {
    const std::string left = tokens[random() % tokens.size()], right = tokens[random() % tokens.size()];
    if (left.size() + right.size() > 12) continue;
    const auto [found, is_new] = ids.emplace(left + right, static_cast<int32_t>(300 + ids.size()));
    if (is_new) tokens.push_back(left + right);
    rules.push_back({ids[left], ids[right], found->second});
  }
  std::shuffle(rules.begin(), rules.end(), random);
  return rules;
}

}  // namespace

TEST_CASE("merging short and long pieces gives what the definition gives") {
  std::mt19937 random(5);
  for (int round = 0; round < 150; ++round) {
    const auto symbols = static_cast<int32_t>(1 + random() % 4);
    const Rules rules = random_rules(random, symbols, 1 + static_cast<int>(random() % 60));
    const BpeMerger merger(rules);
    for (const size_t length : {0, 1, 2, 3, 7, 31, 32, 33, 100, 600}) {
      std::vector<int32_t> ids(length);
      for (int32_t& id : ids) id = static_cast<int32_t>(random() % static_cast<uint32_t>(symbols));
      REQUIRE(merged(merger, ids) == merged_slowly(rules, ids));
    }
  }
}

TEST_CASE("merging in blocks gives what merging at once gives") {
  std::mt19937 random(6);
  for (int round = 0; round < 6; ++round) {
    const auto symbols = static_cast<int32_t>(1 + round % 3);
    const Rules rules = random_rules(random, symbols, 3 + 10 * round);
    const BpeMerger merger(rules);
    std::string bytes;
    for (int i = 0; i < 4 * 4096 + 100; ++i)
      bytes.push_back(static_cast<char>(random() % static_cast<uint32_t>(symbols)));
    std::vector<int32_t> ids(bytes.begin(), bytes.end());
    const std::vector<int32_t> expected = merged_slowly(rules, ids);
    REQUIRE(merged(merger, ids) == expected);
    REQUIRE(merged_bytes(merger, bytes) == expected);
  }
}

TEST_CASE("merges that depend on each other over a whole text, from its end to its beginning") {
  // A text in which each pair of bytes occurs once (a de Bruijn sequence), ranked from right to left: what is merged
  // where depends on the end, however far away; more than is kept while merging in blocks.
  std::string bytes;
  for (int a = 0; a < 256; ++a) {
    bytes.push_back(static_cast<char>(a));
    for (int b = a + 1; b < 256; ++b) {
      bytes.push_back(static_cast<char>(a));
      bytes.push_back(static_cast<char>(b));
    }
  }
  REQUIRE(bytes.size() == 65536);
  for (const size_t shorter : {0, 1}) {
    const std::string text = bytes.substr(0, bytes.size() - shorter);
    Rules rules;
    for (size_t i = text.size() - 1; i > 0; --i)
      rules.push_back(
          {static_cast<uint8_t>(text[i - 1]), static_cast<uint8_t>(text[i]), static_cast<int32_t>(256 + i)});
    const BpeMerger merger(rules);
    std::vector<int32_t> expected;
    if (text.size() % 2 == 1) expected.push_back(static_cast<uint8_t>(text[0]));
    for (size_t i = text.size() % 2 == 1 ? 2 : 1; i < text.size(); i += 2)
      expected.push_back(static_cast<int32_t>(256 + i));
    CHECK(merged_bytes(merger, text) == expected);
    std::vector<int32_t> ids;
    for (const char byte : text) ids.push_back(static_cast<uint8_t>(byte));
    CHECK(merged(merger, ids) == expected);
  }
}

TEST_CASE("of rules for one pair the last counts") {
  CHECK(merged(BpeMerger(Rules{{1, 2, 10}, {2, 3, 11}, {1, 2, 12}}), {1, 2, 3}) == std::vector<int32_t>{1, 11});
  CHECK(merged(BpeMerger(Rules{{1, 2, 10}, {2, 3, 11}}), {1, 2, 3}) == std::vector<int32_t>{10, 3});
  CHECK(merged(BpeMerger(), {1, 2, 3}) == std::vector<int32_t>{1, 2, 3});
}

TEST_CASE("a piece of a million bytes is merged in seconds") {
  std::mt19937 random(7);
  const BpeMerger merger(random_rules(random, 4, 200));
  std::string bytes;
  for (int i = 0; i < 1'000'000; ++i) bytes.push_back(static_cast<char>(random() % 4));
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<int32_t> ids = merged_bytes(merger, bytes);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));
  CHECK(ids.size() < bytes.size());
}
