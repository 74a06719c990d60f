// The shape of a BERT or DistilBERT model: the config.json of a Hugging Face model folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace roux::nn {

enum class ModelType : uint8_t { bert, distilbert };
enum class Activation : uint8_t { gelu, gelu_tanh, relu };

/// Defaults are those of distilbert-base-uncased. Where the two models differ, names are BERT's, shortened.
struct TransformerConfig {
  ModelType model_type = ModelType::distilbert;  ///< which model it is
  int64_t vocab_size = 30522;                    ///< tokens
  int64_t max_position_embeddings = 512;         ///< the longest text, in tokens
  int64_t type_vocab_size = 2;                   ///< BERT only
  int64_t num_hidden_layers = 6;                 ///< encoder blocks
  int64_t num_attention_heads = 12;              ///< heads of each
  int64_t hidden_size = 768;                     ///< the length of a token's vector
  int64_t intermediate_size = 3072;              ///< the width between the two linear layers of a block
  Activation activation = Activation::gelu;      ///< BERT: hidden_act
  double hidden_dropout = 0.1;                   ///< BERT: hidden_dropout_prob; DistilBERT: dropout
  double attention_dropout = 0.1;                ///< BERT: attention_probs_dropout_prob
  double classifier_dropout = 0.2;  ///< DistilBERT: seq_classif_dropout; BERT: classifier_dropout, else hidden_dropout
  double layer_norm_eps = 1e-12;    ///< DistilBERT: always this
  double initializer_range = 0.02;  ///< standard deviation of new weights
  int64_t pad_token_id = 0;         ///< its word embedding starts as zeros and is not trained; -1: there is none
  bool sinusoidal_position_embeddings = false;               ///< DistilBERT: by the formula, not trained
  std::vector<std::string> labels = {"LABEL_0", "LABEL_1"};  ///< id2label
  /// What a classifier of sequences tells: this, multi_label_classification, or regression. Classifiers are loaded for
  /// this alone, encoders of all three.
  std::string problem_type = "single_label_classification";
};

/// Throws for sizes that no model can have, or that contradict each other; `name` is what the message calls the config.
void check_config(const TransformerConfig& config, const std::string& name);

/// From the text of a config.json; `name` is what messages call it. Throws for what is missing, out of range, or asks
/// for something that is not done here (by the name of the key).
TransformerConfig parse_config(std::string_view json, const std::string& name);
/// The text of a config.json that Hugging Face's transformers read; `architecture` is the class that it names.
std::string to_json(const TransformerConfig& config, const std::string& architecture);

}  // namespace roux::nn
