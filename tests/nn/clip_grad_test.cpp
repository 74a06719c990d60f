// Clipping by the norm of all gradients, dense and rows.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "autograd/ops.h"
#include "nn/clip_grad.h"

using namespace roux;

namespace {

// Gradients (3, 0), rows 1 and 3 of a table: (0, 4) and (12, 0). Together their norm is 13.
struct Parameters {
  Variable w{Tensor::zeros({2}), true}, table{Tensor::zeros({5, 2}), true}, idle{Tensor::zeros({2}), true};
  std::vector<Variable> all{w, table, idle};

  Parameters() {
    w.mutable_gradient().add(Tensor::from(std::vector<float>{3, 0}));
    table.mutable_gradient().add(
        RowGradient{Tensor::from(std::vector<int64_t>{1, 3}), Tensor::from(std::vector<float>{0, 4, 12, 0}, {2, 2})},
        table.shape());
  }
};

}  // namespace

TEST_CASE("clip_grad_norm scales all gradients by one factor and keeps rows rows") {
  Parameters p;
  CHECK(nn::clip_grad_norm(p.all, 6.5) == doctest::Approx(13));
  const double factor = 6.5 / (13 + 1e-6);
  CHECK(p.w.grad().to_vector<double>()[0] == doctest::Approx(3 * factor).epsilon(1e-6));
  REQUIRE(p.table.gradient().kind() == Gradient::Kind::rows);
  const std::vector<double> table = p.table.grad().to_vector<double>();
  CHECK(table[3] == doctest::Approx(4 * factor).epsilon(1e-6));
  CHECK(table[6] == doctest::Approx(12 * factor).epsilon(1e-6));
  CHECK(!p.idle.gradient().defined());
  CHECK(nn::clip_grad_norm(p.all, 100) == doctest::Approx(6.5).epsilon(1e-6));
}

TEST_CASE("clip_grad_norm sums large gradients in float64, in any layout") {
  const int64_t n = 300001;  // several chunks, and a rest
  const Tensor values = Tensor::full({n}, 3.0f);
  Variable w(Tensor::zeros({n}), true), turned(Tensor::zeros({3, 2}), true);
  w.mutable_gradient().add(values);
  CHECK(nn::clip_grad_norm({w}, 1e9) == doctest::Approx(3 * std::sqrt(static_cast<double>(n))).epsilon(1e-12));
  turned.mutable_gradient().add(Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3}).transpose(0, 1));
  CHECK(nn::clip_grad_norm({turned}, 1e9) == doctest::Approx(std::sqrt(91.0)).epsilon(1e-12));
}

TEST_CASE("clip_grad_norm leaves small gradients alone, and a bound of 0 clears them") {
  Parameters p;
  CHECK(nn::clip_grad_norm(p.all, 13.1) == doctest::Approx(13));
  CHECK(p.w.grad().to_vector<double>()[0] == 3);
  CHECK(nn::clip_grad_norm(p.all, 0) == doctest::Approx(13));
  CHECK(p.w.grad().to_vector<double>()[0] == 0);
  CHECK(nn::clip_grad_norm(p.all, 1) == 0);
  CHECK(nn::clip_grad_norm({}, 1) == 0);
}

TEST_CASE("clip_grad_norm does not change who else sees a gradient's memory") {
  Variable w(Tensor::zeros({2}), true);
  const Tensor mine = Tensor::from(std::vector<float>{3, 4});
  w.mutable_gradient().add(mine);
  nn::clip_grad_norm({w}, 1);
  CHECK(mine.to_vector<double>() == std::vector<double>{3, 4});
  CHECK(w.grad().to_vector<double>()[0] == doctest::Approx(0.6).epsilon(1e-5));
}

TEST_CASE("clip_grad_norm: NaN shows, and bounds that make no sense throw") {
  Parameters p;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(nn::clip_grad_norm(p.all, -1), Error);
  CHECK_THROWS_AS(nn::clip_grad_norm(p.all, nan), Error);
  p.w.zero_grad();
  p.w.mutable_gradient().add(Tensor::full({2}, nan));
  CHECK(std::isnan(nn::clip_grad_norm(p.all, 1)));
  CHECK(std::isnan(p.table.grad().to_vector<double>()[3]));
}
