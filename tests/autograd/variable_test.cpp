// Variables: leaves and constants, recording and not, accumulation, saved tensors, gradients that are rows.
#include "autograd/variable.h"

#include <doctest/doctest.h>

#include <string>
#include <type_traits>
#include <vector>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tests/message_of.h"

using namespace roux;

namespace {

using Values = std::vector<double>;

Variable leaf(const Values& values) { return Variable(Tensor::from(values), true); }
Values grad_of(const Variable& x) { return x.grad().to_vector<double>(); }

// The example of autograd/variable.h: x * sigmoid(beta * x).
Variable swish(const Variable& x, const Variable& beta) {
  const Tensor a = x.data(), b = beta.data(), s = sigmoid(a * b);
  return record("swish", a * s, {x, beta},
                [a = saved(a, "x"), b = saved(b, "beta"), s](const Tensor& grad, GradSink& to) {
                  const Tensor slope = grad * a * s * (1 - s);
                  to.add_broadcast(0, grad * s + slope * b);
                  if (to.wants(1)) to.add_broadcast(1, slope * a);
                });
}

// A table's gradient: these rows, each filled with one number.
RowGradient rows_of(const std::vector<int64_t>& rows, const Values& fill, int64_t dim = 2) {
  const Tensor values = Tensor::from(fill).unsqueeze(1).expand({static_cast<int64_t>(fill.size()), dim}).contiguous();
  return {Tensor::from(rows), values};
}

}  // namespace

TEST_CASE("variable: a tensor becomes a constant, and never the other way round") {
  static_assert(std::is_convertible_v<Tensor, Variable>);
  static_assert(!std::is_convertible_v<Variable, Tensor>);
  const Tensor data = Tensor::ones({2, 3});
  const Variable constant = data;
  CHECK(constant.defined());
  CHECK(constant.is_leaf());
  CHECK_FALSE(constant.requires_grad());
  CHECK(constant.data().shares_storage(data));
  CHECK(constant.shape() == Shape({2, 3}));
  CHECK(std::string(constant.operation()).empty());
  CHECK_FALSE(constant.grad().defined());
  CHECK_FALSE(Variable().defined());
  CHECK_FALSE(Variable(Tensor()).defined());
  CHECK(message_of([] { Variable().data(); }) == "[variable] the variable is undefined");
  CHECK(message_of([] { Variable(Tensor(), true); }) == "[variable] the variable is undefined");
  CHECK_FALSE(Variable().data_or_undefined().defined());
  CHECK(constant.data_or_undefined().shares_storage(data));
}

TEST_CASE("variable: an undefined operand is an error of the operation that got it") {
  const Variable x = leaf({1, 2}), none;
  CHECK(message_of([&] { none.backward(); }) == "[backward] the variable is undefined");
  CHECK(message_of([&] { none.backward(Tensor::ones({1})); }) == "[backward] the variable is undefined");
  CHECK(message_of([&] { none + x; }) == "[add] the first operand is undefined");
  CHECK(message_of([&] { x - none; }) == "[sub] the second operand is undefined");
  CHECK(message_of([&] { mul(x, none); }) == "[mul] the second operand is undefined");
  CHECK(message_of([&] { none / x; }) == "[div] the first operand is undefined");
  CHECK(message_of([&] { pow(x, none); }) == "[pow] the second operand is undefined");
  CHECK(message_of([&] { maximum(none, x); }) == "[maximum] the first operand is undefined");
  CHECK(message_of([&] { minimum(x, none); }) == "[minimum] the second operand is undefined");
  CHECK(message_of([&] { none * 2; }) == "[mul] the tensor is undefined");
  CHECK(message_of([&] { tanh(none); }) == "[tanh] the tensor is undefined");
  CHECK(message_of([&] { softmax(none); }) == "[softmax] the tensor is undefined");
  CHECK(message_of([&] { sum(none); }) == "[sum] the tensor is undefined");
  CHECK(message_of([&] { index_select(none, 0, Tensor::zeros({1}, int64)); }) ==
        message_of([] { index_select(Tensor(), 0, Tensor::zeros({1}, int64)); }));
  CHECK(message_of([&] { where(gt(x.data(), 0), x, none); }) == "[where] the second choice is undefined");
  CHECK(message_of([&] { matmul(none, x); }) == "[matmul] the first operand is undefined");
  CHECK(message_of([&] { matmul(x, none); }) == "[matmul] the second operand is undefined");
  CHECK(message_of([&] { linear(none, x, none); }) == "[linear] the input is undefined");
  CHECK(message_of([&] { linear(x, none, none); }) == "[linear] the weight is undefined");
  CHECK(message_of([&] {
          linear(x, Tensor::ones({3, 2}), none);
        }) == "[linear] the weight is float32, the input is float64 (hint: module.to(float64), or input.to(float32))");
}

