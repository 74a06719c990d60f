// Word and character tokenizers: the course's examples, the choices, files.
#include "text/tokenizers/word_tokenizer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "text/tokenizers/char_tokenizer.h"
#include "text/tokenizers/tokenizer_files.h"

using namespace roux::text;

namespace {

using Ids = std::vector<int32_t>;

/// The words that a text is split into, with | between.
std::string words(const WordOptions& options, std::string_view text) {
  std::string joined;
  WordSplitter(options).for_each(
      text, [&](std::string_view word, TextSpan) { joined.append(joined.empty() ? "" : "|").append(word); });
  return joined;
}

std::string parts(const WordOptions& options, std::string_view text) {
  std::string joined;
  WordSplitter(options).for_each(text, [&](std::string_view, TextSpan bytes) {
    joined.append(joined.empty() ? "" : "|");
    joined.append(text.substr(static_cast<size_t>(bytes.begin), static_cast<size_t>(bytes.end - bytes.begin)));
  });
  return joined;
}

}  // namespace

TEST_CASE("the course's vocabulary: ids from 1, 0 for padding") {
  const WordTokenizer tokenizer = WordTokenizer::build({"I love my dog", "I love my cat"});
  CHECK(tokenizer.encode("I love my dog").ids == Ids{1, 2, 3, 4});
  CHECK(tokenizer.encode("i LOVE my cat").ids == Ids{1, 2, 3, 5});
  CHECK(tokenizer.encode("I really love my horse").ids == Ids{1, 2, 3});
  CHECK(tokenizer.pad_id() == 0);
  CHECK(tokenizer.vocabulary_size() == 6);
  CHECK(tokenizer.decode(Ids{1, 2, 3, 4, 0, 0}) == "i love my dog");
  CHECK(tokenizer.encode(" \t\n").ids.empty());
  CHECK(tokenizer.encode("").ids.empty());
}

TEST_CASE("punctuation is kept, split off or removed") {
  const WordOptions keep, split{.punctuation = Punctuation::split}, remove{.punctuation = Punctuation::remove};
  CHECK(words(keep, "Hi! Hi") == "hi!|hi");
  CHECK(words(split, "Hi! Hi") == "hi|!|hi");
  CHECK(words(remove, "Hi! Hi") == "hi|hi");
  CHECK(words(split, "well-known, (don't)...") == "well|-|known|,|(|don't|)|.|.|.");
  CHECK(words(remove, "well-known, (don't)... '90s $5") == "well|known|don't|90s|5");
  CHECK(words(remove, "\xE2\x80\x9Cq\xE2\x80\x9D \xE2\x80\xA6") == "q");
  CHECK(words(remove, "!?") == "");
}

TEST_CASE("case and accents") {
  CHECK(words({}, "\xC3\x89T\xC3\x89 \xCE\x91") == "\xC3\xA9t\xC3\xA9|\xCE\xB1");
  CHECK(words({.lowercase = false}, "\xC3\x89T") == "\xC3\x89T");
  CHECK(words({.strip_accents = true}, "Caf\xC3\xA9 na\xC3\xAFve e\xCC\x81") == "cafe|naive|e");
  CHECK(words({.lowercase = false, .strip_accents = true}, "\xC3\x89") == "E");
  CHECK(words({},
              "a\xC2\xA0"
              "b\xE3\x80\x80"
              "c") == "a|b|c");  // spaces of other kinds
}

TEST_CASE("contractions become two words") {
  const WordOptions options{.expand_contractions = true};
  CHECK(words(options, "don't") == "do|not");
  CHECK(words(options, "DON'T") == "do|not");
  CHECK(words(options, "I\xE2\x80\x99m can't won't") == "i|am|can|not|will|not");
  CHECK(words(options, "it's John's they're we've you'll he'd let's") ==
        "it|is|john's|they|are|we|have|you|will|he|would|let|us");
  CHECK(words(options, "(don't!)") == "(do|not!)");
  CHECK(words({.punctuation = Punctuation::split, .expand_contractions = true}, "(don't!)") == "(|do|not|!|)");
  CHECK(words({.lowercase = false, .expand_contractions = true}, "Won't Isn't") == "Will|not|Is|not");
  CHECK(words({}, "don't") == "don't");
  CHECK(words(options, "'t n't '") == "'t|n't|'");
  // Other marks before the one of the contraction, of either kind.
  const std::string mark = "\xE2\x80\x99";
  CHECK(words(options, "y" + mark + "all" + mark + "ve") == "y" + mark + "all|have");
  CHECK(words(options, "y" + mark + "all've") == "y" + mark + "all|have");
  CHECK(words(options, "y'all" + mark + "VE") == "y'all|have");
  CHECK(words(options, "rock" + mark + "n" + mark + "t") == "rock" + mark + "|not");
}

