// The kernels of Adam against plain arithmetic in double, and the arithmetic of vectors that they stand on.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tensor/backend.h"
#include "tensor/cpu/simd.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tests/thread_count_guard.h"

using namespace roux;

namespace {

EachStep<AdamStep> each(const AdamStep& step) {
  return [step] { return step; };
}

AdamStep some_step() {
  return {.lr = 1e-2,
          .beta1 = 0.9,
          .beta2 = 0.99,
          .eps = 1e-4,
          .weight_decay = 0.1,
          .bias_correction1 = 1 - std::pow(0.9, 7),
          .bias_correction2 = 1 - std::pow(0.99, 7)};
}

/// Weights, gradients and moments of one parameter.
struct State {
  Tensor w, grad, m, v, max_v;

  State(const Shape& shape, DType dtype) {
    Generator generator(5);
    const auto draw = [&](double low, double high) {
      const Tensor x = Tensor::empty(shape, dtype);
      backend(cpu).uniform(x.view(), low, high, generator);
      generator.reserve(4 * shape.numel());
      return x;
    };
    w = draw(-1, 1);
    grad = draw(-0.5, 0.5);
    m = draw(-0.2, 0.2);
    v = draw(0, 0.1);
    max_v = draw(0, 0.1);
  }
};

/// What a step makes of element i.
struct Element {
  double w, m, v, max_v;
  Element(const State& s, size_t i, const AdamStep& step, bool amsgrad, bool sparse_eps) {
    const auto at = [i](const Tensor& x) { return x.to_vector<double>()[i]; };
    w = at(s.w);
    double g = at(s.grad) * step.grad_scale;
    if (step.decoupled)
      w *= 1 - step.lr * step.weight_decay;
    else
      g += step.weight_decay * w;
    m = step.beta1 * at(s.m) + (1 - step.beta1) * g;
    v = step.beta2 * at(s.v) + (1 - step.beta2) * g * g;
    max_v = std::max(v, at(s.max_v));
    const double root = std::sqrt(amsgrad ? max_v : v), correction = std::sqrt(step.bias_correction2);
    const double rate = step.lr / step.bias_correction1;
    w -= sparse_eps ? rate * correction * m / (root + step.eps) : rate * m / (root / correction + step.eps);
  }
};

// Weights and moments have the same bits.
void check_same(const State& found, const State& expected) {
  for (const auto which : {&State::w, &State::m, &State::v, &State::max_v})
    CHECK((found.*which).to_vector<float>() == (expected.*which).to_vector<float>());
}

View view_if(const Tensor& x, bool wanted) { return wanted ? x.view() : View{}; }

}  // namespace

TEST_CASE("Adam's kernel does what its formula says, for any length") {
  for (const DType dtype : {float32, float64}) {
    for (const int64_t n : {0, 1, 3, 8, 16, 17, 40, 64, 65}) {
      for (const bool amsgrad : {false, true}) {
        for (const int kind : {0, 1, 2}) {
          AdamStep step = some_step();
          step.decoupled = kind == 1;
          if (kind == 2) step.grad_scale = -0.25;
          const State before({n}, dtype), after({n}, dtype);
          backend(cpu).adam(
              {{after.w.view(), after.grad.view(), after.m.view(), after.v.view(), view_if(after.max_v, amsgrad)}},
              each(step));
          for (size_t i = 0; i < static_cast<size_t>(n); ++i) {
            const Element expected(before, i, step, amsgrad, false);
            const double epsilon = dtype == float32 ? 1e-6 : 1e-14;
            CHECK(after.w.to_vector<double>()[i] == doctest::Approx(expected.w).epsilon(epsilon));
            CHECK(after.m.to_vector<double>()[i] == doctest::Approx(expected.m).epsilon(epsilon));
            CHECK(after.v.to_vector<double>()[i] == doctest::Approx(expected.v).epsilon(epsilon));
            if (amsgrad) CHECK(after.max_v.to_vector<double>()[i] == doctest::Approx(expected.max_v).epsilon(epsilon));
          }
        }
      }
    }
  }
}

