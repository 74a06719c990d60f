// The kit for testing layers: what passes, what fails, and what it says then.
#include "nn/testing.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <sstream>

#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "tests/message_of.h"
#include "tests/nn/pattern.h"

using namespace roux;

namespace {

template <class Result>
std::string text(const Result& result) {
  std::ostringstream out;
  out << result;
  return out.str();
}

struct GatedLinear : nn::Module {
  nn::Linear value, gate;
  nn::Dropout dropout{0.5};
  Tensor scale = Tensor::full({1}, 0.3);

  GatedLinear(int64_t in_features, int64_t out_features)
      : value(in_features, out_features), gate(in_features, out_features) {
    add("value", value);
    add("gate", gate);
    add("dropout", dropout);
    add_buffer("scale", scale);
  }
  Variable forward(const Variable& x) { return dropout(value(x) * sigmoid(gate(x))) * scale; }
};

// x * weight, with a gradient of the weight that is wrong by a factor.
struct WrongScale : nn::Module {
  Variable weight{pattern({3}, 1), true};
  double factor;
  explicit WrongScale(double wrong_by) : factor(wrong_by) { add("weight", weight); }
  Variable forward(const Variable& x) {
    return record("wrong_scale", x.data() * weight.data(), {x, weight},
                  [x = saved(x.data()), w = saved(weight.data()), f = factor](const Tensor& grad, GradSink& to) {
                    if (to.wants(0)) to.add(0, grad * w.get());
                    if (to.wants(1)) to.add(1, sum(grad * x.get(), 0) * f);
                  });
  }
};

}  // namespace

TEST_CASE("close names the worst entry") {
  const Tensor a = Tensor::from<double>({1, 2, 3, 4, 5, 6}, {2, 3});
  CHECK(nn::close(a, a));
  CHECK(nn::close(a, a * (1 + 1e-7)));
  Tensor b = a.clone();
  b.select(0, 1).select(0, 2).fill_(8);
  b.select(0, 0).select(0, 1).fill_(2.5);
  CHECK_FALSE(nn::close(a, b));
  CHECK(text(nn::close(a, b)) ==
        "[close] 2 of 6 entries are wrong; worst at (1, 2): found 6, expected 8, relative error 0.25 (allowed: 1e-06 + "
        "1e-05 * |expected|)");
  CHECK(nn::close(a, b, {.rtol = 0.26}));
  CHECK(nn::close(a, b, {.rtol = 0, .atol = 2}));
  CHECK_FALSE(nn::close(a, b, {.rtol = 0, .atol = 1.9}));
  CHECK(text(nn::close(a, a.transpose(0, 1))) == "[close] found shape (2, 3), expected (3, 2)");
  CHECK(text(nn::close(a, Variable())) == "[close] the expected tensor is undefined");
  CHECK(nn::close(a, a.to(int64)));
  CHECK(nn::close(Tensor::zeros({0, 3}), Tensor::zeros({0, 3})));
  CHECK(nn::close(Tensor::scalar(1.0), Variable(Tensor::scalar(1.0), true)));
}

TEST_CASE("close does not take NaN and infinity for numbers") {
  const double nan = std::numeric_limits<double>::quiet_NaN(), infinity = std::numeric_limits<double>::infinity();
  const Tensor one = Tensor::scalar(1.0, float64), no = Tensor::scalar(nan, float64), huge = Tensor::scalar(infinity);
  CHECK_FALSE(nn::close(no, one));
  CHECK_FALSE(nn::close(one, no));
  CHECK_FALSE(nn::close(no, no));
  CHECK(nn::close(no, no, {.equal_nan = true}));
  CHECK(nn::close(huge, huge));
  CHECK_FALSE(nn::close(one, huge));
  CHECK_FALSE(nn::close(huge, one));
  CHECK_FALSE(nn::close(-huge, huge));
}

TEST_CASE("gradcheck of a module passes, in training too, and leaves the module as it was") {
  GatedLinear layer(4, 3);
  const nn::StateDict before = layer.state_dict();
  const uint64_t offset = layer.named_generators()[0].second->offset();
  const Variable weight = layer.value.weight;
  const GradcheckResult result = gradcheck(layer, {Tensor::randn({2, 4})});
  CHECK(result);
  CHECK(result.checked == 2 * (4 * 3 + 3) + 2 * 4);
  layer.eval();
  CHECK(gradcheck(layer, {Tensor::randn({2, 4})}));
  CHECK(nn::gradcheck(layer, [&] { return layer.forward(pattern({3, 2, 4}, 2, float64)); }));
  CHECK_FALSE(layer.is_training());
  CHECK(layer.named_generators()[0].second->offset() == offset);
  CHECK(weight == layer.value.weight);
  CHECK(weight.dtype() == float32);
  CHECK(layer.scale.dtype() == float32);
  CHECK_FALSE(weight.grad().defined());
  const nn::StateDict after = layer.state_dict();
  for (size_t i = 0; i < before.size(); ++i)
    CHECK(nn::close(after[i].second, before[i].second, {.rtol = 0, .atol = 0}));
}

