// What fine-tuning adds to trainings, on a device as on the CPU, in steps that are recorded too: clipping, warm-up,
// frozen parts, texts as long as the model has positions.
#include <memory>
#include <string>
#include <vector>

#include "apps/common/classifiers.h"
#include "apps/common/trainer.h"
#include "apps/common/transformer_classifier.h"
#include "tests/cuda/on_device.h"

using namespace roux;
using namespace on_device;

namespace {

// Texts of 1 to `longest` ids.
text::Corpus random_corpus(int64_t texts, int64_t longest, int64_t vocabulary) {
  text::Corpus corpus;
  Generator generator(7);
  for (int64_t i = 0; i < texts; ++i) {
    std::vector<int32_t> ids(static_cast<size_t>(1 + uniform_int(generator, longest)));
    for (int32_t& id : ids) id = static_cast<int32_t>(uniform_int(generator, vocabulary));
    corpus.push_back(ids);
    corpus.labels.push_back(i % 2);
  }
  return corpus;
}

}  // namespace

TEST_CASE("trainings that clip gradients do the same on a device, recorded as graphs") {
  if (!has_device()) return;
  const text::Corpus corpus = random_corpus(64, 5, 30);
  const text::Corpus none;
  for (const double clip : {0.05, 1e6}) {  // always and never
    const auto trained = [&](Device device) {
      manual_seed(3);
      apps::EmbeddingBagClassifier model({.vocabulary_size = 30, .embedding_dim = 8, .dropout = 0});
      apps::Trainer<apps::EmbeddingBagClassifier> trainer(
          model, corpus, none,
          {.epochs = 3, .batch_size = 8, .optimizer = "sgd", .lr = 0.5, .warmup = 4, .clip = clip, .device = device});
      REQUIRE(trainer.run());
      CHECK(trainer.not_replayed_because() == "");
      model.to(cpu);
      return model.state_dict();
    };
    check_same(trained(gpu), trained(cpu), 1e-5, "clip " + std::to_string(clip));
  }
}

TEST_CASE("a transformer's last block is fine-tuned on a device as on the CPU") {
  if (!has_device()) return;
  const text::Corpus corpus = random_corpus(32, 9, 30), none;
  const nn::TransformerConfig config{.model_type = nn::ModelType::distilbert,
                                     .vocab_size = 30,
                                     .max_position_embeddings = 9,  // steps of common lengths would have 12
                                     .num_hidden_layers = 2,
                                     .num_attention_heads = 2,
                                     .hidden_size = 16,
                                     .intermediate_size = 32,
                                     // Which numbers are dropped depends on how far a batch is filled up.
                                     .hidden_dropout = 0,
                                     .attention_dropout = 0,
                                     .classifier_dropout = 0,
                                     .initializer_range = 0.2};
  const auto trained = [&](Device device) {
    manual_seed(3);
    auto network = std::make_unique<nn::SequenceClassificationModel>(config);
    nn::set_trainable(*network, "last:1");
    apps::TransformerClassifier model(std::move(network));
    apps::Trainer<apps::TransformerClassifier> trainer(model, corpus, none,
                                                       {.epochs = 2,
                                                        .batch_size = 8,
                                                        // Adam would make steps of the rounding errors that are the
                                                        // gradient of the keys' bias, which is 0.
                                                        .optimizer = "sgd",
                                                        .lr = 0.1,
                                                        .warmup = 0.25,
                                                        .clip = 0.5,
                                                        .max_length = 0,
                                                        .bucket_batches = 2,
                                                        .most_room = config.max_position_embeddings,
                                                        .device = device});
    REQUIRE(trainer.run());
    const Tensor logits = model.logits(corpus);
    model.to(cpu);
    nn::StateDict state = model.state_dict();
    state.emplace_back("logits", logits);
    return state;
  };
  check_same(trained(gpu), trained(cpu), 1e-4, "fine-tuned");
}
