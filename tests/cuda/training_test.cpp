// Training on a device follows training on the CPU: the recipe models, every optimiser on dense parameters and on
// tables, clipping, and the same bits from run to run.
//
// Tolerances are those of roux::operations::difference: of the magnitude of a value, at least of a tenth of the largest
// one. A step of Adam moves a weight by up to its learning rate whatever the size of the gradient, so that rounding of
// small gradients shows in weights at 1e-4 of that rate; the learning rates here are 0.01 at most.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apps/common/classifiers.h"
#include "apps/common/trainer.h"
#include "nn/clip_grad.h"
#include "nn/sgd.h"
#include "tests/cuda/on_device.h"
#include "tests/nn/zipf_training.h"

using namespace roux;
using namespace on_device;
using namespace zipf_training;

namespace {

constexpr double tolerance = 1e-5;
constexpr int64_t vocabulary = 40, dim = 4;

// Texts of 0 to 5 ids; the label says which half of the vocabulary most ids come from.
text::Corpus corpus_of(int64_t texts, uint64_t seed) {
  Generator generator(seed);
  text::Corpus corpus;
  for (int64_t i = 0; i < texts; ++i) {
    const int64_t label = uniform_int(generator, 2);
    for (int64_t n = uniform_int(generator, 6); n > 0; --n) {
      const bool from_other_half = uniform_int(generator, 5) == 0;
      const int64_t first = (label == 1) != from_other_half ? vocabulary / 2 : 2;
      corpus.ids.push_back(static_cast<int32_t>(first + uniform_int(generator, vocabulary / 2 - 2)));
    }
    corpus.offsets.push_back(static_cast<int64_t>(corpus.ids.size()));
    corpus.labels.push_back(label);
  }
  return corpus;
}

// Calls f(model maker) for each of the four recipe models; the maker gives a new one, the same each time.
template <class F>
void for_each_model(double dropout, F f) {
  const apps::ClassifierShape shape{.vocabulary_size = vocabulary, .embedding_dim = 8, .dropout = dropout};
  const auto named = [&](const std::string& name, const auto& make) {
    CAPTURE(name);
    f([&] {
      manual_seed(7);
      return make();
    });
  };
  named("embedding_bag", [&] { return std::make_unique<apps::EmbeddingBagClassifier>(shape); });
  named("mean", [&] { return std::make_unique<apps::PooledClassifier>(shape, Pooling::mean); });
  named("max", [&] { return std::make_unique<apps::PooledClassifier>(shape, Pooling::max); });
  named("sum", [&] { return std::make_unique<apps::PooledClassifier>(shape, Pooling::sum); });
}

struct Trained {
  std::vector<double> losses;
  nn::StateDict weights;
};

// 50 steps of the trainer: 2 epochs of 24 full batches and a small one.
template <class Model>
Trained train(std::unique_ptr<Model> model, const std::string& optimizer, Device device) {
  const text::Corpus corpus = corpus_of(196, 1), validation = corpus_of(30, 2);
  apps::Trainer<Model> trainer(
      *model, corpus, validation,
      {.epochs = 2, .batch_size = 8, .seed = 3, .optimizer = optimizer, .lr = 0.01, .device = device});
  REQUIRE(trainer.run());
  if (device != cpu) CHECK(trainer.not_replayed_because() == "");
  Trained result{.losses = {}, .weights = model->state_dict()};
  for (const apps::EpochReport& report : trainer.history()) {
    result.losses.push_back(report.train_loss);
    result.losses.push_back(report.validation_loss);
  }
  return result;
}

// 50 steps by hand, batch by batch as they come, gradients clipped.
template <class Model>
Trained train_by_hand(std::unique_ptr<Model> model, Device device) {
  const text::Corpus corpus = corpus_of(200, 1);
  typename Model::Batches batches(corpus, {.batch_size = 8, .shuffle = true, .seed = 5});
  model->to(device);
  nn::Adam optimizer(model->named_parameters(), {.lr = 0.01});
  Trained result;
  while (batches.epoch() < 2)
    for (const auto& each : batches) {
      const auto batch = text::to(each, device);
      optimizer.zero_grad();
      const Variable loss = nn::cross_entropy(model->forward(batch), batch.labels);
      loss.backward();
      nn::clip_grad_norm(model->parameters(), 0.5);
      optimizer.step();
      result.losses.push_back(loss.item());
    }
  result.weights = model->state_dict();
  return result;
}

void check_same_training(const Trained& found, const Trained& expected, double within) {
  check_same(found.weights, expected.weights, within, "weights");
  check_same(Tensor::from(found.losses), Tensor::from(expected.losses), within, "losses");
}

using MakeOptimizer = std::function<std::unique_ptr<nn::Optimizer>(const Variable&)>;

struct Rule {
  std::string name;
  MakeOptimizer make;
};

std::vector<Rule> adam_rules() {
  std::vector<Rule> rules;
  for (const Settings& settings : all_settings()) {
    if (settings.lr) continue;
    rules.push_back({settings.name, [settings](const Variable& w) { return make_adam(w, settings); }});
  }
  rules.push_back({"adam, weight decay",
                   [](const Variable& w) { return make_adam(w, {.name = "", .options = {.weight_decay = 0.1}}); }});
  return rules;
}

std::vector<Rule> sgd_rules() {
  std::vector<Rule> rules;
  const auto add = [&](const std::string& name, const nn::SgdOptions& options) {
    rules.push_back({name, [options](const Variable& w) {
                       return std::make_unique<nn::SGD>(nn::NamedParameters{{"w", w}}, options);
                     }});
  };
  add("sgd", {.lr = 0.1});
  add("sgd, momentum", {.lr = 0.1, .momentum = 0.9});
  add("sgd, dampening", {.lr = 0.1, .momentum = 0.9, .dampening = 0.3});
  add("sgd, nesterov", {.lr = 0.1, .momentum = 0.9, .nesterov = true});
  add("sgd, weight decay", {.lr = 0.1, .weight_decay = 0.05});
  add("sgd, maximize", {.lr = 0.1, .maximize = true});
  return rules;
}

Rule sparse_adam_rule() {
  return {"sparse adam", [](const Variable& w) {
            return std::make_unique<nn::SparseAdam>(nn::NamedParameters{{"w", w}}, nn::SparseAdamOptions{.lr = 0.01});
          }};
}

// A stream of gradients, the same for everyone who starts one.
using MakeGradients = std::function<std::function<Gradient(Device)>()>;

std::function<Gradient(Device)> row_gradients() {
  auto stream = std::make_shared<ZipfStream>(vocabulary, 11);
  return [stream](Device device) {
    const RowGradient rows = stream->gradient(stream->batch(6), dim);
    Gradient gradient;
    gradient.add(RowGradient{rows.rows.to(device), rows.values.to(device)}, {vocabulary, dim});
    return gradient;
  };
}

std::function<Gradient(Device)> dense_gradients() {
  auto generator = std::make_shared<Generator>(12);
  return [generator](Device device) {
    Gradient gradient;
    gradient.add(mul(Tensor::randn({vocabulary, dim}, float32, cpu, *generator), 0.01).to(device));
    return gradient;
  };
}

// What a rule makes of a parameter, looked at every `every` steps and at the end, with the optimizer's state there.
std::vector<Tensor> trajectory(const Rule& rule, const MakeGradients& make_gradients, Device device, int steps = 50,
                               int every = 10) {
  Generator generator(13);
  Variable w(Tensor::randn({vocabulary, dim}, float32, cpu, generator).to(device), true);
  const std::unique_ptr<nn::Optimizer> optimizer = rule.make(w);
  const auto next = make_gradients();
  std::vector<Tensor> seen;
  for (int step = 1; step <= steps; ++step) {
    optimizer->set_lr(step % 7 == 0 ? 0.005 : 0.01);
    optimizer->zero_grad();
    w.mutable_gradient() = next(device);
    optimizer->step();
    if (step % every == 0) seen.push_back(w.data().to(cpu).clone());
  }
  for (const auto& [name, tensor] : optimizer->state_dict()) seen.push_back(tensor.to(cpu));
  seen.push_back(w.mutable_data().to(cpu));  // all rows are brought up to date in place
  return seen;
}

void check_trajectory(const Rule& rule, const MakeGradients& gradients, int steps = 50, int every = 10) {
  CAPTURE(rule.name);
  const std::vector<Tensor> found = trajectory(rule, gradients, gpu, steps, every);
  const std::vector<Tensor> expected = trajectory(rule, gradients, cpu, steps, every);
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) check_same(found[i], expected[i], tolerance, "entry " + std::to_string(i));
}

}  // namespace

