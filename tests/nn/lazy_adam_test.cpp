// Lazily updated Adam against dense Adam in float64, and what keeps it honest: reads change nothing, saving and going
// on is exact, rows that waited long, the change to dense, the cost of a step.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "autograd/ops.h"
#include "nn/adam.h"
#include "nn/lazy_adam.h"
#include "nn/lr_schedule.h"
#include "nn/sgd.h"
#include "tensor/parallel.h"
#include "tests/message_of.h"

using namespace roux;

namespace {

/// Batches of word ids whose frequency falls like 1 / rank.
class ZipfStream {
 public:
  ZipfStream(int64_t words, int64_t seed) : generator_(static_cast<uint64_t>(seed)) {
    double sum = 0;
    for (int64_t i = 0; i < words; ++i) cumulative_.push_back(sum += 1 / static_cast<double>(i + 1));
  }
  Tensor batch(int64_t count) {
    const std::vector<double> draws = Tensor::rand({count}, float64, cpu, generator_).to_vector<double>();
    std::vector<int64_t> ids;
    for (const double draw : draws) {
      const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), draw * cumulative_.back());
      ids.push_back(std::min<int64_t>(found - cumulative_.begin(), static_cast<int64_t>(cumulative_.size()) - 1));
    }
    return unique(Tensor::from(ids)).rows;
  }
  /// A gradient for these rows; some elements are always zero.
  RowGradient gradient(const Tensor& rows, int64_t dim) {
    Tensor values = mul(Tensor::randn({rows.numel(), dim}, float32, cpu, generator_), 0.01);
    values.slice(1, dim - 1, dim).zero_();
    return {rows, values};
  }

 private:
  Generator generator_;
  std::vector<double> cumulative_;
};

struct Settings {
  std::string name;
  nn::AdamOptions options;
  bool decoupled = false;
  std::function<double(int)> lr = {};  // by step; the options' own when empty
};

std::unique_ptr<nn::Adam> make_adam(const Variable& w, const Settings& settings) {
  const nn::AdamOptions& o = settings.options;
  if (!settings.decoupled) return std::make_unique<nn::Adam>(nn::NamedParameters{{"w", w}}, o);
  return std::make_unique<nn::AdamW>(
      nn::NamedParameters{{"w", w}},
      nn::AdamWOptions{o.lr, o.beta1, o.beta2, o.eps, o.weight_decay, o.amsgrad, o.maximize});
}

void one_step(Variable& w, nn::Optimizer& optimizer, const RowGradient& gradient) {
  optimizer.zero_grad();
  w.mutable_gradient().add(gradient, w.shape());
  optimizer.step();
}

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

std::vector<Settings> all_settings() {
  const auto warm_up_and_cosine = [](int step) {
    return step <= 50 ? 1e-3 * (step - 1) / 50 : 5e-4 * (1 + std::cos(3.14159 * (step - 50) / 950));
  };
  const auto steps_down = [](int step) { return step % 100 < 10 ? 0.0 : 2e-3 * std::pow(0.5, step / 200); };
  return {{"adam", {}},
          {"adam, larger rate", {.lr = 1e-2}},
          {"adam, maximize", {.maximize = true}},
          {"adam, large eps", {.eps = 1e-3}},
          {"adam, no momentum", {.beta1 = 0}},
          {"adam, short memory", {.beta1 = 0.8, .beta2 = 0.95}},
          {"adam, .9 .98", {.beta2 = 0.98}},
          {"adam, long memory", {.beta1 = 0.95}},
          {"amsgrad", {.amsgrad = true}},
          {"adamw", {.weight_decay = 1e-2}, true},
          {"adamw, strong decay", {.lr = 1e-2, .weight_decay = 0.5}, true},
          {"adamw, amsgrad", {.weight_decay = 0.1, .amsgrad = true}, true},
          {"adam, warm-up and cosine", {}, false, warm_up_and_cosine},
          {"adamw, steps down and pauses", {.weight_decay = 0.1}, true, steps_down}};
}

bool same_bits(const Tensor& a, const Tensor& b) { return a.to_vector<float>() == b.to_vector<float>(); }

bool is_lazy(const Variable& w) { return w.pending_rows() != nullptr; }

}  // namespace

