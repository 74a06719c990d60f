// Byte-level BPE against tokenizers 0.23.3, decoding, and bad vocabularies.
#include "text/tokenizers/bpe.h"

#include <doctest/doctest.h>

#include <random>

#include "tensor/parallel.h"
#include "tests/message_of.h"
#include "tests/text/tokenizers/bpe_fixture.h"
#include "tests/thread_count_guard.h"
#include "text/corpus.h"
#include "text/tokenizers/byte_level.h"
#include "text/unicode.h"

using namespace roux;
using namespace roux::text;

namespace {

std::vector<int32_t> ids_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  tokenizer.encode(text, ids);
  return ids;
}

std::vector<std::string> byte_vocabulary() {
  std::vector<std::string> vocabulary;
  for (int byte = 0; byte < 256; ++byte) {
    const char bytes[] = {static_cast<char>(byte)};
    vocabulary.push_back(to_byte_level({bytes, 1}));
  }
  return vocabulary;
}

}  // namespace

TEST_CASE("BPE gives the ids, offsets and texts of tokenizers 0.23.3") {
  REQUIRE(bpe_fixture::cases().size() == 12);
  for (const bpe_fixture::Case& item : bpe_fixture::cases()) {
    CAPTURE(item.name);
    const BpeTokenizer tokenizer(item.vocabulary, item.merges, item.options);
    REQUIRE(item.expected.size() == bpe_fixture::texts().size());
    for (int pass = 0; pass < 2; ++pass) {  // the second from the cache
      for (size_t i = 0; i < item.expected.size(); ++i) {
        const std::string& text = bpe_fixture::texts()[i];
        CAPTURE(text);
        const Encoding encoding = tokenizer.encode(text);
        CHECK(encoding.ids == item.expected[i].ids);
        CHECK(encoding.offsets == item.expected[i].offsets);
        CHECK(ids_of(tokenizer, text) == item.expected[i].ids);
        CHECK(tokenizer.decode(encoding.ids) == item.expected[i].decoded);
      }
    }
  }
}

TEST_CASE("BPE: every byte comes back") {
  const bpe_fixture::Case& model = bpe_fixture::cases().front();
  const BpeTokenizer tokenizer(model.vocabulary, model.merges);
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (size_t length = random() % 60; text.size() < length;)
      append_utf8(random() % 3 == 0   ? random() % 0x110000
                  : random() % 3 == 0 ? random() % 0x800
                                      : random() % 0x80,
                  text);
    const std::vector<int32_t> ids = ids_of(tokenizer, text);
    REQUIRE(tokenizer.decode(ids) == text);
    REQUIRE(tokenizer.encode(text).ids == ids);
  }
  // Bytes that are no text: one U+FFFD for each maximal part, in encoding and in decoding.
  CHECK(tokenizer.decode(ids_of(tokenizer, "a\xFF\xE2\x82z\xF0\x9F\x98")) == "a\uFFFD\uFFFDz\uFFFD");
  std::vector<int32_t> ids;
  for (const char* const token : {"Ã", "x", "â", "Ĥ"}) ids.push_back(*tokenizer.token_to_id(token));
  CHECK(tokenizer.decode(ids) == "\uFFFDx\uFFFD");
}

TEST_CASE("BPE on several threads at once gives the same ids") {
  const bpe_fixture::Case& model = bpe_fixture::cases().front();
  StringList texts;
  for (int copy = 0; copy < 20; ++copy)
    for (int64_t i = 0; i < bpe_fixture::corpus().size(); ++i) texts.push_back(bpe_fixture::corpus()[i]);
  const ThreadCountGuard guard;
  set_num_threads(1);
  const EncodedTexts expected = encode_texts(BpeTokenizer(model.vocabulary, model.merges), texts);
  set_num_threads(4);
  const EncodedTexts parallel = encode_texts(BpeTokenizer(model.vocabulary, model.merges), texts);
  CHECK(parallel.ids == expected.ids);
  CHECK(parallel.offsets == expected.offsets);
}

