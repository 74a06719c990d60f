// The training loop: resuming from checkpoints, keeping the best epoch, and nothing left alive after a step.
#include "apps/common/trainer.h"

#include <doctest/doctest.h>

#include "apps/common/classifiers.h"
#include "nn/testing.h"
#include "tensor/memory.h"
#include "tests/temporary_folder.h"

using namespace roux;
using namespace roux::apps;

namespace {

// Texts of three random ids each; the label says which half of the vocabulary most ids come from.
text::Corpus random_corpus(int64_t texts, int64_t vocabulary, uint64_t seed) {
  Generator generator(seed);
  text::Corpus corpus;
  for (int64_t i = 0; i < texts; ++i) {
    const int64_t label = uniform_int(generator, 2);
    for (int k = 0; k < 3; ++k) {
      const bool other = uniform_int(generator, 5) == 0;
      const int64_t half = vocabulary / 2, id = uniform_int(generator, half) + ((label == 1) != other ? half : 0);
      corpus.ids.push_back(static_cast<int32_t>(id));
    }
    corpus.offsets.push_back(static_cast<int64_t>(corpus.ids.size()));
    corpus.labels.push_back(label);
  }
  return corpus;
}

template <class Model, class... Args>
void check_resume(const TrainerOptions& options, Args... args) {
  const text::Corpus train = random_corpus(500, 60, 1), validation = random_corpus(100, 60, 2);
  const ClassifierShape shape{.vocabulary_size = 60, .embedding_dim = 8};
  const TemporaryFolder folder;
  const std::string path = folder / "checkpoint.safetensors";

  manual_seed(5);
  Model whole(shape, args...);
  Trainer<Model> straight(whole, train, validation, options);
  REQUIRE(straight.run());

  manual_seed(5);
  Model first(shape, args...);
  Trainer<Model> stopped(first, train, validation, options);
  int calls = 0;
  REQUIRE_FALSE(stopped.run([&](int64_t) { return ++calls < 3; }));
  stopped.save_checkpoint(path);

  manual_seed(99);  // nothing of what was drawn before may matter
  Model second(shape, args...);
  Trainer<Model> resumed(second, train, validation, options);
  resumed.load_checkpoint(path);
  REQUIRE(resumed.run());

  const nn::StateDict expected = whole.state_dict(), found = second.state_dict();
  REQUIRE(expected.size() == found.size());
  for (size_t i = 0; i < expected.size(); ++i)
    CHECK(expected[i].second.to_vector<float>() == found[i].second.to_vector<float>());
  REQUIRE(resumed.history().size() == straight.history().size());
  for (size_t i = 0; i < straight.history().size(); ++i) {
    CHECK(resumed.history()[i].train_loss == straight.history()[i].train_loss);
    CHECK(resumed.history()[i].f1 == straight.history()[i].f1);
  }
  CHECK(resumed.kept_epoch() == straight.kept_epoch());
}

}  // namespace

TEST_CASE("a run that goes on from a checkpoint ends with the same bits") {
  const TrainerOptions options{.epochs = 20, .batch_size = 4, .seed = 3};
  SUBCASE("bag") { check_resume<EmbeddingBagClassifier>(options); }
  SUBCASE("max") { check_resume<PooledClassifier>(options, Pooling::max); }
  SUBCASE("linear schedule, best epoch, AdamW") {
    check_resume<EmbeddingBagClassifier>(
        {.epochs = 20, .batch_size = 4, .seed = 3, .optimizer = "adamw", .linear_schedule = true, .keep_best = true});
  }
  SUBCASE("SGD") {
    check_resume<EmbeddingBagClassifier>({.epochs = 20, .batch_size = 4, .optimizer = "sgd", .lr = 0.5});
  }
  SUBCASE("SparseAdam, mean by hand") {
    TrainerOptions sparse = options;
    sparse.optimizer = "sparse_adam";
    check_resume<PooledClassifier>(sparse, Pooling::mean);
  }
}

