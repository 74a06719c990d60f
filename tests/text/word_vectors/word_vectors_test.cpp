// Word vectors themselves: finding, what stands for unknown words, and the list of words as tensors.
#include "text/word_vectors/word_vectors.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/message_of.h"

using namespace roux;
using namespace roux::text;

namespace {

StringTable table_of(const std::vector<std::string>& words) {
  StringTable table;
  for (const std::string& word : words) table.insert(word);
  return table;
}

const Tensor numbers = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {3, 2});

}  // namespace

TEST_CASE("a word has its row, and unknown ones what was chosen") {
  const WordVectors vectors(table_of({"a", "<unk>", "b"}), numbers);
  CHECK(vectors.size() == 3);
  CHECK(vectors.dim() == 2);
  CHECK(vectors.find("b") == 2);
  CHECK(vectors.find("c") == -1);
  CHECK(vectors.word(1) == "<unk>");
  CHECK(vectors.vector("b").to_vector<float>() == std::vector<float>{5, 6});
  CHECK(vectors.vector("b").shares_storage(vectors.vectors()));
  CHECK(vectors.vector("c", UnknownWord::zeros).to_vector<float>() == std::vector<float>{0, 0});
  CHECK(vectors.vector("c", UnknownWord::unk).to_vector<float>() == std::vector<float>{3, 4});
  CHECK(message_of([&] { vectors.vector("cod"); }) == "[vector] there is no vector of 'cod'");
  CHECK(message_of([&] { vectors.vector("<ink>"); }) ==
        "[vector] there is no vector of '<ink>' (hint: '<unk>' is there)");
  CHECK(message_of([&] { vectors.vector("c", UnknownWord::subwords); }).find("nor of sub-words") != std::string::npos);
  CHECK(message_of([&] { vectors.word(3); }).find("there is no word 3") != std::string::npos);
  const WordVectors without(table_of({"a", "b", "c"}), numbers);
  CHECK(message_of([&] { without.vector("d", UnknownWord::unk); }).find("no word '<unk>'") != std::string::npos);
}

TEST_CASE("sub-words stand for unknown words") {
  const SubwordRule rule{.min_chars = 3, .max_chars = 3, .buckets = 5};
  const Tensor table = Tensor::from(std::vector<float>{1, 10, 2, 20, 3, 30, 4, 40, 5, 50}, {5, 2});
  const WordVectors vectors(table_of({"a", "b", "c"}), numbers, std::make_shared<const Subwords>(rule, table));
  std::vector<int32_t> buckets;
  rule.append_buckets("dog", buckets);
  REQUIRE(buckets.size() == 3);
  const float mean = static_cast<float>(buckets[0] + buckets[1] + buckets[2] + 3) / 3;
  const std::vector<float> found = vectors.vector("dog", UnknownWord::subwords).to_vector<float>();
  CHECK(found[0] == doctest::Approx(mean));
  CHECK(found[1] == doctest::Approx(10 * mean));
  CHECK(vectors.vector("a", UnknownWord::subwords).to_vector<float>() == std::vector<float>{1, 2});
  CHECK(vectors.vector("", UnknownWord::subwords).to_vector<float>() == std::vector<float>{0, 0});  // "<>" is no run
}

TEST_CASE("words and vectors must fit each other") {
  const auto message = [](StringTable words, const Tensor& vectors,
                          std::shared_ptr<const Subwords> subwords = nullptr) {
    return message_of([&] { WordVectors(std::move(words), vectors, std::move(subwords)); });
  };
  CHECK(message(table_of({"a"}), numbers).find("found 1 words and vectors of shape (3, 2)") != std::string::npos);
  CHECK(message({}, Tensor::zeros({0, 2})).find("at least one of each") != std::string::npos);
  CHECK(message(table_of({"a"}), Tensor::zeros({1, 0})).find("at least one of each") != std::string::npos);
  CHECK(message(table_of({"a"}), Tensor::zeros({1, 2}, float64)).find("expected float32") != std::string::npos);
  CHECK(message(table_of({"a"}), Tensor()).find("expected float32") != std::string::npos);
  const auto subwords = std::make_shared<const Subwords>(SubwordRule{.buckets = 2}, Tensor::zeros({2, 3}));
  CHECK(message(table_of({"a", "b", "c"}), numbers, subwords).find("sub-words have 3 numbers, expected 2") !=
        std::string::npos);
}

