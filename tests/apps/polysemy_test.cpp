// polysemy from the outside: one vector in a table, two in context, the picture, and bad input.
#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "tensor/file.h"
#include "tests/apps/programs.h"
#include "tests/apps/tiny_transformer.h"
#include "tests/temporary_folder.h"

using nlohmann::json;
using roux::nn::ModelType;

namespace {

json lesson(const std::string& arguments) {
  const ProgramRun run = run_shell("$APPS/polysemy " + arguments + " --json");
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  return json::parse(run.output);
}

}  // namespace

TEST_CASE("polysemy: the table's vector of bat is one, in context there are two") {
  if (!programs_built()) return;
  for (const ModelType type : {ModelType::bert, ModelType::distilbert}) {
    const TemporaryFolder folder;
    write_tiny_transformer(folder / "model", type, {}, 64);
    const json told = lesson("'" + (folder / "model") + "'");
    CHECK(told["static_cosine"].get<double>() == doctest::Approx(1).epsilon(1e-9));
    CHECK(told["contextual_cosine"].get<double>() < 0.999);
    CHECK(told["bats"][0]["positions"] == json({2}));
    CHECK(told["bats"][1]["positions"] == json({5}));
    REQUIRE(told["neighbours"].size() == 6);
    // The sense that is nearer is the one with the larger mean.
    for (size_t bat = 0; bat < 2; ++bat) {
      double animals = 0, sports = 0;
      for (const json& word : told["neighbours"]) {
        CHECK(std::abs(word["static"].get<double>()) <= 1);
        (word["sense"] == "animals" ? animals : sports) += word["contextual"][bat].get<double>();
      }
      CHECK((told["bats"][bat]["nearer_to"] == "animals") == (animals > sports));
    }
  }
}

TEST_CASE("polysemy prints the lesson and draws it") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_tiny_transformer(folder / "model", ModelType::bert, {}, 64);
  const ProgramRun run = run_shell("$APPS/polysemy '" + (folder / "model") + "' --plot '" + (folder / "bat.svg") + "'");
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  CHECK(run.output.find("[CLS] a <bat> flew out of the cave . [SEP]\n[CLS] he swung the baseball <bat> . [SEP]\n") ==
        0);
  CHECK(run.output.find("their cosine is 1.0000") != std::string::npos);
  CHECK(run.output.find("The bat of the cave is nearer to the ") != std::string::npos);
  const std::string picture = roux::read_file(folder / "bat.svg");
  for (const std::string label : {"<svg", "bat (cave)", "bat (baseball)", "owl", "racket", "animals", "sports gear"})
    CHECK(picture.find(label) != std::string::npos);
}

TEST_CASE("polysemy compares with word vectors of a file") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_tiny_transformer(folder / "model", ModelType::distilbert, {}, 64);
  const std::string file = folder / "vectors.txt";
  write_text(file, "bat 1 0\nowl 1 1\nbird 0 1\nmouse 0 2\nracket 1 0\nglove 3 0\nstick -1 0\nother 5 5\n");
  const json told = lesson("'" + (folder / "model") + "' --static '" + file + "'");
  CHECK(told["static_cosine"] == 1.0);
  CHECK(told["neighbours"][0]["static"].get<double>() == doctest::Approx(std::sqrt(0.5)));
  CHECK(told["neighbours"][5]["static"] == -1.0);
  write_text(file, "bat 1 0\nowl 1 1\n");
  check_refused("$APPS/polysemy '" + (folder / "model") + "' --static '" + file + "'", "bird");
}

TEST_CASE("polysemy refuses with one line what it cannot use") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string model = folder / "model";
  write_tiny_transformer(model, ModelType::bert, {}, 64);
  check_refused("$APPS/polysemy", "FOLDER");
  check_refused("$APPS/polysemy '" + (folder / "none") + "'", "none");
  check_refused("$APPS/polysemy '" + model + "' --plot bat.png", "a name that ends in .svg");
  check_refused("$APPS/polysemy '" + model + "' --plot /proc/none/bat.svg", "bat.svg");
  check_refused("$APPS/polysemy '" + model + "' --static '" + (folder / "none.txt") + "'", "none.txt");
  write_tiny_transformer(folder / "short", ModelType::bert);
  check_refused("$APPS/polysemy '" + (folder / "short") + "'", "the model has 12 positions, too few for");
}