TEST_CASE("gradcheck of a module names the wrong parameter") {
  WrongScale right(1), twice(2), turned(-1);
  const Tensor x = pattern({5, 3}, 3);
  CHECK(gradcheck(right, {x}));
  const GradcheckResult wrong = gradcheck(twice, {x});
  CHECK_FALSE(wrong);
  CHECK(wrong.input == "weight");
  CHECK(wrong.found / wrong.expected == doctest::Approx(2));
  CHECK(text(wrong).find("[gradcheck] wrong_scale in WrongScale, weight: 3 of 3 entries are wrong; worst at (") == 0);
  CHECK(text(wrong).find("twice") != std::string::npos);
  CHECK(text(gradcheck(turned, {x})).find("sign") != std::string::npos);
  CHECK(twice.weight.dtype() == float32);
  // Of several operations: the class.
  struct Nested : nn::Module {
    WrongScale scale{2};
    Nested() { add("scale", scale); }
    Variable forward(const Variable& in) { return tanh(scale.forward(in)); }
  } nested;
  CHECK(text(gradcheck(nested, {x})).find("[gradcheck] Nested, scale.weight: 3 of 3 entries are wrong") == 0);
}

TEST_CASE("gradcheck names the layer that changes its parameter in place") {
  struct Grows : nn::Module {
    Variable weight{pattern({3}, 1), true};
    Grows() { add("weight", weight); }
    Variable forward(const Variable& x) { return tanh(x * weight.mutable_data().add_(1)); }
  } layer;
  CHECK(message_of([&] {
          gradcheck(layer, {pattern({5, 3}, 3)});
        }).find("[gradcheck] Grows changed weight in place: at (0) it was ") == 0);
  CHECK(nn::close(layer.weight, pattern({3}, 1)));
}

TEST_CASE("random values are the same for a seed, spread out, and away from 0") {
  for (const int64_t n : {1, 2, 5, 8, 101}) {
    std::vector<double> values = nn::random_values({n}, 3, float64).to_vector<double>();
    std::sort(values.begin(), values.end());
    const double step = 4.0 / static_cast<double>(n);
    CHECK(values.front() > -2);
    CHECK(values.back() < 2);
    for (size_t i = 0; i < values.size(); ++i) {
      CHECK(std::abs(values[i]) > 0.2 * step);
      if (i > 0) CHECK(values[i] - values[i - 1] == doctest::Approx(step));
    }
  }
  const Tensor x = nn::random_values({4, 5});
  CHECK(x.dtype() == float32);
  CHECK(nn::close(x, nn::random_values({4, 5}), {.rtol = 0, .atol = 0}));
  CHECK_FALSE(nn::close(x, nn::random_values({4, 5}, 1)));
  CHECK(nn::random_values({}).numel() == 1);
  CHECK(nn::random_values({0, 3}).numel() == 0);
  CHECK(message_of([] { nn::random_values({2}, 0, int64); }) ==
        "[random_values] found int64, expected a floating-point type");
  CHECK(gradcheck([](const auto& in) { return amax(relu(in[0]), {1}); }, {nn::random_values({7, 9})}));

  const std::vector<int64_t> ids = nn::random_ids({10, 10}, 4).to_vector<int64_t>();
  CHECK(std::set<int64_t>(ids.begin(), ids.end()) == std::set<int64_t>{0, 1, 2, 3});
  CHECK(nn::random_ids({10, 10}, 4).to_vector<int64_t>() == ids);
  CHECK(nn::random_ids({10, 10}, 4, 1).to_vector<int64_t>() != ids);
  CHECK(message_of([] { nn::random_ids({2}, 0); }) == "[random_ids] found 0 ids, expected at least 1");
}

