// classify from the outside: training, testing and predicting, in every format, and how it takes bad input.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/apps/programs.h"
#include "tests/temporary_folder.h"

using nlohmann::json;

namespace {

// Lines `label, separator, text` of two classes, told apart by a word each.
std::string lines(int texts, const std::string& separator, const std::string& prefix = "") {
  std::string all;
  for (int i = 0; i < texts; ++i) {
    const bool spam = i % 3 == 0;
    all += prefix + (spam ? "spam" : "ham") + separator + (spam ? "win a prize " : "see you soon ") +
           std::to_string(i * 7919 % 101) + "\n";
  }
  return all;
}

json json_of(const ProgramRun& run) {
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  return json::parse(run.output);
}

}  // namespace

TEST_CASE("classify trains, tests and predicts from every format") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string data = folder / "data", saved = "'" + (folder / "saved") + "'";
  const std::vector<std::pair<std::string, std::string>> files = {{"tsv", lines(90, "\t")},
                                                                  {"csv", "label,text\n" + lines(90, ",")},
                                                                  {"fasttext", lines(90, " ", "__label__")},
                                                                  {"label-first", lines(90, " ")}};
  for (const auto& file : files) {
    const std::string& format = file.first;
    write_text(data, file.second);
    CAPTURE(format);
    const std::string from = " --data '" + data + "' --format " + format;
    const ProgramRun trained = run_shell("$APPS/classify train" + from + " --threads 1 --save " + saved);
    REQUIRE_MESSAGE(trained.status == 0, trained.errors);
    CHECK(trained.output.find("90 texts, 2 classes") != std::string::npos);
    CHECK(trained.output.find("calibration error") != std::string::npos);
    const json scores = json_of(run_shell("$APPS/classify test " + saved + from + " --json"));
    CHECK(scores["texts"] == 90);
    CHECK(scores["accuracy"] == 1.0);
    CHECK(scores["f1"] == 1.0);
    CHECK(scores["confusion"] == json({{60, 0}, {0, 30}}));
    CHECK(scores["expected_calibration_error"] < 0.15);
    const ProgramRun tables = run_shell("$APPS/classify test " + saved + from);
    CHECK(tables.output.find("expected calibration error") != std::string::npos);
    CHECK(tables.output.find("mean of the classes") != std::string::npos);
  }
  const ProgramRun lines_in = run_shell("$APPS/classify predict " + saved, "win a prize\nsee you\n");
  CHECK(lines_in.output.rfind("spam\t0.", 0) == 0);
  CHECK(lines_in.output.find("\nham\t") != std::string::npos);
  const json both = json_of(run_shell("$APPS/classify predict " + saved + " --top 2 --json 'win a prize'"));
  CHECK(both["text"] == "win a prize");
  REQUIRE(both["labels"].size() == 2);
  CHECK(both["labels"][0]["label"] == "spam");
  const double sum = double(both["labels"][0]["probability"]) + double(both["labels"][1]["probability"]);
  CHECK(sum == doctest::Approx(1));
  // predict reads what classify saved, and says the same.
  const ProgramRun other = run_shell("$APPS/predict " + saved + " 'win a prize'");
  CHECK(other.output == run_shell("$APPS/classify predict " + saved + " 'win a prize'").output);
}

TEST_CASE("classify reads what train_recipes saved") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string saved = "'" + (folder / "saved") + "'";
  write_text(folder / "data.csv", small_csv(40));
  REQUIRE(run_shell("$APPS/train_recipes --model mean --data '" + (folder / "data.csv") + "' --save " + saved).status ==
          0);
  const std::string of = saved + " 'Blueberry Muffins'";
  CHECK(run_shell("$APPS/classify predict " + of).output == run_shell("$APPS/predict " + of).output);
}

TEST_CASE("classify trains every model, gives the same with any number of threads, and more weight to rare classes") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "data.tsv", lines(90, "\t"));
  const std::string train =
      "$APPS/classify train --data '" + (folder / "data.tsv") + "' --save '" + (folder / "saved") + "' --json ";
  for (const std::string model : {"linear", "embedding_bag", "mean", "max", "sum"}) {
    CAPTURE(model);
    json one = json_of(run_shell(train + "--threads 1 --class-weights balanced --model " + model));
    json four = json_of(run_shell(train + "--threads 4 --class-weights balanced --model " + model));
    one.erase("seconds");
    four.erase("seconds");
    CHECK(one == four);
    CHECK(one["held_out"]["accuracy"] == 1.0);
  }
}

