// Labels texts with a classifier that train_recipes or classify saved:
//
//   build/apps/predict build/recipes "Blueberry Muffins"
//   cut -f 1 titles.tsv | build/apps/predict build/recipes
//
// prints for each text: label, tab, probability, tab, text.
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/program.h"
#include "apps/common/saved_classifier.h"

namespace roux::apps {
namespace {

// Standard input is labelled in blocks: large enough to share among threads, small enough to answer while it is
// written.
constexpr int64_t block = 1024;

void print_predictions(const SavedClassifier& classifier, const text::StringList& texts) {
  const std::vector<Prediction> predictions =
      predict(*classifier.model, classifier.encoder, texts, classifier.temperature);
  for (int64_t i = 0; i < texts.size(); ++i) {
    const Prediction& best = predictions[static_cast<size_t>(i)];
    const std::string_view title = texts[i];
    std::printf("%s\t%.4f\t%.*s\n", classifier.labels[static_cast<size_t>(best.label)].c_str(), best.probability,
                static_cast<int>(title.size()), title.data());
  }
  std::fflush(stdout);
}

void predict_lines(const SavedClassifier& classifier) {
  std::ios::sync_with_stdio(false);  // so that in_avail tells what is buffered
  text::StringList texts;
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    texts.push_back(line);
    // Whoever types wants each answer at once; a pipe that has no more to give at the moment does too.
    if (texts.size() < block && std::cin.rdbuf()->in_avail() > 0) continue;
    print_predictions(classifier, texts);
    texts = text::StringList();
  }
  print_predictions(classifier, texts);
}

int predict_main(int argc, char** argv) {
  std::string folder, device = "cpu";
  std::vector<std::string> titles;
  CommandLine app("Labels texts with a saved classifier: label, tab, probability, tab, text.", "predict");
  app.add_option("DIR", folder, "folder that train_recipes or classify wrote")->required();
  app.add_option("TITLE", titles, "texts to label; without any, one a line from standard input")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--device", device, "where to compute")->type_name("cpu|cuda[:N]|auto");
  app.footer("Example: predict build/recipes \"Blueberry Muffins\" \"Tomato Soup\"");
  if (!app.read(argc, argv)) return 0;

  const SavedClassifier classifier = load_classifier(folder);
  classifier.model->to(Device::parse(device));
  if (titles.empty()) {
    predict_lines(classifier);
    return 0;
  }
  text::StringList texts;
  for (const std::string& title : titles) texts.push_back(title);
  print_predictions(classifier, texts);
  return 0;
}

}  // namespace
}  // namespace roux::apps

int main(int argc, char** argv) {
  return roux::apps::run_program("predict", [&] { return roux::apps::predict_main(argc, argv); });
}