TEST_CASE("gradcheck says what it cannot check") {
  GatedLinear layer(4, 3);
  CHECK_THROWS_WITH_AS(
      gradcheck(layer, {pattern({2, 4}, 1), pattern({2, 4}, 1)}),
      "[gradcheck] the module has no forward that takes 2 Variables or Tensors (hint: gradcheck(layer, [&] { return "
      "layer.forward(...); }) calls what it has)",
      Error);
  const Tensor x = pattern({2, 4}, 1);
  CHECK_THROWS_WITH_AS(gradcheck(layer, {x, x, x, x}),
                       "[gradcheck] found 4 inputs, expected up to 3 (hint: pass a lambda that calls forward)", Error);
  const auto none = [](const auto&) { return Variable(Tensor::ones({1})); };
  nn::Dropout nothing;
  CHECK_THROWS_WITH_AS(
      nn::gradcheck(nothing, {Tensor::arange(0, 3)}, none),
      "[gradcheck] there is no floating-point input and no parameter that requires a gradient to check", Error);
  CHECK_THROWS_WITH_AS(gradcheck(layer, {Tensor()}), "[gradcheck] input 0 is undefined", Error);
  CHECK(layer.value.weight.dtype() == float32);

  struct Owes : PendingRows {
    void commit(const Tensor&) override {}
    void commit_all() override {}
    Tensor rows(const Tensor& ids) const override { return ids; }
    Tensor materialise() const override { return Tensor::zeros({2, 2}); }
  } owes;
  nn::Embedding table(2, 2);
  table.weight.set_pending_rows(&owes);
  CHECK_THROWS_WITH_AS(nn::gradcheck(table, [&] { return table(Tensor::from<int64_t>({0})); }),
                       "[gradcheck] an optimizer still owes rows to the parameter weight (hint: destroy the optimizer "
                       "first)",
                       Error);
  table.weight.set_pending_rows(nullptr);
}

TEST_CASE("gradcheck finds a parameter that forward uses and nobody registered") {
  struct Forgetful : nn::Module {
    Variable scale{pattern({3}, 1), true}, shift{pattern({3}, 2), true};
    Forgetful() { add("scale", scale); }
    Variable forward(const Variable& x) { return x * scale + shift; }
  } layer;
  const std::string expected =
      "[gradcheck] forward uses a parameter of shape (3) that is not registered (hint: add(\"name\", member))";
  const Tensor x = pattern({5, 3}, 3);
  CHECK(message_of([&] { gradcheck(layer, {x}); }) == expected);
  CHECK(message_of([&] { nn::gradcheck(layer, [&] { return layer.forward(x); }); }) == expected);
  CHECK(layer.scale.dtype() == float32);
  layer.shift.set_requires_grad(false);  // frozen: nothing that training could miss
  CHECK(gradcheck(layer, {x}));
}

TEST_CASE("gradcheck says what it has checked, and what is frozen") {
  nn::Linear layer(4, 3);
  layer.bias.set_requires_grad(false);
  CHECK(text(gradcheck(layer, {pattern({5, 4}, 1)})) ==
        "[gradcheck] 32 entries are right (weight, input 0); frozen: bias");
}

TEST_CASE("gradcheck explains an error of types by its float64") {
  struct Forgetful : nn::Module {
    nn::Linear known{4, 3}, forgotten{3, 3};
    Forgetful() { add("known", known); }
    Variable forward(const Variable& x) { return forgotten(known(x)); }
  } layer;
  // Found before float64 makes it an error of types.
  CHECK(message_of([&] {
          gradcheck(layer, {pattern({5, 4}, 1)});
        }).find("[gradcheck] forward uses a parameter of shape (3") == 0);
  layer.forgotten.weight.set_requires_grad(false);
  layer.forgotten.bias.set_requires_grad(false);
  CHECK(message_of([&] {
          gradcheck(layer, {pattern({5, 4}, 1)});
        }) ==
        "[linear] the weight is float32, the input is float64 (hint: module.to(float64), or input.to(float32)) (in "
        "gradcheck, which runs in float64: pass floating-point tensors as inputs, register parameters with add())");
  nn::Linear linear(4, 3);
  const Tensor x = pattern({5, 4}, 1);
  CHECK(message_of([&] { nn::gradcheck(linear, [&] { return linear(x); }); }).find("[linear] the weight is float64") ==
        0);
  // Errors of another kind stay as they are.
  CHECK(message_of([&] { gradcheck(linear, {pattern({5, 3}, 1)}); }).find("gradcheck") == std::string::npos);
}

