// What a summary shows of a model.
#include "nn/summary.h"

#include <doctest/doctest.h>

#include "nn/activations.h"
#include "nn/attention.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "tests/message_of.h"

using namespace roux;

namespace {

struct Classifier : nn::Module {
  nn::EmbeddingBag bag{100, 16};
  nn::Dropout dropout{0.5};
  nn::Linear fc{16, 4};

  Classifier() {
    add("bag", bag);
    add("dropout", dropout);
    add("fc", fc);
  }
  Variable forward(const Tensor& ids, const Tensor& offsets) { return fc(dropout(bag(ids, offsets))); }
};

// A weight that is used through a view, a layer that is called by forward() alone, and one that is never called.
struct Odd : nn::Module {
  Variable weight{Tensor::ones({3, 5}), true};
  nn::Linear inner{3, 2}, idle{7, 1};

  Odd() {
    add("weight", weight);
    add("inner", inner);
    add("idle", idle);
  }
  Variable forward(const Variable& x) {
    const Variable result = inner.forward(matmul(x, weight.transpose(0, 1)));
    inner.weight.flatten();  // looked at, and no result of the layer
    return result;
  }
};

}  // namespace

TEST_CASE("summary: a classifier, exactly") {
  Classifier model;
  model.bag.weight.set_requires_grad(false);
  const Tensor ids = Tensor::arange(0, 6), offsets = Tensor::from<int64_t>({0, 2});
  CHECK(nn::summary(model, [&] { return model.forward(ids, offsets); }) ==
        "module     type          output shape  parameters  trainable\n"
        "-          Classifier    (2, 4)             1,668         68\n"
        "  bag      EmbeddingBag  (2, 16)            1,600          0\n"
        "  dropout  Dropout       (2, 16)                0          0\n"
        "  fc       Linear        (2, 4)                68         68\n"
        "1,668 parameters, 68 of them trainable, 6.5 KiB\n");
  CHECK(nn::summary(model).find("  fc       Linear        -     ") != std::string::npos);
}

TEST_CASE("summary: modes and gradients are as before, random numbers are not used up") {
  Classifier model;
  model.fc.eval();
  const Tensor ids = Tensor::arange(0, 6), offsets = Tensor::from<int64_t>({0, 2});
  const uint64_t before = model.named_generators()[0].second->offset();
  const int64_t nodes = live_nodes();
  nn::summary(model, [&] {
    CHECK(!NoGrad::recording());
    CHECK(!model.fc.is_training());
    return model.forward(ids, offsets);
  });
  CHECK(live_nodes() == nodes);
  CHECK(model.is_training());
  CHECK(model.dropout.is_training());
  CHECK(!model.fc.is_training());
  CHECK(model.named_generators()[0].second->offset() == before);
  CHECK(message_of([&] { nn::summary(model, []() -> Variable { fail("forward", "no"); }); }) == "[forward] no");
  CHECK(model.is_training());
  CHECK(nn::LayerWatcher::current == nullptr);
}

TEST_CASE("summary: layers within layers; shapes through views, by forward() alone, and of what is never called") {
  nn::Sequential model;
  model.emplace<nn::Linear>(4, 8);
  model.emplace<nn::ReLU>();
  nn::Sequential& inner = model.emplace<nn::Sequential>();
  inner.emplace<nn::Linear>(8, 3);
  const std::string text = nn::summary(model, Tensor::ones({5, 4}));
  CHECK(text.find("\n  1     ReLU        (5, 8) ") != std::string::npos);
  CHECK(text.find("\n  2     Sequential  (5, 3) ") != std::string::npos);
  CHECK(text.find("\n    0   Linear      (5, 3) ") != std::string::npos);

  Odd odd;
  const std::string shapes = nn::summary(odd, [&] { return odd.forward(Tensor::ones({6, 5})); });
  CHECK(shapes.find("\n-        Odd     (6, 2) ") != std::string::npos);
  CHECK(shapes.find("\n  inner  Linear  (6, 2) ") != std::string::npos);
  CHECK(shapes.find("\n  idle   Linear  -  ") != std::string::npos);
}

TEST_CASE("summary: shared parameters count once in the total") {
  struct Tied : nn::Module {
    nn::Linear a{3, 3}, b{3, 3};
    Tied() {
      b.weight = a.weight;
      add("a", a);
      add("b", b);
    }
  } model;
  CHECK(nn::summary(model).find("\n15 parameters, ") != std::string::npos);
}