TEST_CASE("classify holds nothing out where it is told so, or where there is too little") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "data.tsv", "a\tfirst text\nb\tsecond text\nb\tthird text\n");
  const std::string train = "$APPS/classify train --data '" + (folder / "data.tsv") + "' --save '" +
                            (folder / "saved") + "' --min-count 1 --json ";
  CHECK(json_of(run_shell(train))["held_out"].is_null());
  write_text(folder / "data.tsv", lines(90, "\t"));
  const json none = json_of(run_shell(train + "--calibration 0"));
  CHECK(none["held_out"].is_null());
  CHECK(none["temperature"] == 1.0);
}

TEST_CASE("a training of classify that diverges ends with one line and saves nothing") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  std::string same;  // texts that no weights tell apart
  for (int i = 0; i < 45; ++i) same += "a\tone and the same\nb\tone and the same\n";
  write_text(folder / "data.tsv", same);
  for (const std::string model : {"linear", "embedding_bag"}) {
    const std::string lr = model == "linear" ? "1e30" : "1e38";
    check_refused("$APPS/classify train --data '" + (folder / "data.tsv") + "' --save '" + (folder / "saved") +
                      "' --calibration 0 --lr " + lr + " --model " + model,
                  "training has diverged (hint: a learning rate below ");
    CHECK_FALSE(std::filesystem::exists(folder / "saved"));
  }
}

TEST_CASE("classify saves over a classifier, and never over a folder with other files") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "data.tsv", lines(30, "\t"));
  std::filesystem::create_directory(folder / "saved");
  const std::string train = "$APPS/classify train --calibration 0 --epochs 1 --data '" + (folder / "data.tsv") +
                            "' --save '" + (folder / "saved") + "'";
  for (const char* const foreign : {"{\"theme\": \"dark\"}", "no JSON", "[]"}) {
    write_text(folder / "saved/settings.json", foreign);
    check_refused(train, "holds other files");
    CHECK(std::filesystem::exists(folder / "saved/settings.json"));
  }
  std::filesystem::remove(folder / "saved/settings.json");
  for (const char* const options : {"", "", " --model embedding_bag"}) CHECK(run_shell(train + options).status == 0);
  write_text(folder / "saved/notes.txt", "mine");
  check_refused(train, "holds other files");
  CHECK(std::filesystem::exists(folder / "saved/notes.txt"));
}

TEST_CASE("classify refuses what makes no sense, in one line") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string data = "'" + (folder / "data.tsv") + "'", saved = "'" + (folder / "saved") + "'";
  write_text(folder / "data.tsv", "a\tone\na\ttwo\n");
  check_refused("$APPS/classify", "subcommand");
  check_refused("$APPS/classify foo", "'foo' is no command; expected train, test or predict");
  check_refused("$APPS/classify train --data " + data + " --save " + saved, "one class only");
  check_refused("$APPS/classify train --data '" + (folder / "none") + "' --save " + saved, "none");
  check_refused("$APPS/classify test " + saved + " --data " + data, "is not a folder");
  write_text(folder / "data.tsv", lines(30, "\t"));
  const std::string train = "$APPS/classify train --data " + data + " --save " + saved;
  for (const std::string lr : {"-1", "0", "nan", "inf"})
    check_refused(train + " --lr " + lr, "--lr must be a number above 0");
  for (const std::string seed : {"-1", "18446744073709551616", "1e3"})
    check_refused(train + " --seed " + seed, "--seed");
  check_refused(train + " --model mean --dropout nan", "--dropout and --calibration must be numbers");
  check_refused(train + " --calibration nan", "--calibration");
  check_refused(train + " --char-ngrams 5-2", "--char-ngrams must be MIN-MAX");
  check_refused(train + " --word-ngrams 0 --char-ngrams none", "leave no features");
  check_refused(train + " --encoding utf7", "utf7");
  check_refused(train + " --device cuda:99", "cuda");
  check_refused(train + " --model forest", "--model");
  check_refused(train + " --model linear --dim 5", "--dim belongs to models of word vectors");
  check_refused(train + " --dropout .9", "--dropout belongs to models of word vectors");
  check_refused(train + " --threads -1", "--threads");
  CHECK(run_shell(train + " --threads 0").status == 0);
  for (const char* const command : {"", "train", "test", "predict"}) {
    const ProgramRun help = run_shell(std::string("$APPS/classify ") + command + " --help");
    CHECK(help.status == 0);
    CHECK(help.output.find("Example: classify") != std::string::npos);
  }
}
