// word_vectors from the outside: info, vector and convert, and what they refuse.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tensor/file.h"
#include "tests/apps/programs.h"
#include "tests/temporary_folder.h"

using nlohmann::json;

namespace {

std::string printed(const std::string& arguments, const std::string& input = "") {
  const ProgramRun run = run_shell("$APPS/word_vectors " + arguments, input);
  CHECK_MESSAGE(run.status == 0, run.errors);
  return run.output;
}

}  // namespace

TEST_CASE("word_vectors info says what a file holds and what was skipped") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "a.txt", "the 1 2\nof 3\nthe 5 6\nand 7 8\n");
  const std::string text = printed("info " + folder / "a.txt");
  CHECK(text.find("GloVe text: 2 words of 2 dimensions, 0.") == 0);
  CHECK(text.find("\nrows of words that were there already: 1\nbad rows: 1\n"
                  "  line 2: found 1 numbers behind the word, expected 2\n") != std::string::npos);
  const json object = json::parse(printed("info --json " + folder / "a.txt"));
  CHECK(object.at("form") == "GloVe text");
  CHECK(object.at("words") == 2);
  CHECK(object.at("dimensions") == 2);
  CHECK(object.at("subword_buckets") == 0);
  CHECK(object.at("duplicates") == 1);
  CHECK(object.at("bad_rows") == 1);
  CHECK(object.at("first_bad")[0].at("line") == 2);
  CHECK(object.at("seconds").is_number());
  CHECK(json::parse(printed("info --json --first 1 " + folder / "a.txt")).at("words") == 1);
  CHECK(printed("info /dev/stdin", "2 2\na 1 2\nb 3 4\n").find("word2vec text: 2 words of 2 dimensions") == 0);
}

TEST_CASE("word_vectors convert goes through every form and back") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string text = "the 0.1 -2\n. . . 3 4\ncr\xC3\xA8me 5 6e-08\n";
  write_text(folder / "0.txt", text);
  const std::string names[] = {folder / "0.txt", folder / "1.vec", folder / "2.safetensors", folder / "3.txt"};
  for (int i = 0; i < 3; ++i)
    CHECK(printed("convert " + names[i] + " " + names[i + 1]) == names[i + 1] + ": 3 words of 2 dimensions\n");
  CHECK(run_shell("cat " + names[3]).output == text);
  CHECK(printed("vector " + names[2] + " cr\xC3\xA8me the") == "cr\xC3\xA8me 5 6e-08\nthe 0.1 -2\n");
  CHECK(json::parse(printed("vector --json " + names[2] + " '. . .'")) ==
        json({{"word", ". . ."}, {"vector", {3, 4}}}));
  CHECK(printed("convert --first 1 " + names[0] + " " + folder / "4.bin").find("1 words") != std::string::npos);
  CHECK(printed("info " + folder / "4.bin").find("word2vec binary: 1 words") == 0);
  REQUIRE(run_shell("gzip -k " + names[1]).status == 0);
  CHECK(printed("info " + names[1] + ".gz").find("word2vec text: 3 words") == 0);
}

TEST_CASE("word_vectors refuses with one line what it cannot read, find or write") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string file = folder / "a.txt";
  write_text(file, "the 1 2\n");
  write_text(folder / "empty", "");
  write_text(folder / "prose", "Once upon a time\nthere was a soup.\n");
  check_refused("$APPS/word_vectors", "a command is missing");
  check_refused("$APPS/word_vectors cook", "there is no command 'cook'");
  check_refused("$APPS/word_vectors info", "FILE is required");
  check_refused("$APPS/word_vectors info " + folder / "missing", "cannot open");
  check_refused("$APPS/word_vectors info " + folder / "empty", "is empty");
  check_refused("$APPS/word_vectors info " + folder / "prose", "is no file of word vectors");
  check_refused("$APPS/word_vectors info --first -1 " + file, "--first");
  check_refused("$APPS/word_vectors vector " + file + " of", "there is no vector of 'of'");
  check_refused("$APPS/word_vectors convert " + file + " " + folder / "out.xyz", "expected .txt (GloVe text)");
  check_refused("$APPS/word_vectors convert " + file + " " + folder / "no/out.txt", "cannot write");
  check_refused("printf '\\037\\213\\010' | $APPS/word_vectors info /dev/stdin", "is cut off");
  CHECK(printed("--help").find("Example:") != std::string::npos);
  for (const char* command : {"info", "vector", "convert"})
    CHECK(printed(std::string(command) + " --help").find("Example:") != std::string::npos);
}

TEST_CASE("word_vectors convert keeps a file whose rows could not all be read") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string file = folder / "bad.txt", text = "a 1 2\nb 3 x\nc 5 6\n";
  write_text(file, text);
  check_refused("$APPS/word_vectors convert '" + file + "' '" + file + "'", "would lose the rows that were skipped");
  CHECK(roux::read_file(file) == text);
  CHECK(run_shell("$APPS/word_vectors convert '" + file + "' '" + (folder / "good.txt") + "'").status == 0);
}