TEST_CASE("the recipe models train on a device as on the CPU") {
  if (!has_device()) return;
  for_each_model(0, [](const auto& make) {
    check_same_training(train(make(), "adam", gpu), train(make(), "adam", cpu), tolerance);
  });
  for (const std::string optimizer : {"sgd", "sparse_adam"}) {
    CAPTURE(optimizer);
    const apps::ClassifierShape shape{.vocabulary_size = vocabulary, .embedding_dim = 8, .dropout = 0};
    const auto make = [&] {
      manual_seed(8);
      return std::make_unique<apps::EmbeddingBagClassifier>(shape);
    };
    check_same_training(train(make(), optimizer, gpu), train(make(), optimizer, cpu), tolerance);
  }
}

// The trainer fills batches up on a device, so that dropout's numbers fall on other elements there.
TEST_CASE("with dropout and clipping the recipe models train on a device as on the CPU") {
  if (!has_device()) return;
  for_each_model(0.5, [](const auto& make) {
    check_same_training(train_by_hand(make(), gpu), train_by_hand(make(), cpu), tolerance);
  });
}

TEST_CASE("two trainings on a device give the same bits") {
  if (!has_device()) return;
  const auto run = [] {
    manual_seed(9);
    const apps::ClassifierShape shape{.vocabulary_size = vocabulary, .embedding_dim = 8, .dropout = 0.5};
    return train(std::make_unique<apps::EmbeddingBagClassifier>(shape), "adam", gpu);
  };
  check_same_training(run(), run(), 0);
}

