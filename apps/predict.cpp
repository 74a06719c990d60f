// Labels texts with a classifier that train_recipes, classify or finetune saved:
//
//   build/apps/predict build/recipes "Blueberry Muffins"
//   cut -f 1 titles.tsv | build/apps/predict build/recipes
//
// prints for each text: label, tab, probability, tab, text.
#include <unistd.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/explain.h"
#include "apps/common/program.h"
#include "apps/common/saved_classifier.h"
#include "apps/common/table.h"
#include "apps/common/text_lines.h"

namespace roux::apps {
namespace {

template <class Lines>
void print_predictions(const SavedClassifier& classifier, const Lines& lines, bool explained) {
  text::StringList texts;
  for (const auto& line : lines) texts.push_back(line);
  const std::vector<Prediction> predictions =
      predict(*classifier.model, classifier.encoder, texts, classifier.temperature);
  std::string output;
  for (int64_t i = 0; i < texts.size(); ++i) {
    const Prediction& best = predictions[static_cast<size_t>(i)];
    output.append(classifier.labels[static_cast<size_t>(best.label)]).append("\t");
    output.append(fixed(best.probability, 4)).append("\t").append(texts[i]).append("\n");
    if (!explained) continue;
    const Explanation why = explain(*classifier.model, classifier.encoder, texts[i], classifier.temperature);
    output += explanation_text(why, classifier.labels, shows_colours()) + "\n";
  }
  std::fwrite(output.data(), 1, output.size(), stdout);
  std::fflush(stdout);
}

int predict_main(int argc, char** argv) {
  std::string folder, device = "cpu";
  std::vector<std::string> titles;
  bool explained = false;
  CommandLine app("Labels texts with a saved classifier: label, tab, probability, tab, text.", "predict");
  app.add_option("DIR", folder,
                 "folder that train_recipes, classify or finetune wrote, or of Hugging Face's transformers")
      ->required();
  app.add_option("TITLE", titles, "texts to label; without any, one a line from standard input")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--explain", explained, "say which words decided: what each adds to the label's score");
  add_device_option(app, device);
  app.footer("Example: predict build/recipes \"Blueberry Muffins\" \"Tomato Soup\"");
  if (!app.read(argc, argv)) return 0;

  const SavedClassifier classifier = load_classifier(folder);
  classifier.model->to(Device::parse(device));
  if (!titles.empty()) {
    print_predictions(classifier, titles, explained);
  } else {
    TextLines input(STDIN_FILENO);
    for (std::vector<std::string_view> lines; input.next(lines);) print_predictions(classifier, lines, explained);
  }
  if (const auto* tokens = std::get_if<TokenizerEncoder>(&classifier.encoder)) tell_cut_texts(*tokens);
  return 0;
}

}  // namespace
}  // namespace roux::apps

int main(int argc, char** argv) {
  return roux::apps::run_program("predict", [&] { return roux::apps::predict_main(argc, argv); });
}