TEST_CASE("a text of contractions without a space takes time in proportion to its length") {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += "can't,";
  int64_t count = 0;
  WordSplitter splitter({.punctuation = Punctuation::split, .expand_contractions = true});
  splitter.for_each(text, [&](std::string_view, TextSpan) { ++count; });  // hours, were each a shift of all behind it
  CHECK(count == 600'000);
}

TEST_CASE("words know where they come from") {
  CHECK(parts({.punctuation = Punctuation::split}, " Caf\xC3\xA9! na\xC3\xAFve") == "Caf\xC3\xA9|!|na\xC3\xAFve");
  CHECK(parts({.expand_contractions = true}, "x don't y") == "x|don't|don't|y");
  const WordTokenizer tokenizer = WordTokenizer::build({"caf\xC3\xA9 ol\xC3\xA9"});
  const Encoding encoding = tokenizer.encode("  CAF\xC3\x89 ol\xC3\xA9");
  CHECK(encoding.offsets == std::vector<TextSpan>{{2, 6}, {7, 10}});
}

TEST_CASE("special tokens: unknown words, what stands around, literal ones") {
  const auto build = [](Around around) { return WordTokenizer::build({"a b", "a"}, {}, SpecialTokens::all(around)); };
  CHECK(build(Around::nothing).encode("b c a").ids == Ids{7, 1, 6});
  CHECK(build(Around::start_end).encode("a").ids == Ids{2, 6, 3});
  CHECK(build(Around::cls_sep).encode_pair("a", "b").ids == Ids{4, 6, 5, 7, 5});
  CHECK(build(Around::cls_sep).encode_pair("a", "b").type_ids == Ids{0, 0, 0, 1, 1});
  CHECK(build(Around::nothing).encode("a<SEP>b <sep>").ids == Ids{6, 5, 7, 1});
}

TEST_CASE("limits of a vocabulary, and vocabularies that are none") {
  const StringList texts{"c b a", "b a", "a"};
  CHECK(WordTokenizer::build(texts, {}, {}, {.min_count = 2}).vocabulary_size() == 3);
  const WordTokenizer two = WordTokenizer::build(texts, {}, {}, {.max_size = 3});
  CHECK(two.encode("a b c").ids == Ids{1, 2});
  CHECK_THROWS_AS(WordTokenizer::build(texts, {}, {}, {.min_count = 0}), roux::Error);
  CHECK(message_of([] {
          WordTokenizer({"<PAD>", "a", "a"});
        }) == "[WordTokenizer] 'a' is there twice, the second time as id 2");
  CHECK(message_of([] {
          WordTokenizer({"a", "<PAD>"});
        }) == "[WordTokenizer] id 0 is 'a'; expected the special token '<PAD>'");
  CHECK(message_of([] {
          WordTokenizer({"<PAD>"}, {}, {.tokens = {"<PAD>"}, .unknown = "<UNK>"});
        }).find("the unknown token '<UNK>' is not among the special tokens") != std::string::npos);
  CHECK_THROWS_AS(WordTokenizer({"<PAD>"}, {}, {.around = Around::cls_sep}), roux::Error);
  CHECK_THROWS_AS(WordTokenizer({"x", "x"}, {}, {.tokens = {"x", "x"}}), roux::Error);
  CHECK_THROWS_AS(WordTokenizer({}), roux::Error);
}

TEST_CASE("characters: code points, and the ASCII table") {
  const CharTokenizer tokenizer;
  CHECK(tokenizer.encode("@ABC").ids == Ids{64, 65, 66, 67});
  CHECK(tokenizer.encode("\xF0\x9F\x98\x80").ids == Ids{0x1F600});
  CHECK(tokenizer.decode(Ids{72, 105, 0x110000, 0x20AC}) == "Hi\xE2\x82\xAC");
  CHECK(tokenizer.id_to_token(0x110000) == "<PAD>");
  CHECK(tokenizer.token_to_id("A") == 65);
  CHECK_FALSE(tokenizer.token_to_id("AB"));
  CHECK_THROWS_AS(tokenizer.id_to_token(0xD800), roux::Error);
  CHECK_THROWS_AS(tokenizer.id_to_token(0x110001), roux::Error);
  Ids silent = tokenizer.encode("SILENT").ids, listen = tokenizer.encode("LISTEN").ids;
  CHECK(silent != listen);
  std::sort(silent.begin(), silent.end());
  std::sort(listen.begin(), listen.end());
  CHECK(silent == listen);
  const std::string table = ascii_table();
  CHECK(table.find(" 64 @") != std::string::npos);
  CHECK(table.find(" 65 A") != std::string::npos);
  CHECK(table.find("126 ~") != std::string::npos);
  CHECK_THROWS_AS(ascii_table(0), roux::Error);
}

TEST_CASE("characters: a vocabulary of those that were seen") {
  const CharTokenizer tokenizer = CharTokenizer::build({"aba", "\xC3\xA9"}, SpecialTokens::all());
  CHECK(tokenizer.encode("ab\xC3\xA9z").ids == Ids{6, 7, 8, 1});
  CHECK(tokenizer.decode(Ids{6, 7, 8}) == "ab\xC3\xA9");
  CHECK(tokenizer.vocabulary_size() == 9);
  CHECK(CharTokenizer::build({"ab"}).encode("zb").ids == Ids{2});
  CHECK_THROWS_AS(CharTokenizer(std::vector<std::string>{"<PAD>", "ab"}), roux::Error);
  CHECK_THROWS_AS(CharTokenizer(std::vector<std::string>{}), roux::Error);
}

TEST_CASE("characters are counted as they are encoded: what is no UTF-8 is one U+FFFD for each maximal part") {
  const CharTokenizer tokenizer = CharTokenizer::build({"a\xE2\x82 aab"});  // the part of a sequence of three bytes
  CHECK(tokenizer.token_to_id("a") == 1);
  CHECK(tokenizer.token_to_id("\xEF\xBF\xBD") == 2);
  CHECK(tokenizer.encode("b\xE2\x82").ids == Ids{4, 2});
  CHECK(CharTokenizer::build({"bb\xE2\x82"}).token_to_id("b") == 1);
  CHECK(CharTokenizer::build({"\xE2\x82\xE2\x82zzz"}).token_to_id("z") == 1);  // three, and two of U+FFFD
}

TEST_CASE("word and character tokenizers are saved and loaded") {
  const TemporaryFolder folder;
  const std::string text = "Don't <CLS> h\xC3\xA9llo!  w\xC3\xB6rld \"\\ \t";
  const StringList texts{text, "a b c"};
  const WordOptions options{
      .lowercase = false, .strip_accents = true, .punctuation = Punctuation::split, .expand_contractions = true};
  const WordTokenizer word = WordTokenizer::build(texts, options, SpecialTokens::all(Around::start_end));
  const CharTokenizer seen = CharTokenizer::build(texts, SpecialTokens::all());
  const CharTokenizer code_points(SpecialTokens::all(Around::cls_sep));
  for (const Tokenizer* tokenizer : {static_cast<const Tokenizer*>(&word), static_cast<const Tokenizer*>(&seen),
                                     static_cast<const Tokenizer*>(&code_points)}) {
    save_tokenizer(*tokenizer, folder / "saved");
    for (const char* const path : {"saved", "saved/roux_tokenizer.json"}) {
      const std::unique_ptr<Tokenizer> loaded = load_tokenizer(folder / path);
      CHECK(loaded->encode(text + " z").ids == tokenizer->encode(text + " z").ids);
      CHECK(loaded->vocabulary_size() == tokenizer->vocabulary_size());
    }
  }
}
