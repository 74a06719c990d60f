// Hidden states of many texts, batch by batch.
#include "apps/common/token_vectors.h"

#include <algorithm>

#include "autograd/variable.h"
#include "nn/pooling.h"
#include "nn/transformers/pretrained.h"
#include "text/batches.h"

namespace roux::apps {
namespace {

constexpr int64_t most_tokens = 8192;  // of a batch, padding included

std::unique_ptr<nn::TransformerModel> load_for_use(const std::string& folder, Device device) {
  std::unique_ptr<nn::TransformerModel> model = nn::load_transformer(folder);
  model->eval();
  model->to(device);
  return model;
}

}  // namespace

ContextualModel::ContextualModel(const std::string& folder, Device device)
    : model_(load_for_use(folder, device)),
      encoder_(TokenizerEncoder::load(folder, model_->config().vocab_size, model_->config().max_position_embeddings)),
      device_(device) {}

Tensor ContextualModel::embedding_table() const { return model_->embeddings.word_embeddings.weight.data().to(cpu); }

void ContextualModel::for_each_batch(const text::EncodedTexts& encoded, int64_t batch_size, const UseBatch& use) const {
  const NoGrad guard;
  for (const std::vector<int64_t>& texts : text::length_batches(encoded, batch_size, most_tokens)) {
    const text::TokenBatch batch = text::pad(encoded, texts, encoder_.padding());
    const Tensor mask = batch.attention_mask.to(device_);
    use(texts, model_->forward({.ids = batch.ids.to(device_), .mask = mask}).data(), mask);
  }
}

std::vector<TokenVectors> ContextualModel::token_vectors(const text::StringList& texts, int64_t batch_size) const {
  const text::EncodedTexts encoded = text::encode_texts(encoder_, texts);
  const bool left = encoder_.padding().side == text::Side::left;
  std::vector<TokenVectors> result(static_cast<size_t>(texts.size()));
  for_each_batch(encoded, batch_size, [&](const std::vector<int64_t>& batch, const Tensor& hidden, const Tensor&) {
    const Tensor states = hidden.to(cpu);
    for (size_t row = 0; row < batch.size(); ++row) {
      const std::span<const int32_t> ids = encoded[batch[row]];
      const int64_t length = std::ssize(ids), begin = left ? states.size(1) - length : 0;
      result[static_cast<size_t>(batch[row])] = {
          {ids.begin(), ids.end()}, states.select(0, static_cast<int64_t>(row)).slice(0, begin, begin + length)};
    }
  });
  return result;
}

Tensor ContextualModel::mean_vectors(const text::StringList& texts, int64_t batch_size) const {
  const text::EncodedTexts encoded = text::encode_texts(encoder_, texts);
  Tensor result = Tensor::empty({texts.size(), dim()});
  for_each_batch(encoded, batch_size, [&](const std::vector<int64_t>& batch, const Tensor& hidden, const Tensor& mask) {
    const Tensor means = nn::masked_mean(hidden, mask).data().to(cpu);
    for (size_t row = 0; row < batch.size(); ++row)
      result.select(0, batch[row]).copy_(means.select(0, static_cast<int64_t>(row)));
  });
  return result;
}

Tensor ContextualModel::cls_vectors(const text::StringList& texts, int64_t batch_size) const {
  const text::EncodedTexts encoded = text::encode_texts(encoder_, texts);
  const bool left = encoder_.padding().side == text::Side::left;
  Tensor result = Tensor::zeros({texts.size(), dim()});
  for_each_batch(encoded, batch_size, [&](const std::vector<int64_t>& batch, const Tensor& hidden, const Tensor&) {
    const Tensor states = hidden.to(cpu);
    for (size_t row = 0; row < batch.size(); ++row) {
      const int64_t length = std::ssize(encoded[batch[row]]), begin = left ? states.size(1) - length : 0;
      if (length > 0) result.select(0, batch[row]).copy_(states.select(0, static_cast<int64_t>(row)).select(0, begin));
    }
  });
  return result;
}

}  // namespace roux::apps
