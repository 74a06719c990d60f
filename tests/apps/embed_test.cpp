// embed from the outside: vectors against the model's own, forms of output, long and odd texts, bad folders.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "nn/transformers/pretrained.h"
#include "tensor/file.h"
#include "tests/apps/programs.h"
#include "tests/apps/tiny_transformer.h"
#include "tests/temporary_folder.h"
#include "text/padding.h"
#include "text/tokenizers/tokenizer_files.h"

using namespace roux;
using nlohmann::json;

namespace {

json embed(const std::string& folder, const std::string& arguments, const std::string& input = "") {
  const ProgramRun run = run_shell("$APPS/embed '" + folder + "' --json " + arguments, input);
  REQUIRE_MESSAGE(run.status == 0, run.errors);
  return json::parse(run.output);
}

bool near(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double x, double y) { return std::abs(x - y) < 2e-6 * (1 + std::abs(y)); });
}

/// The hidden states (tokens, 16) of one text, without a batch around it.
std::vector<std::vector<double>> hidden_states(nn::TransformerModel& model, const text::Tokenizer& tokenizer,
                                               const std::string& text) {
  const NoGrad guard;
  const std::vector<int32_t> ids = tokenizer.encode(text).ids;
  const Tensor states = model.forward({.ids = text::ids_tensor(ids).unsqueeze(0)}).data();
  std::vector<std::vector<double>> rows;
  for (int64_t i = 0; i < std::ssize(ids); ++i) rows.push_back(states.select(0, 0).select(0, i).to_vector<double>());
  return rows;
}

}  // namespace

TEST_CASE("embed gives the model's hidden states, their mean and that of [CLS]") {
  if (!programs_built()) return;
  for (const nn::ModelType type : {nn::ModelType::bert, nn::ModelType::distilbert}) {
    const TemporaryFolder folder;
    write_tiny_transformer(folder / "model", type);
    const auto model = nn::load_transformer(folder / "model");
    model->eval();
    const auto tokenizer = text::load_tokenizer(folder / "model");
    // Of several lengths, so that they are sorted and padded inside; the order stays.
    const std::vector<std::string> texts = {"apple pie", "a", "the bat flew out of the cave", "", "onion [PAD] soup"};
    std::string lines;
    for (const std::string& text : texts) lines += text + "\n";
    const json none = embed(folder / "model", "--pooling none --batch-size 2", lines);
    const json means = embed(folder / "model", "", lines), cls = embed(folder / "model", "--pooling cls", lines);
    REQUIRE(none.size() == texts.size());
    REQUIRE(means.size() == texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      CAPTURE(texts[i]);
      const auto states = hidden_states(*model, *tokenizer, texts[i]);
      CHECK(none[i]["text"] == texts[i]);
      CHECK(means[i]["text"] == texts[i]);
      REQUIRE(none[i]["embedding"].size() == states.size());
      CHECK(none[i]["tokens"].size() == states.size());
      CHECK(none[i]["tokens"][0] == "[CLS]");
      std::vector<double> mean(16, 0.0);
      for (size_t t = 0; t < states.size(); ++t) {
        CHECK(near(none[i]["embedding"][t], states[t]));
        for (size_t d = 0; d < 16; ++d) mean[d] += states[t][d] / static_cast<double>(states.size());
      }
      CHECK(near(means[i]["embedding"], mean));
      CHECK(near(cls[i]["embedding"], states[0]));
    }
  }
}

TEST_CASE("embed prints for people, a line a text or a token") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_tiny_transformer(folder / "model", nn::ModelType::distilbert);
  const std::string command = "$APPS/embed '" + (folder / "model") + "' 'apple pie' 'soup' --pooling ";
  const ProgramRun means = run_shell(command + "mean");
  CHECK(std::count(means.output.begin(), means.output.end(), '\n') == 2);
  CHECK(means.output.find(" ... (16)\tapple pie\n") != std::string::npos);
  CHECK(means.errors.empty());
  const ProgramRun tokens = run_shell(command + "none");
  CHECK(tokens.output.find("apple pie\n") == 0);
  CHECK(tokens.output.find("(16)\t[SEP]\nsoup\n") != std::string::npos);
  CHECK(std::count(tokens.output.begin(), tokens.output.end(), '\n') == 2 + 4 + 3);
}

