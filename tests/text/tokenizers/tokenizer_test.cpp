// What tokenizers share: added tokens, templates, pairs, truncation, offsets, batches, against Hugging Face's
// tokenizers.
#include "text/tokenizers/tokenizer.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tensor/file.h"
#include "tensor/parallel.h"
#include "tensor/error.h"
#include "tests/message_of.h"
#include "tests/thread_count_guard.h"
#include "text/tokenizers/char_tokenizer.h"
#include "text/tokenizers/encoding_parts.h"
#include "text/tokenizers/tokenizer_json.h"
#include "text/tokenizers/word_tokenizer.h"

using namespace roux::text;
using nlohmann::json;

namespace {

std::vector<int32_t> flat(const std::vector<TextSpan>& spans) {
  std::vector<int32_t> numbers;
  for (const TextSpan& span : spans) numbers.insert(numbers.end(), {span.begin, span.end});
  return numbers;
}

EncodeOptions options_of(const json& entry) {
  EncodeOptions options;
  options.add_special_tokens = entry["add_special_tokens"];
  options.max_length = entry["max_length"];
  options.truncation = entry["truncation"] == "only_first"    ? TruncationStrategy::only_first
                       : entry["truncation"] == "only_second" ? TruncationStrategy::only_second
                                                              : TruncationStrategy::longest_first;
  options.truncation_side = entry["left"].get<bool>() ? Side::left : Side::right;
  options.stride = entry["stride"];
  options.overflowing = true;
  return options;
}

Encoding encode(const Tokenizer& tokenizer, const json& entry) {
  const std::string first = entry["first"];
  const EncodeOptions options = options_of(entry);
  return entry["second"].is_null() ? tokenizer.encode(first, options)
                                   : tokenizer.encode_pair(first, entry["second"].get<std::string>(), options);
}

void check_case(const Tokenizer& tokenizer, const json& entry) {
  CAPTURE(entry.dump());
  if (entry.contains("error")) {
    CHECK_THROWS_AS(encode(tokenizer, entry), roux::Error);
    return;
  }
  const Encoding encoding = encode(tokenizer, entry);
  CHECK(encoding.ids == entry["ids"].get<std::vector<int32_t>>());
  CHECK(encoding.type_ids == entry["types"].get<std::vector<int32_t>>());
  CHECK(encoding.special_tokens_mask == entry["special"].get<std::vector<uint8_t>>());
  CHECK(flat(encoding.offsets) == entry["offsets"].get<std::vector<int32_t>>());
  CHECK(encoding.attention_mask == std::vector<uint8_t>(encoding.ids.size(), 1));
  std::vector<std::vector<int32_t>> overflowing;
  for (const Encoding& piece : encoding.overflowing) overflowing.push_back(piece.ids);
  CHECK(overflowing == entry["overflowing"].get<std::vector<std::vector<int32_t>>>());

  if (entry["max_length"] != 0 || !entry["second"].is_null()) return;
  std::vector<int32_t> ids{-7};
  tokenizer.encode(entry["first"].get<std::string>(), ids, entry["add_special_tokens"]);
  ids.erase(ids.begin());
  CHECK(ids == encoding.ids);
}

WordTokenizer letters() {
  return WordTokenizer({"<PAD>", "<UNK>", "<START>", "<END>", "<CLS>", "<SEP>", "a", "b"}, {},
                       SpecialTokens::all(Around::cls_sep));
}

}  // namespace

TEST_CASE("added tokens, templates, pairs, truncation: as tokenizers 0.23.3") {
  const json oracle = json::parse(roux::read_file("tests/oracle/tokenizer_parts.json"));
  int64_t cases = 0;
  for (const json& entry : oracle) {
    const std::unique_ptr<Tokenizer> tokenizer = parse_tokenizer_json(entry["file"].get<std::string>(), "oracle");
    for (const json& one : entry["cases"]) {
      check_case(*tokenizer, one);
      ++cases;
    }
  }
  CHECK(cases > 200);
}

TEST_CASE("the longest of the leftmost patterns is found") {
  const PatternMatcher matcher({{"ab", 0}, {"abcd", 1}, {"b", 2}, {"", 3}, {"x", 4}});
  const auto found = [&](std::string_view text, int64_t from = 0) {
    const auto match = matcher.find(text, from);
    return match ? std::to_string(match->begin) + "-" + std::to_string(match->end) + ":" + std::to_string(match->token)
                 : std::string("none");
  };
  CHECK(found("zzabce") == "2-4:0");
  CHECK(found("zzabcd") == "2-6:1");
  CHECK(found("zzabcd", 3) == "3-4:2");
  CHECK(found("abc", 2) == "none");
  CHECK(found("") == "none");
  CHECK(found(std::string(5000, 'z') + "x") == "5000-5001:4");
  CHECK_FALSE(PatternMatcher().find("text", 0));
}

