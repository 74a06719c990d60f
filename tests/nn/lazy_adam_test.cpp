// Lazily updated Adam against dense Adam in float64: streams of batches, single rows, rows that waited long, the change
// to dense.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "tests/nn/zipf_training.h"

using namespace zipf_training;

namespace {

/// A table under lazily updated float32 Adam, and the same under dense Adam in float64 and in float32.
struct Trio {
  Variable lazy, dense, dense32;
  std::unique_ptr<nn::Adam> lazy_adam, dense_adam, dense32_adam;
  Settings settings;
  int step = 0;

  Trio(int64_t words, int64_t dim, const Settings& given) : settings(given) {
    Generator generator(3);
    const Tensor start = Tensor::randn({words, dim}, float32, cpu, generator);
    lazy = Variable(start.clone(), true);
    dense = Variable(start.to(float64), true);
    lazy_adam = make_adam(lazy, settings);
    dense_adam = make_adam(dense, settings);
    dense32 = Variable(start.clone(), true);
    dense32_adam = make_adam(dense32, settings);
  }
  void take(const RowGradient& gradient) {
    ++step;
    if (settings.lr) lazy_adam->set_lr(settings.lr(step));
    if (settings.lr) dense_adam->set_lr(settings.lr(step));
    if (settings.lr) dense32_adam->set_lr(settings.lr(step));
    one_step(lazy, *lazy_adam, gradient);
    one_step(dense, *dense_adam, {gradient.rows, gradient.values.to(float64)});
    take_dense(index_add(Tensor::zeros(dense32.shape()), 0, gradient.rows, gradient.values));
  }
  void take_dense(const Tensor& gradient) {
    dense32_adam->zero_grad();
    dense32.mutable_gradient().add(gradient);
    dense32_adam->step();
  }
  double difference() const { return difference(lazy); }
  /// The largest difference of an element from float64, relative to its size and the root mean square of the table.
  double difference(const Variable& of) const {
    const std::vector<double> found = of.data().to_vector<double>(), expected = dense.data().to_vector<double>();
    double squares = 0, worst = 0;
    for (const double x : expected) squares += x * x;
    const double typical = std::sqrt(squares / static_cast<double>(expected.size()));
    for (size_t i = 0; i < found.size(); ++i)
      worst = std::max(worst, std::abs(found[i] - expected[i]) / std::max(std::abs(expected[i]), typical));
    return worst;
  }
};

}  // namespace

TEST_CASE("lazily updated Adam is dense Adam over a Zipf stream of 1,000 steps") {
  constexpr int64_t words = 500, dim = 23;
  for (const Settings& settings : all_settings()) {
    CAPTURE(settings.name);
    Trio trio(words, dim, settings);
    ZipfStream stream(words, 1);
    double worst = 0, worst32 = 0;
    for (int step = 1; step <= 1000; ++step) {
      trio.take(stream.gradient(stream.batch(30), dim));
      if (step > 20 && step % 37 != 0) continue;
      worst = std::max(worst, trio.difference());
      worst32 = std::max(worst32, trio.difference(trio.dense32));
    }
    CHECK(is_lazy(trio.lazy));
    CHECK(!is_lazy(trio.dense));
    CHECK(!is_lazy(trio.dense32));
    // Weight decay in float32 rounds to the same side for hundreds of steps, in the dense form too.
    CHECK(worst < (settings.decoupled ? std::max(1e-5, 1.3 * worst32) : 1e-5));
  }
}

