// String lists and tables, vocabularies: ids, order, lookup, and files.
#include "text/vocabulary.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tests/temporary_folder.h"

using namespace roux::text;

namespace {

TokenCounts count(std::initializer_list<std::string_view> tokens) {
  TokenCounts counts;
  for (const std::string_view token : tokens) counts.add(token);
  return counts;
}

std::vector<std::string> tokens_of(const Vocabulary& vocabulary) {
  std::vector<std::string> tokens;
  for (int32_t id = 0; id < vocabulary.size(); ++id) tokens.emplace_back(vocabulary.token(id));
  return tokens;
}

}  // namespace

TEST_CASE("FNV-1a gives its published values") {
  CHECK(fnv1a("") == 0xCBF29CE484222325u);
  CHECK(fnv1a("a") == 0xAF63DC4C8601EC8Cu);
  CHECK(fnv1a("foobar") == 0x85944171F73967E8u);
  CHECK(fnv1a("bar", fnv1a("foo")) == fnv1a("foobar"));
}

TEST_CASE("a string list holds any bytes") {
  StringList list{"one", "", std::string_view("n\0l", 3)};
  CHECK(list.size() == 3);
  CHECK(list[0] == "one");
  CHECK(list[1] == "");
  CHECK(list[2] == std::string_view("n\0l", 3));
  CHECK_THROWS_WITH_AS(list[3], "[StringList] index 3 is outside a list of 3 strings", roux::Error);
  CHECK_THROWS_AS(list[-1], roux::Error);
  const std::vector<int64_t> indices{2, 0, 0};
  const StringList selected = list.select(indices);
  CHECK(selected.size() == 3);
  CHECK(selected[0] == list[2]);
  CHECK(selected[2] == "one");
  const StringList moved = std::move(list);
  CHECK(moved.size() == 3);
  CHECK(StringList().empty());
}