TEST_CASE("Adam on more rows than one task takes is Adam on the whole (parallel)") {
  constexpr int64_t dim = 70;
  const ThreadCountGuard guard;
  for (const int count : {1, 4}) {
    set_num_threads(count);
    for (const bool amsgrad : {false, true}) {
      const State by_rows({1001, dim}, float32), whole({1001, dim}, float32);
      const auto max_v = [&](const State& s) { return view_if(s.max_v, amsgrad); };
      backend(cpu).adam({{whole.w.view(), whole.grad.view(), whole.m.view(), whole.v.view(), max_v(whole)}},
                        each(some_step()));
      backend(cpu).adam_rows(by_rows.w.view(), Tensor::arange(0, 1001).view(), by_rows.grad.view(), by_rows.m.view(),
                             by_rows.v.view(), max_v(by_rows), each(some_step()), false);
      check_same(by_rows, whole);
    }
  }
}

TEST_CASE("Adam on rows is Adam on the whole, with zeros elsewhere left out") {
  for (const int64_t dim : {1, 5, 16, 64, 70}) {
    for (const bool amsgrad : {false, true}) {
      const AdamStep step = some_step();
      const State before({9, dim}, float32), by_rows({9, dim}, float32), whole({9, dim}, float32);
      const Tensor rows = Tensor::from(std::vector<int64_t>{4, -1, 0, 8});
      const Tensor grad = Tensor::full({4, dim}, 7);
      for (const int64_t i : {0, 2, 3}) grad.select(0, i).copy_(before.grad.select(0, rows.data<int64_t>()[i]));
      backend(cpu).adam(
          {{whole.w.view(), whole.grad.view(), whole.m.view(), whole.v.view(), view_if(whole.max_v, amsgrad)}},
          each(step));
      backend(cpu).adam_rows(by_rows.w.view(), rows.view(), grad.view(), by_rows.m.view(), by_rows.v.view(),
                             view_if(by_rows.max_v, amsgrad), each(step), false);
      for (int64_t row = 0; row < 9; ++row) {
        const State& expected = row == 4 || row == 0 || row == 8 ? whole : before;
        for (const auto which : {&State::w, &State::m, &State::v, &State::max_v})
          CHECK((by_rows.*which).select(0, row).to_vector<float>() ==
                (expected.*which).select(0, row).to_vector<float>());
      }

      const State sparse({9, dim}, float32);
      backend(cpu).adam_rows(sparse.w.view(), rows.view(), grad.view(), sparse.m.view(), sparse.v.view(), View{},
                             each(step), true);
      for (size_t i = 0; i < static_cast<size_t>(dim); ++i)
        CHECK(sparse.w.to_vector<double>()[i] ==
              doctest::Approx(Element(before, i, step, false, true).w).epsilon(1e-6));
    }
  }
}

TEST_CASE("Adam's kernel gives the bits of its pieces, for any number of threads (parallel)") {
  constexpr int64_t n = 100003;
  const ThreadCountGuard guard;
  for (const int count : {1, 4}) {
    set_num_threads(count);
    for (const bool amsgrad : {false, true}) {
      const State whole({n}, float32), pieces({n}, float32);
      const auto step = [&](const State& s, int64_t begin, int64_t end) {
        const auto part = [&](const Tensor& x) { return x.slice(0, begin, end).view(); };
        backend(cpu).adam({{part(s.w), part(s.grad), part(s.m), part(s.v), amsgrad ? part(s.max_v) : View{}}},
                          each(some_step()));
      };
      step(whole, 0, n);
      for (int64_t begin = 0; begin < n; begin += 5001) step(pieces, begin, std::min(begin + 5001, n));
      check_same(whole, pieces);
    }
  }
}

