// Words and n-grams as ids: what they are, where they lie, and that a saved encoder is the same encoder.
#include "text/ngram_encoder.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tests/temporary_folder.h"
#include "text/ngrams.h"

using namespace roux::text;

namespace {

using Strings = std::vector<std::string>;
using Ids = std::vector<int32_t>;

const StringList titles{"Hot apple pie!", "Apple Pie with cream", "hot hot chili", "Cream", "123"};

Ids encode(const NgramEncoder& encoder, std::string_view text) {
  Ids ids;
  encoder.encode(text, ids);
  return ids;
}

Strings word_ngrams(std::string_view cleaned, int64_t longest) {
  Strings found;
  for_each_word_ngram(cleaned, longest, [&](std::string_view ngram, uint64_t hash) {
    CHECK(hash == fnv1a(ngram));
    found.emplace_back(ngram);
  });
  return found;
}

Strings char_ngrams(std::string_view word, int64_t shortest, int64_t longest) {
  Strings found;
  for_each_char_ngram(word, shortest, longest, [&](std::string_view ngram, uint64_t hash) {
    CHECK(hash == fnv1a(ngram));
    found.emplace_back(ngram);
  });
  return found;
}

}  // namespace

TEST_CASE("word n-grams") {
  CHECK(word_ngrams("hot apple pie", 2) == Strings{"hot apple", "apple pie"});
  CHECK(word_ngrams("hot apple pie", 3) == Strings{"hot apple", "hot apple pie", "apple pie"});
  CHECK(word_ngrams("hot apple pie", 9) == word_ngrams("hot apple pie", 3));
  CHECK(word_ngrams("hot apple pie", 1).empty());
  CHECK(word_ngrams("pie", 3).empty());
  CHECK(word_ngrams("", 3).empty());
}

TEST_CASE("character n-grams lie between boundary marks") {
  CHECK(char_ngrams("pie", 3, 3) == Strings{"<pi", "pie", "ie>"});
  CHECK(char_ngrams("pie", 2, 6) == Strings{"<p", "<pi", "<pie", "<pie>", "pi", "pie", "pie>", "ie", "ie>", "e>"});
  CHECK(char_ngrams("pie", 1, 1) == Strings{"p", "i", "e"});
  CHECK(char_ngrams("a", 4, 6).empty());
  CHECK(char_ngrams("\u00E9t\u00E9", 2, 2) == Strings{"<\u00E9", "\u00E9t", "t\u00E9", "\u00E9>"});
}

TEST_CASE("words alone, as the course has them") {
  const NgramEncoder encoder(titles, {});
  // hot 3 times, then apple, pie, cream twice each, in the order they were met.
  CHECK(encoder.size() == 6);
  CHECK(encoder.words().token(2) == "hot");
  CHECK(encoder.words().token(5) == "cream");
  CHECK(encode(encoder, "Hot chili & CREAM pie") == Ids{2, 1, 5, 4});
  CHECK(encode(encoder, "1-2-3 !") == Ids{});
  CHECK(encode(encoder, "") == Ids{});
  CHECK(encode(encoder, "<pad> pad") == Ids{1, 1});
  CHECK(encoder.unknown_rate(titles) == doctest::Approx(2.0 / 11));
  CHECK(encoder.unknown_rate(StringList{"", "12"}) == 0.0);
  CHECK(NgramEncoder(titles, {.min_count = 1}).size() == 8);
  CHECK(NgramEncoder(StringList(), {}).size() == 2);
}

TEST_CASE("counted n-grams have ids of their own, the frequent ones first") {
  const NgramEncoder encoder(titles, {.min_count = 1, .word_ngrams = 2, .ngram_min_count = 1});
  REQUIRE(encoder.words().size() == 8);
  // "apple pie" twice; then in the order they were met: hot apple, pie with, with cream, hot hot, hot chili.
  CHECK(encoder.size() == 8 + 6);
  CHECK(encode(encoder, "hot apple pie") == Ids{2, 3, 4, 9, 8});
  CHECK(encode(encoder, "pie with apple") == Ids{4, 6, 3, 10});
  CHECK(NgramEncoder(titles, {.min_count = 1, .word_ngrams = 2}).size() == 8 + 1);

  const StringList words{"ab", "ab abc"};
  const NgramEncoder characters(words,
                                {.min_count = 2, .char_ngrams_min = 3, .char_ngrams_max = 3, .ngram_min_count = 1});
  // ab has <ab 3 times (abc begins with it too), ab> twice; abc once has abc, bc>.
  REQUIRE(characters.size() == 3 + 4);
  CHECK(encode(characters, "ab") == Ids{2, 3, 4});
  CHECK(encode(characters, "abc x") == Ids{1, 3, 5, 6, 1});
}

TEST_CASE("hashed n-grams lie in buckets behind the words, as documented") {
  const NgramEncoder encoder(titles, {.word_ngrams = 2, .char_ngrams_min = 3, .char_ngrams_max = 4, .buckets = 1000});
  CHECK(encoder.size() == 6 + 1000);
  const auto bucket = [](std::string_view ngram) { return static_cast<int32_t>(6 + fnv1a(ngram) % 1000); };
  for (const char* word : {"pie", "pea"}) {  // a known word and an unknown one
    Ids expected{encoder.words().id(word)};
    for (const std::string& ngram : char_ngrams(word, 3, 4)) expected.push_back(bucket(ngram));
    CHECK(encode(encoder, word) == expected);
  }
  const Ids ids = encode(encoder, "Hot Pie");
  CHECK(ids.size() == 2 + 2 * 5 + 1);
  CHECK(ids.back() == bucket("hot pie"));
  CHECK(NgramEncoder(titles, {.buckets = 1000}).size() == 6);  // no n-grams, no buckets
}