TEST_CASE("embed cuts long texts and says how many, takes any bytes, and nothing") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_tiny_transformer(folder / "model", nn::ModelType::bert);
  const std::string command = "$APPS/embed '" + (folder / "model") + "' --json --pooling none";
  const ProgramRun run = run_shell(command, "a b c d e f g h i j k l m n\nsoup\nz y x w v u t s r q p o n m l\n");
  REQUIRE(run.status == 0);
  CHECK(run.errors == "2 texts were longer than 12 tokens and lost their end\n");
  const json cut = json::parse(run.output);
  CHECK(cut[0]["tokens"] == json({"[CLS]", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "[SEP]"}));
  CHECK(cut[1]["tokens"].size() == 3);
  CHECK(run_shell(command, "a b c d e f g h i j k l").errors == "1 text was longer than 12 tokens and lost its end\n");
  CHECK(embed(folder / "model", "").empty());
  const json odd = embed(folder / "model", "", "\xFF bad \xC3\nquote \" and \\\ttab\n");
  CHECK(odd.size() == 2);
  CHECK(odd[0]["text"] == "\xEF\xBF\xBD bad \xEF\xBF\xBD");
  CHECK(odd[1]["text"] == "quote \" and \\\ttab");
}

TEST_CASE("embed gives the same bytes with any number of threads") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  write_tiny_transformer(folder / "model", nn::ModelType::bert);
  std::string lines;
  for (int i = 0; i < 200; ++i) lines += std::string(static_cast<size_t>(1 + i % 9), 'a') + " apple pie\n";
  const std::string command = "$APPS/embed '" + (folder / "model") + "' --json --threads ";
  const std::string alone = run_shell(command + "1", lines).output;
  CHECK(json::parse(alone).size() == 200);
  CHECK(run_shell(command + "3", lines).output == alone);
  CHECK(run_shell(command + "2 --precision tf32", lines).output == alone);  // float32 on this device
  CHECK(run_shell(command + "2 --precision bfloat16", lines).status == 0);
}

TEST_CASE("embed refuses with one line what it cannot use") {
  if (!programs_built()) return;
  const TemporaryFolder folder;
  const std::string model = folder / "model";
  write_tiny_transformer(model, nn::ModelType::bert);
  const std::string command = "$APPS/embed '" + model + "' ";
  check_refused("$APPS/embed", "FOLDER");
  check_refused("$APPS/embed '" + (folder / "none") + "' x", "none");
  check_refused(command + "--pooling max x", "--pooling");
  check_refused(command + "--batch-size 0 x", "--batch-size");
  check_refused(command + "--precision float64 x", "float64");
  check_refused(command + "--device tpu x", "[device] unknown device 'tpu'");
  const std::string vocabulary = read_file(model + "/vocab.txt");
  std::filesystem::remove(model + "/vocab.txt");
  check_refused(command + "x", "holds no tokenizer");
  write_text(model + "/vocab.txt", vocabulary + "beyond\n");
  check_refused(command + "beyond", "the tokenizer gives 'beyond' the id 85, the model knows 85");
  CHECK(run_shell(command + "apple").status == 0);
  write_text(model + "/vocab.txt", vocabulary);
  const std::string weights = read_file(model + "/model.safetensors");
  write_text(model + "/model.safetensors", weights.substr(0, weights.size() / 2));
  check_refused(command + "x", "model.safetensors");
  std::filesystem::remove(model + "/model.safetensors");
  check_refused(command + "x", "model.safetensors");
  write_text(model + "/model.safetensors", weights);
  write_text(model + "/config.json", "{}");
  check_refused(command + "x", "config.json");
  write_text(model + "/config.json", "{");
  check_refused(command + "x", "config.json");
}
