// The recipe classifier in one file has the losses of the engine: same texts, same start, same batches, but every
// operation, gradient and step roux's.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <random>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "nn/adam.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/loss.h"
#include "tests/apps/programs.h"
#include "tests/temporary_folder.h"
#include "text/csv.h"
#include "text/normalize.h"

using namespace roux;

namespace {

const std::string recipes = "apps/data/recipes.csv";

// Texts as ids and their labels, both numbered in the order they are first met.
struct Data {
  std::vector<std::vector<int64_t>> texts;
  std::vector<int64_t> labels;
  std::unordered_map<std::string, int64_t> words, classes;
};

int64_t number_of(std::string_view key, std::unordered_map<std::string, int64_t>& numbers) {
  return numbers.emplace(key, static_cast<int64_t>(numbers.size())).first->second;
}

Data read(const std::string& path) {
  Data data;
  text::CsvReader rows(path);
  const int64_t name = rows.column("name"), category = rows.column("category");
  while (rows.next()) {
    std::vector<int64_t> ids;
    const std::string cleaned = text::clean(rows[name]);
    text::for_each_word(cleaned, [&](std::string_view word) { ids.push_back(number_of(word, data.words)); });
    if (ids.empty()) continue;
    data.texts.push_back(ids);
    data.labels.push_back(number_of(rows[category], data.classes));
  }
  return data;
}

struct Model : nn::Module {
  nn::EmbeddingBag table;
  nn::Linear fc;

  explicit Model(const Data& data)
      : table(static_cast<int64_t>(data.words.size()), 16, {.mode = Pooling::mean}),
        fc(16, static_cast<int64_t>(data.classes.size())) {
    add("table", table);
    add("fc", fc);
  }
};

// The program's starting point: uniform from -limit to limit.
void fill(Variable& parameter, double limit, std::mt19937& random) {
  std::vector<double> values(static_cast<size_t>(parameter.numel()));
  for (double& value : values) value = limit * (2 * static_cast<double>(random()) / 4294967296.0 - 1);
  parameter.mutable_data().copy_(Tensor::from(values, parameter.shape()));
}

// The mean loss of each of five epochs.
std::vector<double> losses_of_engine(const Data& data, DType dtype) {
  std::mt19937 random(1);
  Model model(data);
  model.to(dtype);
  fill(model.table.weight, 0.2, random);
  fill(model.fc.weight, 0.25, random);
  fill(model.fc.bias, 0.25, random);
  nn::Adam optimizer(model.named_parameters(), {.lr = 0.005});
  std::vector<size_t> order(data.texts.size());
  std::iota(order.begin(), order.end(), 0);
  std::vector<double> losses;
  for (int epoch = 0; epoch < 5; ++epoch) {
    for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    double sum = 0;
    for (size_t first = 0; first < order.size(); first += 32) {
      std::vector<int64_t> ids, offsets, labels;
      for (size_t i = first; i < std::min(order.size(), first + 32); ++i) {
        const std::vector<int64_t>& text = data.texts[order[i]];
        offsets.push_back(static_cast<int64_t>(ids.size()));
        ids.insert(ids.end(), text.begin(), text.end());
        labels.push_back(data.labels[order[i]]);
      }
      optimizer.zero_grad();
      const Variable scores = model.fc(model.table(Tensor::from(ids), Tensor::from(offsets)));
      const Variable loss = nn::cross_entropy(scores, Tensor::from(labels));
      loss.backward();
      optimizer.step();
      sum += loss.item() * static_cast<double>(labels.size());
    }
    losses.push_back(sum / static_cast<double>(order.size()));
  }
  return losses;
}

std::vector<double> printed_losses(const std::string& output) {
  std::vector<double> losses;
  std::istringstream lines(output);
  std::string line;
  int epoch = 0;
  double loss = 0;
  while (std::getline(lines, line))
    if (std::sscanf(line.c_str(), "epoch %d: loss %lf, right", &epoch, &loss) == 2) losses.push_back(loss);
  return losses;
}

}  // namespace

TEST_CASE("one_file: the losses are those of the engine") {
  if (!programs_built()) return;
  const ProgramRun run = run_shell("$APPS/one_file " + recipes);
  CHECK_MESSAGE(run.status == 0, run.errors);
  const std::vector<double> found = printed_losses(run.output);
  REQUIRE(found.size() == 5);
  CHECK(found.back() < 0.1);
  const Data data = read(recipes);
  const std::vector<double> expected = losses_of_engine(data, float64), single = losses_of_engine(data, float32);
  for (size_t epoch = 0; epoch < found.size(); ++epoch) {
    CAPTURE(epoch);
    CHECK(std::abs(found[epoch] - expected[epoch]) < 1e-6);  // six digits are printed
    CHECK(std::abs(found[epoch] - single[epoch]) < 1e-4);
  }
}

TEST_CASE("one_file: says how it is called, and what is wrong") {
  if (!programs_built()) return;
  const ProgramRun help = run_shell("$APPS/one_file --help");
  CHECK(help.status == 0);
  CHECK(help.output.find("one_file [FILE.csv]") == 0);
  check_refused("$APPS/one_file no_such_file.csv", "one_file: cannot read no_such_file.csv");
  check_refused("$APPS/one_file a b", "more than one file");
  check_refused("$APPS/one_file " + recipes + " > /dev/full", "cannot write");
  // Other files of this form work too.
  const TemporaryFolder folder;
  write_text(folder / "small.csv", small_csv(20));
  CHECK(printed_losses(run_shell("$APPS/one_file '" + (folder / "small.csv") + "'").output).size() == 5);
}

TEST_CASE("one_file: stays one file that is read in one go") {
  std::ifstream file("apps/one_file.cpp");
  int lines = 0;
  for (std::string line; std::getline(file, line); ++lines) CHECK(line.find("#include \"") == std::string::npos);
  CHECK(lines > 100);
  CHECK(lines <= 200);
}
