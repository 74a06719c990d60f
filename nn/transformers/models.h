// BERT (Devlin et al. 2019) and DistilBERT (Sanh et al. 2019): the encoder, and the heads that classify texts and
// tokens.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/layer_norm.h"
#include "nn/linear.h"
#include "nn/module.h"
#include "nn/sequential.h"
#include "nn/transformers/config.h"
#include "nn/transformers/encoder_layer.h"

namespace roux::nn {

/// A batch of token ids as the models take it.
struct TransformerInput {
  Tensor ids;               ///< (batch, length), int64
  Tensor mask = {};         ///< (batch, length), boolean: true where there is a token; undefined: everywhere
  Tensor token_types = {};  ///< (batch, length), int64, BERT only; undefined: 0
};

/// How the weights of a new model start.
enum class InitialWeights : uint8_t {
  random,  ///< linear layers and tables N(0, initializer_range), biases 0, LayerNorm 1 and 0, the padding's row 0
  none,    ///< as the memory is: for whoever loads all of them right afterwards (nn/transformers/pretrained.h)
};

class TransformerModel;

/// What loading, saving and freezing need to know of a model.
class PretrainedModel : public Module {
 public:
  /// What its constructor was given.
  const TransformerConfig& config() const { return config_; }
  /// The encoder: the model itself, or what its head stands on.
  virtual TransformerModel& transformer() = 0;
  /// Hugging Face's class of such models: "BertModel".
  virtual std::string architecture() const = 0;

 protected:
  /// Throws for a config that contradicts itself.
  explicit PretrainedModel(const TransformerConfig& config);

 private:
  TransformerConfig config_;
};

/// Word, position and (BERT) token type embeddings -> LayerNorm -> dropout.
class TransformerEmbeddings : public Module {
 public:
  /// Tables of the sizes that `config` says.
  explicit TransformerEmbeddings(const TransformerConfig& config);
  /// (batch, length, hidden_size). Throws for ids beyond the vocabulary, and texts longer than the position embeddings.
  Variable forward(const TransformerInput& input);

  Embedding word_embeddings;                       ///< (vocab_size, hidden_size)
  Embedding position_embeddings;                   ///< (max_position_embeddings, hidden_size)
  std::optional<Embedding> token_type_embeddings;  ///< BERT: (type_vocab_size, hidden_size)
  LayerNorm layer_norm;                            ///< of the sum of the embeddings

 private:
  Dropout dropout_;
};

/// The encoder without a head.
class TransformerModel : public PretrainedModel {
 public:
  /// pooler: with BERT's (linear, tanh) on the hidden state of [CLS]; DistilBERT has none.
  explicit TransformerModel(const TransformerConfig& config, bool pooler = false,
                            InitialWeights weights = InitialWeights::random);
  /// The last hidden states, (batch, length, hidden_size). Throws for ids beyond the vocabulary and texts longer than
  /// the position embeddings.
  Variable forward(const TransformerInput& input);
  /// forward(input) of the first token ([CLS]), without the last layer's work for all others: (batch, hidden_size).
  Variable forward_first(const TransformerInput& input);
  /// The embeddings and what each layer makes of them: num_hidden_layers + 1 of (batch, length, hidden_size).
  std::vector<Variable> hidden_states(const TransformerInput& input);
  /// BERT's pooler on hidden states of [CLS], (batch, hidden_size) -> the same shape. Throws where there is none.
  Variable pooled(const Variable& first);

  TransformerModel& transformer() override { return *this; }
  std::string architecture() const override;

  TransformerEmbeddings embeddings;            ///< tokens to vectors
  ModuleList<TransformerEncoderLayer> layers;  ///< the encoder's blocks
  std::optional<Linear> pooler;                ///< BERT: from [CLS] to what its head reads
};

/// Scores of whole texts: DistilBERT: hidden state of [CLS] -> pre_classifier -> ReLU -> dropout -> classifier; BERT:
/// pooler (linear, tanh) -> dropout -> classifier.
class SequenceClassificationModel : public PretrainedModel {
 public:
  /// A model of these sizes, with new weights unless told otherwise.
  explicit SequenceClassificationModel(const TransformerConfig& config,
                                       InitialWeights weights = InitialWeights::random);
  /// Logits (batch, labels).
  Variable forward(const TransformerInput& input);

  TransformerModel& transformer() override { return encoder; }
  std::string architecture() const override;

  TransformerModel encoder;              ///< registered as "encoder"
  std::optional<Linear> pre_classifier;  ///< DistilBERT
  Linear classifier;                     ///< vector of a text -> scores of the labels

 private:
  Dropout dropout_;
};

/// Scores of each token: dropout -> classifier.
class TokenClassificationModel : public PretrainedModel {
 public:
  /// A model of these sizes, with new weights unless told otherwise.
  explicit TokenClassificationModel(const TransformerConfig& config, InitialWeights weights = InitialWeights::random);
  /// Logits (batch, length, labels).
  Variable forward(const TransformerInput& input);

  TransformerModel& transformer() override { return encoder; }
  std::string architecture() const override;

  TransformerModel encoder;  ///< registered as "encoder"
  Linear classifier;         ///< vector of a token -> scores of the labels

 private:
  Dropout dropout_;
};

/// Gives parameters the values of InitialWeights::random: all, or those whose names are listed.
void init_weights(PretrainedModel& model);
void init_weights(PretrainedModel& model, const std::vector<std::string>& names);

/// Which part of a model trains: "all", "head" (pooler and classifiers), "last:N" (the last N layers and the head).
/// Frozen parameters do not require gradients: their part of the graph is not built and keeps no activations. Throws on
/// anything else, and for more layers than there are.
void set_trainable(PretrainedModel& model, const std::string& part);

}  // namespace roux::nn
