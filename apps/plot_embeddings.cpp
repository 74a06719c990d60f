// Draws words as points of a plane, so that those with vectors alike stand together.
//
//   build/apps/plot_embeddings glove.6B.100d.txt map.svg --words car,bike,plane,cat,dog,bird,orange,apple,grape
//   build/apps/plot_embeddings glove.6B.100d.txt map.svg --first 2500 --method tsne --coords map.tsv
//
// A groups file has a line `word<TAB>group` for each word; a group has a colour and an entry in the legend.
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/chosen_words.h"
#include "apps/common/command_line.h"
#include "apps/common/plots/plots.h"
#include "apps/common/program.h"
#include "apps/common/table.h"
#include "tensor/file.h"
#include "text/projection/pca.h"
#include "text/projection/tsne.h"

namespace roux::apps {
namespace {

struct Options {
  std::string file, out, words, groups, coords, method = "pca", theme = "light";
  int64_t first = 500;
  double perplexity = 30;
  bool json = false;
};

struct Map {
  Tensor points;  // (n, 2) float32
  double seconds = 0;
  double divergence = 0;               // t-SNE
  std::vector<double> variance_share;  // PCA
};

Map project(const Tensor& vectors, const Options& options) {
  Map map;
  const auto start = std::chrono::steady_clock::now();
  if (options.method == "pca") {
    const text::Pca pca = text::fit_pca(vectors, 2);
    map.points = pca.transform(vectors);
    map.variance_share = pca.explained_variance_ratio.to_vector<double>();
  } else {
    text::TsneOptions tsne{.perplexity = options.perplexity};
    const auto progress = options.json ? nullptr : std::make_unique<Progress>(tsne.max_iter);
    tsne.progress = [&, done = int64_t{0}](int64_t iterations) mutable {
      if (progress) progress->advance(iterations - done);
      done = iterations;
    };
    map.points = text::tsne(vectors, tsne).points;
  }
  map.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (options.method == "tsne") map.divergence = text::tsne_kl_divergence(vectors, map.points, options.perplexity);
  return map;
}

std::vector<ScatterPoint> scatter_points(const ChosenWords& chosen, const Map& map) {
  const std::vector<float> points = map.points.to_vector<float>();
  std::vector<ScatterPoint> scatter;
  for (size_t i = 0; i < chosen.words.size(); ++i) {
    const ChosenWord& word = chosen.words[i];
    scatter.push_back({points[2 * i], points[2 * i + 1], word.text, word.group});
  }
  return scatter;
}

std::string picture(const ChosenWords& chosen, const Map& map, const Options& options) {
  PlotOptions plot;
  plot.theme = options.theme == "dark" ? Theme::dark : options.theme == "auto" ? Theme::automatic : Theme::light;
  const std::string count = with_commas(static_cast<int64_t>(chosen.words.size())) + " words";
  if (options.method == "pca") {
    plot.title = count + " along their principal components";
    plot.x_label = "component 1 (" + percent(map.variance_share[0]) + " of the variance)";
    plot.y_label = "component 2 (" + percent(map.variance_share[1]) + ")";
  } else {
    plot.title = count + " by t-SNE, perplexity " + fixed(options.perplexity, options.perplexity < 10 ? 1 : 0);
    plot.x_label = "t-SNE 1";
    plot.y_label = "t-SNE 2";
  }
  return scatter_svg(scatter_points(chosen, map), plot);
}

void report(const ChosenWords& chosen, const Map& map, const Options& options) {
  const bool tsne = options.method == "tsne";
  if (options.json) {
    nlohmann::ordered_json json = {{"points", chosen.words.size()}, {"seconds", map.seconds}, {"kl", nullptr}};
    if (tsne) json["kl"] = map.divergence;
    if (!tsne) json["explained_variance_ratio"] = map.variance_share;
    json["missing"] = chosen.missing;
    std::puts(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  std::string missing;
  for (const std::string& word : chosen.missing) missing += (missing.empty() ? "" : ", ") + word;
  if (!missing.empty()) std::fprintf(stderr, "not in %s: %s\n", options.file.c_str(), missing.c_str());
  if (isatty(STDOUT_FILENO) != 0) std::fputs(scatter_text(scatter_points(chosen, map), {}).c_str(), stdout);
  const std::string found = tsne ? "divergence " + fixed(map.divergence, 3)
                                 : percent(map.variance_share[0] + map.variance_share[1]) + " of the variance";
  std::printf("%s: %s words in %s s, %s\n", options.out.c_str(),
              with_commas(static_cast<int64_t>(chosen.words.size())).c_str(), fixed(map.seconds, 3).c_str(),
              found.c_str());
}

int plot_main(int argc, char** argv) {
  Options options;
  CommandLine app("Draws words as points of a plane: those with vectors alike stand together.", "plot_embeddings");
  app.add_option("FILE", options.file, "word vectors: GloVe, word2vec, fastText, safetensors")->required();
  app.add_option("OUT.svg", options.out, "the picture")->required();
  CLI::Option* const words = app.add_option("--words", options.words, "the words to draw, with commas between them");
  CLI::Option* const groups =
      app.add_option("--groups", options.groups, "a file of words to draw and their colours: lines word, tab, group");
  CLI::Option* const first = app.add_option("--first", options.first, "draw the first words of the file, so many")
                                 ->check(CLI::Range(int64_t{1}, int64_t{100'000'000}));
  words->excludes(groups)->excludes(first);
  groups->excludes(first);
  app.add_option("--method", options.method, "along principal components, or neighbours beside neighbours")
      ->check(CLI::IsMember({"pca", "tsne"}));
  app.add_option("--perplexity", options.perplexity, "t-SNE: how many neighbours a word about has");
  app.add_option("--coords", options.coords, "write the coordinates to this file: x, tab, y, tab, word");
  app.add_option("--theme", options.theme, "colours")->check(CLI::IsMember({"light", "dark", "auto"}));
  app.add_flag("--json", options.json, "print points, seconds of the method alone and divergence as JSON");
  app.footer(
      "Example: plot_embeddings glove.6B.100d.txt map.svg --words car,bike,plane,cat,dog,bird,orange,apple,grape");
  if (!app.read(argc, argv)) return 0;
  ROUX_CHECK(options.out.ends_with(".svg"), "options", "the picture is an SVG file, found the name '", options.out,
             "' (hint: a name that ends in .svg)");

  const ChosenWords chosen = !options.words.empty()    ? load_chosen_words(options.file, split_words(options.words))
                             : !options.groups.empty() ? load_chosen_words(options.file, read_groups(options.groups))
                                                       : load_first_words(options.file, options.first);
  const Map map = project(chosen.vectors, options);
  write_file_atomically(options.out, picture(chosen, map, options));
  if (!options.coords.empty()) write_file_atomically(options.coords, coordinates_text(chosen, map.points));
  report(chosen, map, options);
  return 0;
}

}  // namespace
}  // namespace roux::apps

int main(int argc, char** argv) {
  return roux::apps::run_program("plot_embeddings", [&] { return roux::apps::plot_main(argc, argv); });
}
