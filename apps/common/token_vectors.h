// Contextual vectors: what a transformer makes of each token of a text, which depends on all of the text.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/common/tokenizer_encoder.h"
#include "nn/transformers/models.h"
#include "tensor/tensor.h"
#include "text/string_list.h"

namespace roux::apps {

/// The tokens of a text, special ones included, and the last hidden state of each.
struct TokenVectors {
  std::vector<int32_t> ids;
  Tensor vectors;  ///< (tokens, dim), float32, on the CPU
};

/// A pretrained encoder and its tokenizer, to look at what it says of texts.
class ContextualModel {
 public:
  /// Loads both from a Hugging Face folder. Texts that are longer than the model has positions lose their end.
  ContextualModel(const std::string& folder, Device device);

  const TokenizerEncoder& encoder() const { return encoder_; }
  /// The length of a vector.
  int64_t dim() const { return model_->config().hidden_size; }
  /// The model's table of tokens before any context: (vocabulary, dim), on the CPU.
  Tensor embedding_table() const;

  /// Each text's tokens and their vectors. At most `batch_size` texts are computed at a time, of like length.
  std::vector<TokenVectors> token_vectors(const text::StringList& texts, int64_t batch_size = 32) const;
  /// One vector a text, (texts, dim), float32, on the CPU: the mean over all of its tokens, special ones included.
  Tensor mean_vectors(const text::StringList& texts, int64_t batch_size = 32) const;
  /// One vector a text, (texts, dim), float32, on the CPU: that of its first token, [CLS].
  Tensor cls_vectors(const text::StringList& texts, int64_t batch_size = 32) const;

 private:
  // Calls use(texts of the batch, hidden states (texts, length, dim), mask (texts, length)), both where the model is.
  using UseBatch = std::function<void(const std::vector<int64_t>&, const Tensor&, const Tensor&)>;
  void for_each_batch(const text::EncodedTexts& encoded, int64_t batch_size, const UseBatch& use) const;

  std::unique_ptr<nn::TransformerModel> model_;
  TokenizerEncoder encoder_;
  Device device_;
};

}  // namespace roux::apps
