// Fuzzing of config.json and of model.safetensors.index.json: each must throw Error, or give a config that is in range
// and comes back the same from what is written of it, or names of files that lie in the folder.
//
// Each input is read as it is and as a description, in which bytes above 127 stand for pieces of the format: few inputs
// would be complete otherwise.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>

#include "nn/transformers/config.h"
#include "nn/transformers/weight_files.h"
#include "tensor/error.h"

namespace {

constexpr const char* words[] = {
    R"({"model_type":"bert","vocab_size":9,"max_position_embeddings":4,"num_hidden_layers":1,)"
    R"("num_attention_heads":2,"hidden_size":4,"intermediate_size":5)",
    R"({"model_type":"distilbert","vocab_size":9,"max_position_embeddings":4,"n_layers":1,"n_heads":2,"dim":4,)"
    R"("hidden_dim":5)",
    R"(,"type_vocab_size":)",
    R"(,"hidden_act":")",
    R"(,"activation":")",
    R"(gelu_new")",
    R"(,"dropout":)",
    R"(,"hidden_dropout_prob":)",
    R"(,"attention_probs_dropout_prob":)",
    R"(,"classifier_dropout":null)",
    R"(,"layer_norm_eps":1e-)",
    R"(,"initializer_range":)",
    R"(,"pad_token_id":)",
    R"(,"id2label":{"0":")",
    R"(","1":")",
    R"(,"num_labels":)",
    R"(,"pruned_heads":{)",
    R"(,"is_decoder":false)",
    R"(,"sinusoidal_pos_embds":true)",
    R"({"weight_map":{")",
    R"(":"a.safetensors")",
    R"("})",
    R"(}})",
    R"(9223372036854775807)",
};

void require(bool condition) {
  if (!condition) __builtin_trap();
}

void read_config(std::string_view bytes) {
  roux::nn::TransformerConfig config;
  std::string written;
  try {
    config = roux::nn::parse_config(bytes, "fuzz");
    written = to_json(config, "A");  // labels may be equal, or not UTF-8
  } catch (const roux::Error&) {
    return;  // a refusal is an answer
  }
  roux::nn::check_config(config, "fuzz");
  require(config.hidden_size % config.num_attention_heads == 0);
  require(to_json(roux::nn::parse_config(written, "written"), "A") == written);
}

void read_index(std::string_view bytes) {
  try {
    for (const auto& [tensor, file] : roux::nn::parse_weight_index(bytes, "fuzz"))
      require(file.ends_with(".safetensors") && file.find('/') == std::string::npos);
  } catch (const roux::Error&) {
    // A refusal is an answer.
  }
}

void read(std::string_view bytes) {
  read_config(bytes);
  read_index(bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  read(input);
  std::string described;
  for (const char c : input) {
    const auto byte = static_cast<unsigned char>(c);
    byte < 128 ? described += c : described += words[(byte - 128u) % std::size(words)];
  }
  read(described);
  return 0;
}
