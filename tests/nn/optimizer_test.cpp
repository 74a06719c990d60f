// Optimizers against PyTorch's trajectories, dense and with rows; errors; saving and going on.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "nn/adam.h"
#include "nn/lr_schedule.h"
#include "nn/sgd.h"
#include "tests/message_of.h"
#include "tests/oracle/optimizers.h"

using namespace roux;

namespace {

constexpr int64_t rows = 6, dim = 3;
constexpr int steps = 60;

// The numbers of tests/oracle/optimizers.py.
Tensor start(DType dtype) {
  std::vector<double> values;
  for (int64_t i = 0; i < rows * dim; ++i) values.push_back(static_cast<double>((i * 7) % 11 - 5) / 8);
  return Tensor::from(values, {rows, dim}).to(dtype);
}

Tensor gradient(int64_t k, DType dtype) {
  std::vector<double> values;
  for (int64_t i = 0; i < rows * dim; ++i)
    values.push_back(static_cast<double>((k * 31 + i * 17 + (k * i) % 13) % 41 - 20) / 64 / std::exp2(k / 16));
  return Tensor::from(values, {rows, dim}).to(dtype);
}

RowGradient row_gradient(int64_t k, DType dtype) {
  const std::set<int64_t> touched{(k * 5) % rows, (k / 7 + 1) % rows};
  const Tensor ids = Tensor::from(std::vector<int64_t>(touched.begin(), touched.end()));
  return {ids, index_select(gradient(k, dtype), 0, ids)};
}

using Make = std::function<std::unique_ptr<nn::Optimizer>(const nn::NamedParameters&)>;

template <class O, class Options>
Make make(const Options& options) {
  return [options](const nn::NamedParameters& parameters) { return std::make_unique<O>(parameters, options); };
}

void one_step(Variable& w, nn::Optimizer& optimizer, int64_t k, bool by_rows) {
  optimizer.zero_grad();
  if (by_rows)
    w.mutable_gradient().add(row_gradient(k, w.dtype()), w.shape());
  else
    w.mutable_gradient().add(gradient(k, w.dtype()));
  optimizer.step();
}

// The largest difference from PyTorch's weights, relative to them where they are larger than 1.
double difference(const std::string& name, const Make& make_optimizer, DType dtype, bool by_rows) {
  Variable w(start(dtype), true);
  const auto optimizer = make_optimizer({{"w", w}});
  const std::vector<double>& expected = figures::trajectories.at(name);
  size_t at = 0;
  double worst = 0;
  for (int k = 1; k <= steps; ++k) {
    one_step(w, *optimizer, k, by_rows);
    if (k != figures::shown_steps[at / (rows * dim)]) continue;
    for (const double value : w.data().to_vector<double>()) {
      worst = std::max(worst, std::abs(value - expected[at]) / std::max(1.0, std::abs(expected[at])));
      ++at;
    }
  }
  CHECK(at == expected.size());
  return worst;
}

struct Case {
  std::string name;
  Make make_optimizer;
  bool by_rows = false;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all{
      {"sgd", make<nn::SGD>(nn::SgdOptions{.lr = 0.1})},
      {"sgd_momentum", make<nn::SGD>(nn::SgdOptions{.lr = 0.1, .momentum = 0.9})},
      {"sgd_dampening", make<nn::SGD>(nn::SgdOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.5})},
      {"sgd_nesterov", make<nn::SGD>(nn::SgdOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true})},
      {"sgd_weight_decay", make<nn::SGD>(nn::SgdOptions{.lr = 0.1, .momentum = 0.5, .weight_decay = 0.1})},
      {"sgd_maximize", make<nn::SGD>(nn::SgdOptions{.lr = 0.1, .momentum = 0.9, .maximize = true})},
      {"sgd_rows", make<nn::SGD>(nn::SgdOptions{.lr = 0.1}), true},
      {"sgd_momentum_rows", make<nn::SGD>(nn::SgdOptions{.lr = 0.1, .momentum = 0.9}), true},
      {"adam", make<nn::Adam>(nn::AdamOptions{.lr = 0.01})},
      {"adam_betas", make<nn::Adam>(nn::AdamOptions{.lr = 0.01, .beta1 = 0.5, .beta2 = 0.9, .eps = 1e-3})},
      {"adam_weight_decay", make<nn::Adam>(nn::AdamOptions{.lr = 0.01, .weight_decay = 0.1})},
      {"adam_amsgrad", make<nn::Adam>(nn::AdamOptions{.lr = 0.01, .amsgrad = true})},
      {"adam_maximize", make<nn::Adam>(nn::AdamOptions{.lr = 0.01, .weight_decay = 0.1, .maximize = true})},
      {"adamw", make<nn::AdamW>(nn::AdamWOptions{.lr = 0.01, .weight_decay = 0.1})},
      {"adamw_amsgrad", make<nn::AdamW>(nn::AdamWOptions{.lr = 0.01, .weight_decay = 0.1, .amsgrad = true})},
      {"adam_rows", make<nn::Adam>(nn::AdamOptions{.lr = 0.01}), true},
      {"adam_amsgrad_rows", make<nn::Adam>(nn::AdamOptions{.lr = 0.01, .amsgrad = true}), true},
      {"adam_weight_decay_rows", make<nn::Adam>(nn::AdamOptions{.lr = 0.01, .weight_decay = 0.1}), true},
      {"adamw_rows", make<nn::AdamW>(nn::AdamWOptions{.lr = 0.01, .weight_decay = 0.1}), true},
      {"sparse_adam", make<nn::SparseAdam>(nn::SparseAdamOptions{.lr = 0.01}), true},
      {"sparse_adam_maximize", make<nn::SparseAdam>(nn::SparseAdamOptions{.lr = 0.01, .maximize = true}), true},
  };
  return all;
}

