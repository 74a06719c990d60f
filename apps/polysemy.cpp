// One word, two meanings: why a table of word vectors is not enough.
//
//   build/apps/polysemy all-MiniLM-L6-v2 --static glove.6B.100d.txt --plot bat.svg
//
// "bat" is an animal in one sentence and a piece of wood in the other. A table has one vector for both; a transformer
// gives the word another vector in each sentence, and which other words it stands near to shows which bat is meant.
// In the course's sentences "bat" is the token at position 2 and at position 5, counted from [CLS].
// Read it from the bottom; what a token's vector is stands in apps/common/word_in_context.h.
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/plots/plots.h"
#include "apps/common/program.h"
#include "apps/common/table.h"
#include "apps/common/word_in_context.h"
#include "tensor/file.h"
#include "text/projection/pca.h"

namespace roux::apps {
namespace {

constexpr const char* animals = "animals";
constexpr const char* sports = "sports gear";

// The two bats, then words whose sense is not in doubt, each in a sentence of its own.
const std::vector<WordInContext> lesson = {
    {"bat", "A bat flew out of the cave.", animals},         {"bat", "He swung the baseball bat.", sports},
    {"owl", "An owl flew out of the barn.", animals},        {"bird", "A bird sat in the tree.", animals},
    {"mouse", "A mouse ran into the cave.", animals},        {"racket", "She swung the tennis racket.", sports},
    {"glove", "He caught the ball with his glove.", sports}, {"stick", "He hit the puck with a hockey stick.", sports},
};
constexpr size_t cave = 0, baseball = 1, first_neighbour = 2;

// The mean cosine of one of the bats to the neighbours of a sense.
double mean_cosine(const Tensor& cosines, size_t bat, const char* sense) {
  double sum = 0, count = 0;
  for (size_t i = first_neighbour; i < lesson.size(); ++i) {
    if (lesson[i].sense != sense) continue;
    sum += at(cosines, bat, i);
    ++count;
  }
  return sum / count;
}

std::string nearer_sense(const Tensor& cosines, size_t bat) {
  return mean_cosine(cosines, bat, animals) > mean_cosine(cosines, bat, sports) ? animals : sports;
}

void print_lesson(const WordVectorsInContext& words, const Tensor& fixed_cosines, const Tensor& cosines) {
  for (const size_t bat : {cave, baseball}) std::printf("%s\n", words.sentences[bat].c_str());
  std::printf("\nThe vector of \"bat\" in a table is the same in both: their cosine is %.4f.\n",
              at(fixed_cosines, cave, baseball));
  std::printf("In context there are two vectors: their cosine is %.4f.\n\n", at(cosines, cave, baseball));
  Table table({"cosine to", "in a table", "bat of the cave", "baseball bat"});
  for (size_t i = first_neighbour; i < lesson.size(); ++i)
    table.add({lesson[i].word + ": " + lesson[i].text, fixed(at(fixed_cosines, cave, i), 4),
               fixed(at(cosines, cave, i), 4), fixed(at(cosines, baseball, i), 4)});
  for (const char* sense : {animals, sports})
    table.add({std::string("mean of ") + sense, fixed(mean_cosine(fixed_cosines, cave, sense), 4),
               fixed(mean_cosine(cosines, cave, sense), 4), fixed(mean_cosine(cosines, baseball, sense), 4)});
  std::printf("%s\n", table.to_string().c_str());
  const std::string first = nearer_sense(cosines, cave), second = nearer_sense(cosines, baseball);
  std::printf("The bat of the cave is nearer to the %s, the baseball bat to the %s.\n", first.c_str(), second.c_str());
  if (first == second) std::printf("This model has not learnt the two meanings of the word.\n");
}

void print_json(const WordVectorsInContext& words, const Tensor& fixed_cosines, const Tensor& cosines) {
  nlohmann::ordered_json neighbours = nlohmann::ordered_json::array(), bats = nlohmann::ordered_json::array();
  for (size_t i = 0; i < lesson.size(); ++i) {
    nlohmann::ordered_json word = {{"word", lesson[i].word}, {"text", lesson[i].text}, {"sense", lesson[i].sense}};
    if (i < first_neighbour) {
      word["positions"] = words.positions[i];
      word["nearer_to"] = nearer_sense(cosines, i);
      bats.push_back(word);
    } else {
      word["static"] = at(fixed_cosines, cave, i);
      word["contextual"] = {at(cosines, cave, i), at(cosines, baseball, i)};
      neighbours.push_back(word);
    }
  }
  const nlohmann::ordered_json all = {{"static_cosine", at(fixed_cosines, cave, baseball)},
                                      {"contextual_cosine", at(cosines, cave, baseball)},
                                      {"bats", bats},
                                      {"neighbours", neighbours}};
  std::printf("%s\n", all.dump(2).c_str());
}

// The contextual vectors along their two principal components.
std::string picture(const Tensor& vectors) {
  const text::Pca pca = text::fit_pca(vectors, 2);
  const std::vector<float> points = pca.transform(vectors).to_vector<float>();
  std::vector<ScatterPoint> scatter;
  for (size_t i = 0; i < lesson.size(); ++i) {
    const std::string label = i == cave ? "bat (cave)" : i == baseball ? "bat (baseball)" : lesson[i].word;
    scatter.push_back({points[2 * i], points[2 * i + 1], label, lesson[i].sense});
  }
  const std::vector<double> share = pca.explained_variance_ratio.to_vector<double>();
  return scatter_svg(scatter, {.title = "One word, two meanings: vectors in context",
                               .x_label = "component 1 (" + percent(share[0]) + " of the variance)",
                               .y_label = "component 2 (" + percent(share[1]) + ")",
                               .theme = Theme::automatic});
}

int polysemy_main(int argc, char** argv) {
  std::string folder, vectors_file, plot;
  bool json = false;
  CommandLine app("Shows that a transformer tells the meanings of a word apart, and a table of vectors does not.",
                  "polysemy");
  app.add_option("FOLDER", folder, "a Hugging Face folder: config.json, model.safetensors, a tokenizer")->required();
  app.add_option("--static", vectors_file, "word vectors for the comparison: GloVe, word2vec, fastText")
      ->type_name("FILE")
      ->default_str("the model's own table of tokens");
  app.add_option("--plot", plot, "draw the words' vectors in context")->type_name("FILE.svg");
  app.add_flag("--json", json, "print all cosines as JSON");
  app.footer("Example: polysemy all-MiniLM-L6-v2 --static glove.6B.100d.txt --plot bat.svg");
  if (!app.read(argc, argv)) return 0;
  ROUX_CHECK(plot.empty() || plot.ends_with(".svg"), "options", "the picture is an SVG file, found the name '", plot,
             "' (hint: a name that ends in .svg)");

  const ContextualModel model(folder, cpu);
  const WordVectorsInContext words = vectors_in_context(model, lesson);
  const Tensor fixed_vectors = vectors_file.empty() ? words.from_table : vectors_of_words(vectors_file, lesson);
  const Tensor fixed_cosines = cosine_table(fixed_vectors), cosines = cosine_table(words.in_context);
  (json ? print_json : print_lesson)(words, fixed_cosines, cosines);
  if (!plot.empty()) write_file_atomically(plot, picture(words.in_context));
  return 0;
}

}  // namespace
}  // namespace roux::apps

int main(int argc, char** argv) {
  return roux::apps::run_program("polysemy", [&] { return roux::apps::polysemy_main(argc, argv); });
}
