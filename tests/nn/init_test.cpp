// Initialisers: bounds and spreads of the formulas they cite, seeds, errors.
#include "nn/init.h"

#include <doctest/doctest.h>

#include <cmath>

#include "autograd/ops.h"
#include "nn/testing.h"

using namespace roux;
namespace init = nn::init;

namespace {

void check_uniform(const Variable& x, double low, double high) {
  const Tensor data = x.data();
  const double width = high - low;
  CHECK(amin(data).item() >= low);
  CHECK(amax(data).item() <= high);
  CHECK(amin(data).item() < low + 0.01 * width);
  CHECK(amax(data).item() > high - 0.01 * width);
  CHECK(std::abs(mean(data).item() - (low + high) / 2) < 0.02 * width);
}

void check_normal(const Variable& x, double mean_value, double std) {
  const Tensor data = x.data();
  CHECK(std::abs(mean(data).item() - mean_value) < 0.05 * std);
  CHECK(std::sqrt(var(data).item()) == doctest::Approx(std).epsilon(0.03));
  CHECK(amax(abs(data - mean_value)).item() > 2.5 * std);
}

Variable weight(const Shape& shape = {40, 120}) { return Variable(Tensor::zeros(shape), true); }

}  // namespace

TEST_CASE("initialisers fill a parameter in place with the spread of their formula") {
  manual_seed(2);
  Variable w = weight();
  const Variable same = w;
  init::uniform_(w);
  check_uniform(w, 0, 1);
  init::uniform_(w, -3, 5);
  check_uniform(w, -3, 5);
  init::normal_(w);
  check_normal(w, 0, 1);
  init::normal_(w, 2, 0.02);
  check_normal(w, 2, 0.02);
  init::constant_(w, 0.25);
  CHECK(nn::close(same, Tensor::full({40, 120}, 0.25)));

  const double xavier = std::sqrt(6.0 / 160), kaiming_in = std::sqrt(6.0 / 120), kaiming_out = std::sqrt(6.0 / 40);
  init::xavier_uniform_(w);
  check_uniform(w, -xavier, xavier);
  init::xavier_uniform_(w, 2);
  check_uniform(w, -2 * xavier, 2 * xavier);
  init::xavier_normal_(w);
  check_normal(w, 0, std::sqrt(2.0 / 160));
  init::kaiming_uniform_(w);
  check_uniform(w, -kaiming_in, kaiming_in);
  init::kaiming_uniform_(w, {.fan = init::Fan::out});
  check_uniform(w, -kaiming_out, kaiming_out);
  init::kaiming_uniform_(w, {.negative_slope = std::sqrt(5.0)});
  check_uniform(w, -1 / std::sqrt(120), 1 / std::sqrt(120));
  init::kaiming_normal_(w);
  check_normal(w, 0, std::sqrt(2.0 / 120));
  CHECK(same == w);
  CHECK(w.requires_grad());
}

TEST_CASE("further dimensions count for both fans") {
  Variable w = weight({8, 10, 4, 16});
  init::xavier_normal_(w);
  check_normal(w, 0, std::sqrt(2.0 / (18 * 64)));
  init::kaiming_normal_(w, {.fan = init::Fan::out});
  check_normal(w, 0, std::sqrt(2.0 / (8 * 64)));
}

TEST_CASE("initialisers draw from the generator they are given, in the parameter's type") {
  Generator one(7), two(7);
  Variable a(Tensor::zeros({30}, float64), true), b(Tensor::zeros({30}, float64), true);
  init::normal_(a, 0, 1, one);
  init::normal_(b, 0, 1, two);
  CHECK(nn::close(a, b, {.rtol = 0, .atol = 0}));
  CHECK(a.dtype() == float64);
  init::normal_(b, 0, 1, two);
  CHECK_FALSE(nn::close(a, b));
}

TEST_CASE("what cannot be initialised is an error") {
  Variable vector = weight({5}), empty = weight({0, 3}), computed = weight() * 2;
  CHECK_THROWS_WITH_AS(init::xavier_uniform_(vector), "[xavier_uniform_] found shape (5), expected at least (out, in)",
                       Error);
  CHECK_THROWS_WITH_AS(init::kaiming_normal_(empty), "[kaiming_normal_] the weight of shape (0, 3) has no elements",
                       Error);
  CHECK_THROWS_WITH_AS(init::normal_(vector, 0, -1), "[normal_] found std -1, expected 0 or more", Error);
  CHECK_THROWS_WITH_AS(init::uniform_(vector, 2, 1), "[uniform_] found bounds 2 and 1, expected the lower one first",
                       Error);
  CHECK_THROWS_AS(init::constant_(computed, 1), Error);
  init::uniform_(empty);
}
