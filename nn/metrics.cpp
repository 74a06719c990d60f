// Metrics: all come from the confusion matrix.
#include "nn/metrics.h"

namespace roux::nn {
namespace {

// The labels in memory.
Tensor on_host(const Tensor& labels, const char* operation, const char* what) {
  ROUX_CHECK(labels.defined() && labels.dtype() == int64 && labels.dim() == 1, operation, "expected ", what,
             " as int64 (n) (hint: argmax gives labels from logits)");
  return labels.to(cpu).contiguous();
}

void check_pair(const Tensor& predictions, const Tensor& labels, const char* operation) {
  ROUX_CHECK(predictions.numel() == labels.numel(), operation, "found ", predictions.numel(), " predictions and ",
             labels.numel(), " labels");
}

void check_class(int64_t label, int64_t row, int64_t num_classes, const char* operation, const char* what) {
  ROUX_CHECK(label >= 0 && label < num_classes, operation, what, " of row ", row, " is ", label, ", expected 0 to ",
             num_classes - 1);
}

double ratio(double part, double whole) { return whole > 0 ? part / whole : 0; }

Scores scores(int64_t hits, int64_t predicted, int64_t support) {
  const auto right = static_cast<double>(hits);
  return {.precision = ratio(right, static_cast<double>(predicted)),
          .recall = ratio(right, static_cast<double>(support)),
          .f1 = ratio(2 * right, static_cast<double>(predicted + support)),
          .support = support};
}

/// `present`: how many classes have rows or predictions; the scores of the others are 0 and do not count.
Scores macro_average(const std::vector<Scores>& classes, int64_t present) {
  Scores sum;
  for (const Scores& one : classes) {
    sum.precision += one.precision;
    sum.recall += one.recall;
    sum.f1 += one.f1;
    sum.support += one.support;
  }
  const auto count = static_cast<double>(present);
  return {ratio(sum.precision, count), ratio(sum.recall, count), ratio(sum.f1, count), sum.support};
}

}  // namespace

double accuracy(const Tensor& predictions, const Tensor& labels) {
  const Tensor predicted = on_host(predictions, "accuracy", "predictions");
  const Tensor expected = on_host(labels, "accuracy", "labels");
  check_pair(predicted, expected, "accuracy");
  const int64_t n = expected.numel();
  const auto* const found = predicted.data<int64_t>();
  const auto* const truth = expected.data<int64_t>();
  int64_t equal = 0;
  for (int64_t i = 0; i < n; ++i) equal += found[i] == truth[i];
  return ratio(static_cast<double>(equal), static_cast<double>(n));
}

Tensor confusion_matrix(const Tensor& predictions, const Tensor& labels, int64_t num_classes) {
  constexpr const char* operation = "confusion_matrix";
  const Tensor predicted = on_host(predictions, operation, "predictions");
  const Tensor expected = on_host(labels, operation, "labels");
  check_pair(predicted, expected, operation);
  ROUX_CHECK(num_classes >= 1, operation, "num_classes is ", num_classes, ", expected 1 or more");
  Tensor confusion = Tensor::zeros({num_classes, num_classes}, int64);
  auto* const counts = confusion.mutable_data<int64_t>();
  const auto* const found = predicted.data<int64_t>();
  const auto* const truth = expected.data<int64_t>();
  for (int64_t i = 0; i < expected.numel(); ++i) {
    check_class(found[i], i, num_classes, operation, "the prediction");
    check_class(truth[i], i, num_classes, operation, "the label");
    ++counts[truth[i] * num_classes + found[i]];
  }
  return confusion;
}

ClassificationReport classification_report(const Tensor& confusion) {
  ROUX_CHECK(confusion.defined() && confusion.dtype() == int64 && confusion.dim() == 2 &&
                 confusion.size(0) == confusion.size(1),
             "classification_report", "expected a confusion matrix, int64 (classes, classes)");
  const int64_t num_classes = confusion.size(0);
  ClassificationReport report;
  report.confusion = confusion;
  const std::vector<int64_t> counts = confusion.to(cpu).to_vector<int64_t>();
  int64_t all_hits = 0, total = 0, present = 0;
  for (int64_t c = 0; c < num_classes; ++c) {
    int64_t predicted = 0, support = 0;
    for (int64_t other = 0; other < num_classes; ++other) {
      predicted += counts[static_cast<size_t>(other * num_classes + c)];
      support += counts[static_cast<size_t>(c * num_classes + other)];
    }
    const int64_t hits = counts[static_cast<size_t>(c * num_classes + c)];
    report.classes.push_back(scores(hits, predicted, support));
    all_hits += hits;
    total += support;
    present += predicted + support > 0;
  }
  report.macro = macro_average(report.classes, present);
  report.micro = scores(all_hits, total, total);
  report.accuracy = report.micro.precision;
  return report;
}

ClassificationReport classification_report(const Tensor& predictions, const Tensor& labels, int64_t num_classes) {
  return classification_report(confusion_matrix(predictions, labels, num_classes));
}

Tensor balanced_class_weights(const Tensor& labels, int64_t num_classes) {
  constexpr const char* operation = "balanced_class_weights";
  const Tensor expected = on_host(labels, operation, "labels");
  ROUX_CHECK(num_classes >= 1, operation, "num_classes is ", num_classes, ", expected 1 or more");
  std::vector<int64_t> counts(static_cast<size_t>(num_classes));
  const auto* const truth = expected.data<int64_t>();
  for (int64_t i = 0; i < expected.numel(); ++i) {
    check_class(truth[i], i, num_classes, operation, "the label");
    ++counts[static_cast<size_t>(truth[i])];
  }
  std::vector<float> weights;
  for (size_t c = 0; c < counts.size(); ++c) {
    ROUX_CHECK(counts[c] > 0, operation, "class ", static_cast<int64_t>(c),
               " has no rows, so its weight would be infinite");
    weights.push_back(static_cast<float>(static_cast<double>(expected.numel()) /
                                         (static_cast<double>(num_classes) * static_cast<double>(counts[c]))));
  }
  return Tensor::from(weights);
}

}  // namespace roux::nn
