// gradcheck: that it passes what is right, fails what is wrong, and says what is wrong in words that help.
#include "autograd/gradcheck.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "tests/message_of.h"

using namespace roux;

namespace {

using Backward = std::function<Tensor(const Tensor& grad, const Tensor& x)>;

Tensor values(const Shape& shape, uint64_t seed = 1) {
  Generator generator(seed);
  return Tensor::randn(shape, float64, cpu, generator);
}

// x^2 with the backward that a test gives it.
Variable squared(const Variable& x, const Backward& gradient) {
  const Tensor input = x.data();
  return record("squared", square(input), {x}, [gradient, x = saved(input, "input")](const Tensor& grad, GradSink& to) {
    to.add(0, gradient(grad, x));
  });
}

GradcheckResult check_squared(const Backward& gradient, const Shape& shape = {2, 3},
                              const GradcheckOptions& options = {}) {
  return gradcheck([&](const auto& in) { return squared(in[0], gradient); }, {values(shape)}, options);
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("gradcheck: right gradients pass, whatever the inputs' type and the result's shape") {
  const auto f = [](const auto& in) { return tanh(in[0]) * in[1] + in[0]; };
  const GradcheckResult result = gradcheck(f, {values({2, 3}), values({3}, 2)});
  CHECK(result);
  CHECK(result.ok);
  CHECK(result.checked == 9);
  CHECK(result.message == "[gradcheck] 9 entries are right (input 0, input 1)");
  CHECK(result.relative_error < 1e-7);
  CHECK(gradcheck(f, {values({2, 3}).to(float32), values({3}).to(float32)}));
  CHECK(gradcheck([](const auto& in) { return sum(in[0] * in[0]); }, {values({2, 3})}));
  CHECK(gradcheck(f, {values({0, 3}), values({3})}).checked == 3);
  CHECK(gradcheck([](const auto& in) { return index_select(in[0], 0, in[1].data()); },
                  {values({4, 2}), Tensor::from(std::vector<int64_t>{3, 0, 3})}));
  CHECK(gradcheck([](const auto& in) { return in[0].detach() * 0 + in[1]; }, {values({2}), values({2})}));
  std::ostringstream printed;
  printed << result;
  CHECK(printed.str() == result.message);
}

TEST_CASE("gradcheck: the message names the worst input, index, both numbers and the error") {
  const GradcheckResult result = gradcheck(
      [](const auto& in) {
        const auto wrong_at_one = [](const Tensor& grad, const Tensor& x) {
          Tensor gradient = grad * x * 2;
          gradient.select(0, 1).select(0, 2).fill_(100);
          return gradient;
        };
        return sum(in[0] * squared(in[1], wrong_at_one));
      },
      {Tensor::ones({2, 3}), Tensor::full({2, 3}, 2)});
  CHECK_FALSE(result);
  CHECK(result.input == "input 1");
  CHECK(result.index == "(1, 2)");
  CHECK(result.found == 100);
  CHECK(result.expected == doctest::Approx(4));
  CHECK(result.relative_error == doctest::Approx(0.96));
  CHECK(contains(result.message,
                 "[gradcheck] input 1: 1 of 6 entries are wrong; worst at (1, 2): found 100, expected 4"));
  CHECK(contains(result.message, "relative error 0.96"));
  CHECK_FALSE(contains(result.message, "hint"));
}

TEST_CASE("gradcheck: a telling ratio gives a hint") {
  const auto message = [](const Backward& gradient, const Shape& shape = {2, 3}) {
    return check_squared(gradient, shape).message;
  };
  CHECK(contains(message([](const Tensor& g, const Tensor& x) { return g * x * -2; }), "the sign is turned around"));
  CHECK(contains(message([](const Tensor& g, const Tensor& x) { return g * x * 4; }, {5, 3}), "twice as large"));
  CHECK(contains(message([](const Tensor& g, const Tensor& x) { return g * x; }, {5, 3}), "half as large"));
  CHECK(contains(message([](const Tensor& g, const Tensor& x) { return g * x * 5; }), "off by the factor 2.5"));
  CHECK(contains(message([](const Tensor& g, const Tensor&) { return g * 0; }),
                 "(hint: a gradient arrives, but it is 0 everywhere)"));
  CHECK(contains(message([](const Tensor& g, const Tensor& x) { return g * x * 2 * std::nan(""); }), "NaN"));
  const auto mean_of = [](const Backward& gradient) {
    return gradcheck(
               [&](const auto& in) {
                 return record(
                     "mean_square", mean(square(in[0].data()), 0), {in[0]},
                     [&gradient, x = in[0].data()](const Tensor& g, GradSink& to) { to.add(0, gradient(g, x)); });
               },
               {values({7, 3})})
        .message;
  };
  CHECK(contains(mean_of([](const Tensor& g, const Tensor& x) { return g * x * 2; }),
                 "too large by the length of dimension 0 of the input: is the division of a mean forgotten"));
  CHECK(contains(mean_of([](const Tensor& g, const Tensor& x) { return g * x / 24.5; }),
                 "too small by the length of dimension 0 of the input: is a sum over a broadcast dimension forgotten"));
  CHECK(contains(gradcheck([](const auto& in) { return sum(Variable(in[0].data()) * 2); }, {values({3})}).message,
                 "no gradient arrives"));
}

TEST_CASE("gradcheck: a factor of 2 says both reasons where a dimension has that length") {
  const auto message = [](double factor, const Shape& shape) {
    return check_squared([=](const Tensor& g, const Tensor& x) { return g * x * (2 * factor); }, shape).message;
  };
  const std::string twice = "(hint: all are twice as large as they should be: is something added twice?";
  CHECK(contains(message(2, {2, 3}), twice + " Or: all are too large by the length of dimension 0 of the result: "));
  CHECK(contains(message(2, {5, 4}), twice + ")"));
  const std::string half = "(hint: all are half as large as they should be: is one of two uses forgotten?";
  CHECK(contains(message(0.5, {2, 3}), half + " Or: all are too small by the length of dimension 0 of the result: "));
  CHECK(contains(message(0.5, {5, 4}), half + ")"));
}

TEST_CASE("gradcheck: the operation is named where the function is a single one") {
  const auto wrong = [](const Tensor& g, const Tensor& x) { return g * x * 3; };
  CHECK(contains(check_squared(wrong).message, "[gradcheck] squared, input 0: 6 of 6 entries are wrong"));
  const auto composed = [&](const auto& in) { return sum(squared(in[0], wrong)); };
  CHECK(contains(gradcheck(composed, {values({2, 3})}).message, "[gradcheck] input 0: 6 of 6 entries are wrong"));
}

TEST_CASE("gradcheck: a name that was given stands in the message") {
  const auto wrong = [](const Tensor& g, const Tensor& x) { return g * x * 3; };
  CHECK(
      contains(check_squared(wrong, {2, 3}, {.name = "MyLayer"}).message, "[gradcheck] squared in MyLayer, input 0: "));
  CHECK(contains(check_squared(wrong, {2, 3}, {.name = "squared"}).message, "[gradcheck] squared, input 0: "));
  const auto composed = [&](const auto& in) { return sum(squared(in[0], wrong)); };
  CHECK(contains(gradcheck(composed, {values({2, 3})}, {.name = "f"}).message, "[gradcheck] f, input 0: "));
}

TEST_CASE("gradcheck: an operation that changes its input is named") {
  const auto doubled_in_place = [](const auto& in) {
    return record("double_", in[1].data().mul_(2), {in[1]}, [](const Tensor& g, GradSink& to) { to.add(0, g * 2); });
  };
  const Tensor x = values({2, 3}), y = Tensor::ones({2}, float64);
  CHECK(message_of([&] {
          gradcheck(doubled_in_place, {x, y});
        }) ==
        "[gradcheck] double_ changed input 1 in place: at (0) it was 1 and is 2 (hint: compute into a new tensor, or "
        "change a clone())");
  CHECK(y.to_vector<double>() == std::vector<double>{1, 1});
  const auto composed = [&](const auto& in) { return sum(doubled_in_place(in)); };
  CHECK(contains(message_of([&] {
                   gradcheck(composed, {x, y});
                 }),
                 "[gradcheck] the function changed input 1 in place"));
  CHECK(gradcheck([](const auto& in) { return in[0] * std::nan("") * 0; }, {x}).message != "");  // NaN is no change
}

TEST_CASE("gradcheck: a backward that changes its input is named") {
  const auto changes = [](const auto& in) {
    Tensor x = in[0].data();
    return record("changes", x * 1, {in[0]}, [x](const Tensor& g, GradSink& to) mutable {
      x.fill_(1);
      to.add(0, g);
    });
  };
  const std::string message = message_of([&] { gradcheck(changes, {values({2})}); });
  CHECK(contains(message, "[gradcheck] the backward of changes changed input 0 in place: at (0)"));
}

// x * y, with what the sink is given chosen by a test.
GradcheckResult check_product(const std::function<void(const Tensor& gx, const Tensor& gy, GradSink& to)>& give) {
  const auto product = [&give](const auto& in) {
    return record(
        "product", in[0].data() * in[1].data(), {in[0], in[1]},
        [&give, x = in[0].data(), y = in[1].data()](const Tensor& g, GradSink& to) { give(g * y, g * x, to); });
  };
  return gradcheck(product, {values({2, 3}), values({2, 3}, 2)});
}

TEST_CASE("gradcheck: each input is tried alone, too") {
  CHECK(check_product([](const Tensor& gx, const Tensor& gy, GradSink& to) {
    if (to.wants(0)) to.add(0, gx);
    if (to.wants(1)) to.add(1, gy);
  }));
  const auto left_out = [](const Tensor& gx, const Tensor& gy, GradSink& to) {
    if (!to.wants(0)) return;
    to.add(0, gx);
    to.add(1, gy);
  };
  const std::string message = message_of([&] { check_product(left_out); });
  CHECK(contains(message, "[product] backward gave input 1 of shape (2, 3) no gradient, though it wants one"));
  CHECK(contains(message, "(in gradcheck, while input 1 alone requires a gradient: "));
  const GradcheckResult other = check_product([](const Tensor& gx, const Tensor& gy, GradSink& to) {
    to.add(0, gx);
    to.add(1, to.wants(0) ? gy : gy * 2);
  });
  CHECK_FALSE(other.ok);
  CHECK(contains(other.message, "[gradcheck] product, input 1: its gradient is another one when no other input"));
}

TEST_CASE("gradcheck: hints for what is broadcast along several dimensions, and for overflow") {
  const auto biased = [](const auto& in) {
    return record("biased", in[0].data() + in[1].data(), {in[0], in[1]}, [](const Tensor& g, GradSink& to) {
      to.add(0, g);
      to.add(1, mean(g, {0, 1}));
    });
  };
  CHECK(
      contains(gradcheck(biased, {values({5, 3, 4}), values({4})}).message,
               "all are too small by 15, the number of entries of the result that each of the input is broadcast to"));
  const auto overflows = [](const auto& in) {
    return record("logexp", log(exp(in[0].data())), {in[0]}, [](const Tensor& g, GradSink& to) { to.add(0, g); });
  };
  const std::string message = gradcheck(overflows, {Tensor::full({2}, 800.0, float64)}).message;
  CHECK(contains(message, "expected nan,"));
  CHECK(contains(message, "the function itself gives NaN or infinity here"));
}

TEST_CASE("gradcheck: scalars, many dimensions, dimensions of length 1 and 0, views") {
  const auto f = [](const auto& in) { return exp(in[0]) * in[1]; };
  CHECK(gradcheck(f, {values({}), values({})}).checked == 2);
  CHECK(gradcheck(f, {values({2, 1, 3, 1, 2, 1}), values({4, 1, 2, 1, 3})}).checked == 12 + 24);
  CHECK(gradcheck(f, {values({1, 1}), values({1})}).checked == 2);
  CHECK(gradcheck(f, {values({3, 0}), values({1})}).checked == 1);
  const Tensor wide = values({6, 4});
  CHECK(gradcheck(f, {wide.transpose(0, 1), wide.slice(0, 0, 6, 2).select(0, 1).unsqueeze(1)}).checked == 24 + 4);
  CHECK(gradcheck(f, {values({4}).unsqueeze(0).expand({3, 4}), values({3, 1})}).checked == 12 + 3);
}

TEST_CASE("gradcheck: several wrong inputs are all named") {
  const auto wrong = [](const Tensor& g, const Tensor& x) { return g * x * 3; };
  const GradcheckResult result =
      gradcheck([&](const auto& in) { return squared(in[0], wrong) + squared(in[1], wrong) * 5 + in[2]; },
                {values({2}), values({2}, 2), values({2}, 3)});
  CHECK(result.input == "input 1");
  CHECK(contains(result.message, "; also wrong: input 0"));
  CHECK_FALSE(contains(result.message, "input 2"));
}

TEST_CASE("gradcheck: a kink is named, and allowed on request") {
  const Tensor at_kink = Tensor::from(std::vector<double>{-1, 0, 2});
  const auto f = [](const auto& in) { return relu(in[0]); };
  const GradcheckResult refused = gradcheck(f, {at_kink});
  CHECK_FALSE(refused);
  CHECK(refused.index == "(1)");
  CHECK(contains(refused.message, "the slopes left and right of this input differ"));
  CHECK_FALSE(contains(refused.message, "float32"));
  const auto in_single = [](const auto& in) { return tanh(in[0]).to(float32).to(float64); };
  CHECK(contains(gradcheck(in_single, {values({4, 5})}).message, "does something on the way compute in float32?"));
  const GradcheckResult allowed = gradcheck(f, {at_kink}, {.allow_kinks = true});
  CHECK(allowed);
  CHECK(allowed.kinks == 1);
  // A gradient outside both slopes is still wrong, and so is any at a smooth place.
  const auto steep = [](const auto& in) {
    return record("steep", relu(in[0].data()), {in[0]}, [](const Tensor& g, GradSink& to) { to.add(0, g * 3); });
  };
  CHECK_FALSE(gradcheck(steep, {at_kink.slice(0, 1, 2)}, {.allow_kinks = true}));
  CHECK_FALSE(check_squared([](const Tensor& g, const Tensor& x) { return g * x; }, {3}, {.allow_kinks = true}));
}

TEST_CASE("gradcheck: large inputs are sampled, half among entries with a gradient") {
  const Tensor table = values({1000, 4});
  const auto f = [](const Backward& gradient) {
    return [&gradient](const auto& in) {
      return squared(index_select(in[0], 0, Tensor::from(std::vector<int64_t>{500})), gradient);
    };
  };
  const Backward right = [](const Tensor& g, const Tensor& x) { return g * x * 2; };
  const GradcheckResult sampled = gradcheck(f(right), {table});
  CHECK(sampled);
  CHECK(sampled.checked >= 250);
  CHECK(sampled.checked <= 256);
  CHECK(check_squared(right, {30, 10}).checked < 300);
  CHECK(check_squared(right, {30, 10}, {.max_entries = 0}).checked == 300);
  const Backward wrong = [](const Tensor& g, const Tensor& x) { return g * x * 2.1; };
  CHECK_FALSE(gradcheck(f(wrong), {table}));  // 4 entries of 4000 have a gradient
}

TEST_CASE("gradcheck: what cannot be checked is an error") {
  const auto message = [](const auto& f, const std::vector<Tensor>& inputs) {
    return message_of([&] { gradcheck(f, inputs); });
  };
  CHECK(contains(message([](const auto& in) { return in[0].to(float32); }, {values({2})}), "the result is float32"));
  CHECK(contains(message([](const auto&) { return Variable(); }, {values({2})}), "undefined result"));
  const std::string nothing = "[gradcheck] there is no floating-point input to check";
  const auto first = [](const auto& in) { return in[0]; };
  CHECK(message(first, {Tensor::arange(0, 3)}) == nothing);
  CHECK(message([](const auto&) { return Variable(values({2})); }, {}) == nothing);
  CHECK(message_of([&] { check_gradients([] { return Variable(values({2})); }, {}); }) == nothing);
  Generator generator(3);
  const auto noisy = [&](const auto& in) { return dropout(in[0], 0.5, generator); };
  CHECK(contains(message(noisy, {values({50})}), "two calls with the same inputs gave different results"));
  const auto repeatable = [](const auto& in) {
    Generator fresh(3);
    return dropout(in[0], 0.5, fresh);
  };
  CHECK(gradcheck(repeatable, {values({50})}));
}

TEST_CASE("gradcheck: named leaves are checked in place and left as they were") {
  Variable weight(values({3, 2}), true), bias(values({3}, 2), true);
  const Tensor x = values({4, 2}, 3);
  const auto f = [&] { return linear(x, weight, bias); };
  const std::vector<double> before = weight.data().to_vector<double>();
  CHECK(check_gradients(f, {{"weight", weight}, {"bias", bias}}));
  CHECK(weight.data().to_vector<double>() == before);
  CHECK_FALSE(weight.grad().defined());
  const auto wrong = [&] { return f() + sum(bias.detach()); };
  CHECK(check_gradients(wrong, {{"weight", weight}, {"fc.bias", bias}}).input == "fc.bias");
  CHECK(message_of([&] {
          check_gradients(f, {{"weight", Variable(values({3, 2}))}});
        }) == "[gradcheck] weight must be a leaf that requires a gradient");
  CHECK(contains(message_of([&] {
                   check_gradients(f, {{"weight", Variable(Tensor::ones({3, 2}), true)}});
                 }),
                 "weight is float32, expected float64"));
  // The entry comes back after an exception too.
  int calls = 0;
  const auto failing = [&] {
    if (++calls == 4) throw Error("[f] enough");
    return f();
  };
  CHECK(message_of([&] { check_gradients(failing, {{"weight", weight}}); }) == "[f] enough");
  CHECK(weight.data().to_vector<double>() == before);
}