TEST_CASE("on a device optimizers move dense parameters as on the CPU") {
  if (!has_device()) return;
  for (const Rule& rule : adam_rules()) check_trajectory(rule, dense_gradients);
  for (const Rule& rule : sgd_rules()) check_trajectory(rule, dense_gradients);
}

TEST_CASE("on a device optimizers move tables with row gradients as on the CPU") {
  if (!has_device()) return;
  for (const Rule& rule : adam_rules()) check_trajectory(rule, row_gradients);
  for (const Rule& rule : sgd_rules()) check_trajectory(rule, row_gradients);
  check_trajectory(sparse_adam_rule(), row_gradients);
}

// The first 990 steps are the CPU's alone. Rows wait since steps up to 760 then; the device goes on past the end of
// the record, settles rows that have come to rest, and meets again some that were settled long before.
TEST_CASE("on a device rows of a table that wait past the record of steps are settled as on the CPU") {
  if (!has_device()) return;
  const auto one_step = [](Variable& w, nn::Optimizer& optimizer, int step) {
    const int64_t row = step <= 20 * (vocabulary - 2) ? step / 20 + 1 : step % 10 == 0 ? step % vocabulary : 0;
    const Tensor rows = unique(Tensor::from<int64_t>({0, row})).rows;
    zipf_training::one_step(w, optimizer,
                            {rows.to(w.device()), Tensor::full({rows.numel(), dim}, 0.01, float32, w.device())});
  };
  for (const Rule& rule : adam_rules()) {
    if (rule.name != "adam" && rule.name != "adamw" && rule.name != "amsgrad") continue;
    CAPTURE(rule.name);
    Generator generator(14);
    Variable w(Tensor::randn({vocabulary, dim}, float32, cpu, generator), true);
    Variable copy(Tensor::zeros({vocabulary, dim}, float32, gpu), true);
    const std::unique_ptr<nn::Optimizer> expected = rule.make(w), found = rule.make(copy);
    for (int step = 1; step <= 990; ++step) one_step(w, *expected, step);
    found->load_state_dict(expected->state_dict());
    check_same(copy.data(), w.data(), tolerance, "at the start");
    for (int step = 991; step <= 1040; ++step) {
      one_step(w, *expected, step);
      one_step(copy, *found, step);
    }
    check_same(found->state_dict(), expected->state_dict(), tolerance, "state");
    check_same(copy.data(), w.data(), tolerance, "weights");
    check_same(copy.mutable_data(), w.mutable_data(), tolerance, "weights, brought up to date");
  }
}

TEST_CASE("clip_grad_norm on a device") {
  if (!has_device()) return;
  const auto run = [](Device device) {
    Variable dense(Tensor::zeros({vocabulary, dim}, float32, device), true);
    Variable table(Tensor::zeros({vocabulary, dim}, float32, device), true);
    Variable idle(Tensor::zeros({2}, float32, device), true);
    dense.mutable_gradient() = dense_gradients()(device);
    table.mutable_gradient() = row_gradients()(device);
    const double first = nn::clip_grad_norm({dense, table, idle}, 0.05);
    const double second = nn::clip_grad_norm({dense, table, idle}, 1e9);
    CHECK(table.gradient().kind() == Gradient::Kind::rows);
    CHECK_FALSE(idle.gradient().defined());
    return std::vector<Tensor>{Tensor::from<double>({first, second}), dense.grad(), table.grad()};
  };
  const std::vector<Tensor> found = run(gpu), expected = run(cpu);
  CHECK(expected[0].select(0, 1).item() == doctest::Approx(0.05).epsilon(1e-4));
  for (size_t i = 0; i < found.size(); ++i) check_same(found[i], expected[i], 1e-6, "entry " + std::to_string(i));
}