TEST_CASE("the movement of a waiting row is that of dense Adam to float32 accuracy") {
  constexpr int64_t dim = 40;
  const Tensor row = Tensor::from(std::vector<int64_t>{1}), nothing = Tensor::from(std::vector<int64_t>{});
  const auto lr = [](int64_t step) { return 1e-3 * (1.5 + std::sin(static_cast<double>(step) / 10)); };
  std::vector<double> gradients;  // eps / sqrt(v) from 3e-11 to 3e7
  for (int i = 0; i < dim; ++i) gradients.push_back((i % 2 ? -1 : 1) * std::pow(10, 4 - 0.48 * i));
  for (const Settings& settings : all_settings()) {
    if (settings.lr || settings.options.maximize) continue;
    CAPTURE(settings.name);
    const nn::AdamOptions& o = settings.options;
    for (const int64_t s : {1, 2, 3, 7, 20, 63, 100, 255, 300, 511, 1000, 3000}) {
      CAPTURE(s);
      Variable w(Tensor::zeros({3, dim}), true);
      nn::LazyAdam lazy(w, o, settings.decoupled);
      for (int64_t step = 1; step < s; ++step) lazy.step({nothing, Tensor::zeros({0, dim})}, lr(step));
      lazy.step({row, Tensor::from(gradients, {1, dim}).to(float32)}, lr(s));
      Tensor weight = w.raw();
      weight.zero_();
      const std::vector<double> m = lazy.exp_avg().select(0, 1).to_vector<double>();
      const std::vector<double> v = lazy.exp_avg_sq().select(0, 1).to_vector<double>();
      std::vector<double> expected(dim);
      double worst = 0;
      for (int64_t step = s + 1; step <= s + 1023; ++step) {
        lazy.step({nothing, Tensor::zeros({0, dim})}, lr(step));
        const auto n = static_cast<double>(step - s), k = static_cast<double>(step);
        const double root = std::sqrt(1 - std::pow(o.beta2, k)),
                     m_share = std::pow(o.beta1, n) / (1 - std::pow(o.beta1, k));
        const double v_share = o.amsgrad ? 1 : std::pow(o.beta2, n);
        for (size_t i = 0; i < dim; ++i) {
          if (settings.decoupled) expected[i] *= 1 - lr(step) * o.weight_decay;
          expected[i] -= lr(step) * m[i] * m_share / (std::sqrt(v[i] * v_share) / root + o.eps);
        }
        if (n > 5 && step % 29 != 0 && n != 1023) continue;
        const std::vector<double> found = lazy.rows(row).to_vector<double>();
        for (size_t i = 0; i < dim; ++i)
          if (v[i] > 1e-30 && expected[i] != 0) worst = std::max(worst, std::abs(found[i] / expected[i] - 1));
      }
      CHECK(worst < 1e-6);
    }
  }
}

TEST_CASE("rows that wait longer than the record of steps are settled, and go on where dense Adam would") {
  constexpr int64_t words = 40, dim = 5;
  for (const Settings& settings : all_settings()) {
    if (settings.lr) continue;
    CAPTURE(settings.name);
    Trio trio(words, dim, settings);
    ZipfStream stream(words, 2);
    const auto rows = [](std::vector<int64_t> ids) { return Tensor::from(ids); };
    double worst = 0, worst32 = 0;
    for (int step = 1; step <= 3500; ++step) {
      // Row 0 each time; 1 and 2 at times; 3 to 9 once or twice, far apart; the rest never.
      std::vector<int64_t> ids{0};
      if (step % 3 == 0) ids.push_back(1);
      if (step % 500 == 7) ids.push_back(2);
      if (step == 1 || step == 1024) ids.push_back(3);
      if (step == 1 || step == 1025) ids.push_back(4);
      if (step == 1 || step == 1026) ids.push_back(5);
      if (step == 300 || step == 3000) ids.push_back(6);
      if (step == 2047 || step == 2048 || step == 3300) ids.push_back(7);
      if (step == 2400) ids.push_back(8);
      if (step == 60) ids.push_back(9);
      trio.take(stream.gradient(rows(ids), dim));
      // Rows that are brought up to date without a step wait from then on.
      if (step == 900 || step == 2500) trio.lazy.pending_rows()->commit(rows({9, 3, 11}));
      if (step % 50 != 0 && (step < 1020 || step >= 1030) && (step < 3000 || step >= 3020)) continue;
      worst = std::max(worst, trio.difference());
      worst32 = std::max(worst32, trio.difference(trio.dense32));
    }
    CHECK(worst < (settings.decoupled ? std::max(1e-5, 1.5 * worst32) : 1e-5));
  }
}

