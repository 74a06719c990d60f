// Training WordPiece: the vocabulary of tokenizers 0.23.3 where its order is fixed.
#include "text/tokenizers/wordpiece_trainer.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tensor/parallel.h"
#include "tests/message_of.h"
#include "tests/text/tokenizers/bpe_fixture.h"
#include "tests/thread_count_guard.h"

using namespace roux;
using namespace roux::text;

TEST_CASE("WordPiece is trained to the same vocabulary as by tokenizers 0.23.3") {
  const bpe_fixture::Training& training = bpe_fixture::wordpiece_training();
  WordPieceTrainerOptions options;
  options.vocab_size = training.vocab_size;
  options.min_frequency = training.min_frequency;
  options.special_tokens = training.special_tokens;
  CHECK(train_wordpiece(bpe_fixture::corpus(), options) == training.vocabulary);
  CHECK(training.vocabulary.size() == 300);
}

TEST_CASE("WordPiece training does not depend on the number of threads or on blocks") {
  StringList many;
  for (int copy = 0; copy < 40; ++copy)
    for (int64_t i = 0; i < bpe_fixture::corpus().size(); ++i) many.push_back(bpe_fixture::corpus()[i]);
  WordPieceTrainerOptions options;
  options.vocab_size = 300;
  const ThreadCountGuard guard;
  set_num_threads(1);
  const std::vector<std::string> expected = train_wordpiece(many, options);
  set_num_threads(4);
  const std::vector<std::string> parallel = train_wordpiece(many, options);
  WordPieceTrainer blocks(options);
  for (int copy = 0; copy < 40; ++copy) blocks.add(bpe_fixture::corpus());
  CHECK(parallel == expected);
  CHECK(blocks.train() == expected);
}

TEST_CASE("WordPiece vocabularies: special tokens, characters, those inside words, pieces") {
  WordPieceTrainerOptions options;
  options.min_frequency = 1;
  options.vocab_size = 17;
  options.special_tokens = {"[UNK]"};
  // Normalised: "abab.", "ab", "c" and an ideograph by itself.
  CHECK(train_wordpiece({"ÀBab. ab\tC日"}, options) ==
        std::vector<std::string>{"[UNK]", ".", "a", "b", "c", "日", "##a", "##b", "ab", "##ab", "abab"});
  options.vocab_size = 9;
  CHECK(train_wordpiece({"ÀBab. ab\tC日"}, options).back() == "ab");
  options.limit_alphabet = 2;
  CHECK(train_wordpiece({"abab aab c"}, options) ==
        std::vector<std::string>{"[UNK]", "a", "b", "##a", "##b", "##ab", "ab", "aab", "abab"});
}

TEST_CASE("WordPiece training refuses what cannot be") {
  const auto message = [](auto&& change) {
    WordPieceTrainerOptions options;
    change(options);
    return message_of([&] { WordPieceTrainer trainer(options); });
  };
  CHECK(message([](auto& options) { options.vocab_size = 5; }) ==
        "[train_wordpiece] vocab_size is 5; expected more than the 5 special tokens");
  CHECK(message([](auto& options) { options.special_tokens = {""}; }) == "[train_wordpiece] a special token is empty");
  CHECK(message([](auto& options) { options.limit_alphabet = 0; }) ==
        "[train_wordpiece] limit_alphabet is 0; expected 1 or more");
  CHECK(message([](auto& options) { options.continuing_subword_prefix = ""; }) ==
        "[train_wordpiece] the prefix of pieces inside a word is empty; expected one such as \"##\"");
}
