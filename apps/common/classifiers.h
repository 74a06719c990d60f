// The course's four recipe classifiers: a table of word vectors, pooled to one vector a text, dropped out, and one
// linear layer. One pools inside EmbeddingBag; three look words up and pool by hand: mean, max, sum.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/linear.h"
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

/// Names of the models that `make_classifier` knows, in the course's order.
inline const std::vector<std::string> classifier_names = {"embedding_bag", "mean", "max", "sum"};

/// A model that turns texts, as ids, into class scores.
class TextClassifier : public nn::Module {
 public:
  /// Scores (texts, classes) of a whole corpus, in evaluation mode and without recording.
  virtual Tensor logits(const text::Corpus& corpus) = 0;
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
  Tensor logits(const text::Corpus& corpus) override;

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

/// A new classifier by name; throws on a name that is not in `classifier_names`.
std::unique_ptr<TextClassifier> make_classifier(const std::string& name, const ClassifierShape& shape);

}  // namespace roux::apps