TEST_CASE("BPE with added tokens and special ones: trimmed offsets as tokenizers 0.23.3 gives them") {
  std::vector<std::string> vocabulary = byte_vocabulary();
  for (const char* const token : {"Ġa", "ab", "Ġab", "<s>"}) vocabulary.push_back(token);
  const std::vector<std::pair<std::string, std::string>> merges = {{"Ġ", "a"}, {"a", "b"}, {"Ġa", "b"}};
  const AddedTokens added({{.content = "<x>", .id = 260}, {.content = " <y> ", .id = 261}});
  const auto offsets = [&](bool add_prefix_space, bool keeps_first, std::string_view text) {
    const BpeOptions options{.add_prefix_space = add_prefix_space,
                             .unk_token = "",
                             .trim_offsets = true,
                             .trim_keeps_first_space = keeps_first};
    std::vector<std::pair<int, int>> spans;
    for (const TextSpan& span : BpeTokenizer(vocabulary, merges, options, added).encode(text).offsets)
      spans.emplace_back(span.begin, span.end);
    return spans;
  };
  using Spans = std::vector<std::pair<int, int>>;
  const std::string text = "ab<x>ab<x> ab <y> b";
  CHECK(offsets(false, true, text) == Spans{{0, 2}, {2, 5}, {5, 7}, {7, 10}, {11, 13}, {14, 17}, {18, 19}});
  CHECK(offsets(true, true, text) == Spans{{0, 2}, {2, 5}, {6, 7}, {7, 10}, {11, 13}, {14, 17}, {19, 19}, {18, 19}});
  CHECK(offsets(true, false, text) == Spans{{1, 2}, {2, 5}, {6, 7}, {7, 10}, {11, 13}, {14, 17}, {19, 19}, {18, 19}});
  CHECK(offsets(true, true, "éa") == Spans{{0, 0}, {0, 1}, {0, 1}, {1, 2}});
  CHECK(offsets(true, false, "éa") == Spans{{1, 1}, {0, 1}, {0, 1}, {1, 2}});
  CHECK(offsets(false, true, "<x>  ab") == Spans{{0, 3}, {4, 4}, {5, 7}});

  // Each piece that truncation leaves begins anew as well.
  const BpeTokenizer plain(vocabulary, merges, {.unk_token = "", .trim_offsets = true});
  const auto pieces = [&](Side side) {
    EncodeOptions options;
    options.max_length = 2;
    options.truncation_side = side;
    options.overflowing = true;
    const Encoding encoding = plain.encode("ab ab ab ab ab", options);
    std::vector<std::vector<TextSpan>> spans = {encoding.offsets};
    for (const Encoding& more : encoding.overflowing) spans.push_back(more.offsets);
    return spans;
  };
  using Pieces = std::vector<std::vector<TextSpan>>;
  CHECK(pieces(Side::right) == Pieces{{{0, 2}, {3, 5}}, {{5, 8}, {9, 11}}, {{11, 14}}});
  CHECK(pieces(Side::left) == Pieces{{{8, 11}, {12, 14}}, {{2, 5}, {6, 8}}, {{0, 2}}});

  // Both texts of a pair begin anew, special tokens before them or none.
  for (const bool specials : {false, true}) {
    const PostProcessor around = specials ? PostProcessor::roberta("<s>", 259, "<s>", 259) : PostProcessor();
    const BpeTokenizer tokenizer(vocabulary, merges, {.unk_token = "", .trim_offsets = true}, added, around);
    const Encoding pair = tokenizer.encode_pair(" ab ab", " ab");
    std::vector<TextSpan> spans;
    for (size_t i = 0; i < pair.offsets.size(); ++i)
      if (pair.special_tokens_mask[i] == 0) spans.push_back(pair.offsets[i]);
    CHECK(spans == std::vector<TextSpan>{{0, 3}, {4, 6}, {0, 3}});
  }
}

TEST_CASE("BPE refuses what fits together badly") {
  using Merges = std::vector<std::pair<std::string, std::string>>;
  const auto message = [](std::vector<std::string> vocabulary, const Merges& merges,
                          const std::string& unk_token = "") {
    return message_of([&] { BpeTokenizer tokenizer(vocabulary, merges, {.unk_token = unk_token}); });
  };
  CHECK(message({"a", "b", "a"}, {}) == "[bpe] the token \"a\" has two ids: 0 and 2");
  CHECK(message({"a", "b", "ab"}, {{"a", "b"}, {"ab", "zz"}}) ==
        "[bpe] merge 2 needs the token \"zz\", which is not in the vocabulary");
  CHECK(message({"a", "b"}, {{"a", "b"}}) == "[bpe] merge 1 needs the token \"ab\", which is not in the vocabulary");
  CHECK(message({"a", "b"}, {}, "<unk>") ==
        "[bpe] the unk_token \"<unk>\" is not in the vocabulary, which lacks characters for some bytes");
  CHECK(message(byte_vocabulary(), {}, "<unk>") == "nothing was thrown");
  CHECK(message({}, {}) == "nothing was thrown");

  const BpeTokenizer none(std::vector<std::string>{}, Merges{});
  CHECK(ids_of(none, "any text").empty());
  const BpeTokenizer holes({"a", "", "b"}, {});
  CHECK(holes.vocabulary_size() == 2);
  CHECK(holes.token_to_id("b") == 2);
  CHECK(!holes.token_to_id("").has_value());
  CHECK(message_of([&] { holes.id_to_token(1); }) == "[id_to_token] there is no token with id 1");
}
