// Calibration: binning of confidences; a temperature by bisection.
#include "nn/calibration.h"

#include <algorithm>
#include <cmath>

namespace roux::nn {
namespace {

// Rows of classes and their labels, as plain numbers.
struct Rows {
  int64_t count, classes;
  std::vector<double> values;
  std::vector<int64_t> labels;

  Rows(const Tensor& scores, const Tensor& truth, const char* operation) {
    ROUX_CHECK(scores.defined() && scores.dim() == 2, operation, "expected scores of shape (rows, classes)");
    ROUX_CHECK(truth.defined() && truth.dtype() == int64, operation, "labels must be int64");
    count = scores.size(0);
    classes = scores.size(1);
    ROUX_CHECK(truth.shape() == Shape{count}, operation, "labels have shape ", truth.shape(), ", expected (", count,
               ") for scores of shape ", scores.shape());
    values = scores.to(cpu).to_vector<double>();
    labels = truth.to(cpu).to_vector<int64_t>();
    for (const int64_t label : labels)
      ROUX_CHECK(label >= 0 && label < classes, operation, "the label ", label, " is outside [0, ", classes, ")");
    for (const double value : values)
      ROUX_CHECK(std::isfinite(value), operation, "a score is ", value, ", expected finite numbers");
  }
  const double* row(int64_t i) const { return values.data() + i * classes; }
};

// The derivative by `scale` of the mean cross entropy of softmax(scale * logits) with targets of 1 - miss for the label
// and `miss` spread over the other classes. It rises with `scale`: the loss is convex.
double slope(const Rows& logits, double scale, double miss) {
  double sum = 0;
  for (int64_t i = 0; i < logits.count; ++i) {
    const double* const row = logits.row(i);
    const double largest = *std::max_element(row, row + logits.classes);
    double total = 0, weighted = 0, others = 0;
    for (int64_t c = 0; c < logits.classes; ++c) {
      const double weight = std::exp(scale * (row[c] - largest));
      total += weight;
      weighted += weight * row[c];
      others += row[c];
    }
    const double label = row[logits.labels[static_cast<size_t>(i)]];
    const double target = (1 - miss) * label + miss * (others - label) / static_cast<double>(logits.classes - 1);
    sum += weighted / total - target;
  }
  return sum / static_cast<double>(logits.count);
}

}  // namespace

CalibrationReport calibration_report(const Tensor& probabilities, const Tensor& labels, int64_t bins) {
  constexpr const char* operation = "calibration_report";
  ROUX_CHECK(bins >= 1, operation, "bins is ", bins, ", expected 1 or more");
  const Rows rows(probabilities, labels, operation);
  CalibrationReport report{.bins = std::vector<CalibrationBin>(static_cast<size_t>(bins))};
  for (int64_t i = 0; i < rows.count; ++i) {
    const double* const row = rows.row(i);
    const double* const best = std::max_element(row, row + rows.classes);
    const int64_t label = rows.labels[static_cast<size_t>(i)];
    const auto bin = static_cast<int64_t>(std::ceil(*best * static_cast<double>(bins))) - 1;
    CalibrationBin& into = report.bins[static_cast<size_t>(std::clamp<int64_t>(bin, 0, bins - 1))];
    ++into.count;
    into.confidence += *best;
    into.accuracy += best - row == label;
    report.log_loss -= std::log(std::max(row[label], 1e-15));
  }
  if (rows.count == 0) return report;
  const auto n = static_cast<double>(rows.count);
  report.log_loss /= n;
  for (CalibrationBin& bin : report.bins) {
    if (bin.count == 0) continue;
    const auto count = static_cast<double>(bin.count);
    bin.confidence /= count;
    bin.accuracy /= count;
    const double error = std::abs(bin.accuracy - bin.confidence);
    report.expected_error += error * count / n;
    report.maximum_error = std::max(report.maximum_error, error);
  }
  return report;
}

double fit_temperature(const Tensor& logits, const Tensor& labels) {
  const Rows rows(logits, labels, "fit_temperature");
  bool differ = false;
  for (int64_t i = 0; i < rows.count; ++i) {
    const double* const row = rows.row(i);
    differ = differ || *std::max_element(row, row + rows.classes) > *std::min_element(row, row + rows.classes);
  }
  if (!differ) return 1;
  const double miss = 1 / (static_cast<double>(rows.count) + 2);
  double low = std::log(1e-3), high = std::log(1e3);  // of the scale, one over the temperature
  for (int step = 0; step < 60; ++step) {
    const double middle = (low + high) / 2;
    (slope(rows, std::exp(middle), miss) < 0 ? low : high) = middle;
  }
  return std::exp(-(low + high) / 2);
}

}  // namespace roux::nn