TEST_CASE("sub-words are runs of characters between marks") {
  // By hand: FNV-1a of 32 bits over sign-extended bytes of "<da", "da>", "<da>".
  const SubwordRule rule{.min_chars = 3, .max_chars = 4, .buckets = 2'000'000'000};
  std::vector<int32_t> buckets;
  rule.append_buckets("da", buckets);
  const auto hash = [](std::string_view bytes) {
    uint32_t value = 2166136261u;
    for (const char byte : bytes) value = (value ^ static_cast<uint32_t>(static_cast<signed char>(byte))) * 16777619u;
    return static_cast<int32_t>(value % 2'000'000'000u);
  };
  CHECK(buckets == std::vector<int32_t>{hash("<da"), hash("<da>"), hash("da>")});
  buckets.clear();
  const SubwordRule short_runs{.min_chars = 1, .max_chars = 2, .buckets = 2'000'000'000};
  short_runs.append_buckets("\xC3\xA9x", buckets);  // characters of two bytes are not cut, marks alone are left out
  CHECK(buckets == std::vector<int32_t>{hash("<\xC3\xA9"), hash("\xC3\xA9"), hash("\xC3\xA9x"), hash("x"), hash("x>")});

  const auto message = [](SubwordRule wrong, const Tensor& table) {
    return message_of([&] { Subwords(wrong, table); });
  };
  CHECK(message({.min_chars = 0}, Tensor::zeros({1, 1})).find("expected 1 <= min_chars <= max_chars") !=
        std::string::npos);
  CHECK(message({.min_chars = 4, .max_chars = 3}, Tensor::zeros({1, 1})).find("4 to 3") != std::string::npos);
  CHECK(message({.buckets = 0}, Tensor::zeros({0, 1})).find("found 0 buckets") != std::string::npos);
  CHECK(message({.buckets = 2}, Tensor::zeros({3, 1})).find("(2, dim), found (3, 1)") != std::string::npos);
}

TEST_CASE("a list of words as tensors finds the same words") {
  std::vector<std::string> words;
  for (int i = 0; i < 1000; ++i) words.push_back("word" + std::to_string(i * i));
  words.emplace_back();
  const WordList made(table_of(words));
  const WordList::Tensors tensors = made.tensors();
  const WordList mapped(tensors, "test");
  REQUIRE(mapped.size() == 1001);
  for (size_t i = 0; i < words.size(); ++i) {
    CHECK(mapped.find(words[i]) == static_cast<int32_t>(i));
    CHECK(mapped[static_cast<int64_t>(i)] == words[i]);
  }
  CHECK(mapped.find("word2") == -1);
  CHECK(message_of([&] { mapped[1001]; }).find("there is no word 1001") != std::string::npos);
  const WordList first({.bytes = tensors.bytes, .ends = tensors.ends.slice(0, 0, 10), .slots = tensors.slots}, "test");
  CHECK(first.find("word81") == 9);
  CHECK(first.find("word100") == -1);
  CHECK(WordList(first.tensors(), "test").find("word81") == 9);
}

TEST_CASE("a list of words that contradicts itself is refused") {
  const WordList::Tensors good = WordList(table_of({"a", "bc"})).tensors();
  const auto message = [&](auto damage) {
    WordList::Tensors tensors{good.bytes.clone(), good.ends.clone(), good.slots.clone()};
    damage(tensors);
    return message_of([&] { WordList(tensors, "test").find("bc"); });
  };
  CHECK(message([](auto&) {}) == "nothing was thrown");
  const char* const ends = "[load_word_vectors] 'test': the ends of the words do not rise, or lie behind the last byte";
  CHECK(message([](auto& t) { t.ends.template mutable_data<int64_t>()[0] = 4; }) == ends);
  CHECK(message([](auto& t) { t.ends.template mutable_data<int64_t>()[0] = -1; }) == ends);
  CHECK(message([](auto& t) { t.ends.template mutable_data<int64_t>()[1] = 5; }) == ends);
  CHECK(message([](auto& t) { t.slots = t.slots.slice(0, 0, 3); }).find("power of two") != std::string::npos);
  CHECK(message([](auto& t) { t.slots = t.slots.slice(0, 0, 2); }).find("power of two") != std::string::npos);
  CHECK(message([](auto& t) { t.slots = t.slots.to(int64); }).find("slots as int32") != std::string::npos);
  CHECK(message([](auto& t) { t.ends = Tensor(); }).find("ends as int64") != std::string::npos);
  // Slots that lie find nothing, or end at last.
  CHECK(message([](auto& t) { t.slots.fill_(0); }) == "nothing was thrown");
  CHECK(message([](auto& t) { t.slots.fill_(1000); }) == "nothing was thrown");
}
