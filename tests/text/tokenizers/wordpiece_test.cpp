// WordPiece against Hugging Face's tokenizers, whose figures lie in tests/oracle/wordpiece.json, and against its own
// simple form.
#include "text/tokenizers/wordpiece.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tests/text/tokenizers/random_text.h"
#include "tests/text/tokenizers/simple_wordpiece.h"
#include "text/hash.h"
#include "text/unicode.h"

using namespace roux::text;

namespace {

using Json = nlohmann::json;

const Json& figures() {
  static const Json json = Json::parse(std::ifstream("tests/oracle/wordpiece.json"));
  return json;
}

std::vector<std::string> vocabulary() { return figures().at("vocabulary").get<std::vector<std::string>>(); }

WordPieceOptions options_of(const Json& json) {
  WordPieceOptions options{.clean_text = json.at("clean_text").get<bool>(),
                           .handle_chinese_chars = json.at("handle_chinese_chars").get<bool>(),
                           .lowercase = json.at("lowercase").get<bool>()};
  if (!json.at("strip_accents").is_null()) options.strip_accents = json.at("strip_accents").get<bool>();
  return options;
}

std::vector<TextSpan> spans_of(const Json& json) {
  std::vector<TextSpan> spans;
  for (const Json& span : json) spans.push_back({span[0].get<int32_t>(), span[1].get<int32_t>()});
  return spans;
}

std::vector<int32_t> ids_of(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<int32_t> ids;
  tokenizer.encode(text, ids);
  return ids;
}

int64_t characters_in(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

/// Spans of bytes as spans of characters.
std::vector<TextSpan> in_characters(std::string_view text, std::vector<TextSpan> spans) {
  const auto characters = [&](int32_t end) {
    return static_cast<int32_t>(
        std::count_if(text.begin(), text.begin() + end, [](char c) { return (c & 0xC0) != 0x80; }));
  };
  for (TextSpan& span : spans) span = {characters(span.begin), characters(span.end)};
  return spans;
}

std::vector<std::string> bert_vocabulary(const std::string& folder) {
  std::istringstream lines(roux::read_file(folder + "/bert/vocab.txt"));
  std::vector<std::string> tokens;
  for (std::string line; std::getline(lines, line);) tokens.push_back(line);
  return tokens;
}

}  // namespace

TEST_CASE("WordPiece: ids and offsets of Hugging Face's tokenizers, under every setting") {
  for (const Json& setting : figures().at("settings")) {
    CAPTURE(setting.at("options").dump());
    const WordPieceTokenizer tokenizer(vocabulary(), options_of(setting.at("options")));
    for (const Json& expected : setting.at("cases")) {
      const auto text = expected[0].get<std::string>();
      CAPTURE(expected[0].dump());
      for (int time = 0; time < 2; ++time) {  // the second time from the cache
        const Encoding encoding = tokenizer.encode(text);
        CHECK(encoding.ids == expected[1].get<std::vector<int32_t>>());
        CHECK(encoding.offsets == spans_of(expected[2]));
        CHECK(ids_of(tokenizer, text) == encoding.ids);
      }
    }
  }
}

TEST_CASE("BertNormalizer: what becomes of every code point, as digests of Hugging Face's") {
  for (const Json& setting : figures().at("settings")) {
    CAPTURE(setting.at("options").dump());
    const WordPieceOptions options = options_of(setting.at("options"));
    const BertNormalizer normalizer(
        {options.clean_text, options.handle_chinese_chars, options.strip_accents, options.lowercase});
    uint64_t digest = fnv1a_basis;
    for (uint32_t first = 0; first < 0x110000; first += 256) {
      std::string text;
      for (uint32_t c = first; c < first + 256; ++c) {
        text += 'a';
        if (!append_utf8(c, text))
          text.pop_back();
        else
          text += 'b';
      }
      const NormalizedText normalized = normalizer.normalize(text);
      REQUIRE(normalized.origin.size() == normalized.text.size());
      digest = fnv1a(normalized.text, digest);
    }
    std::ostringstream hexadecimal;
    hexadecimal << std::hex << digest;
    CHECK(hexadecimal.str() == setting.at("digest").get<std::string>());
  }
}

TEST_CASE("CharacterTable: where every code point splits words, as a digest of Hugging Face's") {
  const CharacterTable table({});
  std::string kinds;
  for (uint32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;
    const CharacterKind kind = table[c].kind;
    kinds += kind == CharacterKind::white_space ? 's' : kind == CharacterKind::punctuation ? 'p' : 'w';
  }
  std::ostringstream hexadecimal;
  hexadecimal << std::hex << fnv1a(kinds);
  CHECK(hexadecimal.str() == figures().at("splitting_digest").get<std::string>());
}

TEST_CASE("WordPiece: the fast form gives what the simple form gives, on random texts") {
  std::mt19937 random(7);
  for (const Json& setting : figures().at("settings")) {
    CAPTURE(setting.at("options").dump());
    WordPieceOptions options = options_of(setting.at("options"));
    options.max_input_chars_per_word = static_cast<int64_t>(random() % 30);
    const WordPieceTokenizer tokenizer(vocabulary(), options);
    const simple::WordPiece simple_form(vocabulary(), options);
    for (int i = 0; i < 250; ++i) {
      const std::string text = random_text::draw(random);
      CAPTURE(text);
      const simple::Tokens expected = simple_form.encode(text);
      const Encoding found = tokenizer.encode(text);
      REQUIRE(found.ids == expected.ids);
      REQUIRE(found.offsets == in_characters(text, expected.spans));
      REQUIRE(ids_of(tokenizer, text) == expected.ids);
    }
  }
}

TEST_CASE("WordPiece: offsets cut the text back into its tokens, after normalisation") {
  std::mt19937 random(8);
  const WordPieceTokenizer tokenizer(vocabulary());
  const BertNormalizer normalizer;
  for (int i = 0; i < 500; ++i) {
    const std::string text = random_text::draw(random);
    std::vector<std::string> characters;
    bool moves = false;  // origins do not follow marks that change places
    for (size_t at = 0; at < text.size();) {
      const CodePoint point = decode_valid_utf8(text.data() + at);
      moves = moves || normalizer.table()[static_cast<uint32_t>(point.value)].kind == CharacterKind::reordered;
      characters.push_back(text.substr(at, static_cast<size_t>(point.length)));
      at += characters.back().size();
    }
    if (moves) continue;
    const Encoding encoding = tokenizer.encode(text);
    int32_t end = 0;
    for (size_t k = 0; k < encoding.ids.size(); ++k) {
      const TextSpan span = encoding.offsets[k];
      REQUIRE(span.begin < span.end);
      REQUIRE(span.begin >= end - 1);  // letters of one syllable share it
      end = span.end;
      std::string token = tokenizer.id_to_token(encoding.ids[k]);
      if (token == "[UNK]") continue;
      if (token.starts_with("##")) token = token.substr(2);
      std::string cut;
      for (int32_t c = span.begin; c < span.end; ++c) cut += characters[static_cast<size_t>(c)];
      std::string normalized = normalizer.normalize(cut).text;
      std::erase(normalized, ' ');
      CAPTURE(cut);
      // A code point that becomes several letters may be several tokens.
      REQUIRE((normalized == token || (characters_in(normalized) > 1 && normalized.find(token) != std::string::npos)));
    }
  }
}

TEST_CASE("WordPiece: questions with the ids of bert-base-uncased") {
  const char* const folder = std::getenv("ROUX_DATA");
  if (folder == nullptr) {
    MESSAGE("left out: ROUX_DATA is not set");
    return;
  }
  const WordPieceTokenizer tokenizer(bert_vocabulary(folder));
  std::istringstream lines(roux::read_file(std::string(folder) + "/tokenizer/questions_bert_base_uncased.tsv"));
  int64_t count = 0, equal = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const size_t tab = line.rfind('\t');
    std::istringstream numbers(line.substr(tab + 1));
    std::vector<int32_t> expected;
    for (int32_t id; numbers >> id;) expected.push_back(id);
    equal += ids_of(tokenizer, line.substr(0, tab)) == expected;
  }
  CHECK(count == 5285);
  CHECK(equal == count);
}