TEST_CASE("a string table numbers strings in the order they come") {
  StringTable table;
  CHECK(table.find("x") == -1);
  for (int32_t i = 0; i < 20'000; ++i) REQUIRE(table.insert("token " + std::to_string(i)) == i);
  for (int32_t i = 0; i < 20'000; ++i) {
    const std::string token = "token " + std::to_string(i);
    REQUIRE(table.insert(token) == i);
    REQUIRE(table.find(token) == i);
    REQUIRE(table[i] == token);
  }
  CHECK(table.size() == 20'000);
  CHECK(table.find("token 20000") == -1);
  CHECK(table.find("") == -1);
  CHECK(table.insert("") == 20'000);
  CHECK_THROWS_AS(table[20'001], roux::Error);
}

TEST_CASE("a vocabulary orders by falling count, then by first occurrence") {
  const TokenCounts counts = count({"rare", "dog", "cat", "love", "cat", "dog", "love", "love", "cat", "dog", "i"});
  CHECK(tokens_of(Vocabulary(counts, 2)) == std::vector<std::string>{"<pad>", "<unk>", "dog", "cat", "love"});
  CHECK(tokens_of(Vocabulary(counts)) == std::vector<std::string>{"<pad>", "<unk>", "dog", "cat", "love", "rare", "i"});
  CHECK(tokens_of(Vocabulary(counts, 4)) == std::vector<std::string>{"<pad>", "<unk>"});
  const Vocabulary vocabulary(counts, 2);
  CHECK(vocabulary.id("love") == 4);
  CHECK(vocabulary.id("rare") == Vocabulary::unk);
  CHECK(vocabulary.id("<pad>") == Vocabulary::pad);
  CHECK(vocabulary.contains("dog"));
  CHECK_FALSE(vocabulary.contains("rare"));
  CHECK_THROWS_AS(vocabulary.token(5), roux::Error);
  CHECK_THROWS_AS(vocabulary.token(-1), roux::Error);
  CHECK_THROWS_WITH_AS(Vocabulary(counts, 0), "[Vocabulary] min_count is 0; expected 1 or more", roux::Error);
}

TEST_CASE("special tokens that were counted keep their ids") {
  CHECK(tokens_of(Vocabulary(count({"<unk>", "a", "<pad>", "<unk>"}))) ==
        std::vector<std::string>{"<pad>", "<unk>", "a"});
}

TEST_CASE("any token survives saving and loading") {
  const TemporaryFolder folder;
  const std::string path = folder / "words.txt";
  const Vocabulary vocabulary(count({"plain", "", "new\nline", "\r", "back\\slash", "\\n", " space ", "caf\u00E9",
                                     "\xFF", std::string_view("n\0l", 3), "\\", "tab\t"}));
  vocabulary.save(path);
  CHECK(tokens_of(Vocabulary::load(path)) == tokens_of(vocabulary));
  CHECK(roux::read_file(path).starts_with("<pad>\n<unk>\nplain\n\nnew\\nline\n\\r\nback\\\\slash\n"));
}

TEST_CASE("damaged vocabularies are named") {
  const auto error_of = [](std::string_view bytes) -> std::string {
    try {
      Vocabulary::from_lines(bytes, "words.txt");
    } catch (const roux::Error& error) {
      return error.what();
    }
    return "no error";
  };
  CHECK(error_of("<pad>\n<unk>\n") == "no error");
  const std::string none = "[Vocabulary] 'words.txt' is no vocabulary: expected <pad> and <unk> in its first two lines";
  CHECK(error_of("") == none);
  CHECK(error_of("<pad>\n") == none);
  CHECK(error_of("<unk>\n<pad>\n") == none);
  CHECK(error_of("<pad>\n<unk>\ncut") == "[from_lines] 'words.txt' ends in the middle of a line; the file is cut off");
  CHECK(error_of("<pad>\n<unk>\na\na\n") == "[from_lines] 'words.txt', line 4: 'a' appears twice");
  const std::string escape = ": unknown escape; expected \\\\, \\n or \\r after a backslash";
  CHECK(error_of("<pad>\n<unk>\nx\\y\n") == "[from_lines] 'words.txt', line 3" + escape);
  CHECK(error_of("<pad>\n<unk>\nx\\\n") == "[from_lines] 'words.txt', line 3" + escape);
  CHECK_THROWS_AS(Vocabulary::load("no/such/words.txt"), roux::Error);
}

TEST_CASE("the course's vocabulary: words from 1, 0 for padding, others left out") {
  const Vocabulary course(count({"i", "love", "my", "dog", "i", "love", "my", "cat"}), {.unk = std::nullopt});
  CHECK(tokens_of(course) == std::vector<std::string>{"<pad>", "i", "love", "my", "dog", "cat"});
  CHECK(course.id("i") == 1);
  CHECK(course.id("cat") == 5);
  CHECK(course.id("horse") == -1);
  CHECK(course.pad_id() == 0);
  CHECK(course.unk_id() == -1);
  CHECK(course.special_ids() == std::vector<int32_t>{0});
}

TEST_CASE("special tokens stand at the ids chosen, words fill the others") {
  const TokenCounts counts = count({"a", "b", "c", "b", "<CLS>", "c", "c"});
  const VocabularyOptions options{
      .pad = SpecialToken{"<PAD>", 0}, .unk = SpecialToken{"<UNK>", 3}, .others = {{"<CLS>", 5}, {"<SEP>", 1}}};
  const Vocabulary vocabulary(counts, options);
  CHECK(tokens_of(vocabulary) == std::vector<std::string>{"<PAD>", "<SEP>", "c", "<UNK>", "b", "<CLS>", "a"});
  CHECK(vocabulary.id("z") == 3);
  CHECK(vocabulary.id("<CLS>") == 5);
  CHECK(vocabulary.special_ids() == std::vector<int32_t>{0, 1, 3, 5});
  CHECK(vocabulary.is_special(3));
  CHECK_FALSE(vocabulary.is_special(2));

  VocabularyOptions limited = options;
  limited.max_size = 6;
  CHECK(tokens_of(Vocabulary(counts, limited)) ==
        std::vector<std::string>{"<PAD>", "<SEP>", "c", "<UNK>", "b", "<CLS>"});
  limited.min_count = 3;
  CHECK_THROWS_WITH_AS(Vocabulary(counts, limited),
                       "[Vocabulary] the special token '<CLS>' has the id 5, and only 4 ids before it have a token",
                       roux::Error);
  limited.max_size = 3;
  CHECK_THROWS_AS(Vocabulary(counts, limited), roux::Error);
  CHECK(Vocabulary(counts, {.max_size = 4}).size() == 4);
  CHECK(Vocabulary(counts, {.max_size = 2}).size() == 2);
  CHECK_THROWS_AS(Vocabulary(counts, {.others = {{"x", 1}}}), roux::Error);
  CHECK_THROWS_AS(Vocabulary(counts, {.others = {{"<pad>", 2}}}), roux::Error);
  CHECK_THROWS_AS(Vocabulary(counts, {.others = {{"x", -1}}}), roux::Error);
  CHECK(Vocabulary(counts, {.pad = std::nullopt, .unk = std::nullopt}).id("c") == 0);
}

TEST_CASE("how much of a text is unknown") {
  const Vocabulary vocabulary(count({"a", "a", "b"}), 2);
  CHECK(vocabulary.unknown_rate(count({"a", "b", "c", "c"})) == 0.75);
  CHECK(vocabulary.unknown_rate(count({"a", "<unk>"})) == 0.0);
  CHECK(vocabulary.unknown_rate({}) == 0.0);
}

TEST_CASE("special tokens survive saving and loading") {
  const TemporaryFolder folder;
  const TokenCounts counts = count({"a", "\\specials", "b"});
  const std::vector<VocabularyOptions> all{{.unk = std::nullopt},
                                           {.pad = std::nullopt},
                                           {.pad = std::nullopt, .unk = std::nullopt},
                                           {.pad = SpecialToken{"<unk>", 0}, .unk = SpecialToken{"<pad>", 1}},
                                           {.others = {{"<cls>", 3}}},
                                           {}};
  for (const VocabularyOptions& options : all) {
    const Vocabulary saved(counts, options);
    saved.save(folder / "words.txt");
    const Vocabulary loaded = Vocabulary::load(folder / "words.txt");
    CHECK(tokens_of(loaded) == tokens_of(saved));
    CHECK(loaded.pad_id() == saved.pad_id());
    CHECK(loaded.unk_id() == saved.unk_id());
    CHECK(loaded.special_ids() == saved.special_ids());
  }
  for (const char* damaged : {"\\specials ", "\\specials 0\na\n", "\\specials 0 1 0\na\n", "\\specials 0 x 0\na\n",
                              "\\specials -2 -1\na\n", "\\specials 0 -1 0 0\na\n", "\\specials 0 -1\na\n",
                              "\\specials -1 -1 -1\na\n", "\\specials 99999999999 0 0\na\n"}) {
    CAPTURE(damaged);
    CHECK_THROWS_AS(Vocabulary::from_lines(damaged, "words.txt"), roux::Error);
  }
}
