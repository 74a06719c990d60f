// The cache of words: what it finds, what it refuses, and readers beside a writer.
#include "text/tokenizers/word_cache.h"

#include <doctest/doctest.h>

#include <string>
#include <thread>
#include <vector>

using roux::text::WordCache;
using roux::text::WordKey;

namespace {

std::vector<int32_t> find(const WordCache& cache, std::string_view word) {
  const WordCache::Slot* const slot = cache.find(WordCache::key(word));
  return slot == nullptr ? std::vector<int32_t>{} : std::vector<int32_t>(slot->ids, slot->ids + slot->count.load());
}

using Ids = std::vector<int32_t>;

}  // namespace

TEST_CASE("WordCache: keys tell all words of up to 15 bytes apart") {
  std::string word;
  for (char c = 'a'; word.size() < WordCache::max_bytes; ++c) {
    word += c;
    const WordKey key = WordCache::key(word);
    std::string bytes(16, '\0');
    std::memcpy(bytes.data(), &key, 16);
    CHECK(bytes.substr(0, word.size()) == word);
    CHECK(bytes.back() == static_cast<char>(word.size()));
    std::string other = word;
    other.back() = '\0';
    CHECK(!(WordCache::key(other) == key));
    CHECK(!(WordCache::key(word.substr(0, word.size() - 1)) == WordCache::key(other)));
  }
  CHECK(WordCache::key("") == WordKey{});
}

TEST_CASE("WordCache: finds what was put in, and keeps the first") {
  WordCache cache;
  CHECK(find(cache, "a").empty());
  cache.insert(WordCache::key("a"), Ids{7});
  cache.insert(WordCache::key("unwanted"), Ids{1, 2, 3});
  cache.insert(WordCache::key("a"), Ids{8});
  cache.insert(WordCache::key("four"), Ids{1, 2, 3, 4});
  cache.insert(WordCache::key("none"), Ids{});
  CHECK(find(cache, "a") == Ids{7});
  CHECK(find(cache, "unwanted") == Ids{1, 2, 3});
  CHECK(find(cache, "four").empty());
  CHECK(find(cache, "none").empty());
}

TEST_CASE("WordCache: memory is bounded; a word that finds no room is not kept") {
  WordCache cache(64);
  int64_t kept = 0;
  for (int32_t i = 0; i < 1000; ++i) {
    const std::string word = std::to_string(i);
    cache.insert(WordCache::key(word), Ids{i});
    const Ids found = find(cache, word);
    CHECK((found.empty() || found == Ids{i}));
    kept += !found.empty();
  }
  CHECK(kept > 32);
  CHECK(kept <= 64);
}

TEST_CASE("WordCache: a word that is there takes no more room") {
  WordCache cache(4);
  for (int i = 0; i < 4; ++i) cache.insert(WordCache::key("a"), Ids{7});
  cache.insert(WordCache::key("b"), Ids{8});
  CHECK(find(cache, "b") == Ids{8});
}

TEST_CASE("WordCache: threads read while others write") {
  WordCache cache(4096);
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int32_t i = 0; i < 4000; ++i) {
        const int32_t number = (i * 7 + t * 1000) % 4000;
        const std::string word = "w" + std::to_string(number);
        cache.insert(WordCache::key(word), Ids{number, number + 1});
        const std::string other = "w" + std::to_string((number * 31) % 4000);
        const Ids found = find(cache, other);
        wrong[static_cast<size_t>(t)] += !found.empty() && found != Ids{(number * 31) % 4000, (number * 31) % 4000 + 1};
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(4));
}

TEST_CASE("WordCache: what threads write at once is kept") {
  WordCache cache(1 << 16);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int32_t i = t; i < 4000; i += 4) cache.insert(WordCache::key("w" + std::to_string(i)), Ids{i, -i, 5});
    });
  for (std::thread& thread : threads) thread.join();
  int kept = 0;
  for (int32_t i = 0; i < 4000; ++i) {
    const Ids found = find(cache, "w" + std::to_string(i));
    CHECK((found.empty() || found == Ids{i, -i, 5}));
    kept += !found.empty();
  }
  CHECK(kept > 3900);  // a word is left out where another thread writes to its slot
}
