// GloVe's and word2vec's text: what is read, what is skipped and told, what is refused.
#include <doctest/doctest.h>

#include <charconv>
#include <cstdlib>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "tensor/file.h"
#include "tensor/parallel.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"
#include "tests/thread_count_guard.h"
#include "text/word_vectors/word_vectors.h"

using namespace roux;
using namespace roux::text;

namespace {

struct Loaded {
  std::vector<std::string> words;
  std::vector<float> numbers;
  LoadReport report;
};

Loaded load(const std::string& text, LoadOptions options = {}) {
  Loaded result;
  options.report = &result.report;
  const WordVectors vectors = parse_word_vectors(text, "test", options);
  for (int64_t row = 0; row < vectors.size(); ++row) {
    result.words.emplace_back(vectors.word(row));
    CHECK(vectors.find(vectors.word(row)) == row);
  }
  result.numbers = vectors.vectors().to_vector<float>();
  return result;
}

std::string refused(const std::string& text) {
  return message_of([&] { parse_word_vectors(text, "test"); });
}

using Words = std::vector<std::string>;
using Numbers = std::vector<float>;

}  // namespace

TEST_CASE("GloVe's text is read, its words with their spaces") {
  const Loaded loaded = load("the 0.5 -1.5\n. . . 1 2\nat name@domain.com 3 4e0\n1 5 6\nna\xC3\xAFve +7 .5\n");
  CHECK(loaded.words == Words{"the", ". . .", "at name@domain.com", "1", "na\xC3\xAFve"});
  CHECK(loaded.numbers == Numbers{0.5f, -1.5f, 1, 2, 3, 4, 5, 6, 7, 0.5f});
  CHECK(loaded.report.form == "GloVe text");
  CHECK(loaded.report.bad_rows == 0);
}

