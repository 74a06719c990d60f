// Embeddings from scratch: nine words learn where they belong, from nothing but which of them go together.
//   build/apps/toy_embeddings --plot build/toy       # loss 2.3205 -> 0.7082; the course's run: 2.5130 -> 0.7083
//
// Every word gets a point in a space of three dimensions, at first anywhere. The model is shown pairs of words of one
// group, (car, bike) say, and asked: given the first, which is the second? It can only guess well when words of one
// group lie in one direction. Nobody tells it what the groups are.
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/plots/plots.h"
#include "apps/common/program.h"
#include "apps/common/table.h"
#include "nn/adam.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/loss.h"
#include "tensor/file.h"
#include "text/projection/pca.h"

namespace roux::apps {
namespace {

const std::vector<std::string> words = {"car", "bike", "plane", "cat", "dog", "bird", "orange", "apple", "grape"};
const std::vector<std::string> groups = {"vehicle", "pet", "fruit"};  // of three words each
constexpr int64_t words_a_group = 3;
constexpr int64_t dimensions = 3;

/// From the point of a word to a score for each word that may go with it.
struct ToyModel : nn::Module {
  nn::Embedding embedding{9, dimensions};  // a row of three numbers for each word: what we are after
  nn::Linear scores{dimensions, 9};

  ToyModel() {
    add("embedding", embedding);
    add("scores", scores);
  }
  Variable forward(const Tensor& word) { return scores(embedding(word)); }
};

/// All ordered pairs of two words of one group: 3 groups of 3 * 2.
std::vector<std::pair<Tensor, Tensor>> make_pairs() {
  std::vector<std::pair<Tensor, Tensor>> pairs;
  for (int64_t a = 0; a < 9; ++a)
    for (int64_t b = 0; b < 9; ++b)
      if (a != b && a / words_a_group == b / words_a_group)
        pairs.push_back({Tensor::from(std::vector<int64_t>{a}), Tensor::from(std::vector<int64_t>{b})});
  return pairs;
}

/// Trains, a step for each pair; returns the mean loss of every epoch. For a word either of two others may be right, so
/// no model can get below ln 2 = 0.6931.
std::vector<double> train(ToyModel& model, int64_t epochs) {
  const auto pairs = make_pairs();
  nn::Adam optimizer(model.named_parameters(), {.lr = 0.01});
  std::vector<double> losses;
  for (int64_t epoch = 1; epoch <= epochs; ++epoch) {
    double sum = 0;
    for (const auto& [word, other] : pairs) {
      optimizer.zero_grad();
      Variable loss = nn::cross_entropy(model.forward(word), other);
      loss.backward();
      optimizer.step();
      sum += loss.data().item();
    }
    losses.push_back(sum / static_cast<double>(pairs.size()));
    if (epoch == 1 || epoch == epochs || epoch % 400 == 0)
      std::printf("epoch %4lld  loss %s\n", static_cast<long long>(epoch), fixed(losses.back(), 4).c_str());
  }
  return losses;
}

/// The cosine of the angle between any two rows (n, dim): (n, n), 1 where they point the same way, -1 where opposite.
Tensor cosines(const Tensor& vectors) {
  const Tensor lengths = sqrt(sum(vectors * vectors, {1}, true));
  const Tensor directions = vectors / lengths;
  return matmul(directions, directions.transpose(0, 1));
}

/// The table of cosines, and what it comes to: words of one group should be closer to each other than to the rest.
void print_cosines(const Tensor& values) {
  std::vector<std::string> header = {"cosine"};
  header.insert(header.end(), words.begin(), words.end());
  Table table(header);
  double within = 0, across = 0;
  for (int64_t a = 0; a < 9; ++a) {
    std::vector<std::string> row = {words[static_cast<size_t>(a)]};
    for (int64_t b = 0; b < 9; ++b) {
      const double cosine = values.select(0, a).select(0, b).item();
      row.push_back(fixed(cosine, 2));
      if (a != b) (a / words_a_group == b / words_a_group ? within : across) += cosine;
    }
    table.add(row);
  }
  std::printf("\n%s\nmean within groups %s, across groups %s\n", table.to_string().c_str(),
              fixed(within / 18, 2).c_str(), fixed(across / 54, 2).c_str());
}

void draw(const std::string& folder, const std::vector<double>& losses, const Tensor& vectors) {
  std::error_code ignored;  // a folder that is not there is told of when a picture is written
  std::filesystem::create_directories(folder, ignored);
  const auto write = [&](const char* name, const std::string& picture) {
    write_file_atomically(folder + "/" + name, picture);
    std::printf("wrote %s/%s\n", folder.c_str(), name);
  };
  const Series floor{.name = "ln 2, the floor", .values = std::vector(losses.size(), std::log(2.0)), .dashed = true};
  write("loss.svg", line_svg({{.name = "loss", .values = losses}, floor},
                             {.title = "Loss of the toy embeddings", .x_label = "epoch", .y_label = "loss"}));
  write("cosines.svg", heat_map_svg(words, words, cosines(vectors), {.title = "Cosine similarity of nine words"}));
  // Three dimensions do not fit on paper: the two along which the points differ most do.
  const std::vector<double> xy = text::fit_pca(vectors, 2).transform(vectors).to(float64).to_vector<double>();
  std::vector<ScatterPoint> points;
  for (size_t i = 0; i < words.size(); ++i)
    points.push_back({xy[2 * i], xy[2 * i + 1], words[i], groups[i / static_cast<size_t>(words_a_group)]});
  const PlotOptions axes{.title = "Nine words, PCA", .x_label = "first component", .y_label = "second component"};
  write("map.svg", scatter_svg(points, axes));
}

int toy_main(int argc, char** argv) {
  std::string folder;
  int64_t epochs = 2000;
  uint64_t seed = 0;
  CommandLine app("Learns embeddings of nine words from pairs that belong together.", "toy_embeddings");
  app.add_option("--plot", folder, "draw loss curve, similarities and a map of the words as SVG into this folder");
  app.add_option("--epochs", epochs, "passes over the 18 pairs")->check(CLI::Range(1, 1000000));
  app.add_option("--seed", seed, "of the points at the start");
  app.footer("Example:\n  toy_embeddings --plot build/toy");
  if (!app.read(argc, argv)) return 0;

  manual_seed(seed);
  ToyModel model;
  const std::vector<double> losses = train(model, epochs);
  const Tensor vectors = model.embedding.weight.data();
  print_cosines(cosines(vectors));
  if (!folder.empty()) draw(folder, losses, vectors);
  return 0;
}

}  // namespace
}  // namespace roux::apps

int main(int argc, char** argv) {
  return roux::apps::run_program("toy_embeddings", [&] { return roux::apps::toy_main(argc, argv); });
}
