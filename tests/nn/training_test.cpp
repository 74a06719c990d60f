// The recipe classifier in training: PyTorch's loss curve, the number of graph nodes of a step, and that nothing stays.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <thread>
#include <vector>

#include "nn/adam.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/loss.h"
#include "nn/testing.h"
#include "tests/oracle/embedding_bag_curve.h"

using namespace roux;

namespace {

struct EmbeddingBagClassifier : nn::Module {
  nn::EmbeddingBag embedding_bag;
  nn::Dropout dropout;
  nn::Linear fc;

  EmbeddingBagClassifier(int64_t vocab_size, int64_t embedding_dim, int64_t num_classes, double p)
      : embedding_bag(vocab_size, embedding_dim, {.mode = nn::Pooling::mean}),
        dropout(p),
        fc(embedding_dim, num_classes) {
    add("embedding_bag", embedding_bag);
    add("dropout", dropout);
    add("fc", fc);
  }
  Variable forward(const Tensor& ids, const Tensor& offsets) { return fc(dropout(embedding_bag(ids, offsets))); }
};

struct Batch {
  Tensor ids, offsets, labels;
};

// The numbers of tests/oracle/embedding_bag_curve.py.
class Numbers {
 public:
  int64_t draw() {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ >> 8;
  }
  Tensor weights(const Shape& shape) {
    std::vector<double> values;
    for (int64_t i = 0; i < shape.numel(); ++i) values.push_back(static_cast<double>(draw()) / (1 << 24) - 0.5);
    return Tensor::from(values, shape);
  }
  Batch batch(int64_t rows, int64_t vocab_size, int64_t num_classes) {
    std::vector<int64_t> ids, offsets, labels;
    for (int64_t row = 0; row < rows; ++row) {
      offsets.push_back(static_cast<int64_t>(ids.size()));
      std::vector<int64_t> counts(static_cast<size_t>(num_classes));
      const int64_t length = draw() % 9;
      for (int64_t i = 0; i < length; ++i) {
        const int64_t value = draw();
        ids.push_back(value % (draw() % vocab_size + 1));
        ++counts[static_cast<size_t>(ids.back() % num_classes)];
      }
      labels.push_back(std::max_element(counts.begin(), counts.end()) - counts.begin());
    }
    return {Tensor::from(ids), Tensor::from(offsets), Tensor::from(labels)};
  }

 private:
  uint32_t state_ = 1;
};

}  // namespace

TEST_CASE("an EmbeddingBag classifier's loss follows PyTorch's over 100 steps of Adam") {
  Numbers numbers;
  EmbeddingBagClassifier model(200, 16, 3, 0);
  const Tensor table = numbers.weights({200, 16}), weight = numbers.weights({3, 16}), bias = numbers.weights({3});
  model.load_state_dict({{"embedding_bag.weight", table}, {"fc.weight", weight}, {"fc.bias", bias}});
  nn::Adam optimizer(model.named_parameters(), {.lr = 0.01});
  double worst = 0;
  for (const double expected : embedding_bag_curve) {
    const Batch batch = numbers.batch(32, 200, 3);
    optimizer.zero_grad();
    const Variable loss = nn::cross_entropy(model.forward(batch.ids, batch.offsets), batch.labels);
    loss.backward();
    optimizer.step();
    worst = std::max(worst, std::abs(loss.item() - expected) / expected);
  }
  CHECK(worst < 1e-4);
}

TEST_CASE("a step of the classifier is four graph nodes, and leaves nothing behind") {
  Numbers numbers;
  EmbeddingBagClassifier model(200, 16, 3, 0.5);
  nn::Adam optimizer(model.named_parameters());
  const Batch batch = numbers.batch(32, 200, 3);
  const Tensor class_weights = Tensor::from<float>({1, 2, 3});
  int64_t most_nodes = 0;
  const auto step = [&] {
    const int64_t before = live_nodes();
    optimizer.zero_grad();
    const Variable loss =
        nn::cross_entropy(model.forward(batch.ids, batch.offsets), batch.labels, {.weight = class_weights});
    most_nodes = std::max(most_nodes, live_nodes() - before);
    loss.backward();
    optimizer.step();
  };
  const int64_t before = live_nodes();
  for (int i = 0; i < 1100; ++i) step();  // Adam remembers the rows of 1,024 steps
  CHECK(nn::leaks_nothing(step));
  CHECK(most_nodes == 4);  // embedding_bag, dropout, linear, cross_entropy
  CHECK(live_nodes() == before);

  model.eval();
  const NoGrad no_grad;
  const Variable logits = model.forward(batch.ids, batch.offsets);
  CHECK(live_nodes() == before);
  CHECK_FALSE(logits.requires_grad());
}