TEST_CASE("WordPiece: words of the course, with a pretrained vocabulary") {
  const char* const folder = std::getenv("ROUX_DATA");
  if (folder == nullptr) {
    MESSAGE("left out: ROUX_DATA is not set");
    return;
  }
  const WordPieceTokenizer tokenizer(bert_vocabulary(folder));
  const auto tokens = [&](std::string_view text) {
    std::string joined;
    for (const int32_t id : ids_of(tokenizer, text)) joined += tokenizer.id_to_token(id) + " ";
    return joined;
  };
  CHECK(tokens("Tokenization") == "token ##ization ");
  CHECK(tokens("HuggingFace") == "hugging ##face ");
  CHECK(tokens("unintelligible") == "un ##int ##elli ##gible ");
  CHECK(ids_of(tokenizer, "A visually stunning rumination on love") ==
        std::vector<int32_t>{1037, 17453, 14726, 19379, 12758, 2006, 2293});
  CHECK(ids_of(tokenizer, "I love my dog") == std::vector<int32_t>{1045, 2293, 2026, 3899});
}

TEST_CASE("WordPiece: a vocabulary without a token for unknown words is complained of when one is met") {
  const WordPieceTokenizer tokenizer({"a", "##b", "."});
  CHECK(ids_of(tokenizer, "ab.") == std::vector<int32_t>{0, 1, 2});
  CHECK_THROWS_WITH_AS(ids_of(tokenizer, "ac"), doctest::Contains("nor is there a token for unknown words"),
                       roux::Error);
  CHECK_THROWS_AS(ids_of(tokenizer, "!"), roux::Error);
  CHECK_THROWS_AS(ids_of(tokenizer, "\u00e8!\u4e2d"), roux::Error);
  CHECK_THROWS_AS(WordPieceTokenizer({"a"}, {.max_input_chars_per_word = -1}), roux::Error);
}

