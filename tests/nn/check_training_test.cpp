// check_training: what it passes, and what it says of models that cannot be trained.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/loss.h"
#include "nn/testing.h"
#include "tests/message_of.h"

using namespace roux;

namespace {

struct Classifier : nn::Module {
  nn::Linear hidden{4, 16}, fc{16, 3};
  nn::Dropout dropout{0.5};

  Classifier() {
    add("hidden", hidden);
    add("fc", fc);
    add("dropout", dropout);
  }
  Variable forward(const Variable& x) { return fc(dropout(tanh(hidden(x)))); }
};

const Tensor x = nn::random_values({9, 4});
const Tensor labels = Tensor::from<int64_t>({0, 1, 2, 0, 1, 2, 0, 1, 2});

bool says(const nn::CheckResult& result, const std::string& begin, const std::string& part = "") {
  CAPTURE(result.message);
  CHECK(result.message.find(part) != std::string::npos);
  return result.message.find("[check_training] " + begin) == 0;
}

}  // namespace

TEST_CASE("check_training passes a model that learns, and leaves it as it was") {
  Classifier model;
  const nn::StateDict before = model.state_dict();
  const Variable weight = model.fc.weight;
  const nn::CheckResult result =
      nn::check_training(model, [&] { return nn::cross_entropy(model.forward(x), labels); }, {.num_classes = 3});
  CHECK(result);
  CHECK(says(result, "the loss went from 1."));
  CHECK(model.is_training());
  CHECK(model.dropout.is_training());
  CHECK(weight == model.fc.weight);
  CHECK_FALSE(weight.grad().defined());
  const nn::StateDict after = model.state_dict();
  for (size_t i = 0; i < before.size(); ++i)
    CHECK(nn::close(after[i].second, before[i].second, {.rtol = 0, .atol = 0}));
}

TEST_CASE("check_training trains tables") {
  struct Bag : nn::Module {
    nn::EmbeddingBag table{20, 8};
    nn::Linear fc{8, 3};
    Bag() {
      add("table", table);
      add("fc", fc);
    }
  } model;
  const Tensor ids = nn::random_ids({27}, 20), offsets = Tensor::arange(0, 27, 3);
  const Tensor table = model.table.weight.data().clone();
  CHECK(nn::check_training(model, [&] { return nn::cross_entropy(model.fc(model.table(ids, offsets)), labels); },
                           {.num_classes = 3}));
  CHECK(nn::close(model.table.weight, table, {.rtol = 0, .atol = 0}));
  CHECK(model.table.weight.pending_rows() == nullptr);
}

TEST_CASE("check_training: a first loss that guessing would not give") {
  Classifier model;
  const auto loss = [&](double factor) {
    return nn::check_training(model, [&] { return nn::cross_entropy(model.forward(x), labels) * factor; },
                              {.num_classes = 3});
  };
  CHECK_FALSE(loss(9));  // a sum over the batch
  CHECK(says(loss(9), "the first loss is ", ", expected about ln 3 = 1.09861229 (hint: a new model's scores"));
  CHECK(says(loss(1.0 / 9), "the first loss is 0.", "divided twice?)"));
}

TEST_CASE("check_training: what no gradient reaches is named") {
  Classifier model;
  const auto detached = [&] { return nn::cross_entropy(model.fc(tanh(model.hidden(x)).detach()), labels); };
  const nn::CheckResult result = nn::check_training(model, detached);
  CHECK_FALSE(result);
  CHECK(says(result, "no gradient reaches hidden.weight, hidden.bias (hint: "));
  for (Variable parameter : model.hidden.parameters()) parameter.set_requires_grad(false);
  CHECK(nn::check_training(model, detached, {.steps = 1000}));
}

TEST_CASE("check_training: a parameter that nobody registered is found") {
  Classifier model;
  const Variable scale(Tensor::ones({1}), true);
  const nn::CheckResult result =
      nn::check_training(model, [&] { return nn::cross_entropy(model.fc(tanh(model.hidden(x))) * scale, labels); });
  CHECK_FALSE(result);
  CHECK(says(result, "forward uses a parameter of shape (1) that is not registered"));
}

TEST_CASE("check_training: a batch that cannot be learned") {
  Classifier model;
  const Tensor equal = Tensor::ones({9, 4});
  const nn::CheckResult result =
      nn::check_training(model, [&] { return nn::cross_entropy(model.forward(equal), labels); }, {.steps = 20});
  CHECK_FALSE(result);
  CHECK(says(result, "the loss only went from 1.", " in 20 steps on one batch, expected at most 0.1"));
  CHECK(says(nn::check_training(model, [&] { return nn::cross_entropy(model.forward(x), labels) * std::nan(""); }),
             "the loss is nan after 0 steps"));
}