TEST_CASE("checkpoints of something else are refused") {
  const text::Corpus train = random_corpus(50, 60, 1), validation = random_corpus(50, 60, 2);
  const TemporaryFolder folder;
  const std::string path = folder / "checkpoint.safetensors";
  EmbeddingBagClassifier model({.vocabulary_size = 60, .embedding_dim = 8});
  Trainer<EmbeddingBagClassifier> trainer(model, train, validation, {.epochs = 1});
  trainer.save_checkpoint(path);
  EmbeddingBagClassifier wider({.vocabulary_size = 60, .embedding_dim = 16});
  Trainer<EmbeddingBagClassifier> other(wider, train, validation, {.epochs = 1});
  CHECK_THROWS_AS(other.load_checkpoint(path), Error);
  EmbeddingBagClassifier same({.vocabulary_size = 60, .embedding_dim = 8});
  Trainer<EmbeddingBagClassifier> seeded(same, train, validation, {.epochs = 1, .seed = 8});
  CHECK_THROWS_WITH_AS(seeded.load_checkpoint(path), doctest::Contains("another optimizer, batch size or seed"), Error);
  CHECK_THROWS_AS(seeded.load_checkpoint(folder / "none"), Error);
}

TEST_CASE("keep best ends with the weights of the best epoch") {
  const text::Corpus train = random_corpus(300, 60, 1), validation = random_corpus(200, 60, 2);
  manual_seed(1);
  EmbeddingBagClassifier model({.vocabulary_size = 60, .embedding_dim = 8});
  Trainer<EmbeddingBagClassifier> trainer(model, train, validation, {.epochs = 12, .lr = 0.05, .keep_best = true});
  REQUIRE(trainer.run());
  double best = 0;
  for (const EpochReport& report : trainer.history()) best = std::max(best, report.f1);
  const Tensor predicted = argmax(model.logits(validation), 1);
  const auto scores = nn::classification_report(predicted, Tensor::from(validation.labels), 2);
  CHECK(scores.macro.f1 == best);
  CHECK(trainer.history()[static_cast<size_t>(trainer.kept_epoch() - 1)].f1 == best);
}

TEST_CASE("AdamW takes the weight decay that it is given, 0 too") {
  const text::Corpus train = random_corpus(100, 60, 1), validation = random_corpus(50, 60, 2);
  const auto weights = [&](const std::string& optimizer, std::optional<double> weight_decay) {
    manual_seed(4);
    EmbeddingBagClassifier model({.vocabulary_size = 60, .embedding_dim = 8});
    Trainer<EmbeddingBagClassifier> trainer(model, train, validation,
                                            {.epochs = 2, .optimizer = optimizer, .weight_decay = weight_decay});
    REQUIRE(trainer.run());
    return model.fc.weight.data().to_vector<float>();
  };
  CHECK(weights("adamw", 0.0) == weights("adam", {}));
  CHECK(weights("adamw", {}) == weights("adamw", 0.01));
  CHECK(weights("adamw", {}) != weights("adamw", 0.0));
}

TEST_CASE("training leaves no graph behind") {
  const text::Corpus train = random_corpus(300, 60, 1), validation = random_corpus(50, 60, 2);
  const int64_t nodes = live_nodes();
  const int64_t blocks = memory_stats().live_blocks;
  {
    EmbeddingBagClassifier model({.vocabulary_size = 60, .embedding_dim = 8});
    const int64_t with_model = live_nodes();
    Trainer<EmbeddingBagClassifier> trainer(model, train, validation, {.epochs = 2});
    REQUIRE(trainer.run());
    CHECK(live_nodes() == with_model);
  }
  CHECK(live_nodes() == nodes);
  CHECK(memory_stats().live_blocks == blocks);
}

TEST_CASE("pooled classifiers score texts of any length as they train on them, padded") {
  text::Corpus corpus = random_corpus(40, 60, 4);
  for (const int64_t length : {0, 1, 200}) {
    for (int64_t i = 0; i < length; ++i) corpus.ids.push_back(static_cast<int32_t>(i * 7 % 60));  // with <pad> in it
    corpus.offsets.push_back(static_cast<int64_t>(corpus.ids.size()));
    corpus.labels.push_back(0);
  }
  for (const Pooling pooling : {Pooling::mean, Pooling::max, Pooling::sum}) {
    PooledClassifier model({.vocabulary_size = 60, .embedding_dim = 8}, pooling);
    const Tensor scores = model.logits(corpus);
    model.eval();
    const NoGrad guard;
    for (const text::PaddedBatch& batch : text::PaddedBatches(corpus, {.batch_size = corpus.size()}))
      CHECK(nn::close(model.forward(batch), scores));
  }
}
