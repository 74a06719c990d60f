// Turns texts into vectors by a pretrained transformer, a Hugging Face folder:
//
//   build/apps/embed all-MiniLM-L6-v2 "Apple pie with cinnamon" "Onion soup"
//   build/apps/embed all-MiniLM-L6-v2 --json < titles.txt > vectors.json
//
// Unlike a table of word vectors, the model reads the whole text: the same word has another vector in another text
// (build/apps/polysemy shows that). A text's vector is made of those of its tokens by pooling.
#include <unistd.h>

#include <string>
#include <string_view>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/program.h"
#include "apps/common/text_lines.h"
#include "apps/common/token_vectors.h"
#include "apps/common/vector_output.h"
#include "tensor/parallel.h"
#include "tensor/precision.h"

namespace roux::apps {
namespace {

struct Options {
  std::string folder, pooling = "mean", device = "cpu", precision = "float32";
  std::vector<std::string> texts;
  int64_t batch_size = 32;
  int threads = 0;
  bool json = false;
};

int embed_main(int argc, char** argv) {
  Options options;
  CommandLine app("Turns texts into vectors by a pretrained transformer (BERT, DistilBERT).", "embed");
  app.add_option("FOLDER", options.folder, "a Hugging Face folder: config.json, model.safetensors, a tokenizer")
      ->required();
  app.add_option("TEXT", options.texts, "texts; without any, one a line from standard input")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--pooling", options.pooling,
                 "what a text's vector is: the mean over all of its tokens ([CLS] and [SEP] too), that of [CLS], or "
                 "none: one a token")
      ->check(CLI::IsMember({"none", "mean", "cls"}));
  app.add_flag("--json", options.json, "print a list of {\"text\", \"embedding\"} with all numbers");
  app.add_option("--batch-size", options.batch_size, "texts that are computed at a time")
      ->type_name("N")
      ->check(CLI::Range(1, 1 << 16));
  add_threads_option(app, options.threads);
  add_device_option(app, options.device);
  app.add_option("--precision", options.precision, "what matrix products round their operands to")
      ->type_name("float32|tf32|bfloat16");
  app.footer("Example: embed all-MiniLM-L6-v2 --json \"Apple pie with cinnamon\" \"Onion soup\"");
  if (!app.read(argc, argv)) return 0;
  if (options.threads > 0) set_num_threads(options.threads);

  const MatmulPrecisionScope precision(parse_matmul_precision(options.precision));
  const ContextualModel model(options.folder, Device::parse(options.device));
  VectorWriter writer(model, {.pooling = options.pooling, .batch_size = options.batch_size, .json = options.json});
  if (!options.texts.empty()) {
    writer.write(text::StringList(options.texts));
  } else {
    TextLines input(STDIN_FILENO);
    for (std::vector<std::string_view> lines; input.next(lines);) {
      text::StringList texts;
      for (const std::string_view line : lines) texts.push_back(line);
      writer.write(texts);
    }
  }
  writer.finish();
  tell_cut_texts(model.encoder());
  return 0;
}

}  // namespace
}  // namespace roux::apps

int main(int argc, char** argv) {
  return roux::apps::run_program("embed", [&] { return roux::apps::embed_main(argc, argv); });
}
