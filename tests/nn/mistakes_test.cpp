// The usual mistakes of a training loop, each made and each avoided.
#include "nn/mistakes.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "nn/adam.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/loss.h"
#include "nn/sgd.h"
#include "tests/message_of.h"

using namespace roux;

namespace {

struct Model : nn::Module {
  nn::Linear first{4, 8}, second{8, 3};
  nn::Dropout dropout{0.5};

  Model() {
    add("first", first);
    add("second", second);
    add("dropout", dropout);
  }
  Variable forward(const Variable& x) { return second(dropout(tanh(first(x)))); }
};

struct Training {
  Model model;
  nn::SGD optimizer{model.named_parameters(), {.lr = 0.1}};
  Tensor x = Tensor::ones({5, 4}), labels = Tensor::zeros({5}, int64);
  std::vector<std::string> said;
  nn::MistakeDetector detector{model, [this](const std::string& mistake) { said.push_back(mistake); }};

  Variable loss() { return nn::cross_entropy(model.forward(x), labels); }
};

}  // namespace

TEST_CASE("mistakes: none in a loop that is right, with several backwards to a step and an evaluation") {
  Training training;
  double total = 0;
  for (int step = 0; step < 4; ++step) {
    training.optimizer.zero_grad();
    Variable sum_of_two = training.loss() + training.loss();
    sum_of_two.backward();
    const Variable loss = training.loss();
    loss.backward();
    training.optimizer.step();
    total += loss.item();
  }
  training.model.eval();
  const NoGrad no_grad;
  training.loss();
  CHECK(total > 0);
  CHECK(training.said.empty());
  CHECK(training.detector.mistakes().empty());
}

TEST_CASE("mistakes: a backward that computes with parameters is no evaluation") {
  Training training;
  const Variable& weight = training.model.first.weight;
  const Variable doubled = record("doubled", weight.data() * 2, {weight},
                                  [&](const Tensor& grad, GradSink& to) { to.add(0, grad * 2 + (weight * 0).data()); });
  const Variable loss = training.loss() + sum(doubled);
  loss.backward();
  CHECK(training.said.empty());
}

TEST_CASE("mistakes: zero_grad forgotten") {
  Training training;
  for (int step = 0; step < 3; ++step) {
    training.loss().backward();
    training.optimizer.step();
    CHECK(training.said.size() == (step == 0 ? 0 : 1));
  }
  REQUIRE(training.said.size() == 1);
  CHECK(
      training.said[0] ==
      "[step] the gradient of 'first.weight' holds that of the last step too (hint: optimizer.zero_grad() before each "
      "backward)");
}

TEST_CASE("mistakes: rows that max_norm shortens between two backwards are no step") {
  nn::EmbeddingBag bag(6, 4, {.max_norm = 0.5});
  nn::SGD optimizer(bag.named_parameters(), {.lr = 0.1});
  std::vector<std::string> said;
  const nn::MistakeDetector detector(bag, [&](const std::string& mistake) { said.push_back(mistake); });
  const auto backward = [&](int64_t id) {
    sum(bag(Tensor::from<int64_t>({id}), Tensor::zeros({1}, int64))).backward();
  };
  backward(0);
  backward(1);
  optimizer.step();
  CHECK(said.empty());
  backward(2);
  optimizer.step();
  CHECK(said.size() == 1);
}

TEST_CASE("mistakes: zero_grad forgotten for a table under a lazy Adam") {
  nn::Embedding table(6, 4);
  nn::Adam optimizer(table.named_parameters());
  std::vector<std::string> said;
  const nn::MistakeDetector detector(table, [&](const std::string& mistake) { said.push_back(mistake); });
  for (int step = 0; step < 2; ++step) {
    sum(table(Tensor::from<int64_t>({step}))).backward();
    optimizer.step();
    CHECK(said.size() == static_cast<size_t>(step));
  }
}

TEST_CASE("mistakes: gradients of another loss may pile up when they are dropped before the step") {
  Training generator;
  nn::Linear discriminator(3, 2);
  nn::SGD optimizer(discriminator.named_parameters(), {.lr = 0.1});
  std::vector<std::string> said;
  const nn::MistakeDetector detector(discriminator, [&](const std::string& mistake) { said.push_back(mistake); });
  for (int step = 0; step < 3; ++step) {
    optimizer.zero_grad();
    sum(discriminator(generator.model.forward(generator.x).detach())).backward();
    optimizer.step();
    generator.optimizer.zero_grad();
    sum(discriminator(generator.model.forward(generator.x))).backward();
    generator.optimizer.step();
  }
  CHECK(said.empty());
  CHECK(generator.said.empty());
}

