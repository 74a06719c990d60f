// tokenize train from the outside: what it says, and what it refuses.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "tensor/file.h"
#include "tests/apps/programs.h"
#include "tests/temporary_folder.h"

TEST_CASE("tokenize train says when characters alone are more than --size") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string train = "$APPS/tokenize train --out '" + (folder / "out") + "' --kind ";
  CHECK(run_shell(train + "wordpiece --size 8 -", "abc abc\n").output ==
        (folder / "out") + ": 10 tokens, more than --size: each character of the text is one\n");
  CHECK(run_shell(train + "wordpiece --size 10 -", "abc abc\n").output == (folder / "out") + ": 10 tokens\n");
}

TEST_CASE("tokenize train learns from a compressed file what it learns from the text") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "corpus.txt", "low lower lowest new newer newest\n");
  const std::string train = "$APPS/tokenize train --kind bpe --size 270 --out '";
  REQUIRE(run_shell("gzip -k '" + (folder / "corpus.txt") + "'").status == 0);
  REQUIRE(run_shell(train + (folder / "plain") + "' '" + (folder / "corpus.txt") + "'").status == 0);
  const ProgramRun packed = run_shell(train + (folder / "packed") + "' '" + (folder / "corpus.txt.gz") + "'");
  CHECK(packed.output == (folder / "packed") + ": 270 tokens\n");
  CHECK(roux::read_file(folder / "plain/tokenizer.json") == roux::read_file(folder / "packed/tokenizer.json"));
}

TEST_CASE("tokenize train refuses with one line what it cannot learn from") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& arguments, const std::string& text) {
    const ProgramRun run = run_shell("$APPS/tokenize train --out '" + (folder / "out") + "' " + arguments, "\n\n");
    CAPTURE(arguments);
    CHECK(run.status == 1);
    CHECK(run.errors.size() < 200);
    CHECK(std::count(run.errors.begin(), run.errors.end(), '\n') == 1);
    CHECK_MESSAGE(run.errors.find(text) != std::string::npos, run.errors);
  };
  refused("--kind bpe -", "there is no text to train on");
  refused("--kind wordpiece /dev/null", "there is no text to train on");
  refused("--kind bpe /", "'/' is a folder");
  refused("--kind bpe --cased -", "--cased is for wordpiece");
  refused("--kind bpe --size 0 -", "--size");
  refused("--kind bpe --threads -1 -", "--threads");
}
