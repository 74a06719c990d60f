// Text classifiers. The course's four: a table of word vectors, pooled to one vector a text, dropped out, and one
// linear layer; one pools inside EmbeddingBag, three look words up and pool by hand: mean, max, sum. And a linear one,
// which gives each feature of a text a score for each class.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/loss.h"
#include "nn/module.h"
#include "nn/pooling.h"
#include "text/batches.h"
#include "text/vocabulary.h"

namespace roux::apps {

/// Sizes of a classifier: rows and columns of its table, classes, and the dropout between pooling and linear layer.
struct ClassifierShape {
  int64_t vocabulary_size = 0;
  int64_t embedding_dim = 64;
  int64_t num_classes = 2;
  double dropout = 0.5;
  double init_std = 1;  ///< of the table before training; the layers' own default is 1
};

/// The course's models, in its order.
inline const std::vector<std::string> classifier_names = {"embedding_bag", "mean", "max", "sum"};
/// The linear one.
inline constexpr const char* linear_classifier = "linear";

/// A model that turns texts, as ids, into class scores.
class TextClassifier : public nn::Module {
 public:
  /// Scores (texts, classes) of a whole corpus, in evaluation mode and without recording.
  virtual Tensor logits(const text::Corpus& corpus) = 0;
  /// What training makes small. scores (texts, classes); class_weights (classes), or undefined.
  virtual Variable loss(const Variable& scores, const Tensor& labels, const Tensor& class_weights) const {
    return nn::cross_entropy(scores, labels, {.weight = class_weights});
  }
  virtual int64_t num_classes() const = 0;
  virtual Device device() const = 0;
};

/// `EmbeddingBag -> Dropout -> Linear`: ids and offsets, no padding.
class EmbeddingBagClassifier : public TextClassifier {
 public:
  using Batches = text::BagBatches;

  explicit EmbeddingBagClassifier(const ClassifierShape& shape)
      : embedding_bag(shape.vocabulary_size, shape.embedding_dim, {.mode = Pooling::mean}),
        dropout(shape.dropout),
        fc(shape.embedding_dim, shape.num_classes) {
    add("embedding_bag", embedding_bag);
    add("dropout", dropout);
    add("fc", fc);
    embedding_bag.weight.mutable_data().mul_(shape.init_std);
  }
  /// (texts, classes)
  Variable forward(const text::BagBatch& batch) { return fc(dropout(embedding_bag(batch.ids, batch.offsets))); }
  Tensor logits(const text::Corpus& corpus) override;
  int64_t num_classes() const override { return fc.weight.size(0); }
  Device device() const override { return fc.weight.data().device(); }

  nn::EmbeddingBag embedding_bag;
  nn::Dropout dropout;
  nn::Linear fc;
};

/// `Embedding -> pooling by hand -> Dropout -> Linear`: ids padded to the longest text, with a mask of the real ones.
class PooledClassifier : public TextClassifier {
 public:
  using Batches = text::PaddedBatches;

  PooledClassifier(const ClassifierShape& shape, Pooling pooling)
      : embedding(shape.vocabulary_size, shape.embedding_dim, {.padding_idx = text::Vocabulary::pad}),
        dropout(shape.dropout),
        fc(shape.embedding_dim, shape.num_classes),
        pooling_(pooling) {
    add("embedding", embedding);
    add("dropout", dropout);
    add("fc", fc);
    embedding.weight.mutable_data().mul_(shape.init_std);
  }
  /// (texts, classes)
  Variable forward(const text::PaddedBatch& batch) {
    const Variable embedded = embedding(batch.ids);  // (texts, length, dim)
    return fc(dropout(pool(embedded, batch.mask())));
  }
  /// The same of texts that lie end to end: a long one does not pad its whole batch. Scoring takes this form.
  Variable forward(const text::BagBatch& batch) {
    const EmbeddingBagLookup lookup{.mode = pooling_, .padding_idx = text::Vocabulary::pad};
    return fc(dropout(embedding_bag(embedding.weight, batch.ids, batch.offsets, lookup)));
  }
  Tensor logits(const text::Corpus& corpus) override;
  int64_t num_classes() const override { return fc.weight.size(0); }
  Device device() const override { return fc.weight.data().device(); }
  Pooling pooling() const { return pooling_; }

  nn::Embedding embedding;
  nn::Dropout dropout;
  nn::Linear fc;

 private:
  Variable pool(const Variable& embedded, const Tensor& mask) const {
    switch (pooling_) {
      case Pooling::mean: return nn::masked_mean(embedded, mask);
      case Pooling::max: return nn::masked_max(embedded, mask);
      case Pooling::sum: return nn::masked_sum(embedded, mask);
    }
    fail("classifier", "unknown pooling");
  }
  Pooling pooling_;
};

/// A support vector machine over weighted features: the rows of a text's features are added up, each times its weight,
/// and the sum is divided by the length of the vector of these weights. Training starts from 0.
class LinearClassifier : public TextClassifier {
 public:
  using Batches = text::BagBatches;

  explicit LinearClassifier(const ClassifierShape& shape)
      : table(nn::EmbeddingBag::from_pretrained(Tensor::zeros({shape.vocabulary_size, shape.num_classes}), false,
                                                {.mode = Pooling::sum})),
        feature_weights(Tensor::ones({shape.vocabulary_size, 1})) {
    add("table", table);
    add_buffer("feature_weights", feature_weights);
  }
  /// (texts, classes)
  Variable forward(const text::BagBatch& batch);
  Tensor logits(const text::Corpus& corpus) override;
  Variable loss(const Variable& scores, const Tensor& labels, const Tensor& class_weights) const override {
    return nn::squared_hinge_loss(scores, labels, {.weight = class_weights});
  }
  int64_t num_classes() const override { return table.weight.size(1); }
  Device device() const override { return feature_weights.device(); }

  nn::EmbeddingBag table;
  Tensor feature_weights;  ///< (features, 1): of a text's features, see text::FeatureEncoder::weights
};

/// Lets the word vectors of a classifier start as `table` (vocabulary_size, embedding_dim); frozen: they stay as they
/// are. Throws for the linear classifier, which has none.
void start_from(TextClassifier& model, const Tensor& table, bool freeze);

/// A new classifier by name; throws on a name that is neither in `classifier_names` nor `linear_classifier`.
std::unique_ptr<TextClassifier> make_classifier(const std::string& name, const ClassifierShape& shape);

}  // namespace roux::apps