bool same_bits(const Tensor& a, const Tensor& b) { return a.to_vector<double>() == b.to_vector<double>(); }

}  // namespace

TEST_CASE("optimizers follow PyTorch's trajectories") {
  for (const Case& one : cases()) {
    CAPTURE(one.name);
    CHECK(difference(one.name, one.make_optimizer, float64, one.by_rows) < 1e-11);
    CHECK(difference(one.name, one.make_optimizer, float32, one.by_rows) < 1e-6);
  }
}

TEST_CASE("a learning-rate schedule under lazily updated Adam follows PyTorch's dense Adam") {
  for (const DType dtype : {float32, float64}) {
    Variable w(start(dtype), true);
    nn::Adam optimizer({{"w", w}}, {.lr = 0.01});
    nn::StepLR schedule(optimizer, 20, 0.5);
    for (int k = 1; k <= steps; ++k) {
      one_step(w, optimizer, k, true);
      schedule.step();
    }
    const std::vector<double>& expected = figures::trajectories.at("adam_step_lr");
    const std::vector<double> found = w.data().to_vector<double>();
    for (size_t i = 0; i < found.size(); ++i)
      CHECK(std::abs(found[i] - expected[expected.size() - found.size() + i]) < (dtype == float32 ? 1e-6 : 1e-12));
  }
}

TEST_CASE("an optimizer that is saved and loaded goes on bit for bit") {
  for (const Case& one : cases()) {
    CAPTURE(one.name);
    Variable w(start(float32), true);
    const auto optimizer = one.make_optimizer({{"w", w}});
    for (int k = 1; k <= 20; ++k) one_step(w, *optimizer, k, one.by_rows);
    optimizer->set_lr(0.02);

    Variable copy(w.data().clone(), true);
    const auto resumed = one.make_optimizer({{"w", copy}});
    resumed->load_state_dict(optimizer->state_dict());
    CHECK(resumed->lr() == 0.02);
    CHECK(same_bits(copy.data(), w.data()));
    for (int k = 21; k <= 40; ++k) {
      one_step(w, *optimizer, k, one.by_rows);
      one_step(copy, *resumed, k, one.by_rows);
      CHECK(same_bits(copy.data(), w.data()));
    }
  }
}

TEST_CASE("a state that does not fit changes nothing") {
  Variable w(start(float32), true), other(Tensor::zeros({2, 2}), true);
  nn::Adam optimizer({{"w", w}});
  one_step(w, optimizer, 1, false);
  const nn::StateDict state = optimizer.state_dict();

  nn::Adam smaller({{"w", other}});
  CHECK(message_of([&] { smaller.load_state_dict(state); }) ==
        "[load_state_dict] 'w.exp_avg' is float32 of shape (6, 3), expected float32 of shape (2, 2)");
  nn::Adam renamed({{"v", w}});
  CHECK(message_of([&] { renamed.load_state_dict(state); }) ==
        "[load_state_dict] the state has an unexpected 'w.step'");
  nn::SGD momentum({{"w", w}}, {.momentum = 0.9});
  CHECK_THROWS_AS(momentum.load_state_dict(state), Error);
  CHECK(message_of([&] { optimizer.load_state_dict({}); }) == "[load_state_dict] the state has no 'lr'");
  nn::StateDict cut = state;
  cut.pop_back();
  CHECK(message_of([&] { optimizer.load_state_dict(cut); }) == "[load_state_dict] the state has no 'w.exp_avg_sq'");
  CHECK(optimizer.state_dict().size() == state.size());
}