TEST_CASE("lazily updated Adam is dense Adam over a Zipf stream of 1,000 steps") {
  constexpr int64_t words = 500, dim = 7;
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

TEST_CASE("reads of a lazily updated table change nothing") {
  constexpr int64_t words = 300, dim = 8;
  for (const bool decoupled : {false, true}) {
    const Settings settings{"", {.weight_decay = decoupled ? 0.1 : 0}, decoupled};
    Variable quiet(Tensor::zeros({words, dim}), true), watched(Tensor::zeros({words, dim}), true);
    const auto quiet_adam = make_adam(quiet, settings), watched_adam = make_adam(watched, settings);
    ZipfStream stream(words, 4);
    const Tensor looked_at = Tensor::from(std::vector<int64_t>{299, 0, 150, 0});
    for (int step = 1; step <= 1500; ++step) {
      const RowGradient gradient = stream.gradient(stream.batch(20), dim);
      one_step(quiet, *quiet_adam, gradient);
      one_step(watched, *watched_adam, gradient);
      if (step % 10 != 0) continue;
      const uint64_t version = watched.raw().version();
      watched.data();
      watched.pending_rows()->rows(looked_at);
      watched_adam->state_dict();
      const NoGrad no_grad;
      embedding(watched, looked_at);
      CHECK(watched.raw().version() == version);
    }
    CHECK(same_bits(quiet.raw(), watched.raw()));
    CHECK(same_bits(quiet.data(), watched.data()));
  }
}

TEST_CASE("what is read of a lazily updated table is what a commit writes") {
  constexpr int64_t words = 300, dim = 70;
  Variable w(Tensor::zeros({words, dim}), true);
  nn::AdamW optimizer({{"w", w}}, {.weight_decay = 0.1});
  ZipfStream stream(words, 5);
  for (int step = 1; step <= 700; ++step) one_step(w, optimizer, stream.gradient(stream.batch(20), dim));
  const Tensor all = w.data(), ids = Tensor::from(std::vector<int64_t>{299, 0, 150, 0, 7});
  CHECK(!same_bits(all, w.raw()));
  CHECK(same_bits(w.pending_rows()->rows(ids), index_select(all, 0, ids)));

  w.pending_rows()->commit(Tensor::from(std::vector<int64_t>{150, 299}));
  CHECK(same_bits(w.raw().slice(0, 150, 151), all.slice(0, 150, 151)));
  CHECK(same_bits(w.data(), all));
  CHECK(same_bits(w.mutable_data(), all));
  CHECK(same_bits(w.raw(), all));
}

TEST_CASE("a recording forward commits the rows that it reads, one under NoGrad commits nothing") {
  constexpr int64_t words = 50, dim = 4;
  Variable w(Tensor::ones({words, dim}), true);
  nn::Adam optimizer({{"w", w}});
  ZipfStream stream(words, 6);
  for (int step = 1; step <= 30; ++step) one_step(w, optimizer, stream.gradient(stream.batch(5), dim));
  one_step(w, optimizer, stream.gradient(Tensor::from(std::vector<int64_t>{1}), dim));

  const Tensor before = w.raw().clone(), expected = w.data(), ids = Tensor::from(std::vector<int64_t>{0, 2, 2});
  {
    const NoGrad no_grad;
    CHECK(same_bits(embedding(w, ids).data(), index_select(expected, 0, ids)));
    CHECK(same_bits(w.raw(), before));
  }
  CHECK(same_bits(embedding(w, ids).data(), index_select(expected, 0, ids)));
  CHECK(!same_bits(w.raw(), before));
  CHECK(same_bits(index_select(w.raw(), 0, ids), index_select(expected, 0, ids)));
  CHECK(same_bits(w.data(), expected));
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

TEST_CASE("a lazily updated table that is saved and loaded goes on bit for bit") {
  constexpr int64_t words = 300, dim = 8;
  for (const Settings& settings : all_settings()) {
    if (settings.lr) continue;
    CAPTURE(settings.name);
    for (const int saved_at : {3, 700, 1500}) {
      Variable w(Tensor::zeros({words, dim}), true);
      const auto adam = make_adam(w, settings);
      ZipfStream stream(words, 9);
      for (int step = 1; step <= saved_at; ++step) one_step(w, *adam, stream.gradient(stream.batch(10), dim));

      Variable copy(w.data(), true);
      const auto resumed = make_adam(copy, settings);
      resumed->load_state_dict(adam->state_dict());
      bool same = same_bits(copy.raw(), w.raw());
      for (int step = 1; step <= 1200; ++step) {
        const RowGradient gradient = stream.gradient(stream.batch(10), dim);
        one_step(w, *adam, gradient);
        one_step(copy, *resumed, gradient);
        if (step % 100 == 0) same = same && same_bits(copy.data(), w.data());
      }
      CHECK(same);
      CHECK(same_bits(copy.raw(), w.raw()));
    }
  }
}

TEST_CASE("a damaged state of a lazily updated table is an error") {
  Variable w(Tensor::zeros({4, 3}), true);
  nn::Adam adam({{"w", w}});
  ZipfStream stream(4, 1);
  for (int step = 1; step <= 5; ++step) one_step(w, adam, stream.gradient(stream.batch(2), 3));
  nn::StateDict state = adam.state_dict();
  for (auto& [name, tensor] : state)
    if (name == "w.last_steps") tensor = Tensor::full({4}, 9, int32);
  CHECK(message_of([&] { adam.load_state_dict(state); }) ==
        "[load_state_dict] 'w.last_steps' says 9 for row 0 at step 5");
  nn::Adam with_decay({{"w", Variable(Tensor::zeros({4, 3}), true)}}, {.weight_decay = 0.1});
  CHECK_THROWS_AS(with_decay.load_state_dict(adam.state_dict()), Error);
}

TEST_CASE("an optimizer that goes leaves a table that is up to date, and a second one throws until then") {
  Variable w(Tensor::zeros({20, 3}), true);
  ZipfStream stream(20, 10);
  auto first = std::make_unique<nn::Adam>(nn::NamedParameters{{"w", w}});
  for (int step = 1; step <= 50; ++step) one_step(w, *first, stream.gradient(stream.batch(3), 3));
  const RowGradient gradient = stream.gradient(stream.batch(3), 3);

  nn::Adam second({{"w", w}});
  nn::SGD third({{"w", w}});
  const Tensor before = w.data();
  CHECK_THROWS_AS(one_step(w, second, gradient), Error);
  CHECK_THROWS_AS(one_step(w, third, gradient), Error);
  CHECK(same_bits(w.data(), before));

  first.reset();
  CHECK(!is_lazy(w));
  CHECK(same_bits(w.raw(), before));
  one_step(w, third, gradient);
  one_step(w, second, gradient);
  CHECK(is_lazy(w));
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

TEST_CASE("rows outside a lazily updated table are an error") {
  Variable w(Tensor::zeros({5, 2}), true);
  nn::Adam adam({{"w", w}});
  for (const int64_t row : {int64_t{5}, int64_t{-2}})
    CHECK_THROWS_AS(one_step(w, adam, {Tensor::from(std::vector<int64_t>{row}), Tensor::ones({1, 2})}), Error);
}

TEST_CASE("lazily updated Adam gives the same bits for any number of threads (parallel)") {
  constexpr int64_t words = 3000, dim = 16;
  std::vector<Tensor> results;
  const int threads = num_threads();
  for (const int count : {1, 4}) {
    set_num_threads(count);
    Variable w(Tensor::zeros({words, dim}), true);
    nn::AdamW adam({{"w", w}}, {.weight_decay = 0.1});
    ZipfStream stream(words, 12);
    for (int step = 1; step <= 60; ++step) one_step(w, adam, stream.gradient(stream.batch(4000), dim));
    results.push_back(w.data());
  }
  set_num_threads(threads);
  CHECK(same_bits(results[0], results[1]));
}

TEST_CASE("several threads may read a lazily updated table at once") {
  constexpr int64_t words = 3000, dim = 8;
  Variable w(Tensor::zeros({words, dim}), true);
  nn::AdamW adam({{"w", w}}, {.weight_decay = 0.1});
  ZipfStream stream(words, 14);
  for (int step = 1; step <= 300; ++step) one_step(w, adam, stream.gradient(stream.batch(50), dim));
  const Tensor ids = stream.batch(600);
  std::vector<Tensor> found(4);
  std::vector<std::thread> threads;
  for (Tensor& result : found) {
    threads.emplace_back([&w, &ids, &result] {
      const NoGrad no_grad;
      for (int i = 0; i < 20; ++i) result = embedding(w, ids).data();
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Tensor expected = index_select(w.data(), 0, ids);
  for (const Tensor& result : found) CHECK(same_bits(result, expected));
}

TEST_CASE("the cost of a step does not grow with the table") {
  constexpr int64_t dim = 64, words = 4000;
  ZipfStream stream(words, 13);
  std::vector<RowGradient> gradients;
  for (int i = 0; i < 200; ++i) gradients.push_back(stream.gradient(stream.batch(130), dim));

  Variable small(Tensor::zeros({words, dim}), true), large(Tensor::zeros({100 * words, dim}), true);
  nn::Adam small_adam({{"w", small}}), large_adam({{"w", large}});
  // Both in turn, so that whatever else the machine does meets both; of each step the fastest of many.
  std::vector<double> fastest[2] = {std::vector<double>(200, 1e9), std::vector<double>(200, 1e9)};
  for (int round = 0; round < 12; ++round) {
    for (size_t i = 0; i < gradients.size(); ++i) {
      const auto seconds = [&](Variable& w, nn::Adam& adam) {
        const auto before = std::chrono::steady_clock::now();
        one_step(w, adam, gradients[i]);
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
      };
      fastest[0][i] = std::min(fastest[0][i], seconds(small, small_adam));
      fastest[1][i] = std::min(fastest[1][i], seconds(large, large_adam));
    }
  }
  double sums[2] = {};
  for (int which : {0, 1})
    for (const double seconds : fastest[which]) sums[which] += seconds;
  INFO("microseconds a step: ", sums[0] / 200 * 1e6, " and ", sums[1] / 200 * 1e6);
  CHECK(sums[1] < 1.3 * sums[0]);
}