TEST_CASE("text is read with any end of its lines, blank lines and runs of blanks") {
  const Loaded loaded = load(
      "\xEF\xBB\xBF"
      "a 1 2\r\n\n   \nb\t3 \t 4 \r\nc 5 6 \n\nd  7   8");
  CHECK(loaded.words == Words{"a", "b", "c", "d"});
  CHECK(loaded.numbers == Numbers{1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_CASE("word2vec's text announces its words and dimensions") {
  const Loaded loaded = load("2 3\na 1 2 3 \nb 4 5 6 \n");
  CHECK(loaded.words == Words{"a", "b"});
  CHECK(loaded.report.form == "word2vec text");
  CHECK(refused("3 3\na 1 2 3\nb 4 5 6\n").find("announces 3 words, but 2 lines follow (is it cut off?") !=
        std::string::npos);
  CHECK(refused("1 3\na 1 2 3\nb 4 5 6\n").find("announces 1 words, but 2 lines follow (hint:") != std::string::npos);
  CHECK(refused("2 4\na 1 2 3\nb 4 5 6\n").find("announces 4 numbers a word, but the lines that follow have 3") !=
        std::string::npos);
  CHECK(refused("0 3\n") == "[load_word_vectors] 'test' (word2vec text) has no words");
  CHECK(load("2 1\n2 3\n4 5\n").numbers == Numbers{3, 5});  // a header, then words that are numbers
}

TEST_CASE("damaged rows are skipped and told with their lines") {
  const Loaded loaded =
      load("a 1 2\nb 1\nc 1 2 3\n\nd 1 x\ne nan 1\nf 1 inf\ng 1 1e39\n 5 6\nh\na 7 8\na 9 9\ni 3 4\n");
  CHECK(loaded.words == Words{"a", "i"});
  CHECK(loaded.numbers == Numbers{1, 2, 3, 4});
  CHECK(loaded.report.duplicates == 2);
  CHECK(loaded.report.bad_rows == 8);
  std::vector<std::string> told;
  for (const auto& row : loaded.report.first_bad) told.push_back(std::to_string(row.line) + ": " + row.reason);
  CHECK(told == std::vector<std::string>{
                    "2: found 1 numbers behind the word, expected 2", "3: found more than 2 numbers",
                    "5: number 2 is 'x'", "6: number 1 is 'nan', expected a finite one",
                    "7: number 2 is 'inf', expected a finite one", "8: number 2 is '1e39', which float32 cannot hold",
                    "9: there is no word before the numbers", "10: found 0 numbers behind the word, expected 2"});
}

TEST_CASE("the dimension is what most of the first lines have") {
  CHECK(load("a 1\nb 1 2\nc 3 4\n").words == Words{"b", "c"});
  std::string many = "a 1 2\n";
  for (int i = 0; i < 30; ++i) many += "bad\n";
  const Loaded loaded = load("a 1 2\nb 3 4\nc 5 6\n" + many);
  CHECK(loaded.report.bad_rows == 30);
  CHECK(loaded.report.first_bad.size() == 10);
}

TEST_CASE("what is no file of word vectors is refused") {
  CHECK(refused("") == "[load_word_vectors] 'test' is empty");
  CHECK(refused("\n\n") == "[load_word_vectors] 'test' (GloVe text) has no words");
  CHECK(refused("hello\nworld\n").find("is no file of word vectors; expected lines of a word and numbers") !=
        std::string::npos);
  CHECK(refused("a nan 1\n") ==
        "[load_word_vectors] 'test' (GloVe text) has no good row; line 1: number 1 is 'nan', expected a finite one");
  CHECK(message_of([] { load_word_vectors("/nowhere/at/all"); }).find("cannot open") != std::string::npos);
  CHECK(message_of([] { load_word_vectors("/"); }).find("is a folder") != std::string::npos);
  CHECK(message_of([] { parse_word_vectors("a 1\n", "x", {.max_words = -1}); }).find("max_words") != std::string::npos);
}

TEST_CASE("the first words, or given words, can be asked for") {
  const std::string text = "a 1 2\nb 3 4\na 0 0\nc d 5 6\ne 7 8\nbad\n";
  CHECK(load(text, {.max_words = 3}).words == Words{"a", "b", "c d"});
  CHECK(load(text, {.max_words = 9}).words == Words{"a", "b", "c d", "e"});
  StringTable wanted;
  for (const char* word : {"e", "b", "missing"}) wanted.insert(word);
  Loaded loaded = load(text, {.words = &wanted});
  CHECK(loaded.words == Words{"b", "e"});
  CHECK(loaded.numbers == Numbers{3, 4, 7, 8});
  CHECK(load(text, {.max_words = 1, .words = &wanted}).words == Words{"b"});
  wanted.insert("c d");
  CHECK(load(text, {.words = &wanted}).words == Words{"b", "c d", "e"});
  const StringTable none;
  CHECK(message_of([&] { load(text, {.words = &none}); }).find("has no word that was asked for") != std::string::npos);
}

TEST_CASE("a file of many blocks is the same for any number of threads") {
  std::mt19937 random(3);
  std::string text;
  Words words;
  Numbers numbers;
  int64_t bad = 0;
  for (int i = 0; text.size() < 9'000'000; ++i) {
    const std::string word = i % 1000 == 7 ? "two words" + std::to_string(i) : "w" + std::to_string(i);
    text += word;
    const int count = i % 501 == 300 ? 59 : 60;  // some rows are short
    for (int j = 0; j < count; ++j) text += " " + std::to_string(static_cast<int>(random() % 2000) - 1000) + ".5";
    text += i % 777 == 5 ? "\n\n" : "\n";
    if (count == 60) words.push_back(word);
    bad += count == 59;
  }
  const TemporaryFolder folder;
  write_file_atomically(folder / "many.txt", text);
  const ThreadCountGuard guard;
  Loaded from_memory = load(text);
  CHECK(from_memory.words == words);
  CHECK(from_memory.report.bad_rows == bad);
  for (const int count : {1, 2, 4}) {
    set_num_threads(count);
    LoadReport report;
    int64_t progress = 0, total = 0;
    const WordVectors vectors =
        load_word_vectors(folder / "many.txt", {.report = &report, .progress = [&](int64_t done, int64_t all) {
                                                  CHECK(done > progress);
                                                  progress = done;
                                                  total = all;
                                                }});
    CHECK(vectors.vectors().to_vector<float>() == from_memory.numbers);
    bool same_words = vectors.size() == static_cast<int64_t>(words.size());
    for (int64_t row = 0; same_words && row < vectors.size(); ++row)
      same_words = vectors.word(row) == words[static_cast<size_t>(row)];
    CHECK(same_words);
    CHECK(report.bad_rows == bad);
    CHECK(report.first_bad[0].line == from_memory.report.first_bad[0].line);
    CHECK(progress == total);
    CHECK(total == static_cast<int64_t>(text.size()));
  }
}

TEST_CASE("real vectors are read to the bit") {
  const char* const folder = std::getenv("ROUX_DATA");
  if (folder == nullptr) {
    MESSAGE("left out: ROUX_DATA is not set");
    return;
  }
  for (const auto& [file, rows, dim] :
       {std::tuple{"glove.6B.100d.subset.txt", 2708, 100}, std::tuple{"glove.6B.50d.subset.txt", 9763, 50}}) {
    const std::string text = read_file(std::string(folder) + "/glove/" + file);
    const Loaded loaded = load(text);
    REQUIRE(static_cast<int>(loaded.words.size()) == rows);
    REQUIRE(static_cast<int>(loaded.numbers.size()) == rows * dim);
    CHECK(loaded.report.bad_rows == 0);
    int64_t wrong = 0;
    const char* at = text.data();
    for (size_t i = 0; i < loaded.numbers.size(); ++i) {
      if (i % static_cast<size_t>(dim) == 0) at += loaded.words[i / static_cast<size_t>(dim)].size();
      float expected = 0;
      at = std::from_chars(at + 1, text.data() + text.size(), expected).ptr;
      wrong += expected != loaded.numbers[i];
      at += *at == '\n';
    }
    CHECK(wrong == 0);
  }
}
