// Calibration error by hand, and temperatures that are known.
#include "nn/calibration.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tensor/ops.h"

using namespace roux;

namespace {

// Two classes; `right` of `n` rows, whose first class has this logit more than the second, are of the first class.
struct Coin {
  Tensor logits, labels;

  Coin(int64_t n, int64_t right, double logit) {
    std::vector<double> rows;
    std::vector<int64_t> truth;
    for (int64_t i = 0; i < n; ++i) {
      rows.insert(rows.end(), {logit, 0.0});
      truth.push_back(i < right ? 0 : 1);
    }
    logits = Tensor::from(rows, {n, 2});
    labels = Tensor::from(truth);
  }
};

}  // namespace

TEST_CASE("calibration error is the gap between confidence and accuracy, bin by bin") {
  // Bins of a half: one prediction of 0.5, in the first; three in the second with confidences 0.75, 0.75 and 1.
  const Tensor probabilities = Tensor::from<double>({0.5, 0.5, 0.75, 0.25, 0.25, 0.75, 1, 0}, {4, 2});
  const Tensor labels = Tensor::from<int64_t>({0, 1, 1, 0});
  const nn::CalibrationReport report = nn::calibration_report(probabilities, labels, 2);
  REQUIRE(report.bins.size() == 2);
  CHECK(report.bins[0].count == 1);
  CHECK(report.bins[0].confidence == 0.5);
  CHECK(report.bins[0].accuracy == 1);
  CHECK(report.bins[1].count == 3);
  CHECK(report.bins[1].confidence == doctest::Approx(2.5 / 3));
  CHECK(report.bins[1].accuracy == doctest::Approx(2.0 / 3));
  CHECK(report.expected_error == doctest::Approx(0.25 * 0.5 + 0.75 * (0.5 / 3)));
  CHECK(report.maximum_error == doctest::Approx(0.5));
  CHECK(report.log_loss == doctest::Approx(-(std::log(0.5) + std::log(0.25) + std::log(0.75)) / 4));
}

TEST_CASE("calibration of nothing, and of certainty that is wrong") {
  const nn::CalibrationReport none = nn::calibration_report(Tensor::zeros({0, 3}), Tensor::zeros({0}, int64));
  CHECK(none.expected_error == 0);
  CHECK(none.bins.size() == 15);
  const nn::CalibrationReport wrong =
      nn::calibration_report(Tensor::from<double>({1, 0}, {1, 2}), Tensor::from<int64_t>({1}));
  CHECK(wrong.expected_error == 1);
  CHECK(wrong.log_loss == doctest::Approx(-std::log(1e-15)));
}

TEST_CASE("the temperature makes confidence what accuracy is") {
  for (const double logit : {0.3, 1.0, 4.0, 20.0}) {
    const Coin coin(10'000, 8'000, logit);
    const double temperature = nn::fit_temperature(coin.logits, coin.labels);
    CHECK(temperature == doctest::Approx(logit / std::log(4.0)).epsilon(1e-3));  // 0.8 = sigmoid(log 4)
    const Tensor probabilities = softmax(div(coin.logits, temperature), 1);
    CHECK(nn::calibration_report(probabilities, coin.labels).expected_error < 1e-3);
  }
}

TEST_CASE("a temperature stays within reason where all is right, nothing differs, or there is nothing") {
  const Coin sure(98, 98, 1.0);  // targets of 0.99
  CHECK(nn::fit_temperature(sure.logits, sure.labels) == doctest::Approx(1 / std::log(99.0)).epsilon(1e-6));
  CHECK(nn::fit_temperature(Tensor::zeros({4, 3}), Tensor::zeros({4}, int64)) == 1);
  CHECK(nn::fit_temperature(Tensor::zeros({0, 3}), Tensor::zeros({0}, int64)) == 1);
}

TEST_CASE("calibration refuses what does not fit") {
  const Tensor rows = Tensor::full({2, 3}, 0.5);
  CHECK_THROWS_WITH_AS(nn::calibration_report(rows, Tensor::from<int64_t>({0})), doctest::Contains("labels have shape"),
                       Error);
  CHECK_THROWS_WITH_AS(nn::calibration_report(rows, Tensor::from<int64_t>({0, 3})), doctest::Contains("outside [0, 3)"),
                       Error);
  CHECK_THROWS_WITH_AS(nn::calibration_report(rows, Tensor::from<int64_t>({0, 1}), 0), doctest::Contains("bins is 0"),
                       Error);
  CHECK_THROWS_WITH_AS(nn::fit_temperature(Tensor::full({1, 2}, std::nan("")), Tensor::from<int64_t>({0})),
                       doctest::Contains("finite"), Error);
}
