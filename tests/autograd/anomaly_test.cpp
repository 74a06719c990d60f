// Where anomaly mode stops, and what it says.
#include "autograd/anomaly.h"

#include <doctest/doctest.h>

#include <limits>
#include <thread>

#include "autograd/ops.h"
#include "nn/linear.h"
#include "nn/sequential.h"
#include "tests/message_of.h"

using namespace roux;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("anomaly: a forward stops at the operation, names the value's place and the nearest parameters") {
  const Variable far(Tensor::zeros({2, 3}), true), near(Tensor::zeros({3}), true);
  const Variable hidden = tanh(far);
  const AnomalyMode anomaly({{"encoder.weight", far}, {"head.bias", near}});
  CHECK(message_of([&] { log(hidden + near); }) ==
        "[log] forward gave 6 values of (2, 3) that are NaN or infinite, the first, at (0, 0), is -inf "
        "(nearest parameter: head.bias)");
  CHECK(message_of([&] { log(hidden); }) ==
        "[log] forward gave 6 values of (2, 3) that are NaN or infinite, the first, at (0, 0), is -inf "
        "(nearest parameter: encoder.weight)");
  CHECK(message_of([&] { div(far, near + near); }) ==
        "[div] forward gave 6 values of (2, 3) that are NaN or infinite, the first, at (0, 0), is nan "
        "(nearest parameter: encoder.weight)");
}

TEST_CASE("anomaly: parameters at the same distance are all named; without names a hint says how") {
  nn::Sequential model;
  model.emplace<nn::Linear>(2, 2);
  model.emplace<nn::Linear>(2, 1);
  const Tensor x = Tensor::ones({1, 2});
  {
    const AnomalyMode anomaly(model.named_parameters());
    CHECK(message_of([&] { model(x) / 0; }).find("(nearest parameters: 1.weight, 1.bias)") != std::string::npos);
  }
  const AnomalyMode anomaly;
  CHECK(message_of([&] { model(x) / 0; }).find("(hint: AnomalyMode anomaly(model.named_parameters())") !=
        std::string::npos);
}

TEST_CASE("anomaly: a backward stops at the operation, though the forward was finite") {
  const Variable x(Tensor::from<float>({4, 0}), true);
  const Variable root = sqrt(x);
  const Variable loss = sum(root);
  const AnomalyMode anomaly({{"scale", x}});
  CHECK(message_of([&] { loss.backward(); }) ==
        "[sqrt] backward gave 'scale' a gradient with 1 value of (2) that is NaN or infinite, at (1): inf "
        "(nearest parameter: scale)");
  const Variable table(Tensor::ones({3, 1}), true);
  const Variable rows = embedding(table, Tensor::from<int64_t>({2}));
  const AnomalyMode named({{"table", table}});
  CHECK(message_of([&] { rows.backward(Tensor::full({1, 1}, nan)); }).find("[embedding] backward gave 'table'") == 0);
}

TEST_CASE("anomaly: parameters and inputs that are already wrong are what is named") {
  const Variable weight(Tensor::from<float>({1, static_cast<float>(infinity)}), true);
  const AnomalyMode anomaly({{"fc.weight", weight}});
  CHECK(message_of([&] { mul(weight, 2); }) ==
        "[mul] the parameter 'fc.weight' has 1 value of (2) that is NaN or infinite, at (1): inf "
        "(hint: the last step was too large, or a gradient was not finite)");
  const Variable good(Tensor::ones({2}), true);
  CHECK(message_of([&] { mul(good, Tensor::full({2}, nan)); }).find("[mul] its input 1 has 2 values of (2)") == 0);
}

TEST_CASE("anomaly: infinities that are meant pass, and so does everything once the mode has ended") {
  const Variable scores(Tensor::ones({2, 2}), true);
  const Tensor mask = Tensor::from<bool>({true, false, false, true}, {2, 2});
  {
    const AnomalyMode anomaly;
    amax(masked_fill(scores, mask, -infinity), 1);
    softmax(masked_fill(scores, mask, -infinity).transpose(0, 1), 1);
    sum(softmax(scores + Tensor::from<float>({0, -static_cast<float>(infinity)}), 1)).backward();
    const Variable masked = masked_fill(scores, mask, -infinity);
    CHECK(message_of([&] { masked - masked; }).find("[sub] forward gave 2 values of (2, 2)") == 0);
    const NoGrad no_grad;
    CHECK(message_of([&] { log(scores - 1); }).find("[log] forward gave 4 values") == 0);
  }
  log(scores - 1);
}

TEST_CASE("observer: sees each operation once, its own work not at all, newest first, only its own thread's") {
  struct Counter : Observer {
    int operations = 0, begins = 0, ends = 0, gradients = 0;
    void operation(const char*, const Tensor&, std::span<const Variable> inputs) override {
      ++operations;
      tanh(inputs[0]);
    }
    void backward_begins(const detail::Node&) override { ++begins; }
    void gradient(const detail::Node&, int, const Tensor&) override { ++gradients; }
    void backward_ends(const detail::Node&) override { ++ends; }
  };
  const Variable x(Tensor::ones({2}), true);
  Counter outer;
  {
    Counter inner;
    sum(x * 2).backward();
    CHECK(inner.operations == 2);
    CHECK(inner.begins == 1);
    CHECK(inner.ends == 1);
    CHECK(inner.gradients == 2);
  }
  mul(x, Tensor::ones({2}));
  std::thread([&] { tanh(x); }).join();
  CHECK(outer.operations == 3);
  CHECK(outer.ends == 1);
}
