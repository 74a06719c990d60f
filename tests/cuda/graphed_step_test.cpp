// Steps that are recorded once and replayed do what steps that are run do.
#include <memory>
#include <string>
#include <vector>

#include "apps/common/classifiers.h"
#include "apps/common/step_runner.h"
#include "cuda/graphed_step.h"
#include "cuda/uploads.h"
#include "nn/adam.h"
#include "nn/loss.h"
#include "nn/sgd.h"
#include "tests/cuda/on_device.h"

using namespace roux;
using namespace on_device;

namespace {

constexpr apps::ClassifierShape shape{.vocabulary_size = 40, .embedding_dim = 8, .num_classes = 3, .dropout = 0.5};

// Batch k of a stream: 6 texts with 0 to 4 ids each.
text::BagBatch batch_of(uint64_t k) {
  Generator generator(5, k);
  text::BagBatch batch;
  std::vector<int64_t> ids, offsets, labels;
  for (int i = 0; i < 6; ++i) {
    offsets.push_back(static_cast<int64_t>(ids.size()));
    labels.push_back(uniform_int(generator, 3));
    for (int64_t n = uniform_int(generator, 5); n > 0; --n) ids.push_back(uniform_int(generator, 40));
  }
  return {Tensor::from(ids), Tensor::from(offsets), Tensor::from(labels)};
}

void overwrite(text::BagBatch& batch, const text::BagBatch& next) {
  text::copy(next, batch, [](const Tensor& from, Tensor& into) { into.copy_(from); });
}

// A model and its optimizer, always the same at the start.
struct Training {
  std::unique_ptr<apps::EmbeddingBagClassifier> model;
  std::unique_ptr<nn::Adam> optimizer;
  Tensor loss = Tensor::zeros({}, float32, gpu);

  Training() {
    manual_seed(3);
    model = std::make_unique<apps::EmbeddingBagClassifier>(shape);
    model->to(gpu);
    optimizer = std::make_unique<nn::Adam>(model->named_parameters(), nn::AdamOptions{.lr = 0.01});
  }
  void step(const text::BagBatch& batch) {
    optimizer->zero_grad();
    const Variable result = nn::cross_entropy(model->forward(batch), batch.labels);
    result.backward();
    optimizer->step();
    loss.copy_(result.data());
  }
};

bool same(const nn::StateDict& a, const nn::StateDict& b) {
  bool equal = a.size() == b.size();
  for (size_t i = 0; equal && i < a.size(); ++i)
    equal = a[i].first == b[i].first && a[i].second.to_vector<double>() == b[i].second.to_vector<double>();
  return equal;
}

}  // namespace

TEST_CASE("a graphed step on a device is the step: same bits, step by step, dropout and learning rate included") {
  if (!has_device()) return;
  Training plain, graphed;
  constexpr int64_t room = 24;
  text::BagBatch inputs = text::to(text::with_room(batch_of(0), room), gpu);
  cuda::GraphedStep step(gpu, [&] { graphed.step(inputs); });
  for (uint64_t k = 0; k < 12; ++k) {
    CAPTURE(k);
    const text::BagBatch batch = text::with_room(batch_of(k), room);
    for (Training* training : {&plain, &graphed}) training->optimizer->set_lr(0.01 / static_cast<double>(k + 1));
    plain.step(text::to(batch, gpu));
    overwrite(inputs, batch);
    step.run();
    CHECK(step.is_recorded() == (k > 0));
    CHECK(step.reason() == "");
    CHECK(graphed.loss.item() == plain.loss.item());
  }
  CHECK(same(graphed.model->state_dict(), plain.model->state_dict()));
  CHECK(same(graphed.optimizer->state_dict(), plain.optimizer->state_dict()));
  const auto found = graphed.model->named_generators(), expected = plain.model->named_generators();
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) CHECK(found[i].second->offset() == expected[i].second->offset());
}

TEST_CASE("a batch with more room than it needs trains a device's model as the batch itself") {
  if (!has_device()) return;
  Training tight, roomy;
  tight.model->eval();  // without dropout, whose numbers depend on the shape
  roomy.model->eval();
  for (uint64_t k = 0; k < 5; ++k) {
    tight.step(text::to(batch_of(k), gpu));
    roomy.step(text::to(text::with_room(batch_of(k), 32), gpu));
    CHECK(roomy.loss.item() == doctest::Approx(tight.loss.item()).epsilon(1e-6));
  }
  const nn::StateDict expected = tight.model->state_dict(), found = roomy.model->state_dict();
  REQUIRE(found.size() == expected.size());
  for (size_t k = 0; k < expected.size(); ++k) {
    REQUIRE(found[k].first == expected[k].first);
    const std::vector<double> x = found[k].second.to_vector<double>(), y = expected[k].second.to_vector<double>();
    for (size_t i = 0; i < y.size(); ++i) CHECK(x[i] == doctest::Approx(y[i]).epsilon(1e-5));
  }
}

TEST_CASE("a step on a device that cannot be recorded is run as it is, and says why") {
  if (!has_device()) return;
  const Tensor x = Tensor::ones({4}, float32, gpu);
  double seen = 0;
  cuda::GraphedStep waits(gpu, [&] { seen += sum(x).item(); });
  for (int i = 0; i < 3; ++i) waits.run();
  CHECK(seen == 12);
  CHECK_FALSE(waits.is_recorded());
  CHECK(waits.reason() == "[copy_to_host] a recorded step cannot wait for the device");

  Tensor sums = Tensor::zeros({4}, float32, gpu);
  cuda::GraphedStep copies(gpu, [&] { sums.add_(Tensor::from(std::vector<float>{1, 2, 3, 4}).to(gpu)); });
  for (int i = 0; i < 3; ++i) copies.run();
  CHECK(sums.to_vector<double>() == std::vector<double>{3, 6, 9, 12});
  CHECK(copies.reason() ==
        "[copy_from_host] a recorded step cannot copy from the host: a replay would find the old bytes");

  // The device is as it was: the next step can be recorded.
  cuda::GraphedStep good(gpu, [&] { sums.add_(x); });
  for (int i = 0; i < 3; ++i) good.run();
  CHECK(good.is_recorded());
  CHECK(sums.to_vector<double>() == std::vector<double>{6, 9, 12, 15});
}

