// train_recipes and predict from the outside: what they print, what they save, and how they take bad input.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/apps/programs.h"
#include "tensor/file.h"
#include "tests/temporary_folder.h"

using nlohmann::json;

namespace {

std::string train(const TemporaryFolder& folder, const std::string& flags) {
  return "$APPS/train_recipes --data '" + (folder / "data.csv") + "' --threads 1 " + flags;
}

}  // namespace

TEST_CASE("train_recipes trains, reports, saves; predict reads what it saved") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "data.csv", small_csv(60));
  const ProgramRun run =
      run_shell(train(folder, "--lr 0.02 --save '" + (folder / "saved") + "' --json '" + (folder / "run.json") + "'"));
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  CHECK(run.output.find("120 rows read, 0 dropped") != std::string::npos);
  CHECK(run.output.find("majority class") != std::string::npos);
  CHECK(run.output.find("best by F1: ") != std::string::npos);
  CHECK(run.output.find("Blueberry Muffins") != std::string::npos);
  CHECK(run.errors.empty());

  const json results = json::parse(roux::read_file(folder / "run.json"));
  CHECK(results["data"]["train"] == 96);
  CHECK(results["data"]["validation"] == 24);
  CHECK(results["data"]["labels"] == json({"fruit", "vegetable"}));
  REQUIRE(results["models"].size() == 4);
  for (const json& model : results["models"]) {
    CHECK(model["accuracy"] == 1.0);
    CHECK(model["f1"] == 1.0);
    CHECK(model["epoch_seconds"].size() == 5);
    CHECK(model["titles_per_second"] > 0);
  }

  const std::string predict = "$APPS/predict '" + (folder / "saved") + "'";
  CHECK(run_shell(predict + " 'Apple Pie' 'Onion Soup'").output.find("fruit\t0.9") == 0);
  const ProgramRun lines = run_shell(predict, "Cherry pie\r\n\n123\nleek & potato soup");
  CHECK(std::count(lines.output.begin(), lines.output.end(), '\n') == 4);
  CHECK(lines.output.find("\tCherry pie\n") != std::string::npos);
  CHECK(lines.output.find("nan") == std::string::npos);
  CHECK(lines.output.find("vegetable\t") != std::string::npos);
}

TEST_CASE("train_recipes --profile says where the time went and writes a trace") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "data.csv", small_csv(20));
  const ProgramRun run = run_shell(train(folder, "--epochs 1 --model max --profile '" + (folder / "trace.json") + "'"));
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  for (const char* part : {"\noperation ", "\nmasked_pool ", "\noutside of operations\n", "\nall "})
    CHECK_MESSAGE(run.output.find(part) != std::string::npos, part);
  const json trace = json::parse(roux::read_file(folder / "trace.json"));
  bool backward = false;
  for (const json& event : trace["traceEvents"]) backward |= event["name"] == "masked_pool backward";
  CHECK(backward);
}

TEST_CASE("train_recipes gives the same results with any number of threads") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "data.csv", small_csv(60));
  const auto results = [&](int threads) {
    const std::string path = folder / "run.json";
    const ProgramRun run =
        run_shell(train(folder, "--seed 3 --word-ngrams 2 --char-ngrams 2-4 --threads " + std::to_string(threads) +
                                    " --save '" + (folder / "saved") + "'"));
    REQUIRE_MESSAGE(run.status == 0, run.errors);
    return roux::read_file(folder / "saved/model.safetensors");
  };
  const std::string alone = results(1);
  CHECK(results(2) == alone);
  CHECK(results(4) == alone);
}

TEST_CASE("train_recipes refuses options that make no sense") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "data.csv", small_csv(10));
  check_refused(train(folder, "--lr -1"), "[options] --lr must be a number above 0, found -1");
  check_refused(train(folder, "--lr 0"), "--lr must be a number above 0, found 0");
  check_refused(train(folder, "--lr nan"), "--lr must be a number");
  check_refused(train(folder, "--seed -1"), "--seed");
  check_refused(train(folder, "--seed 18446744073709551616"), "--seed");
  check_refused(train(folder, "--dropout 1.5"), "--dropout must lie in [0, 1], found 1.5");
  check_refused(train(folder, "--char-ngrams 5-2"), "--char-ngrams must be MIN-MAX");
  check_refused(train(folder, "--char-ngrams x"), "--char-ngrams must be MIN-MAX");
  check_refused(train(folder, "--model transformer"), "--model");
  check_refused(train(folder, "--epochs 0"), "--epochs");
  check_refused(train(folder, "--weight-decay 0.1"), "--weight-decay belongs to --optimizer adamw");
  check_refused(train(folder, "--optimizer adamw --weight-decay -1"), "--weight-decay must be a number of at least 0");
  check_refused(train(folder, "--device cuda"), "[device] cuda:0 is not there");
  check_refused(train(folder, "--device tpu"), "[device] unknown device 'tpu'");
  check_refused(train(folder, "--no-such-option"), "--no-such-option");
  check_refused(train(folder, "--save /proc/none/here"), "[save]");
  check_refused(train(folder, "--text-column title"), "title");
  check_refused(train(folder, "--label-column kind --labels column"), "kind");
  check_refused("$APPS/train_recipes --data '" + (folder / "none.csv") + "'", "none.csv");
}

