// Metrics: scikit-learn's figures, classes without rows or predictions, errors.
#include "nn/metrics.h"

#include <doctest/doctest.h>

#include "nn/testing.h"
#include "tests/nn/pattern.h"
#include "tests/oracle/layers.h"

using namespace roux;

namespace {

Tensor labels_of(const std::vector<double>& values) { return Tensor::from(values).to(int64); }

void check_scores(const nn::Scores& found, double precision, double recall, double f1) {
  CHECK(found.precision == doctest::Approx(precision));
  CHECK(found.recall == doctest::Approx(recall));
  CHECK(found.f1 == doctest::Approx(f1));
}

}  // namespace

TEST_CASE("metrics give scikit-learn's figures; a score without a denominator is 0") {
  const Tensor predictions = labels_of(figures::predictions), labels = labels_of(figures::labels);
  const nn::ClassificationReport report = nn::classification_report(predictions, labels, 5);
  CHECK(nn::accuracy(predictions, labels) == doctest::Approx(figures::accuracy[0]));
  CHECK(report.accuracy == doctest::Approx(figures::accuracy[0]));
  CHECK(nn::close(report.confusion, figures_as(figures::confusion, {5, 5})));
  CHECK(report.confusion.dtype() == int64);
  REQUIRE(report.classes.size() == 5);
  for (size_t c = 0; c < 5; ++c) {
    CAPTURE(c);
    check_scores(report.classes[c], figures::class_precision[c], figures::class_recall[c], figures::class_f1[c]);
    CHECK(static_cast<double>(report.classes[c].support) == figures::class_support[c]);
  }
  const auto& macro = figures::macro_scores;
  const auto& micro = figures::micro_scores;
  check_scores(report.macro, macro[0], macro[1], macro[2]);
  check_scores(report.micro, micro[0], micro[1], micro[2]);
  CHECK(report.macro.support == 40);
  CHECK(report.micro.support == 40);
}

TEST_CASE("predictions that are all right, and none at all") {
  const Tensor labels = Tensor::from<int64_t>({1, 0, 1});
  const nn::ClassificationReport right = nn::classification_report(labels, labels, 2);
  check_scores(right.macro, 1, 1, 1);
  CHECK(right.accuracy == 1);
  const Tensor nothing = Tensor::zeros({0}, int64);
  check_scores(nn::classification_report(nothing, nothing, 2).macro, 0, 0, 0);
  CHECK(nn::accuracy(nothing, nothing) == 0);
}

TEST_CASE("macro means leave out classes with neither rows nor predictions") {
  const Tensor predictions = Tensor::from<int64_t>({0, 2, 2}), labels = Tensor::from<int64_t>({0, 2, 0});
  const nn::ClassificationReport report = nn::classification_report(predictions, labels, 5);
  REQUIRE(report.classes.size() == 5);
  check_scores(report.macro, 0.75, 0.75, 2.0 / 3);
  // A class that is predicted alone, without rows, counts.
  check_scores(nn::classification_report(Tensor::from<int64_t>({0, 1}), Tensor::from<int64_t>({0, 0}), 3).macro, 0.5,
               0.25, 1.0 / 3);
}

TEST_CASE("balanced class weights give scikit-learn's figures") {
  CHECK(nn::close(nn::balanced_class_weights(labels_of(figures::labels), 4), figures_as(figures::balanced, {4})));
  CHECK(nn::balanced_class_weights(Tensor::from<int64_t>({0, 1}), 2).dtype() == float32);
  CHECK_THROWS_WITH_AS(nn::balanced_class_weights(Tensor::from<int64_t>({0, 2, 2}), 3),
                       "[balanced_class_weights] class 1 has no rows, so its weight would be infinite", Error);
}

TEST_CASE("labels that do not fit are errors") {
  const Tensor labels = Tensor::from<int64_t>({0, 1, 2});
  CHECK_THROWS_WITH_AS(nn::confusion_matrix(labels, labels, 2),
                       "[confusion_matrix] the prediction of row 2 is 2, expected 0 to 1", Error);
  CHECK_THROWS_WITH_AS(nn::confusion_matrix(Tensor::zeros({3}, int64), Tensor::from<int64_t>({0, -1, 0}), 2),
                       "[confusion_matrix] the label of row 1 is -1, expected 0 to 1", Error);
  CHECK_THROWS_WITH_AS(nn::accuracy(labels, Tensor::zeros({2}, int64)), "[accuracy] found 3 predictions and 2 labels",
                       Error);
  CHECK_THROWS_WITH_AS(nn::accuracy(Tensor::zeros({3, 2}), labels),
                       "[accuracy] expected predictions as int64 (n) (hint: argmax gives labels from logits)", Error);
  CHECK_THROWS_AS(nn::accuracy(labels, Tensor()), Error);
  CHECK_THROWS_AS(nn::confusion_matrix(labels, labels, 0), Error);
  CHECK_THROWS_AS(nn::classification_report(Tensor::zeros({2, 3}, int64)), Error);
}
