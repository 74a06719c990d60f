// Learning-rate schedules against PyTorch's figures; saving; errors.
#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "nn/lr_schedule.h"
#include "nn/sgd.h"
#include "tests/oracle/optimizers.h"

using namespace roux;

namespace {

nn::SGD make_optimizer() { return nn::SGD({{"w", Variable(Tensor::zeros({1}), true)}}, {.lr = 0.4}); }

void check_rates(nn::Optimizer& optimizer, nn::LrSchedule& schedule, const char* name) {
  CAPTURE(name);
  CHECK(schedule.base_lr() == 0.4);
  for (const double expected : figures::learning_rates.at(name)) {
    CHECK(optimizer.lr() == doctest::Approx(expected).epsilon(1e-13));
    schedule.step();
  }
}

}  // namespace

TEST_CASE("learning-rate schedules follow PyTorch's") {
  {
    nn::SGD optimizer = make_optimizer();
    nn::StepLR schedule(optimizer, 3, 0.1);
    check_rates(optimizer, schedule, "step_lr");
  }
  {
    nn::SGD optimizer = make_optimizer();
    nn::CosineAnnealingLR schedule(optimizer, 8, 0.05);
    check_rates(optimizer, schedule, "cosine_annealing_lr");
  }
  {
    nn::SGD optimizer = make_optimizer();
    nn::LinearWarmupLR schedule(optimizer, 4, 10);
    check_rates(optimizer, schedule, "linear_warmup_lr");
  }
}

TEST_CASE("linear warm-up: the ends of the range") {
  nn::SGD optimizer = make_optimizer();
  nn::LinearWarmupLR none(optimizer, 0, 2);
  CHECK(optimizer.lr() == 0.4);
  none.step();
  CHECK(optimizer.lr() == 0.2);
  for (int i = 0; i < 5; ++i) none.step();
  CHECK(optimizer.lr() == 0);

  nn::SGD other = make_optimizer();
  nn::LinearWarmupLR only(other, 2, 2);
  CHECK(other.lr() == 0);
  only.step();
  CHECK(other.lr() == 0.2);
  only.step();
  CHECK(other.lr() == 0);
}

TEST_CASE("a schedule that is saved and loaded goes on from there") {
  nn::SGD optimizer = make_optimizer();
  nn::CosineAnnealingLR schedule(optimizer, 8, 0.05);
  for (int i = 0; i < 5; ++i) schedule.step();

  nn::SGD other({{"w", Variable(Tensor::zeros({1}), true)}}, {.lr = 7});
  nn::CosineAnnealingLR resumed(other, 8, 0.05);
  resumed.load_state_dict(schedule.state_dict());
  CHECK(resumed.steps() == 5);
  for (int i = 0; i < 3; ++i) {
    CHECK(other.lr() == optimizer.lr());
    schedule.step();
    resumed.step();
  }
  CHECK_THROWS_AS(resumed.load_state_dict({}), Error);
}

TEST_CASE("schedules refuse what makes no sense") {
  nn::SGD optimizer = make_optimizer();
  CHECK_THROWS_AS(nn::StepLR(optimizer, 0), Error);
  CHECK_THROWS_AS(nn::StepLR(optimizer, 3, -1), Error);
  CHECK_THROWS_AS(nn::CosineAnnealingLR(optimizer, 0), Error);
  CHECK_THROWS_AS(nn::CosineAnnealingLR(optimizer, 5, -1), Error);
  CHECK_THROWS_AS(nn::LinearWarmupLR(optimizer, -1, 5), Error);
  CHECK(optimizer.lr() == 0.4);
}