TEST_CASE("training through embedding and embedding_bag: lazily updated float32 against dense float64") {
  constexpr int64_t words = 60, dim = 6;
  Generator generator(7);
  const Tensor start = Tensor::randn({words, dim}, float64, cpu, generator);
  std::vector<Tensor> results;
  for (const DType dtype : {float32, float64}) {
    Variable w(start.to(dtype), true);
    nn::Adam optimizer({{"w", w}}, {.lr = 1e-2});
    ZipfStream stream(words, 8);
    for (int step = 1; step <= 400; ++step) {
      const Tensor ids = stream.batch(8);
      optimizer.zero_grad();
      const Variable bags = embedding_bag(w, ids, Tensor::from(std::vector<int64_t>{0, 2, 2}));
      sum(square(bags)).backward();
      if (step % 3 == 0) sum(embedding(w, ids.slice(0, 0, 2))).backward();
      optimizer.step();
    }
    CHECK(is_lazy(w) == (dtype == float32));
    results.push_back(w.data().to(float64));
  }
  CHECK(amax(abs(results[0] - results[1])).item() < 1e-4);
}

TEST_CASE("a dense gradient turns lazily updated Adam into dense Adam for good") {
  constexpr int64_t words = 40, dim = 5;
  for (const bool decoupled : {false, true}) {
    const Settings settings{"", {.lr = 1e-2, .weight_decay = decoupled ? 0.1 : 0, .amsgrad = true}, decoupled};
    Trio trio(words, dim, settings);
    ZipfStream stream(words, 11);
    for (int step = 1; step <= 300; ++step) trio.take(stream.gradient(stream.batch(5), dim));
    CHECK(is_lazy(trio.lazy));

    const Tensor gradient = stream.gradient(Tensor::arange(0, words), dim).values;
    trio.lazy_adam->zero_grad();
    trio.dense_adam->zero_grad();
    trio.lazy.mutable_gradient().add(gradient);
    trio.dense.mutable_gradient().add(gradient.to(float64));
    trio.lazy_adam->step();
    trio.dense_adam->step();
    CHECK(!is_lazy(trio.lazy));
    CHECK(trio.difference() < 1e-5);
    for (int step = 1; step <= 300; ++step) trio.take(stream.gradient(stream.batch(5), dim));
    CHECK(!is_lazy(trio.lazy));
    CHECK(trio.difference() < 1e-5);
  }
}

TEST_CASE("Adam is dense where it cannot wait") {
  const auto lazy_with = [](const nn::AdamOptions& options, DType dtype = float32) {
    Variable w(Tensor::zeros({5, 2}, dtype), true);
    nn::Adam adam({{"w", w}}, options);
    one_step(w, adam, {Tensor::from(std::vector<int64_t>{3}), Tensor::ones({1, 2}, dtype)});
    return is_lazy(w);
  };
  CHECK(lazy_with({}));
  CHECK(!lazy_with({.weight_decay = 0.1}));
  CHECK(!lazy_with({.beta1 = 0.999}));
  CHECK(!lazy_with({.beta1 = 0.9, .beta2 = 0.8}));
  CHECK(!lazy_with({.eps = 0}));
  CHECK(!lazy_with({}, float64));

  // A rate that would turn the weights' sign each step.
  Variable w(Tensor::ones({5, 2}), true);
  nn::AdamW adamw({{"w", w}}, {.lr = 0.1, .weight_decay = 20});
  one_step(w, adamw, {Tensor::from(std::vector<int64_t>{3}), Tensor::ones({1, 2})});
  CHECK(!is_lazy(w));
  CHECK(w.data().to_vector<float>()[0] == -1);
}
