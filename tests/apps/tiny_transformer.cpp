// Folders of small transformers.
#include "tests/apps/tiny_transformer.h"

#include <filesystem>

#include "nn/transformers/pretrained.h"
#include "tests/apps/programs.h"

using namespace roux;

namespace {

const std::vector<std::string> words = {"apple",  "cherry",   "mango",  "lemon",   "plum",   "banana", "onion",
                                        "carrot", "leek",     "potato", "spinach", "celery", "pie",    "soup",
                                        "bat",    "flew",     "out",    "of",      "the",    "cave",   "he",
                                        "swung",  "baseball", "bird",   "tree",    ".",      "owl",    "mouse"};

std::string vocabulary() {
  std::string lines = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
  for (char letter = 'a'; letter <= 'z'; ++letter) lines += std::string(1, letter) + "\n##" + letter + "\n";
  for (const std::string& word : words) lines += word + "\n";
  return lines;
}

}  // namespace

nn::TransformerConfig tiny_transformer_config(nn::ModelType type, int64_t positions) {
  return {.model_type = type,
          .vocab_size = static_cast<int64_t>(5 + 2 * 26 + words.size()),
          .max_position_embeddings = positions,
          .num_hidden_layers = 2,
          .num_attention_heads = 2,
          .hidden_size = 16,
          .intermediate_size = 32,
          .initializer_range = 0.3};
}

void write_tiny_transformer(const std::string& folder, nn::ModelType type, const std::vector<std::string>& labels,
                            int64_t positions) {
  std::filesystem::create_directories(folder);
  nn::TransformerConfig config = tiny_transformer_config(type, positions);
  manual_seed(11);
  if (labels.empty()) {
    nn::TransformerModel model(config);
    nn::save_pretrained(folder, model);
  } else {
    config.labels = labels;
    nn::SequenceClassificationModel model(config);
    nn::save_pretrained(folder, model);
  }
  write_text(folder + "/vocab.txt", vocabulary());
}
