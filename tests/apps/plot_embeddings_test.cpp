// plot_embeddings from the outside: pictures, coordinates, groups, JSON, and bad input.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tensor/file.h"
#include "tests/apps/programs.h"
#include "tests/temporary_folder.h"

using nlohmann::json;

namespace {

/// Word vectors as GloVe's text: `count` words w0, w1, ... of two sorts, and `<script>`.
std::string vectors_text(int count) {
  std::ostringstream text;
  for (int i = 0; i < count; ++i) {
    text << (i == 1 ? "<script>" : "w" + std::to_string(i));
    for (int j = 0; j < 6; ++j) text << ' ' << std::sin(i * 1.7 + j * j) + (j == i % 2 ? 5 : 0);
    text << '\n';
  }
  return text.str();
}

int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

json answer(const std::string& arguments) {
  const ProgramRun run = run_shell("$APPS/plot_embeddings " + arguments + " --json");
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  return json::parse(run.output);
}

}  // namespace

TEST_CASE("plot_embeddings draws by either method, and writes coordinates") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string file = folder / "vectors.txt", out = folder / "map.svg", coords = folder / "map.tsv";
  write_text(file, vectors_text(120));
  for (const std::string method : {"pca", "tsne"}) {
    const json told = answer(file + " " + out + " --first 100 --method " + method + " --coords " + coords);
    CHECK(told.at("points") == 100);
    CHECK(told.at("seconds").get<double>() > 0);
    CHECK(told.at("kl").is_number() == (method == "tsne"));
    const std::string picture = roux::read_file(out);
    CHECK(picture.find("<svg") != std::string::npos);
    CHECK(picture.find("w99") != std::string::npos);
    CHECK(picture.find("<script>") == std::string::npos);
    CHECK(picture.find("&lt;script&gt;") != std::string::npos);
    std::istringstream lines(roux::read_file(coords));
    std::string line;
    for (int i = 0; i < 100; ++i) {
      REQUIRE(std::getline(lines, line));
      CHECK(count_of(line, "\t") == 2);
      CHECK(line.substr(line.rfind('\t') + 1) == (i == 1 ? "<script>" : "w" + std::to_string(i)));
      CHECK(std::isfinite(std::stod(line)));
    }
    CHECK(!std::getline(lines, line));
  }
  const std::string first = roux::read_file(coords);
  answer(file + " " + out + " --first 100 --method tsne --coords " + coords);
  CHECK(roux::read_file(coords) == first);
}

TEST_CASE("plot_embeddings names the words that are missing where too few are left") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "vectors.txt", vectors_text(5));
  check_refused(
      "$APPS/plot_embeddings '" + (folder / "vectors.txt") + "' '" + (folder / "map.svg") + "' --words w0,nope,no",
      ": nope, no");
}

TEST_CASE("plot_embeddings draws named words and groups, and names what is missing") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string file = folder / "vectors.txt", out = folder / "map.svg", groups = folder / "groups.tsv";
  write_text(file, vectors_text(20));
  CHECK(answer(file + " " + out + " --words w3,nope,w3,,w7,w0").at("missing") == json({"nope"}));
  CHECK(answer(file + " " + out + " --words w3,w7,w0 --theme dark").at("points") == 3);
  write_text(groups, "w3\teven & odd\r\nw4\tother\n\nnope\tother\nw5\teven & odd\n");
  const ProgramRun run = run_shell("$APPS/plot_embeddings " + file + " " + out + " --groups " + groups);
  CHECK(run.status == 0);
  CHECK(run.errors == "not in " + file + ": nope\n");
  CHECK(run.output.find("3 words in 0.0") != std::string::npos);
  const std::string picture = roux::read_file(out);
  CHECK(picture.find("even &amp; odd") != std::string::npos);
  CHECK(picture.find("other") != std::string::npos);
  const json told = answer(file + " " + out + " --groups " + groups + " --method tsne --perplexity 2");
  CHECK(told.at("points") == 3);
  CHECK(told.at("missing") == json({"nope"}));
}

TEST_CASE("plot_embeddings refuses with one line what it cannot draw") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string file = folder / "vectors.txt", out = folder / "map.svg", other = folder / "other";
  write_text(file, vectors_text(20));
  const auto refused = [&](const std::string& arguments, const std::string& text) {
    check_refused("$APPS/plot_embeddings " + arguments, text);
  };
  refused(file + " " + out + " --method tsne",
          "a perplexity of 30 is not possible with 20 points: it must be in [1, 19]");
  refused(file + " " + out + " --words w3", "needs at least 2 points, found 1");
  refused(file + " " + out + " --words w3 --method tsne --perplexity 1", "needs at least 2 points, found 1");
  refused(file + " " + out + " --words nope,none", "has no word that was asked for");
  refused(file + " " + out + " --words ,", "--words names no word");
  refused(file + " " + out + " --words w1 --first 3", "excludes");
  refused(file + " " + out + " --first 0", "--first");
  refused(file + " " + out + " --perplexity many", "--perplexity");
  refused(file + " " + (folder / "map.png"), "a name that ends in .svg");
  refused(file + " " + (folder / "none/map.svg"), "none");
  refused((folder / "none.txt") + " " + out, "none.txt");
  write_text(other, "w1\tone\nw2\n");
  refused(file + " " + out + " --groups " + other, "line 2: expected a word, a tab and its group, found 'w2'");
  write_text(other, "\n");
  refused(file + " " + out + " --groups " + other, "names no word");
  write_text(other, "a 1 2\nb 1 2\nc 1 2\n");
  refused(other + " " + out + " --method tsne --perplexity 1", "all points are equal");
  write_text(other, "");
  refused(other + " " + out, "");
}