TEST_CASE("every id is below size()") {
  for (const int64_t buckets : {0, 1, 77}) {
    const NgramEncoder encoder(
        titles,
        {.word_ngrams = 3, .char_ngrams_min = 1, .char_ngrams_max = 5, .buckets = buckets, .ngram_min_count = 1});
    Ids all;
    for (int64_t i = 0; i < titles.size(); ++i) encoder.encode(titles[i], all);
    for (const int32_t id : all) CHECK((id >= 1 && id < encoder.size()));
  }
}

TEST_CASE("a title of a megabyte is encoded") {
  std::string text;
  while (text.size() < 1'000'000) text += "hot apple ";
  const NgramEncoder encoder(titles, {.word_ngrams = 2, .char_ngrams_min = 2, .char_ngrams_max = 6, .buckets = 100});
  CHECK(encode(encoder, text).size() > 1'000'000);
  CHECK(encode(encoder, std::string(1'000'000, 'x')).size() == 1 + 5 * 1'000'002 - (1 + 2 + 3 + 4 + 5));
}

TEST_CASE("options that make no sense are refused by name") {
  CHECK_THROWS_WITH_AS(NgramEncoder(titles, {.min_count = 0}),
                       "[NgramEncoder] min_count is 0; expected 1 to 9223372036854775807", roux::Error);
  CHECK_THROWS_AS(NgramEncoder(titles, {.word_ngrams = 0}), roux::Error);
  CHECK_THROWS_WITH_AS(NgramEncoder(titles, {.char_ngrams_min = 4, .char_ngrams_max = 3}),
                       "[NgramEncoder] char_ngrams_max is 3; expected 4 to 100", roux::Error);
  CHECK_THROWS_AS(NgramEncoder(titles, {.char_ngrams_min = 0, .char_ngrams_max = 3}), roux::Error);
  CHECK_THROWS_AS(NgramEncoder(titles, {.char_ngrams_min = -1, .char_ngrams_max = -1}), roux::Error);
  CHECK_THROWS_AS(NgramEncoder(titles, {.buckets = -1}), roux::Error);
  CHECK_THROWS_AS(NgramEncoder(titles, {.buckets = int64_t{1} << 40}), roux::Error);
  CHECK_THROWS_AS(NgramEncoder(titles, {.ngram_min_count = 0}), roux::Error);
}

TEST_CASE("a saved encoder comes back the same") {
  const TemporaryFolder folder;
  for (const NgramOptions& options :
       {NgramOptions{}, NgramOptions{.min_count = 1, .word_ngrams = 2, .char_ngrams_min = 2, .char_ngrams_max = 4},
        NgramOptions{.word_ngrams = 3, .char_ngrams_min = 3, .char_ngrams_max = 3, .buckets = 50}}) {
    const NgramEncoder saved(titles, options);
    saved.save(folder.path().string());
    const NgramEncoder loaded = NgramEncoder::load(folder.path().string());
    CHECK(loaded.options() == options);
    CHECK(loaded.size() == saved.size());
    for (const char* text : {"Hot apple pie", "cold Apple tarts with cream", ""}) {
      CHECK(encode(loaded, text) == encode(saved, text));
    }
  }
}

TEST_CASE("a damaged save is refused") {
  const TemporaryFolder folder;
  const auto save = [&] { NgramEncoder(titles, {.word_ngrams = 2}).save(folder.path().string()); };
  const auto error_of_load = [&]() -> std::string {
    try {
      NgramEncoder::load(folder.path().string());
    } catch (const roux::Error& error) {
      return error.what();
    }
    return "no error";
  };
  const auto contains = [](const std::string& text, const std::string& part) {
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  contains(error_of_load(), "encoder.json': No such file or directory");
  for (const char* name : {"words.txt", "ngrams.txt"}) {
    save();
    std::string bytes = roux::read_file(folder / name);
    bytes.resize(bytes.rfind('\n', bytes.size() - 2) + 1);  // the last line is lost
    roux::write_file_atomically(folder / name, bytes);
    contains(error_of_load(), std::string(name) + "' is damaged or belongs to another save");
    std::filesystem::remove(folder / name);
    contains(error_of_load(), std::string(name) + "': No such file or directory");
  }
  save();
  const std::string settings = roux::read_file(folder / "encoder.json");
  for (size_t length = 0; length + 2 < settings.size(); ++length) {
    roux::write_file_atomically(folder / "encoder.json", settings.substr(0, length));
    contains(error_of_load(), "encoder.json' is damaged: ");
  }
  for (const char* other :
       {"[]", "{}", "7", "{\"format\": \"other\"}", "{\"format\": 1}", "{\"format\": \"roux ngram encoder 1\"}"}) {
    roux::write_file_atomically(folder / "encoder.json", other);
    contains(error_of_load(), "encoder.json' is ");
  }
  std::string altered = settings;
  altered.replace(altered.find("\"word_ngrams\": 2"), 16, "\"word_ngrams\":-2");
  roux::write_file_atomically(folder / "encoder.json", altered);
  contains(error_of_load(), "word_ngrams is -2");
  CHECK_THROWS_AS(NgramEncoder(titles, {}).save(folder / "none"), roux::Error);
}
