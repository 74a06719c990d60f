// Truncation of encoded texts: head, tail, both, and what weighs most.
#include "text/truncation.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "tests/thread_count_guard.h"

using namespace roux::text;

namespace {

using Ids = std::vector<int32_t>;

EncodedTexts texts_of(const std::vector<Ids>& texts) {
  EncodedTexts result;
  for (const Ids& text : texts) result.push_back(text);
  return result;
}

Ids ids_of(const EncodedTexts& texts, int64_t text) { return Ids(texts[text].begin(), texts[text].end()); }

Ids truncated(const Ids& text, const TruncationOptions& options) {
  return ids_of(truncate(texts_of({text}), options), 0);
}

/// In 8 texts: 1 in all, 2 in four, 3 in two, 4 and 5 in one.
const IdWeights& weights() {
  static const IdWeights result(texts_of({{1, 2, 3, 4, 1}, {1, 2, 3}, {1, 2}, {1, 2, 5}, {1}, {1, 1}, {1}, {1, 9, 9}}));
  return result;
}

}  // namespace

TEST_CASE("the course's truncation: \"I love my dog\" to 2; and the other ends") {
  const Ids text{1, 2, 3, 4};
  CHECK(truncated(text, {.max_length = 2}) == Ids{1, 2});
  CHECK(truncated(text, {.max_length = 2, .keep = Keep::tail}) == Ids{3, 4});
  CHECK(truncated(text, {.max_length = 3, .keep = Keep::head_and_tail}) == Ids{1, 2, 4});
  for (const Keep keep : {Keep::head, Keep::tail, Keep::head_and_tail, Keep::smart}) {
    CHECK(truncated(text, {.max_length = 4, .keep = keep}) == text);
    CHECK(truncated({}, {.keep = keep}).empty());
    CHECK(truncated(text, {.max_length = 3, .keep = keep}).size() == 3);
  }
}

TEST_CASE("start and end stand around every text, within the limit") {
  const TruncationOptions options{.max_length = 4, .start = 101, .end = 102};
  CHECK(truncated({1, 2, 3, 4}, options) == Ids{101, 1, 2, 102});
  CHECK(truncated({1}, options) == Ids{101, 1, 102});
  CHECK(truncated({}, options) == Ids{101, 102});
  CHECK(truncated({1, 2}, {.max_length = 2, .start = 7}) == Ids{7, 1});
  CHECK(truncated({1, 2}, {.max_length = 2, .start = 7, .end = 8}) == Ids{7, 8});
  CHECK_THROWS_AS(truncated({1}, {.max_length = 1, .start = 7, .end = 8}), roux::Error);
  CHECK_THROWS_AS(truncated({1}, {.max_length = 0}), roux::Error);
}

TEST_CASE("weights: how rare an id is among texts") {
  CHECK(weights().idf(1) == 0);
  CHECK(weights().idf(2) == doctest::Approx(std::log(2.0)));
  CHECK(weights().idf(5) == doctest::Approx(std::log(8.0)));
  CHECK(weights().idf(9) == doctest::Approx(std::log(8.0)));
  CHECK(weights().idf(77) == doctest::Approx(std::log(8.0)));
  CHECK(weights().idf(-3) == doctest::Approx(std::log(8.0)));
  CHECK_THROWS_AS(IdWeights(texts_of({{1, -1}})), roux::Error);
}

