// Modules: names, registration errors, modes, moving and converting, state dicts, lists of modules.
#include "nn/module.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "nn/testing.h"
#include "tests/nn/pattern.h"

using namespace roux;
using Names = std::vector<std::string>;

namespace {

struct Encoder : nn::Module {
  nn::Linear first{3, 2};
  nn::Dropout dropout;
  Tensor scale = Tensor::full({2}, 0.5);
  Tensor steps = Tensor::zeros({1}, int64);
  Tensor cache = Tensor::ones({4});

  Encoder() {
    add("first", first);
    add("dropout", dropout);
    add_buffer("scale", scale);
    add_buffer("steps", steps);
    add_buffer("cache", cache, false);
  }
};

struct Model : nn::Module {
  Variable shift{Tensor::zeros({2}), true};
  Variable frozen{Tensor::ones({3})};
  Encoder encoder;
  nn::Linear fc{2, 4, {.bias = false}};

  Model() {
    add("encoder", encoder);
    add("fc", fc);
    add("shift", shift);
    add("frozen", frozen);
  }
};

template <class Pairs>
Names names_of(const Pairs& pairs) {
  Names names;
  for (const auto& [name, value] : pairs) names.push_back(name);
  return names;
}

// What a module does with one name.
struct Registering : nn::Module {
  Variable a{Tensor::zeros({1}), true};
  Variable undefined;
  Tensor no_tensor;
  nn::Linear child{1, 1};
  void parameter(const std::string& name) { add(name, a); }
  void nothing() { add("nothing", undefined); }
  void no_buffer() { add_buffer("nothing", no_tensor); }
  void module(const std::string& name) { add(name, child); }
  void buffer(const std::string& name) { add_buffer(name, a.mutable_data()); }
  void itself() { add("itself", *this); }
  template <class Member>
  auto any(Member& member) -> decltype(add("any", member)) {
    return add("any", member);
  }
  void computed() {
    a = a * 2;
    add("computed", a);
  }
};

std::string load_error(Model& model, const nn::StateDict& state, bool strict = true) {
  try {
    model.load_state_dict(state, strict);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a module lists what it holds by dotted names, its own first") {
  Model model;
  CHECK(names_of(model.named_parameters()) ==
        Names{"shift", "frozen", "encoder.first.weight", "encoder.first.bias", "fc.weight"});
  CHECK(model.named_parameters()[4].variable == model.fc.weight);
  CHECK(model.parameters().size() == 5);
  CHECK(names_of(model.named_buffers()) == Names{"encoder.scale", "encoder.steps", "encoder.cache"});
  CHECK(names_of(model.named_generators()) == Names{"encoder.dropout.generator"});
  CHECK(names_of(model.named_modules()) == Names{"", "encoder", "encoder.first", "encoder.dropout", "fc"});
  CHECK(model.named_modules()[1].second == &model.encoder);
  CHECK(names_of(model.state_dict()) == Names{"shift", "frozen", "encoder.scale", "encoder.steps",
                                              "encoder.first.weight", "encoder.first.bias", "fc.weight"});
  CHECK(model.num_parameters() == 2 + 3 + 6 + 2 + 8);
  CHECK(model.num_parameters(true) == 2 + 6 + 2 + 8);
}

TEST_CASE("a name that cannot be registered is an error that says why") {
  Registering module;
  module.parameter("a");
  CHECK_THROWS_WITH_AS(module.parameter("a"), "[add] the name 'a' is already registered in this module", Error);
  CHECK_THROWS_WITH_AS(module.module("a"), "[add] the name 'a' is already registered in this module", Error);
  CHECK_THROWS_WITH_AS(module.buffer("a"), "[add] the name 'a' is already registered in this module", Error);
  CHECK_THROWS_WITH_AS(module.parameter("a.b"),
                       "[add] the name 'a.b' has a dot (hint: dots separate the names of nested modules)", Error);
  CHECK_THROWS_WITH_AS(module.module(""), "[add] a name must not be empty", Error);
  CHECK_THROWS_WITH_AS(module.nothing(), "[add] the parameter 'nothing' is undefined", Error);
  CHECK_THROWS_WITH_AS(module.no_buffer(), "[add_buffer] the buffer 'nothing' is undefined", Error);
  CHECK_THROWS_WITH_AS(module.itself(), "[add] the child 'itself' contains this module itself", Error);
  CHECK_THROWS_AS(module.computed(), Error);
  CHECK(names_of(module.named_parameters()) == Names{"a"});
}

namespace {

template <class Member>
constexpr bool registers = requires(Registering& module, Member& member) {
  module.any(member);
};

}  // namespace

TEST_CASE("a tensor is no parameter: add() does not compile for it") {
  CHECK(registers<Variable>);
  CHECK(registers<nn::Linear>);
  CHECK_FALSE(registers<Tensor>);
}

TEST_CASE("modes reach every module below") {
  Model model;
  CHECK(model.encoder.dropout.is_training());
  model.eval();
  CHECK_FALSE(model.is_training());
  CHECK_FALSE(model.encoder.dropout.is_training());
  model.train();
  CHECK(model.encoder.dropout.is_training());
}

TEST_CASE("a parameter that two modules share is listed once, but saved under both names") {
  struct Tied : nn::Module {
    nn::Linear a{2, 2, {.bias = false}}, b{2, 2, {.bias = false}};
    Tied() {
      b.weight = a.weight;
      add("a", a);
      add("b", b);
    }
  } tied;
  CHECK(names_of(tied.named_parameters()) == Names{"a.weight"});
  CHECK(tied.num_parameters() == 4);
  CHECK(names_of(tied.state_dict()) == Names{"a.weight", "b.weight"});
}

TEST_CASE("conversion keeps the parameters' identity and drops their gradients") {
  Model model;
  const Variable weight = model.fc.weight;
  const Tensor before = weight.data();
  sum(model.fc(pattern({1, 2}, 0))).backward();
  CHECK(weight.grad().defined());
  model.to(float64);
  CHECK(weight == model.fc.weight);
  CHECK(weight.dtype() == float64);
  CHECK(model.frozen.dtype() == float64);
  CHECK_FALSE(weight.grad().defined());
  CHECK(model.encoder.scale.dtype() == float64);
  CHECK(model.encoder.steps.dtype() == int64);
  sum(model.fc(pattern({1, 2}, 0, float64))).backward();
  CHECK(weight.grad().dtype() == float64);
  model.to(float32);
  CHECK(weight.dtype() == float32);
  CHECK(nn::close(weight, before, {.rtol = 0, .atol = 0}));
  model.to(cpu);
  CHECK(weight == model.fc.weight);
  CHECK_THROWS_WITH_AS(model.to(int64), "[to] a module computes in float32 or float64, found int64", Error);
}

TEST_CASE("zero_grad drops all gradients") {
  Model model;
  sum(model.fc(model.encoder.first(pattern({1, 3}, 0)))).backward();
  CHECK(model.fc.weight.grad().defined());
  CHECK(model.encoder.first.bias.grad().defined());
  model.zero_grad();
  CHECK_FALSE(model.fc.weight.grad().defined());
  CHECK_FALSE(model.encoder.first.bias.grad().defined());
}

TEST_CASE("a state dict is a copy, and gives the same state back") {
  Model model, other;
  model.encoder.steps.fill_(7);
  const nn::StateDict state = model.state_dict();
  model.fc.weight.mutable_data().fill_(9);
  CHECK(state.back().second.to_vector<double>()[0] != 9);
  const Variable weight = other.fc.weight;
  const nn::LoadReport report = other.load_state_dict(state);
  CHECK(report.missing.empty());
  CHECK(report.unexpected.empty());
  CHECK(weight == other.fc.weight);
  CHECK(other.encoder.steps.item() == 7);
  const nn::StateDict loaded = other.state_dict();
  for (size_t i = 0; i < state.size(); ++i) CHECK(nn::close(loaded[i].second, state[i].second, {.rtol = 0, .atol = 0}));
}

TEST_CASE("what does not fit a module is named, and nothing changes") {
  Model model;
  const nn::StateDict good = model.state_dict();
  nn::StateDict state = good;
  for (auto& [name, tensor] : state) tensor = Tensor::zeros(tensor.shape(), tensor.dtype());
  state[4].first = "encoder.first.weights";
  CHECK(load_error(model, state) ==
        "[load_state_dict] 1 missing name: encoder.first.weight; 1 unexpected name: encoder.first.weights (hint: "
        "strict = "
        "false accepts missing and unexpected names)");
  state[4].first = good[4].first;
  state[4].second = Tensor::zeros({3, 2});
  state[6].second = Tensor::zeros({4, 2}, int64);
  for (const bool strict : {true, false})
    CHECK(load_error(model, state, strict) ==
          "[load_state_dict] 2 misfits: encoder.first.weight has shape (3, 2), expected (2, 3), fc.weight is int64, "
          "expected float32");
  state = good;
  state.push_back(good[0]);
  CHECK(load_error(model, state) == "[load_state_dict] the name 'shift' appears twice in the state");
  state = good;
  state[1].second = Tensor();
  CHECK(load_error(model, state) == "[load_state_dict] the tensor 'frozen' is undefined");
  const nn::StateDict after = model.state_dict();
  for (size_t i = 0; i < good.size(); ++i) CHECK(nn::close(after[i].second, good[i].second, {.rtol = 0, .atol = 0}));
}

TEST_CASE("without strict, names that differ are reported and the others are loaded, converted") {
  Model model;
  const Tensor weight = pattern({4, 2}, 3, float64);
  const nn::LoadReport report = model.load_state_dict({{"fc.weight", weight}, {"vocab.weight", weight}}, false);
  CHECK(report.missing ==
        Names{"shift", "frozen", "encoder.scale", "encoder.steps", "encoder.first.weight", "encoder.first.bias"});
  CHECK(report.unexpected == Names{"vocab.weight"});
  CHECK(model.fc.weight.dtype() == float32);
  CHECK(nn::close(model.fc.weight, weight, {.rtol = 0, .atol = 0}));
}

TEST_CASE("long lists of names are cut in messages") {
  struct Many : nn::Module {
    std::vector<Variable> parameters_of_it;
    Many() {
      for (int i = 0; i < 14; ++i) parameters_of_it.emplace_back(Tensor::zeros({1}), true);
      for (int i = 0; i < 14; ++i) add("p" + std::to_string(i), parameters_of_it[static_cast<size_t>(i)]);
    }
  } many;
  CHECK_THROWS_WITH_AS(
      many.load_state_dict({}),
      "[load_state_dict] 14 missing names: p0, p1, p2, p3, p4, p5, p6, p7, p8, p9 and 4 more (hint: strict "
      "= false accepts missing and unexpected names)",
      Error);
}

namespace {

// An optimiser that owes 1 to every row it has not committed yet.
struct OwesOne : PendingRows {
  explicit OwesOne(Variable table) : table_(std::move(table)) { table_.set_pending_rows(this); }
  ~OwesOne() override { table_.set_pending_rows(nullptr); }
  void commit(const Tensor&) override {}
  void commit_all() override {
    if (!done_) Tensor(table_.raw()).add_(1);
    done_ = true;
  }
  Tensor rows(const Tensor& ids) const override { return index_select(materialise(), 0, ids); }
  Tensor materialise() const override { return done_ ? table_.raw().clone() : table_.raw() + 1; }
  Variable table_;
  bool done_ = false;
};

}  // namespace

TEST_CASE("state dicts and conversions see what an optimiser still owes to a table") {
  nn::Embedding table(3, 2);
  const Tensor start = table.weight.data().clone();
  {
    OwesOne pending(table.weight);
    const nn::StateDict state = table.state_dict();
    CHECK(nn::close(state[0].second, start + 1, {.rtol = 0, .atol = 0}));
    CHECK_FALSE(pending.done_);
    table.to(float64);
    CHECK(pending.done_);
    CHECK(nn::close(table.weight, start + 1, {.rtol = 0, .atol = 0}));
  }
  OwesOne pending(table.weight);
  table.load_state_dict({{"weight", start}});
  CHECK(pending.done_);
  CHECK(nn::close(table.weight, start, {.rtol = 0, .atol = 0}));
}

TEST_CASE("Sequential applies its layers in order and names them by number") {
  nn::Sequential layers;
  const nn::Linear& first = layers.emplace<nn::Linear>(3, 2);
  layers.emplace<nn::Dropout>(0.25);
  const nn::Linear& last = layers.emplace<nn::Linear>(2, 1, nn::LinearOptions{.bias = false});
  CHECK(layers.size() == 3);
  CHECK(&layers[2] == &last);
  CHECK_THROWS_WITH_AS(layers[3], "[Sequential] there is no layer 3 among 3", Error);
  CHECK(names_of(layers.named_parameters()) == Names{"0.weight", "0.bias", "2.weight"});
  layers.eval();
  const Tensor x = pattern({4, 3}, 1);
  CHECK(nn::close(layers(x), linear(linear(x, first.weight, first.bias), last.weight, {})));
  nn::Sequential nothing;
  CHECK(nn::close(nothing(x), x));
}

TEST_CASE("ModuleList keeps its modules where they are") {
  nn::ModuleList<nn::Linear> blocks;
  const nn::Linear* const first = &blocks.emplace(2, 2);
  for (int i = 0; i < 100; ++i) blocks.emplace(2, 2, nn::LinearOptions{.bias = false});
  CHECK(first == &blocks[0]);
  CHECK(blocks.size() == 101);
  CHECK_THROWS_WITH_AS(blocks[101], "[ModuleList] there is no module 101 among 101", Error);
  int64_t count = 0;
  for (nn::Linear& block : blocks) count += block.num_parameters();
  CHECK(count == blocks.num_parameters());
  CHECK(blocks.named_parameters().back().name == "100.weight");
}