TEST_CASE("gradcheck hands ids and masks on as Tensors") {
  struct Tagger : nn::Module {
    nn::Embedding table{7, 3};
    Tagger() { add("table", table); }
    Variable forward(const Tensor& ids) { return tanh(table(ids)); }
  } tagger;
  const Tensor ids = Tensor::from<int64_t>({3, 0, 6, 3});
  const GradcheckResult result = nn::gradcheck(tagger, {ids});
  CHECK(result);
  CHECK(result.checked == 21);
  nn::EmbeddingBag bag(7, 3);
  CHECK(nn::gradcheck(bag, {ids, Tensor::from<int64_t>({0, 1})}));
  struct Masked : nn::Module {
    Variable scale{pattern({3}, 1), true};
    Masked() { add("scale", scale); }
    Variable forward(const Variable& x, const Tensor& mask) { return masked_fill(x * scale, mask, 0); }
  } masked;
  const Tensor x = pattern({5, 3}, 3);
  CHECK(nn::gradcheck(masked, {x, gt(x, 0)}).checked == 3 + 15);
}

TEST_CASE("a layer that draws random numbers in evaluation is found") {
  GatedLinear layer(4, 3);
  const Tensor x = pattern({2, 4}, 1);
  CHECK(nn::eval_is_deterministic(layer, [&] { return layer.forward(x); }));
  CHECK(layer.dropout.is_training());
  layer.eval();
  layer.dropout.train();
  CHECK(nn::eval_is_deterministic(layer, [&] { return layer.forward(x); }));
  CHECK_FALSE(layer.is_training());
  CHECK(layer.dropout.is_training());

  Generator generator;
  const nn::CheckResult noisy =
      nn::eval_is_deterministic(layer, [&] { return dropout(layer.forward(x), 0.5, generator); });
  CHECK_FALSE(noisy);
  CHECK(text(noisy).find("[eval_is_deterministic] the second result differs from the first (hint: does a dropout ") ==
        0);
  const nn::CheckResult writes = nn::eval_is_deterministic(layer, [&] {
    layer.scale.add_(1);
    return layer.forward(x);
  });
  CHECK(text(writes).find("[eval_is_deterministic] evaluation changed scale: ") == 0);
}

TEST_CASE("a parameter that is not registered is found by its state dict") {
  GatedLinear layer(4, 3), other(4, 3);
  const Tensor x = pattern({2, 4}, 1);
  const auto forward = [&](auto& module) { return module.forward(x); };
  CHECK(nn::state_dict_round_trips(layer, other, forward));
  CHECK(nn::state_dict_round_trips(layer, other, [&](GatedLinear& module) { return module.forward(x); }));
  CHECK_THROWS_WITH_AS(nn::state_dict_round_trips(layer, layer, forward),
                       "[state_dict_round_trips] both modules are the same one (hint: make another to load into)",
                       Error);

  struct Forgetful : nn::Module {
    nn::Linear known{4, 2}, forgotten{2, 3, {.bias = false}};
    Forgetful() { add("known", known); }
    Variable forward(const Variable& input) { return forgotten(known(input)); }
  } one, two;
  // Both values the same: only the graph tells.
  two.forgotten.weight.set_data(one.forgotten.weight.data());
  const nn::CheckResult found = nn::state_dict_round_trips(one, two, forward);
  CHECK_FALSE(found);
  CHECK(text(found) ==
        "[state_dict_round_trips] forward uses a parameter of shape (3, 2) that is not registered (hint: "
        "add(\"name\", member))");

  struct ForgetsBuffer : nn::Module {
    nn::Linear known{4, 2};
    Tensor scale = Tensor::randn({2});
    ForgetsBuffer() { add("known", known); }
    Variable forward(const Variable& input) { return known(input) * scale; }
  } three, four;
  CHECK(text(nn::state_dict_round_trips(three, four, forward)).find("registered by add") != std::string::npos);
}

TEST_CASE("what a step leaves behind is found") {
  GatedLinear layer(4, 3);
  const Tensor x = pattern({2, 4}, 1);
  const auto step = [&] {
    layer.zero_grad();
    sum(layer.forward(x)).backward();
  };
  CHECK(nn::leaks_nothing(step));
  std::vector<Variable> losses;
  const nn::CheckResult keeps_graph = nn::leaks_nothing([&] { losses.push_back(sum(layer.forward(x))); });
  CHECK_FALSE(keeps_graph);
  CHECK(text(keeps_graph).find("[leaks_nothing] 3 steps left ") == 0);
  CHECK(text(keeps_graph).find("or does a backward lambda capture its own result?)") != std::string::npos);
  std::vector<Tensor> tensors;
  tensors.reserve(10);
  CHECK_FALSE(nn::leaks_nothing([&] { tensors.push_back(Tensor::zeros({3})); }));
}
