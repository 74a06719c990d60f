// The training loop: resuming from checkpoints, keeping the best epoch, and nothing left alive after a step.
#include "apps/common/trainer.h"

#include <doctest/doctest.h>

#include "apps/common/classifiers.h"
#include "nn/clip_grad.h"
#include "nn/lr_schedule.h"
#include "nn/sgd.h"
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

TEST_CASE("warm-up and clipping are those of the schedule and of clip_grad_norm") {
  const text::Corpus train = random_corpus(60, 60, 1), none;
  const ClassifierShape shape{.vocabulary_size = 60, .embedding_dim = 8};
  for (const double warmup : {3.0, 0.2}) {  // of 15 steps
    manual_seed(4);
    EmbeddingBagClassifier found(shape);
    Trainer<EmbeddingBagClassifier> trainer(
        found, train, none,
        {.epochs = 1, .batch_size = 4, .seed = 2, .optimizer = "sgd", .lr = 2, .warmup = warmup, .clip = 0.1});
    REQUIRE(trainer.run());

    manual_seed(4);
    EmbeddingBagClassifier expected(shape);
    nn::SGD optimizer(expected.named_parameters(), {.lr = 2});
    nn::LinearWarmupLR schedule(optimizer, 3, 15);
    int clipped = 0;
    for (const text::BagBatch& batch : text::BagBatches(train, {.batch_size = 4, .shuffle = true, .seed = 2})) {
      optimizer.zero_grad();
      nn::cross_entropy(expected.forward(batch), batch.labels).backward();
      clipped += nn::clip_grad_norm(expected.parameters(), 0.1) > 0.1;
      optimizer.step();
      schedule.step();
    }
    CHECK(clipped > 10);
    CHECK(nn::close(found.fc.weight, expected.fc.weight));
    CHECK(nn::close(found.embedding_bag.weight, expected.embedding_bag.weight));
  }
}

TEST_CASE("frozen parameters stay as they are, and their optimiser knows nothing of them") {
  const text::Corpus train = random_corpus(60, 60, 1), none;
  EmbeddingBagClassifier model({.vocabulary_size = 60, .embedding_dim = 8});
  const TemporaryFolder folder;
  const std::vector<float> before = model.embedding_bag.weight.data().to_vector<float>();
  model.embedding_bag.weight.set_requires_grad(false);
  Trainer<EmbeddingBagClassifier> trainer(model, train, none, {.epochs = 1, .optimizer = "adamw", .weight_decay = 0.5});
  REQUIRE(trainer.run());
  CHECK(model.embedding_bag.weight.data().to_vector<float>() == before);
  trainer.save_checkpoint(folder / "checkpoint");
  for (const auto& [name, tensor] : load_safetensors(folder / "checkpoint").tensors)
    CHECK((!name.starts_with("optimizer0.embedding_bag")));
  model.fc.weight.set_requires_grad(false);
  model.fc.bias.set_requires_grad(false);
  CHECK_THROWS_WITH_AS((Trainer<EmbeddingBagClassifier>(model, train, none, {})),
                       "[trainer] all parameters of the model are frozen, there is nothing to train", Error);
}

TEST_CASE("a checkpoint is refused by a training with other settings, by their name") {
  const text::Corpus train = random_corpus(60, 60, 1), none;
  EmbeddingBagClassifier model({.vocabulary_size = 60, .embedding_dim = 8});
  const TemporaryFolder folder;
  const std::string path = folder / "checkpoint";
  const Metadata settings = {{"data", "60 texts"}, {"--lr", "0.1"}};
  Trainer<EmbeddingBagClassifier>(model, train, none, {.settings = settings}).save_checkpoint(path);
  Trainer<EmbeddingBagClassifier>(model, train, none, {.settings = settings}).load_checkpoint(path);
  Trainer<EmbeddingBagClassifier> other(model, train, none, {.settings = {{"data", "60 texts"}, {"--lr", "0.2"}}});
  CHECK_THROWS_WITH_AS(other.load_checkpoint(path),
                       doctest::Contains("is of another training: its --lr was '0.1', here it is '0.2'"), Error);
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