TEST_CASE("variable: what requires a gradient") {
  const Variable x = leaf({1, 2}), constant = Tensor::ones({2}, float64);
  CHECK(x.requires_grad());
  CHECK(x.is_leaf());
  const Variable y = x * constant;
  CHECK(y.requires_grad());
  CHECK_FALSE(y.is_leaf());
  CHECK(std::string(y.operation()) == "mul");
  CHECK_FALSE((constant * constant).requires_grad());
  CHECK_FALSE(y.detach().requires_grad());
  CHECK(y.detach().data().shares_storage(y.data()));
  CHECK_FALSE(x.to(int64).requires_grad());
  CHECK(message_of([] { Variable(Tensor::arange(0, 3), true); }).find("only floating-point tensors have gradients") !=
        std::string::npos);
  Variable computed = y;
  CHECK(message_of([&] { computed.set_requires_grad(false); }) ==
        "[set_requires_grad] this variable was computed by mul (hint: detach() it first)");
  Variable frozen = x;
  frozen.set_requires_grad(false);
  CHECK_FALSE((x * 2).requires_grad());
}

TEST_CASE("variable: NoGrad turns recording off, nests, and comes back after an exception") {
  const Variable x = leaf({1, 2});
  const int64_t before = live_nodes();
  try {
    const NoGrad outer;
    {
      const NoGrad inner;
      CHECK_FALSE((x * 2).requires_grad());
    }
    CHECK_FALSE(NoGrad::recording());
    CHECK_FALSE((x * 2).requires_grad());
    CHECK(live_nodes() == before);
    throw 1;
  } catch (int) {
  }
  CHECK(NoGrad::recording());
  CHECK((x * 2).requires_grad());
  const Variable constant = [&] {
    const NoGrad guard;
    return sum(x * 2);
  }();
  CHECK(message_of([&] { constant.backward(); }) ==
        "[backward] nothing was recorded for this variable: no input requires a gradient, or it was computed under "
        "NoGrad or inside a backward (hint: Variable(tensor, true) requires one; data() and detach() lead out of the "
        "graph)");
}