TEST_CASE("a token in the white space that another has taken") {
  const AddedTokens tokens({{.content = " ", .id = 0, .rstrip = true}, {.content = "x", .id = 1, .rstrip = true}});
  const PatternMatcher matcher = tokens.raw_matcher();
  const auto matches = [&](std::string_view text) {
    std::vector<int64_t> ends;
    tokens.split(
        matcher, text, [&](int64_t, int64_t end) { ends.push_back(-end); },
        [&](const AddedTokenMatch& match) { ends.push_back(match.end); });
    return ends;
  };
  CHECK(matches("ax  b  ") == std::vector<int64_t>{-1, 4, 4, 4, -5, 7, 7});
  // Time in proportion to the length: a minute, were all white space behind each of the tokens looked at.
  CHECK(matches(std::string(200'000, ' ')) == std::vector<int64_t>(200'000, 200'000));
}

TEST_CASE("many patterns with many first bytes") {
  std::vector<PatternMatcher::Pattern> patterns;
  for (int i = 0; i < 200; ++i)
    patterns.push_back({std::string(1, static_cast<char>('A' + i % 26)) + std::to_string(i), i});
  const PatternMatcher matcher(patterns);
  for (int i = 0; i < 200; ++i) {
    const auto match = matcher.find("..." + patterns[static_cast<size_t>(i)].bytes + "!", 0);
    REQUIRE(match);
    CHECK(match->token == i);
  }
}

TEST_CASE("added tokens that do not fit together are refused") {
  const auto message = [](std::vector<AddedToken> tokens) {
    return message_of([&] { AddedTokens added(std::move(tokens)); });
  };
  CHECK(message({{.content = "", .id = 3}}) == "[AddedTokens] the token with id 3 has no content");
  CHECK(message({{.content = "a", .id = -1}}) == "[AddedTokens] 'a' has the id -1; expected 0 or more");
  CHECK(message({{.content = "a", .id = 1}, {.content = "a", .id = 2}}) == "[AddedTokens] 'a' is there twice");
  CHECK(message({{.content = "a", .id = 1}, {.content = "b", .id = 1}}) ==
        "[AddedTokens] 'a' and 'b' have the same id, 1");
  CHECK(message({{.content = "\xFF", .id = 1}}).find("not valid UTF-8") != std::string::npos);
}

TEST_CASE("templates that are no templates are refused") {
  const TemplatePiece a = TemplatePiece::first_text(), b = TemplatePiece::second_text();
  CHECK_THROWS_AS(PostProcessor({}, {a, b}), roux::Error);
  CHECK_THROWS_AS(PostProcessor({a, a}, {a, b}), roux::Error);
  CHECK_THROWS_AS(PostProcessor({a, b}, {a, b}), roux::Error);
  CHECK_THROWS_AS(PostProcessor({a}, {a}), roux::Error);
  CHECK_THROWS_AS(PostProcessor({a, TemplatePiece::special_token("x", -1)}, {a, b}), roux::Error);
  CHECK_THROWS_AS(PostProcessor({TemplatePiece::first_text(-1)}, {a, b}), roux::Error);
}

TEST_CASE("room for special tokens, strides and texts to truncate are checked") {
  const WordTokenizer tokenizer = letters();
  const auto message = [&](const EncodeOptions& options) {
    return message_of([&] { tokenizer.encode("a b a b", options); });
  };
  CHECK(message({.max_length = 1}) == "[encode] max_length is 1, and the 2 special tokens alone are more");
  CHECK(message({.max_length = -1}) == "[encode] max_length is -1; expected 0 or more");
  CHECK(tokenizer.encode("a b", {.max_length = 2}).ids == std::vector<int32_t>{4, 5});
  CHECK(tokenizer.encode("a b", {.add_special_tokens = false, .max_length = 1}).ids == std::vector<int32_t>{6});
  CHECK(message({.max_length = 4, .stride = 2}) ==
        "[encode] stride is 2; expected 0 or more, and less than the 2 tokens of a text that there is room for");
  CHECK(message({.max_length = 4, .stride = -1}).find("stride is -1") != std::string::npos);
  CHECK(message({.max_length = 4, .truncation = TruncationStrategy::only_second}) ==
        "[encode] truncation only_second, and there is no second text");
  CHECK_THROWS_AS(tokenizer.encode_pair("a", "b a b", {.max_length = 4, .truncation = TruncationStrategy::only_first}),
                  roux::Error);
  CHECK(tokenizer.encode("a b a", {.max_length = 3}).overflowing.empty());
}

TEST_CASE("invalid UTF-8 becomes U+FFFD, one for each maximal part") {
  // The left column and what Python's bytes.decode(errors="replace") makes of it, ? for U+FFFD.
  const std::pair<const char*, const char*> cases[] = {
      {"a\x80z", "a?z"},
      {"\xC3", "?"},
      {"\xC3(", "?("},
      {"\xE2\x82", "?"},
      {"\xE2\x82(", "?("},
      {"\xE2(\xA1", "?(?"},
      {"\xF0\x9F\x98", "?"},
      {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
      {"\xF0\x9F(\x80", "?(?"},
      {"\xC0\xAF", "??"},
      {"\xE0\x80\xAF", "???"},
      {"\xED\xA0\x80", "???"},
      {"\xF4\x90\x80\x80", "????"},
      {"\xF5\x80", "??"},
      {"\xFF\xFE", "??"},
      {"\xF0\x80\x80\x80", "????"},
  };
  for (const auto& [bytes, expected] : cases) {
    std::string marked;
    for (const char* c = expected; *c; ++c) *c == '?' ? marked += "\xEF\xBF\xBD" : marked += *c;
    CHECK(repaired_utf8(bytes) == marked);
    const CharTokenizer characters;
    CHECK(characters.decode(characters.encode(bytes).ids) == marked);
  }
  const Encoding encoding = CharTokenizer().encode("\xE2\x82x");
  CHECK(encoding.ids == std::vector<int32_t>{0xFFFD, 'x'});
  CHECK(flat(encoding.offsets) == std::vector<int32_t>{0, 1, 1, 2});
}

TEST_CASE("tokens and ids") {
  const WordTokenizer tokenizer = letters();
  CHECK(tokenizer.token_to_id("<PAD>") == 0);
  CHECK(tokenizer.token_to_id("b") == 7);
  CHECK_FALSE(tokenizer.token_to_id("c"));
  CHECK(tokenizer.id_to_token(6) == "a");
  CHECK(message_of([&] { tokenizer.id_to_token(8); }) == "[id_to_token] there is no token with id 8");
  CHECK_THROWS_AS(tokenizer.decode(std::vector<int32_t>{6, -1}), roux::Error);
  CHECK(tokenizer.vocabulary_size() == 8);
  CHECK(tokenizer.pad_id() == 0);
  CHECK(tokenizer.decode(std::vector<int32_t>{4, 6, 7, 5}) == "a b");
  CHECK(tokenizer.decode(std::vector<int32_t>{4, 6, 7, 5}, false) == "<CLS> a b <SEP>");
}

TEST_CASE("batches in parallel are the texts one by one, for any number of threads") {
  const WordTokenizer tokenizer = letters();
  StringList firsts, seconds;
  for (int i = 0; i < 500; ++i) {
    firsts.push_back(std::string(static_cast<size_t>(i % 7), 'a') + " a b <SEP> \xC3\xA9 b");
    seconds.push_back(i % 3 == 0 ? "" : "b a");
  }
  const ThreadCountGuard guard;
  for (const int count : {1, 3}) {
    roux::set_num_threads(count);
    const auto batch = tokenizer.encode_batch(firsts, {.max_length = 5});
    const auto pairs = tokenizer.encode_batch(firsts, seconds);
    REQUIRE(batch.size() == 500);
    REQUIRE(pairs.size() == 500);
    for (int64_t i = 0; i < 500; ++i) {
      const Encoding one = tokenizer.encode(firsts[i], {.max_length = 5});
      const Encoding pair = tokenizer.encode_pair(firsts[i], seconds[i]);
      CHECK(batch[static_cast<size_t>(i)].ids == one.ids);
      CHECK(batch[static_cast<size_t>(i)].offsets == one.offsets);
      CHECK(pairs[static_cast<size_t>(i)].ids == pair.ids);
      CHECK(pairs[static_cast<size_t>(i)].type_ids == pair.type_ids);
    }
  }
  seconds.push_back("one more");
  CHECK(message_of([&] { tokenizer.encode_batch(firsts, seconds); }) ==
        "[encode_batch] 500 first texts and 501 second ones; expected as many");
}