TEST_CASE("WordPiece: prefix, unknown token and longest word are options; the last of equal tokens counts") {
  WordPieceOptions options{.unk_token = "?", .continuing_subword_prefix = "_", .max_input_chars_per_word = 3};
  const WordPieceTokenizer tokenizer({"?", "a", "_a", "", "a"}, options);
  CHECK(ids_of(tokenizer, "a aa aaa aaaa b") == std::vector<int32_t>{4, 4, 2, 4, 2, 2, 0, 0});
  CHECK(tokenizer.token_to_id("a") == 4);
  CHECK(!tokenizer.token_to_id("").has_value());
  options.continuing_subword_prefix = "";
  const WordPieceTokenizer without_prefix({"?", "a", "ab"}, options);
  CHECK(ids_of(without_prefix, "aba b") == std::vector<int32_t>{2, 1, 0});
}

TEST_CASE("WordPiece: decoding") {
  const auto decode = [](std::vector<std::string> tokens, bool cleanup = true) {
    std::vector<int32_t> ids(tokens.size());
    for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i);
    return WordPieceTokenizer(std::move(tokens), {.cleanup = cleanup}).decode(ids);
  };
  CHECK(decode({"un", "##want", "##ed", "run", "##ning"}) == "unwanted running");
  CHECK(decode({"a", ".", "b", "!", "?", ","}) == "a. b!?,");
  CHECK(decode({"x", "n't", "do not", "'s", "'ve", "'re"}) == "xn't don't's've're");
  CHECK(decode({"a", "'", "b"}) == "a ' b");
  CHECK(decode({"##a", "b", "##"}) == "##a b");
  CHECK(decode({"a", ".", "'s"}, false) == "a . 's");
}

TEST_CASE("WordPiece: long words and texts of nothing but spaces or marks") {
  const WordPieceTokenizer tokenizer(vocabulary());
  const std::string million(1'000'000, 'x');
  CHECK(ids_of(tokenizer, million) == std::vector<int32_t>{0});
  CHECK(tokenizer.encode(million).offsets == std::vector<TextSpan>{{0, 1'000'000}});
  CHECK(ids_of(tokenizer, std::string(100'000, ' ')).empty());
  std::string marks;
  for (int i = 0; i < 100'000; ++i) marks += "\u0301";
  CHECK(ids_of(tokenizer, marks).empty());
  // In canonical order behind the letter: U+1B44 (class 9) before U+1DFB (class 230).
  std::string reordered = "a";
  for (int i = 0; i < 50'000; ++i) reordered += "\u1dfb\u1b44";
  CHECK(ids_of(tokenizer, reordered) == std::vector<int32_t>{0});
  const WordPieceTokenizer patient(vocabulary(), {.max_input_chars_per_word = 1 << 30});
  CHECK(patient.encode(million).ids.size() > 100'000);
  CHECK(patient.encode(million).ids == ids_of(patient, million));
}

TEST_CASE("WordPiece: a parallel encoder shares one tokenizer between threads") {
  const WordPieceTokenizer tokenizer(vocabulary());
  std::mt19937 random(9);
  std::vector<std::string> texts;
  for (int i = 0; i < 300; ++i)
    texts.push_back(random_text::draw(random) + " unwanted" + std::to_string(i) + " caf\u00e9, hello");
  texts.push_back("a\U0001d16d\u1b44b");  // needs the second table, which is made then
  std::vector<std::vector<int32_t>> expected;
  const WordPieceTokenizer alone(vocabulary());
  for (const std::string& text : texts) expected.push_back(ids_of(alone, text));
  std::vector<int> differences(4);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < differences.size(); ++t)
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < texts.size(); ++i) {
        const size_t at = t % 2 == 0 ? i : texts.size() - 1 - i;
        differences[t] += ids_of(tokenizer, texts[at]) != expected[at];
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(differences == std::vector<int>(4));
}

TEST_SUITE("slow") {
  TEST_CASE("WordPiece: a text without a space takes time in proportion to its length") {
    const WordPieceTokenizer tokenizer(vocabulary(), {.max_input_chars_per_word = 1 << 30});
    for (const char* piece : {"unwanted", "caf\u00e9", "\u4e2d", "\u0416"}) {
      CAPTURE(piece);
      std::string text;
      while (text.size() < size_t{8} << 20) text += piece;
      const auto seconds = [&](const std::string& of) {
        double best = 1e9;
        for (int i = 0; i < 3; ++i) {
          const std::clock_t begin = std::clock();
          CHECK(!ids_of(tokenizer, of).empty());
          best = std::min(best, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
        }
        return best;
      };
      const double once = seconds(text);
      CHECK(seconds(text + text) < 3 * once);
    }
  }
}
