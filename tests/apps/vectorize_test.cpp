// vectorize from the outside: the course's tables, JSON, standard input, and bad input.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/apps/programs.h"

using nlohmann::json;

namespace {

const std::string course = " 'I love love my dog' 'I love my cat'";

std::string printed(const std::string& flags, const std::string& input = "") {
  const ProgramRun run = run_shell("$APPS/vectorize " + flags, input);
  CHECK_MESSAGE(run.status == 0, run.errors);
  return run.output;
}

}  // namespace

TEST_CASE("vectorize prints the course's table with its vocabulary") {
  if (!programs_built()) return;
  CHECK(printed(course) ==
        "vocabulary: i 0, love 1, my 2, dog 3, cat 4\n\n"
        "text                    i   love     my    dog    cat\n"
        "-----------------------------------------------------\n"
        "I love love my dog  0.000  0.000  0.000  0.139  0.000\n"
        "I love my cat       0.000  0.000  0.000  0.000  0.173\n");
  CHECK(printed("--tfidf formula" + course).find("-0.081  -0.162  -0.081") != std::string::npos);
  CHECK(printed("--kind onehot" + course).find("I love love my dog  1     1   1    1    0\n") != std::string::npos);
}

TEST_CASE("vectorize reads lines and prints JSON of what is not left out") {
  if (!programs_built()) return;
  const json counts = json::parse(printed("--kind count --json", "I love love my dog\r\nI love my cat\n"));
  CHECK(counts.at("vocabulary") == json({"i", "love", "my", "dog", "cat"}));
  CHECK(counts.at("shape") == json({2, 5}));
  CHECK(counts.at("rows")[0].at("text") == "I love love my dog");
  CHECK(counts.at("rows")[0].at("columns") == json({0, 1, 2, 3}));
  CHECK(counts.at("rows")[0].at("values") == json({1, 2, 1, 1}));
  CHECK(counts.at("rows")[1].at("columns") == json({0, 1, 2, 4}));
  const json smooth = json::parse(printed("--tfidf smooth --ngram-max 2 --min-df 2 --json" + course));
  CHECK(smooth.at("vocabulary") == json({"i", "i love", "love", "love my", "my"}));
  double squares = 0;
  for (const double value : smooth.at("rows")[0].at("values")) squares += value * value;
  CHECK(squares == doctest::Approx(1));
  CHECK(json::parse(printed("--json --kind count", "caf\xE9 caf\xE9\n")).at("rows")[0].at("values") == json({2}));
}

TEST_CASE("vectorize prints texts with zero bytes whole") {
  if (!programs_built()) return;
  using namespace std::string_literals;
  CHECK(printed("--kind count", "a\0b\n"s) == "vocabulary: a 0, b 1\n\ntext  a  b\n----------\na\0b   1  1\n"s);
}

TEST_CASE("vectorize quotes columns that begin or end with a space") {
  if (!programs_built()) return;
  CHECK(printed("--kind count --terms characters --ngram-max 2 'a b'").find("\"a \" ") != std::string::npos);
  CHECK(printed("--kind count --terms characters 'a b'").starts_with("vocabulary: a 0, \" \" 1, b 2\n"));
}

TEST_CASE("vectorize refuses with one line what it cannot show") {
  if (!programs_built()) return;
  const auto refused = [](const std::string& flags, const std::string& input, const std::string& text) {
    const ProgramRun run = run_shell("$APPS/vectorize " + flags, input);
    CAPTURE(flags);
    CHECK(run.status == 1);
    CHECK(std::count(run.errors.begin(), run.errors.end(), '\n') == 1);
    CHECK_MESSAGE(run.errors.find(text) != std::string::npos, run.errors);
  };
  refused("", "", "there are no texts");
  refused("'!'", "", "no term in 1 text");
  refused("--kind other a", "", "--kind");
  refused("--kind count --tfidf smooth a", "", "--tfidf belongs to --kind tfidf, found count");
  refused("< /", "", "Is a directory");
  refused("--ngram-min 3 a", "", "expected 1 <= ngram_min <= ngram_max");
  std::string many;
  for (int i = 0; i < 1001; ++i) many += "word" + std::to_string(i) + "\n";
  refused("", many, "is too large to print (hint: --json");
}