TEST_CASE("parameters without a gradient stay as they are, and their steps are not counted") {
  Variable w(start(float32), true), idle(start(float32), true), frozen(start(float32), false);
  nn::AdamW optimizer({{"w", w}, {"idle", idle}, {"frozen", frozen}}, {.lr = 0.01, .weight_decay = 0.1});
  for (int k = 1; k <= 3; ++k) one_step(w, optimizer, k, false);
  CHECK(same_bits(idle.data(), start(float32)));
  CHECK(same_bits(frozen.data(), start(float32)));

  // Its own first step later is like any first step.
  Variable fresh(start(float32), true);
  nn::AdamW first({{"w", fresh}}, {.lr = 0.01, .weight_decay = 0.1});
  one_step(fresh, first, 1, false);
  one_step(idle, optimizer, 1, false);
  CHECK(same_bits(idle.data(), fresh.data()));
}

TEST_CASE("a step counts as a write") {
  for (const Case& one : cases()) {
    CAPTURE(one.name);
    Variable w(start(float32), true);
    const auto optimizer = one.make_optimizer({{"w", w}});
    const uint64_t before = w.raw().version();
    one_step(w, *optimizer, 1, one.by_rows);
    CHECK(w.raw().version() > before);
  }
}

TEST_CASE("optimizers refuse what makes no sense") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Variable w(start(float32), true);
  const nn::NamedParameters parameters{{"w", w}};
  for (const double lr : {-0.1, nan, HUGE_VAL}) {
    CHECK_THROWS_AS(nn::SGD(parameters, {.lr = lr}), Error);
    CHECK_THROWS_AS(nn::Adam(parameters, {.lr = lr}), Error);
    CHECK_THROWS_AS(nn::AdamW(parameters, {.lr = lr}), Error);
    CHECK_THROWS_AS(nn::SparseAdam(parameters, {.lr = lr}), Error);
    nn::SGD optimizer(parameters, {});
    CHECK_THROWS_AS(optimizer.set_lr(lr), Error);
    CHECK(optimizer.lr() == 1e-3);
  }
  CHECK(message_of([&] { nn::Adam(parameters, {.lr = -0.1}); }) ==
        "[optimizer] the learning rate must be a finite number of at least 0, found -0.1");
  CHECK_THROWS_AS(nn::Adam(parameters, {.beta1 = 1}), Error);
  CHECK_THROWS_AS(nn::Adam(parameters, {.beta2 = -0.1}), Error);
  CHECK_THROWS_AS(nn::Adam(parameters, {.eps = -1}), Error);
  CHECK_THROWS_AS(nn::AdamW(parameters, {.weight_decay = nan}), Error);
  CHECK_THROWS_AS(nn::SparseAdam(parameters, {.beta1 = nan}), Error);
  CHECK_THROWS_AS(nn::SGD(parameters, {.momentum = -0.5}), Error);
  CHECK_THROWS_AS(nn::SGD(parameters, {.weight_decay = -0.5}), Error);
  CHECK_THROWS_AS(nn::SGD(parameters, {.nesterov = true}), Error);
  CHECK_THROWS_AS(nn::SGD(parameters, {.momentum = 0.9, .dampening = 0.1, .nesterov = true}), Error);

  CHECK(message_of([&] { nn::SGD({}, {}); }) ==
        "[optimizer] there are no parameters (hint: is each registered with add(\"name\", member)?)");
  CHECK(message_of([&] {
          nn::SGD({{"a", w}, {"b", w}}, {});
        }) == "[optimizer] the parameters 'a' and 'b' are the same");
  CHECK_THROWS_AS(nn::SGD({{"a", w}, {"a", Variable(start(float32), true)}}, {}), Error);
  CHECK_THROWS_AS(nn::SGD({{"a", Variable()}}, {}), Error);
  CHECK_THROWS_AS(nn::SGD({{"a", w + w}}, {}), Error);
}

TEST_CASE("SparseAdam takes row gradients only, and changes no parameter when one has another") {
  Variable table(start(float32), true), w(start(float32), true);
  nn::SparseAdam optimizer({{"table", table}, {"w", w}});
  table.mutable_gradient().add(row_gradient(1, float32), table.shape());
  w.mutable_gradient().add(gradient(1, float32));
  CHECK_THROWS_AS(optimizer.step(), Error);
  CHECK(same_bits(table.data(), start(float32)));
}

TEST_CASE("a parameter whose type was changed under its optimizer is an error") {
  Variable w(start(float32), true), table(start(float32), true);
  nn::Adam optimizer({{"w", w}, {"table", table}});
  one_step(w, optimizer, 1, false);
  one_step(table, optimizer, 1, true);
  w.set_data(w.data().to(float64));
  CHECK_THROWS_AS(one_step(w, optimizer, 2, false), Error);
  w.zero_grad();
  table.set_data(table.data().to(float64));
  CHECK_THROWS_AS(one_step(table, optimizer, 2, true), Error);
}