TEST_CASE("Adam at the ends of the range: zeros, denormals, overflow, NaN") {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const float tiny = std::numeric_limits<float>::min();
  const std::vector<float> gradients{0, tiny, 1e-20f, 1e30f, nan, inf};
  const Tensor w = Tensor::ones({6}), grad = Tensor::from(gradients), v = Tensor::zeros({6});
  const Tensor m = Tensor::from(std::vector<float>{20 * tiny, 0, 0, 0, 0, 0});
  AdamStep step = some_step();
  step.weight_decay = 0;
  step.eps = 1e-8;
  backend(cpu).adam({{w.view(), grad.view(), m.view(), v.view(), View{}}}, each(step));
  CHECK(v.to_vector<float>()[3] == std::numeric_limits<float>::max());
  backend(cpu).adam({{w.view(), Tensor::zeros({6}).view(), m.view(), v.view(), View{}}}, each(step));
  const std::vector<float> found = w.to_vector<float>(), moments = m.to_vector<float>();
  CHECK(moments[0] > 0);
  for (const size_t i : {0, 1, 2}) CHECK(found[i] == doctest::Approx(1).epsilon(1e-9));
  CHECK(std::isfinite(found[3]));
  CHECK(std::isnan(found[4]));
  CHECK(!std::isfinite(found[5]));
  for (int i = 0; i < 3; ++i)
    backend(cpu).adam({{w.view(), Tensor::zeros({6}).view(), m.view(), v.view(), View{}}}, each(step));
  CHECK(m.to_vector<float>()[0] == 0);  // set to 0 before it is denormal
}

TEST_CASE("square roots and reciprocals of vectors are those of plain numbers to 1 ulp") {
  using Vector = cpu_kernels::Simd<float>::Vector;
  constexpr int64_t lanes = cpu_kernels::Simd<float>::lanes;
  Generator generator(11);
  double worst_root = 0, worst_reciprocal = 0;
  for (int round = 0; round < 20000; ++round) {
    const Tensor exponents = Tensor::rand({lanes}, float64, cpu, generator) * 240 - 120;
    Vector x;
    for (int64_t i = 0; i < lanes; ++i) x[i] = static_cast<float>(std::exp2(exponents.data<double>()[i]));
    const Vector root = cpu_kernels::square_root<float>(x), reciprocal = cpu_kernels::reciprocal<float>(x);
    for (int64_t i = 0; i < lanes; ++i) {
      const double exact_root = std::sqrt(static_cast<double>(x[i])), exact_reciprocal = 1 / static_cast<double>(x[i]);
      const auto ulps = [](double found, double exact) {
        return std::abs(found - exact) / std::ldexp(1, std::ilogb(exact) - 23);
      };
      worst_root = std::max(worst_root, ulps(root[i], exact_root));
      worst_reciprocal = std::max(worst_reciprocal, ulps(reciprocal[i], exact_reciprocal));
    }
  }
  CHECK(worst_root < 1);
  CHECK(worst_reciprocal < 1);
  CHECK(cpu_kernels::square_root<float>(Vector{})[0] < 2e-19f);
}

TEST_CASE("vectors between bounds, and without what becomes denormal") {
  using Vector = cpu_kernels::Simd<float>::Vector;
  const float nan = std::numeric_limits<float>::quiet_NaN(), least = 16 * std::numeric_limits<float>::min();
  const Vector x = {-3, 2, nan, least / 2};
  const Vector below = cpu_kernels::at_most(x, 1.0f), above = cpu_kernels::at_least(x, -2.0f);
  CHECK(below[0] == -3);
  CHECK(below[1] == 1);
  CHECK(std::isnan(below[2]));
  CHECK(above[0] == -2);
  CHECK(above[1] == 2);
  CHECK(std::isnan(above[2]));
  const Vector normal = cpu_kernels::without_denormals<float>(x);
  CHECK(normal[0] == -3);
  CHECK(std::isnan(normal[2]));
  CHECK(normal[3] == 0);
  CHECK(cpu_kernels::without_denormals<float>(-x)[3] == 0);
}