TEST_CASE("a step on a device that could not be recorded has not been counted twice") {
  if (!has_device()) return;
  Training plain, waiting;
  const text::BagBatch batch = text::to(text::with_room(batch_of(0), 24), gpu);
  double seen = 0;
  cuda::GraphedStep step(gpu, [&] {
    waiting.step(batch);
    seen = waiting.loss.item();  // cannot be recorded, and comes when everything is counted
  });
  for (int i = 0; i < 4; ++i) {
    plain.step(batch);
    step.run();
    CHECK(seen == plain.loss.item());
  }
  CHECK_FALSE(step.is_recorded());
  CHECK(same(waiting.model->state_dict(), plain.model->state_dict()));
  CHECK(same(waiting.optimizer->state_dict(), plain.optimizer->state_dict()));
}

TEST_CASE("a graphed step on a device takes each step's learning rate from SGD too") {
  if (!has_device()) return;
  for (const double momentum : {0.0, 0.5}) {
    Variable table(Tensor::ones({5, 2}, float32, gpu), true), weight(Tensor::ones({2}, float32, gpu), true);
    nn::SGD sgd({{"table", table}, {"weight", weight}}, {.lr = 1, .momentum = momentum});
    const Tensor ids = Tensor::from(std::vector<int64_t>{1, 3, 1}).to(gpu);
    cuda::GraphedStep step(gpu, [&] {
      sgd.zero_grad();
      sum(embedding(table, ids) * weight.detach() + weight).backward();
      sgd.step();
    });
    std::vector<double> expected = {1, 1};
    double kept = 0;
    for (const double lr : {1.0, 0.5, 0.25, 0.125}) {
      sgd.set_lr(lr);
      step.run();
      kept = momentum * kept + 3;  // three rows are added up
      for (double& value : expected) value -= lr * kept;
      CHECK(weight.data().to_vector<double>() == expected);
    }
    CHECK(step.is_recorded());
    CHECK(table.data().to_vector<double>()[0] == 1);
    CHECK(table.data().to_vector<double>()[2] != 1);
  }
}

TEST_CASE("steps on the CPU are never recorded, whatever devices there are") {
  int runs = 0;
  cuda::GraphedStep step(cpu, [&] { ++runs; });
  for (int i = 0; i < 3; ++i) step.run();
  CHECK(runs == 3);
  CHECK_FALSE(step.is_recorded());
  CHECK(step.reason() == "only steps on a CUDA device are recorded");
}

TEST_CASE("an error within a step on a device reaches the caller, recorded or not") {
  if (!has_device()) return;
  Training training;
  text::BagBatch inputs = text::to(text::with_room(batch_of(0), 24), gpu);
  cuda::GraphedStep step(gpu, [&] { training.step(inputs); });
  step.run();
  step.run();
  REQUIRE(step.is_recorded());
  inputs.ids.fill_(40);  // outside the table
  step.run();
  CHECK_THROWS_WITH(training.loss.item(),
                    "[embedding_bag] index out of range: found 40 at position 0, expected 0 to 39");
  overwrite(inputs, text::with_room(batch_of(1), 24));
  step.run();
  CHECK(training.loss.item() > 0);
}

TEST_CASE("a step runner replays on a device: two recordings for each common shape, others as they come") {
  if (!has_device()) return;
  Training training;
  apps::StepRunner<text::BagBatch> runner(gpu, 6, [&](const text::BagBatch& batch) { training.step(batch); });
  for (uint64_t k = 0; k < 20; ++k) runner.run(batch_of(k));
  CHECK(runner.reason() == "");
  text::BagBatch small = batch_of(3);
  small.offsets = small.offsets.slice(0, 0, 5);
  small.labels = small.labels.slice(0, 0, 5);
  runner.run(small);
  CHECK(training.loss.item() > 0);
}

TEST_CASE("uploads arrive before the steps that are given after them, and wait for those given before (device)") {
  if (!has_device()) return;
  constexpr int64_t n = 300'000;  // several staging buffers
  std::vector<Tensor> sets;
  std::vector<std::unique_ptr<cuda::Uploads>> uploads;
  for (int i = 0; i < 2; ++i) {
    sets.push_back(Tensor::zeros({n}, float32, gpu));
    uploads.push_back(std::make_unique<cuda::Uploads>(gpu));
  }
  std::vector<Tensor> sums;
  for (int k = 0; k < 7; ++k) {
    const size_t turn = static_cast<size_t>(k % 2);
    uploads[turn]->begin();
    uploads[turn]->copy(Tensor::full({n}, k + 1), sets[turn]);
    uploads[turn]->end();
    sums.push_back(sum(sets[turn]));
    uploads[turn]->done();
  }
  for (int k = 0; k < 7; ++k) CHECK(sums[static_cast<size_t>(k)].item() == n * (k + 1.0));
  CHECK_THROWS(uploads[0]->copy(Tensor::zeros({3}), sets[0]));
  cuda::Uploads plain(cpu);
  Tensor here = Tensor::zeros({2});
  plain.copy(Tensor::ones({2}), here);
  CHECK(here.to_vector<double>() == std::vector<double>{1, 1});
}
