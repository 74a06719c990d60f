// Training byte-level BPE: the merges of tokenizers 0.23.3, in order.
#include "text/tokenizers/bpe_trainer.h"

#include <doctest/doctest.h>

#include "tensor/parallel.h"
#include "tests/message_of.h"
#include "tests/text/tokenizers/bpe_fixture.h"
#include "tests/thread_count_guard.h"

using namespace roux;
using namespace roux::text;

namespace {

BpeTrainerOptions options_of(const bpe_fixture::Training& training) {
  BpeTrainerOptions options;
  options.vocab_size = training.vocab_size;
  options.min_frequency = training.min_frequency;
  options.special_tokens = training.special_tokens;
  options.add_prefix_space = training.add_prefix_space;
  return options;
}

}  // namespace

TEST_CASE("BPE is trained to the same merges as by tokenizers 0.23.3") {
  REQUIRE(bpe_fixture::trainings().size() == 4);
  for (const bpe_fixture::Training& training : bpe_fixture::trainings()) {
    const TrainedBpe trained = train_bpe(bpe_fixture::corpus(), options_of(training));
    CHECK(trained.merges == training.merges);
    CHECK(static_cast<int64_t>(trained.vocabulary.size()) == training.size);
    REQUIRE(trained.vocabulary.size() >= training.first.size());
    for (size_t i = 0; i < training.first.size(); ++i) CHECK(trained.vocabulary[i] == training.first[i]);
  }
}

TEST_CASE("BPE training in blocks and on several threads gives the same merges") {
  StringList many;
  for (int copy = 0; copy < 40; ++copy)
    for (int64_t i = 0; i < bpe_fixture::corpus().size(); ++i) many.push_back(bpe_fixture::corpus()[i]);
  const ThreadCountGuard guard;
  set_num_threads(1);
  const TrainedBpe expected = train_bpe(many, {.vocab_size = 500, .special_tokens = {}, .progress = {}});
  set_num_threads(4);
  const TrainedBpe parallel = train_bpe(many, {.vocab_size = 500, .special_tokens = {}, .progress = {}});
  BpeTrainer blocks({.vocab_size = 500, .special_tokens = {}, .progress = {}});
  for (int copy = 0; copy < 40; ++copy) blocks.add(bpe_fixture::corpus());
  CHECK(parallel.merges == expected.merges);
  CHECK(parallel.vocabulary == expected.vocabulary);
  CHECK(blocks.train().merges == expected.merges);
  CHECK(expected.merges.size() == 500 - 256);
}

TEST_CASE("A trained BPE encodes: what it saw is few tokens, and everything comes back") {
  TrainedBpe trained = train_bpe(bpe_fixture::corpus(), {.vocab_size = 600, .special_tokens = {}, .progress = {}});
  const BpeTokenizer tokenizer(trained.vocabulary, trained.merges);
  std::vector<int32_t> ids;
  tokenizer.encode(" buttermilk", ids);
  CHECK(ids.size() == 1);
  for (const std::string& text : bpe_fixture::texts()) {
    ids.clear();
    tokenizer.encode(text, ids);
    CHECK(tokenizer.decode(ids) == text);
  }
}

TEST_CASE("BPE training ends where no pair is left, and says how far it is") {
  int64_t last = 0;
  BpeTrainerOptions options{.vocab_size = 5000, .special_tokens = {"<s>"}, .progress = {}};
  options.progress = [&](int64_t tokens, int64_t vocab_size) {
    CHECK(tokens > last);
    CHECK(vocab_size == 5000);
    last = tokens;
  };
  const TrainedBpe trained = train_bpe({"aaaa", "\xFF"}, options);
  // "aa", "aaaa", and U+FFFD in the place of the byte that is no text: two merges.
  CHECK(trained.vocabulary.size() == 1 + 256 + 4);
  CHECK(last == 1 + 256 + 4);
  CHECK(train_bpe({}, {.vocab_size = 300, .special_tokens = {}, .progress = {}}).merges.empty());
}

TEST_CASE("a merge into a token that was there leaves two candidates of the pairs beside it") {
  StringTable tokens;
  for (const char* const token : {"a", "b", "ab", "c"}) tokens.insert(token);
  CountedWords words;
  words.symbols = {0, 1, 3, 2, 3};  // a b c and ab c
  words.offsets = {0, 3, 5};
  words.counts = {5, 3};
  const auto merges = train_pairs(tokens, words, {.vocab_size = 10, .continuing_subword_prefix = "", .progress = {}});
  CHECK(merges == std::vector<std::pair<int32_t, int32_t>>{{0, 1}, {2, 3}, {2, 3}});
  CHECK(tokens.size() == 5);
}

TEST_CASE("BPE training refuses what cannot be") {
  const auto message = [](BpeTrainerOptions options) { return message_of([&] { BpeTrainer trainer(options); }); };
  CHECK(message({.vocab_size = 256, .special_tokens = {"<s>"}, .progress = {}}) ==
        "[train_bpe] vocab_size is 256; expected at least 257: the 256 bytes and the special tokens");
  CHECK(message({.vocab_size = 300, .special_tokens = {""}, .progress = {}}) == "[train_bpe] a special token is empty");
}