TEST_CASE("mistakes: a step without backward") {
  Training training;
  training.optimizer.step();
  CHECK(training.said.empty());  // nothing was computed either
  training.loss();
  training.optimizer.step();
  training.optimizer.step();
  REQUIRE(training.said.size() == 1);
  CHECK(training.said[0] == "[step] no parameter has a gradient (hint: loss.backward() before the step)");
}

TEST_CASE("mistakes: a detach between a parameter and the loss") {
  struct Cut : Model {
    Variable forward(const Variable& x) { return second(first(x).detach()); }
  } model;
  nn::SGD optimizer(model.named_parameters(), {.lr = 0.1});
  std::vector<std::string> said;
  const nn::MistakeDetector detector(model, [&](const std::string& mistake) { said.push_back(mistake); });
  {
    const NoGrad no_grad;
    model.eval();
    model.forward(Tensor::ones({1, 4}));  // an evaluation asks for no gradients
    model.train();
  }
  optimizer.step();
  CHECK(said.empty());
  for (int step = 0; step < 2; ++step) {
    optimizer.zero_grad();
    sum(model.forward(Tensor::ones({1, 4}))).backward();
    optimizer.step();
  }
  REQUIRE(said.size() == 1);
  CHECK(said[0] ==
        "[step] 'first.weight' was read and has no gradient (hint: does a detach() or data() stand between it and the "
        "loss? does the loss use what was computed from it?)");
}

TEST_CASE("mistakes: an evaluation is seen after a backward that threw") {
  Training training;
  const Variable x(Tensor::ones({2}), true);
  const Variable bad = record("bad", x.data() * 1, {x}, [](const Tensor&, GradSink&) { throw Error("no"); });
  CHECK_THROWS_AS(sum(bad).backward(), Error);
  const NoGrad no_grad;
  training.loss();
  CHECK(training.said.size() == 1);
}

TEST_CASE("mistakes: a graph kept alive across steps, added up before and after backward") {
  for (const bool before : {true, false}) {
    Training training;
    Variable total = Tensor::scalar(0);
    for (int step = 0; step < 3; ++step) {
      training.optimizer.zero_grad();
      const Variable loss = training.loss();
      if (before) total = total + loss;
      loss.backward();
      if (!before) total = total + loss;
      CHECK(training.said.empty() == (before && step == 0));
      training.optimizer.step();
    }
    REQUIRE(!training.said.empty());
    CHECK(training.said[0].find("[add] takes a result of ") == 0);
    CHECK(training.said[0].find("keeps that graph alive (hint: `total += loss.item()`") != std::string::npos);
  }
}

TEST_CASE("mistakes: evaluating in training mode") {
  Training training;
  const NoGrad no_grad;
  training.loss();
  REQUIRE(training.said.size() == 1);  // not once more for each parameter, and for dropout
  CHECK(training.said[0].find("[eval] 'first.weight' is read under NoGrad by a module in training mode") == 0);
  Training part;
  part.model.eval();
  part.model.dropout.train();
  part.loss();
  REQUIRE(part.said.size() == 1);
  CHECK(part.said[0].find("[eval] dropout acts under NoGrad: a module was left in training mode") == 0);
}

TEST_CASE("mistakes: a parameter that forward never uses") {
  struct Forgetful : Model {
    nn::Linear forgotten{2, 2};
    nn::Linear frozen{2, 2};
    Forgetful() {
      add("forgotten", forgotten);
      frozen.weight.set_requires_grad(false);
      frozen.bias.set_requires_grad(false);
      add("frozen", frozen);
    }
  } model;
  std::vector<std::string> said;
  const nn::MistakeDetector detector(model, [&](const std::string& mistake) { said.push_back(mistake); });
  for (int step = 0; step < 2; ++step) {
    model.zero_grad();
    sum(model.forward(Tensor::ones({1, 4}))).backward();
  }
  REQUIRE(said.size() == 2);
  CHECK(said[0].find("[backward] 'forgotten.weight' requires a gradient, and no operation has read it") == 0);
  CHECK(said[1].find("'forgotten.bias'") != std::string::npos);
}

TEST_CASE("mistakes: a report that throws ends what was going on") {
  Model model;
  const nn::MistakeDetector detector(model, [](const std::string& mistake) { throw Error(mistake); });
  const NoGrad no_grad;
  CHECK(message_of([&] { model.forward(Tensor::ones({1, 4})); }).find("[eval] 'first.weight'") == 0);
}