TEST_CASE("train_recipes refuses data that cannot be trained on") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const auto refused = [&](const std::string& csv, const std::string& text) {
    write_text(folder / "data.csv", csv);
    check_refused(train(folder, "--model embedding_bag"), text);
  };
  refused("", "empty");
  refused("name,category\n", "data.csv");
  refused("name,category\na pie,fruit\nb pie,fruit\n", "all rows are 'fruit'");
  refused("name,category\na,x\nb,x\nc,x\nd,y\n", "y");
  refused("name,category\n\"a pie,fruit\nb,vegetable\n", "quote");
}

TEST_CASE("a training that diverges names the epoch and saves nothing") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string saved = folder / "saved";
  write_text(folder / "data.csv", small_csv(60));
  for (const std::string model : {"embedding_bag", "mean"}) {
    check_refused(
        train(folder, "--optimizer sgd --lr 1e30 --save '" + saved + "' --model " + model),
        "[train] the loss of epoch 1 is not finite: training has diverged (hint: a learning rate below 1e+30)");
    CHECK_FALSE(std::filesystem::exists(saved));
  }
}

TEST_CASE("train_recipes takes odd but usable data") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  // BOM, CR LF, swapped columns, labels that are numbers, a title that cleans to nothing, one of a megabyte.
  std::string csv =
      "\xEF\xBB\xBF"
      "category,name\r\n";
  for (int i = 0; i < 40; ++i)
    csv += std::to_string(i % 3) + ",word" + std::string(1, static_cast<char>('a' + i % 3)) + " x\r\n";
  csv += "10,\"1, 2, 3\"\r\n10,!!!\r\n10," + std::string(1 << 20, 'a') + "\r\n";
  csv += "0,bad \xFF byte\r\n1,one,field,more\r\n2,nul \0 here\r\n";
  csv += std::string("2,nul ") + '\0' + " here\r\n";
  write_text(folder / "data.csv", csv);
  const ProgramRun run = run_shell(train(folder, "--epochs 2"));
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  CHECK(run.output.find("dropped") != std::string::npos);
  CHECK(run.output.find("no letters a-z: kept, as empty bags") != std::string::npos);
  CHECK(run.output.find("nan") == std::string::npos);
  CHECK(run.output.find("course's titles") == std::string::npos);
}

TEST_CASE("predict refuses folders that are damaged") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "data.csv", small_csv(20));
  const std::string saved = folder / "saved";
  REQUIRE(run_shell(train(folder, "--model mean --save '" + saved + "'")).status == 0);
  check_refused("$APPS/predict '" + (folder / "none") + "' x", "is not a folder");
  check_refused("$APPS/predict", "DIR");
  // Folders of something else: what was expected, and who makes it.
  std::filesystem::create_directory(folder / "other");
  check_refused("$APPS/predict '" + (folder / "other") + "' x", "holds no classifier: there is no settings.json");
  write_text(folder / "other/tokenizer.json", "{}");
  check_refused("$APPS/predict '" + (folder / "other") + "' x", "`classify train --save DIR` or `train_recipes");
  // Cut off, emptied, or removed: every file of the folder in turn.
  for (const std::string file : {"settings.json", "model.safetensors", "encoder.json", "words.txt"}) {
    CAPTURE(file);
    const std::string path = saved + "/" + file, whole = roux::read_file(path);
    write_text(path, whole.substr(0, whole.size() / 2));
    check_refused("$APPS/predict '" + saved + "' x", "[");
    write_text(path, "");
    check_refused("$APPS/predict '" + saved + "' x", "[");
    std::filesystem::remove(path);
    check_refused("$APPS/predict '" + saved + "' x", "[");
    write_text(path, whole);
  }
  CHECK(run_shell("$APPS/predict '" + saved + "' x").status == 0);
}

TEST_CASE("what was saved survives a kill") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_text(folder / "data.csv", small_csv(200));
  const std::string saved = folder / "saved";
  REQUIRE(run_shell(train(folder, "--model mean --save '" + saved + "'")).status == 0);
  const std::string before = run_shell("$APPS/predict '" + saved + "' 'apple pie'").output;
  // Interrupted in the middle of a longer run: the old classifier is still there, whole, and nothing else.
  run_shell("timeout -s INT 0.3 " + train(folder, "--epochs 100000 --save '" + saved + "'"));
  CHECK(run_shell("$APPS/predict '" + saved + "' 'apple pie'").output == before);
  CHECK(run_shell("ls '" + folder.path().string() + "' | grep -c tmp").output == "0\n");
  // A new run replaces it; a folder with other things in it is left alone.
  REQUIRE(run_shell(train(folder, "--model sum --save '" + saved + "/'")).status == 0);
  CHECK(run_shell("$APPS/predict '" + saved + "' 'apple pie'").output != before);
  check_refused(train(folder, "--save '" + folder.path().string() + "'"), "holds other files");
}

TEST_CASE("programs say how they are used") {
  if (!programs_built()) return;
  for (const std::string program : {"train_recipes", "predict"}) {
    const ProgramRun help = run_shell("$APPS/" + program + " --help");
    CHECK(help.status == 0);
    CHECK(help.errors.empty());
    CHECK(help.output.find("Example: " + program) != std::string::npos);
  }
}
