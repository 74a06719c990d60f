// The questions that the program word_vectors answers.
#include <doctest/doctest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/word_vectors_ask.h"
#include "tests/apps/programs.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"

using namespace roux::apps;

namespace {

using nlohmann::json;
using Names = std::vector<std::string>;

constexpr const char* toy =
    "king 4.2 1.8 7.5\nman 2.1 0.9 5.0\nwoman 2.0 1.0 5.1\nqueen 4.2 2.1 7.4\napple -1 3 0\nnothing 0 0 0\n";

}  // namespace

TEST_CASE("word_sum reads sums of words") {
  const WordSum sum = word_sum({"king", "-", "man", "+", "woman"});
  CHECK(sum.positive == Names{"king", "woman"});
  CHECK(sum.negative == Names{"man"});
  CHECK(word_sum({"king - man + woman"}).positive == sum.positive);
  CHECK(word_sum({"-", "t-shirt", "+", "a+b"}).negative == Names{"t-shirt"});
  CHECK(word_sum({". . .", "-", "New York"}).positive == Names{". . ."});
  CHECK(word_sum({"king"}).positive == Names{"king"});
  CHECK(message_of([] { word_sum({"king", "man"}); }).find("expected + or - before 'man'") != std::string::npos);
  CHECK(message_of([] { word_sum({"king", "-", "+", "man"}); }).find("'-' is followed by '+'") != std::string::npos);
  CHECK(message_of([] { word_sum({"king", "-"}); }).find("missing behind the last '-'") != std::string::npos);
}

TEST_CASE("word_vectors answers in tables and JSON") {
  if (!programs_built()) {
    MESSAGE("skipped: ROUX_APPS does not name the folder of the programs");
    return;
  }
  const TemporaryFolder folder;
  const std::string file = folder / "toy.txt", ask = "$APPS/word_vectors ";
  write_text(file, toy);

  const ProgramRun analogy = run_shell(ask + "analogy " + file + " king - man + woman --top 2 --json");
  CHECK(analogy.status == 0);
  const json answer = json::parse(analogy.output);
  REQUIRE(answer.size() == 2);
  CHECK(answer[0]["word"] == "queen");
  CHECK(answer[0]["score"].get<double>() > 0.99);
  CHECK(run_shell(ask + "analogy " + file + " 'king - man + woman' --form unit").output.find("queen") !=
        std::string::npos);

  const ProgramRun table = run_shell(ask + "closest " + file + " king --top 1");
  CHECK(table.output == "king   cosine\n-------------\nqueen  0.9994\n");
  const json several = json::parse(run_shell(ask + "closest " + file + " king woman --json --top 1").output);
  CHECK(several["king"][0]["word"] == "queen");
  CHECK(several["woman"][0]["word"] == "man");

  CHECK(run_shell(ask + "odd " + file + " king apple queen").output == "apple\n");
  const json matrix = json::parse(run_shell(ask + "similarity " + file + " king nothing --json").output);
  CHECK(matrix["words"] == json({"king", "nothing"}));
  CHECK(matrix["cosines"] == json({{1.0, 0.0}, {0.0, 0.0}}));
}

TEST_CASE("word_vectors refuses questions that have no answer") {
  if (!programs_built()) {
    MESSAGE("skipped: ROUX_APPS does not name the folder of the programs");
    return;
  }
  const TemporaryFolder folder;
  const std::string file = folder / "toy.txt", ask = "$APPS/word_vectors ";
  write_text(file, toy);
  check_refused(ask + "closest " + file + " kign", "no vector of 'kign' (hint: 'king' is there)");
  check_refused(ask + "closest " + file + " nothing", "vector of zeros, which has no direction");
  check_refused(ask + "closest " + file + " king --top 0", "--top");
  check_refused(ask + "closest " + file, "WORD is required");
  check_refused(ask + "analogy " + file + " king man", "expected + or - before 'man'");
  check_refused(ask + "odd " + file + " king queen", "three words or more");
  check_refused(ask + "similarity " + file + " king quen", "(hint: 'queen' is there)");
}

TEST_CASE("word_vectors gives the course's queen") {
  const char* data = std::getenv("ROUX_DATA");
  if (!programs_built() || data == nullptr) {
    MESSAGE("skipped: ROUX_APPS and ROUX_DATA do not name the programs and the data sets");
    return;
  }
  const ProgramRun run = run_shell("$APPS/word_vectors analogy " + std::string(data) +
                                   "/glove/glove.6B.100d.subset.txt king - man + woman --top 4");
  CHECK(run.output ==
        "king + woman - man  cosine\n--------------------------\nqueen               0.7834\n"
        "monarch             0.6934\ndaughter            0.6809\nprince              0.6713\n");
}