TEST_CASE("threads may evaluate one model side by side while an optimiser still owes rows") {
  Numbers numbers;
  EmbeddingBagClassifier model(200, 16, 3, 0.5);
  nn::Adam optimizer(model.named_parameters());
  for (int i = 0; i < 5; ++i) {
    const Batch batch = numbers.batch(4, 200, 3);
    optimizer.zero_grad();
    nn::cross_entropy(model.forward(batch.ids, batch.offsets), batch.labels).backward();
    optimizer.step();
  }
  model.eval();
  const Batch batch = numbers.batch(64, 200, 3);
  std::vector<Tensor> results(4);
  std::vector<std::thread> threads;
  for (Tensor& result : results)
    threads.emplace_back([&] {
      const NoGrad no_grad;
      for (int i = 0; i < 20; ++i) result = model.forward(batch.ids, batch.offsets).data();
    });
  for (std::thread& thread : threads) thread.join();
  const nn::StateDict state = model.state_dict();
  EmbeddingBagClassifier copy(200, 16, 3, 0.5);
  copy.load_state_dict(state);
  copy.eval();
  const Variable expected = copy.forward(batch.ids, batch.offsets);
  for (const Tensor& result : results) CHECK(nn::close(result, expected, {.rtol = 0, .atol = 0}));
}

TEST_CASE("lookups are the same while an optimiser still owes rows, with a padding and without") {
  const Tensor offsets = Tensor::from<int64_t>({0, 3, 4});
  const auto check = [&](auto& layer, auto& copy, const auto& look_up) {
    nn::Adam optimizer(layer.named_parameters());
    for (int64_t step = 0; step < 6; ++step) {  // other rows each time: those of before are owed their decay
      optimizer.zero_grad();
      const Tensor ids = Tensor::from<int64_t>({step, step + 1, 8, step, 2, 9});
      look_up(layer, ids).backward(Tensor::ones(look_up(layer, ids).shape()));
      optimizer.step();
    }
    copy.load_state_dict(layer.state_dict());
    const NoGrad no_grad;
    const Tensor with_2 = Tensor::from<int64_t>({1, 0, 2, 2, 5, 2}),
                 without_2 = Tensor::from<int64_t>({7, 0, 3, 9, 0, 1});
    for (const Tensor& ids : {with_2, without_2})
      CHECK(nn::close(look_up(layer, ids), look_up(copy, ids), {.rtol = 0, .atol = 0}));
  };
  for (const std::optional<int64_t> padding :
       {std::optional<int64_t>(), std::optional<int64_t>(0), std::optional<int64_t>(2)}) {
    for (const Pooling mode : {Pooling::sum, Pooling::mean, Pooling::max}) {
      nn::EmbeddingBag layer(10, 4, {.mode = mode, .padding_idx = padding}),
          copy(10, 4, {.mode = mode, .padding_idx = padding});
      check(layer, copy, [&](nn::EmbeddingBag& bag, const Tensor& ids) { return bag(ids, offsets); });
    }
    nn::Embedding layer(10, 4, {.padding_idx = padding}), copy(10, 4, {.padding_idx = padding});
    check(layer, copy, [&](nn::Embedding& table, const Tensor& ids) { return table(ids); });
  }
}

TEST_CASE("the classifier as a layer author would test it") {
  EmbeddingBagClassifier model(20, 4, 3, 0.5), other(20, 4, 3, 0.5);
  const Tensor ids = Tensor::from<int64_t>({3, 1, 4, 1, 5, 9, 2, 6}), offsets = Tensor::from<int64_t>({0, 3, 3, 7});
  CHECK(nn::gradcheck(model, [&] { return model.forward(ids, offsets); }));
  CHECK(nn::eval_is_deterministic(model, [&] { return model.forward(ids, offsets); }));
  CHECK(nn::state_dict_round_trips<EmbeddingBagClassifier>(
      model, other, [&](EmbeddingBagClassifier& m) { return m.forward(ids, offsets); }));
}
