// The flat corpus: the same ids as one by one, for any number of threads.
#include "text/corpus.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "tests/thread_count_guard.h"
#include "text/ngram_encoder.h"

using namespace roux::text;

namespace {

StringList many_texts(int64_t n) {
  StringList texts;
  for (int64_t i = 0; i < n; ++i) {
    std::string text;
    for (int64_t word = 0; word < i % 7; ++word)
      text += static_cast<char>('a' + (i * 31 + word * 7) % 26) + std::string(" ");
    texts.push_back(text);
  }
  return texts;
}

}  // namespace

TEST_CASE("a corpus holds the ids of each text, whatever the number of threads") {
  for (const int64_t n : {0, 1, 255, 256, 257, 5000}) {
    CAPTURE(n);
    const StringList texts = many_texts(n);
    std::vector<int64_t> labels;
    for (int64_t i = 0; i < n; ++i) labels.push_back(i % 3);
    const NgramEncoder encoder(texts, {.word_ngrams = 2});
    const ThreadCountGuard guard;
    roux::set_num_threads(1);
    const Corpus alone = encode_corpus(encoder, texts, labels);
    roux::set_num_threads(3);
    const Corpus together = encode_corpus(encoder, texts, labels);
    CHECK(together.ids == alone.ids);
    CHECK(together.offsets == alone.offsets);
    CHECK(together.labels == labels);
    CHECK(alone.size() == n);
    CHECK_NOTHROW(alone.check());
    std::vector<int32_t> ids;
    for (int64_t i = 0; i < n; ++i) {
      REQUIRE(alone.offsets[static_cast<size_t>(i)] == static_cast<int64_t>(ids.size()));
      encoder.encode(texts[i], ids);
    }
    CHECK(alone.ids == ids);
  }
}

TEST_CASE("threads may end in any order: the first chunk last, say") {
  const StringList texts = many_texts(3000);
  const auto encode = [](std::string_view text, std::vector<int32_t>& ids) { ids.insert(ids.end(), text.size(), 7); };
  std::atomic<bool> waits = true;
  std::atomic<int> encoded = 0;
  const EncodeFunction first_waits = [&](std::string_view text, std::vector<int32_t>& ids) {
    if (waits.exchange(false))
      for (int i = 0; i < 100 && encoded < 2000; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    encode(text, ids);
    ++encoded;
  };
  const ThreadCountGuard guard;
  roux::set_num_threads(2);
  const EncodedTexts found = encode_texts(first_waits, texts);
  CHECK_NOTHROW(found.check());
  REQUIRE(found.size() == texts.size());
  for (int64_t i = 0; i < texts.size(); ++i) REQUIRE(found[i].size() == texts[i].size());
}

TEST_CASE("threads that end at the same time lose nothing") {
  StringList texts;  // two chunks
  for (int i = 0; i < 2 * 256; ++i) texts.push_back(i % 256 == 255 ? "last" : "");
  std::atomic<int> arrived = 0;
  const EncodeFunction together = [&](std::string_view text, std::vector<int32_t>& ids) {
    ids.push_back(1);
    if (text.empty()) return;
    ++arrived;
    for (int i = 0; i < 200000 && arrived < 2; ++i) continue;
  };
  const ThreadCountGuard guard;
  roux::set_num_threads(2);
  int64_t complete = 0;
  for (int round = 0; round < 10000; ++round, arrived = 0) complete += encode_texts(together, texts).ids.size() == 512;
  CHECK(complete == 10000);
}

TEST_CASE("errors of an encoder arrive, and so do labels that do not fit") {
  const StringList texts = many_texts(3000);
  std::vector<int64_t> labels(3000);
  const auto fails_at_last = [&](std::string_view text, std::vector<int32_t>&) {
    if (text == texts[2999]) throw roux::Error("last");
  };
  CHECK_THROWS_WITH_AS(encode_corpus(fails_at_last, texts, labels), "last", roux::Error);
  labels.pop_back();
  CHECK_THROWS_WITH_AS(encode_corpus(NgramEncoder(texts, {}), texts, labels),
                       "[encode_corpus] 3000 texts and 2999 labels; expected as many of each", roux::Error);
}

TEST_CASE("a corpus that does not fit together is refused") {
  CHECK_NOTHROW(Corpus{}.check());
  CHECK_NOTHROW((Corpus{{{1, 2}, {0, 0, 2}}, {0, 1}}.check()));
  CHECK_THROWS_WITH_AS((Corpus{{{1, 2}, {0, 2}}, {0, 1}}.check()),
                       "[Corpus] 2 labels and 2 offsets; expected one label a text and one offset more", roux::Error);
  CHECK_THROWS_WITH_AS((Corpus{{{1, 2}, {0, 1, 3}}, {0, 1}}.check()),
                       "[Corpus] offsets from 0 to 3; expected 0 to 2, the number of ids", roux::Error);
  CHECK_THROWS_AS((Corpus{{{1, 2}, {1, 1, 2}}, {0, 1}}.check()), roux::Error);
  CHECK_THROWS_WITH_AS((Corpus{{{1, 2}, {0, 5, 1, 2}}, {0, 1, 0}}.check()),
                       "[Corpus] offset 1 is 5, the next 1; expected offsets that do not fall", roux::Error);
}

TEST_CASE("texts without labels") {
  const StringList texts = many_texts(2500);
  const NgramEncoder encoder(texts, {});
  const EncodedTexts encoded = encode_texts(encoder, texts);
  CHECK(encoded.size() == 2500);
  CHECK(encoded.ids == encode_corpus(encoder, texts, std::vector<int64_t>(2500)).ids);
  std::vector<int32_t> ids;
  encoder.encode(texts[2499], ids);
  const std::span<const int32_t> last = encoded[2499];
  CHECK(std::vector<int32_t>(last.begin(), last.end()) == ids);
  CHECK_THROWS_AS(encoded[2500], roux::Error);
  CHECK_THROWS_AS(encoded[-1], roux::Error);
  EncodedTexts few;
  few.push_back(std::vector<int32_t>{3, 4});
  few.push_back({});
  CHECK(few.offsets == std::vector<int64_t>{0, 2, 2});
  CHECK(few[1].empty());
  CHECK_NOTHROW(few.check());
  few.ids.pop_back();
  CHECK_THROWS_AS(few[0], roux::Error);
  CHECK_THROWS_AS(few.check(), roux::Error);
  CHECK(EncodedTexts().size() == 0);
}