TEST_CASE("variable: gradients add up until they are cleared") {
  Variable x = leaf({1, 2});
  sum(x * 3).backward();
  CHECK(grad_of(x) == Values{3, 3});
  sum(x * x).backward();
  CHECK(grad_of(x) == Values{5, 7});
  const Tensor kept = x.grad();
  sum(x).backward();
  CHECK(grad_of(x) == Values{6, 8});
  CHECK(kept.to_vector<double>() == Values{5, 7});  // what was handed out does not change behind its holder's back
  x.zero_grad();
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("variable: gradients of leaves share memory with nothing") {
  const Variable a = leaf({1, 2}), b = leaf({3, 4});
  Tensor seed = Tensor::from(Values{1, 1});
  (a + b).backward(seed);
  a.grad().mul_(10);
  seed.fill_(7);
  CHECK(grad_of(a) == Values{10, 10});
  CHECK(grad_of(b) == Values{1, 1});
  const Variable c(Tensor::ones({2, 3}, float64), true);
  c.transpose(0, 1).backward(Tensor::ones({3, 2}, float64));
  CHECK(c.grad().is_contiguous());
}

TEST_CASE("variable: retain_grad keeps what passes a computed value") {
  const Variable x = leaf({1, 2});
  Variable y = x * 2;
  const Variable z = sum(y * y);
  z.backward(Tensor::ones({}, float64), true);
  CHECK_FALSE(y.grad().defined());
  y.retain_grad();
  for (int times = 1; times <= 2; ++times) {
    z.backward(Tensor::ones({}, float64), true);
    CHECK(grad_of(y) == Values{4.0 * times, 8.0 * times});
    CHECK(grad_of(x) == Values{8.0 + 8 * times, 16.0 + 16 * times});
  }
  y.zero_grad();
  CHECK_FALSE(y.grad().defined());
  CHECK(message_of([] { Variable(Tensor::ones({1})).retain_grad(); }).find("[retain_grad]") == 0);
}

TEST_CASE("variable: a parameter stays the same while its data is replaced") {
  Variable x = leaf({1, 2});
  const Variable same = x;
  sum(x * x).backward();
  x.set_data(Tensor::from(Values{5, 6}));
  CHECK(same.data().to_vector<double>() == Values{5, 6});
  CHECK(grad_of(same) == Values{2, 4});
  x.set_data(x.data().to(float32));
  CHECK(same.dtype() == float32);
  CHECK_FALSE(same.grad().defined());
  sum(same * 2).backward();
  CHECK(x.grad().dtype() == float32);
  CHECK(message_of([&] { x.set_data(Tensor::ones({3})); }) == "[set_data] found shape (3), expected (2)");
  CHECK(message_of([&] { x.set_data(Tensor()); }) == "[set_data] found shape (undefined), expected (2)");
  CHECK(message_of([&] { x.set_data(Tensor::ones({2}, int64)); }).find("expected floating point") != std::string::npos);
  CHECK(message_of([&] { (x * 2).set_data(x.data()); }).find("only a leaf's data can be replaced") !=
        std::string::npos);
  CHECK(message_of([&] { (x * 2).mutable_data(); }).find("computed by mul") != std::string::npos);
}

TEST_CASE("variable: a saved tensor that was changed in place is an error that names it") {
  const Variable x = leaf({1, 2});
  const Variable y = tanh(x);
  Tensor data = y.data();
  const uint64_t saved_at = data.version();
  data.mul_(2);
  CHECK(message_of([&] { sum(y).backward(); }) ==
        "[tanh] saved result was modified in place (version " + std::to_string(data.version()) + ", saved at " +
            std::to_string(saved_at) +
            "): its gradient would be wrong (hint: change a clone() of it, or change it after backward)");
  Variable w = leaf({1, 2});
  const Variable product = sum(w * x);
  w.mutable_data().fill_(0);
  CHECK(message_of([&] { product.backward(); }).find("[mul] saved input was modified in place") == 0);
  w.zero_grad();
  const Variable added = sum(w + x);  // needs no value
  w.mutable_data().fill_(1);
  added.backward();
  CHECK(grad_of(w) == Values{1, 1});
  // Only what a gradient needs is kept: w's own data is not needed for w's gradient.
  const Variable constant = Tensor::from(Values{2, 2});
  const Variable scaled = sum(w * constant);
  w.mutable_data().fill_(5);
  scaled.backward();
  CHECK(grad_of(w) == Values{3, 3});
}

TEST_CASE("variable: the example of an operation has the right gradients, broadcast or not, mixed types too") {
  const Tensor x = Tensor::randn({5, 4});
  for (const Shape& shape : {Shape{}, Shape{4}, Shape{5, 1}, Shape{5, 4}})
    CHECK(gradcheck([](const auto& in) { return swish(in[0], in[1]); }, {x, Tensor::randn(shape)}));
  const Variable beta = leaf({1, 2, 3, 4});
  sum(swish(x, beta)).backward();
  CHECK(beta.grad().dtype() == float64);
}

// What record takes: a function of the gradient, which it cannot change, and the sink.
static_assert(BackwardFunction<void (*)(const Tensor&, GradSink&)>);
static_assert(!BackwardFunction<void (*)(Tensor&, GradSink&)>);
static_assert(!BackwardFunction<void (*)(const Tensor&)>);

TEST_CASE("gradient: rows and rows merge, rows and dense become dense") {
  const Shape table{5, 2};
  Gradient gradient;
  CHECK(gradient.kind() == Gradient::Kind::none);
  CHECK_FALSE(gradient.to_dense(table).defined());
  gradient.add(rows_of({3, 1}, {1, 2}), table);
  gradient.add(rows_of({1, 4, -1}, {10, 20, 0}), table);
  REQUIRE(gradient.kind() == Gradient::Kind::rows);
  CHECK(gradient.rows().rows.to_vector<int64_t>() == std::vector<int64_t>{3, 1, 4, -1});
  CHECK(gradient.rows().values.to_vector<double>() == Values{1, 1, 12, 12, 20, 20, 0, 0});
  CHECK(gradient.to_dense(table).to_vector<double>() == Values{0, 0, 12, 12, 0, 0, 1, 1, 20, 20});
  CHECK(gradient.squared_norm() == 2 * (144 + 1 + 400));
  gradient.scale(0.5);
  CHECK(gradient.rows().values.to_vector<double>() == Values{0.5, 0.5, 6, 6, 10, 10, 0, 0});
  CHECK(message_of([&] { gradient.dense(); }) == "[gradient] there is no dense gradient");

  gradient.add(Tensor::ones(table, float64));
  REQUIRE(gradient.kind() == Gradient::Kind::dense);
  CHECK(gradient.dense().to_vector<double>() == Values{1, 1, 7, 7, 1, 1, 1.5, 1.5, 11, 11});
  gradient.add(rows_of({0}, {100}), table);
  CHECK(gradient.dense().to_vector<double>() == Values{101, 101, 7, 7, 1, 1, 1.5, 1.5, 11, 11});
  CHECK(message_of([&] { gradient.rows(); }) == "[gradient] there is no row gradient");
  gradient.clear();
  CHECK_FALSE(gradient.defined());
  gradient.add(rows_of({-1}, {0}), table);
  gradient.add(rows_of({-1, -1}, {0, 0}), table);
  CHECK(gradient.to_dense(table).to_vector<double>() == Values(10, 0.0));
}

TEST_CASE("variable: row gradients pass through the graph, accumulate and become dense when asked") {
  const Variable table(Tensor::ones({4, 2}, float64), true);
  const auto look_up = [&](std::vector<int64_t> ids) { return embedding(table, Tensor::from(ids)); };
  sum(look_up({2, 0, 2})).backward();
  sum(look_up({3})).backward();
  REQUIRE(table.gradient().kind() == Gradient::Kind::rows);
  CHECK(grad_of(table) == Values{1, 1, 0, 0, 2, 2, 1, 1});
  sum(table * 2).backward();
  CHECK(table.gradient().kind() == Gradient::Kind::dense);
  CHECK(grad_of(table) == Values{3, 3, 2, 2, 4, 4, 3, 3});
  // A table that was itself computed gets its rows as one dense gradient.
  const Variable base(Tensor::ones({4, 2}, float64), true);
  sum(embedding(base * 3, Tensor::from(std::vector<int64_t>{1, 1}))).backward();
  CHECK(grad_of(base) == Values{0, 0, 6, 6, 0, 0, 0, 0});
}

TEST_CASE("variable: mixed types keep each its own") {
  const Variable x(Tensor::ones({2}), true);
  const Variable y = leaf({2, 3});
  sum(x * y).backward();
  CHECK(x.grad().dtype() == float32);
  CHECK(y.grad().dtype() == float64);
  CHECK(grad_of(x) == Values{2, 3});
  const Variable z(Tensor::ones({2, 2}), true);
  sum(cat({z, y.reshape({1, 2})})).backward();
  CHECK(z.grad().dtype() == float32);
  CHECK(x.to(float64).dtype() == float64);
}