TEST_CASE("smart: the edges, and the rarest between, in order") {
  const auto smart = [&](const Ids& text, int64_t max_length, const Ids& sentence_ends = {}) {
    Ids shortened;
    truncate(text, {.max_length = max_length, .keep = Keep::smart, .sentence_ends = sentence_ends}, &weights(),
             shortened);
    return shortened;
  };
  CHECK(smart({1, 1, 2, 1, 5, 1, 3, 1, 1, 1}, 4) == Ids{1, 5, 3, 1});
  // The second 5 counts half of the first: 2 * ln 8 / 2 against 1 * ln 8 of the 4.
  CHECK(smart({1, 1, 5, 2, 5, 1, 4, 1, 1, 1}, 5) == Ids{1, 5, 5, 4, 1});
  CHECK(smart({1, 5, 5, 5, 5, 3, 4, 1, 1, 1}, 4) == Ids{1, 5, 5, 1});
  // The third 5 weighs as much as the one 4, and stands behind it.
  CHECK(smart({1, 1, 5, 5, 4, 5, 1, 1, 1, 1}, 5) == Ids{1, 5, 5, 4, 1});
  // Sentences end with 1. "4 1" weighs more on average than "3 2 1", which weighs as much in sum.
  CHECK(smart({1, 3, 2, 1, 4, 1, 1, 1}, 4, {1}) == Ids{1, 4, 1, 1});
  CHECK(smart({4, 1, 5, 1, 3}, 1) == Ids{4});
  Ids nowhere;
  CHECK_THROWS_AS(truncate(Ids{1, 2}, {.max_length = 1, .keep = Keep::smart}, nullptr, nowhere), roux::Error);
}

TEST_CASE("smart: whole sentences, the heaviest first, the last cut where the room ends") {
  Ids shortened;
  const TruncationOptions options{.max_length = 8, .keep = Keep::smart, .sentence_ends = {6, 7}};
  // Edges of 2: "1 1" and "1 1". Between: "2 1 6" (weight ln 2 / 3 and the 6s), "5 4 9 7", "3 6".
  const Ids text{1, 1, 2, 1, 7, 5, 4, 9, 7, 3, 1, 7, 1, 1};
  truncate(text, options, &weights(), shortened);
  CHECK(shortened == Ids{1, 1, 5, 4, 9, 7, 1, 1});
  shortened.clear();
  // Edges of 3: all of "5 4 9 7", and the first two of "3 1".
  TruncationOptions larger = options;
  larger.max_length = 12;
  truncate(text, larger, &weights(), shortened);
  CHECK(shortened == Ids{1, 1, 2, 1, 7, 5, 4, 9, 7, 7, 1, 1});
  shortened.clear();
  TruncationOptions smaller = options;
  smaller.max_length = 4;
  truncate(text, smaller, &weights(), shortened);
  CHECK(shortened == Ids{1, 5, 4, 1});
}

TEST_CASE("truncation of many texts in parallel, with labels, by their own weights") {
  EncodedTexts texts;
  for (int32_t i = 0; i < 5000; ++i) {
    Ids text;
    for (int32_t k = 0; k < i % 50; ++k) text.push_back((i * 31 + k * k) % 997);
    texts.push_back(text);
  }
  const TruncationOptions options{.max_length = 12, .keep = Keep::smart, .start = 1000};
  const ThreadCountGuard guard;
  roux::set_num_threads(1);
  const EncodedTexts alone = truncate(texts, options);
  roux::set_num_threads(3);
  const EncodedTexts together = truncate(texts, options);
  CHECK(alone.ids == together.ids);
  CHECK(alone.offsets == together.offsets);
  CHECK_NOTHROW(alone.check());
  const IdWeights own(texts);
  Ids shortened;
  for (int64_t i = 0; i < texts.size(); ++i) {
    shortened.clear();
    truncate(texts[i], options, &own, shortened);
    REQUIRE(ids_of(alone, i) == shortened);
    REQUIRE(shortened.size() == std::min<size_t>(texts[i].size() + 1, 12));
  }
  Corpus corpus{texts, std::vector<int64_t>(5000, 3)};
  CHECK(truncate(corpus, options).ids == alone.ids);
  CHECK(truncate(corpus, options).labels == corpus.labels);
  CHECK(truncate(corpus, options, own).ids == alone.ids);
  corpus.labels.pop_back();
  CHECK_THROWS_AS(truncate(corpus, options), roux::Error);
}
