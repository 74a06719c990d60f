// Metrics of classification, from predicted and true labels.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace roux::nn {

// predictions and labels: int64 (n), values in [0, num_classes); on any device. Throws when they do not fit. A score
// whose denominator is zero (the precision of a class that is never predicted, say) is 0.

/// Share of equal entries.
double accuracy(const Tensor& predictions, const Tensor& labels);

/// int64 (num_classes, num_classes): entry [i][j] counts rows of class i that were predicted as j.
Tensor confusion_matrix(const Tensor& predictions, const Tensor& labels, int64_t num_classes);

/// Precision, recall and their harmonic mean.
struct Scores {
  double precision = 0;  ///< of what was predicted as the class, the share that is
  double recall = 0;     ///< of what is the class, the share that was predicted as it
  double f1 = 0;         ///< 2 * precision * recall / (precision + recall)
  int64_t support = 0;   ///< rows of the class; for averages, all rows
};

/// Scores of predictions, altogether and by class.
struct ClassificationReport {
  double accuracy = 0;          ///< the share that is right
  std::vector<Scores> classes;  ///< one for each class
  /// The mean over the classes that have rows or predictions, each counting the same, as scikit-learn has it.
  Scores macro;
  Scores micro;      ///< from the counts of all classes together; with one label a row, all equal the accuracy
  Tensor confusion;  ///< see confusion_matrix
};

ClassificationReport classification_report(const Tensor& predictions, const Tensor& labels, int64_t num_classes);
/// The same from a confusion matrix, int64 (classes, classes).
ClassificationReport classification_report(const Tensor& confusion);

/// Class weights that make all classes count the same: n / (num_classes * rows of the class), float32 (num_classes).
/// Throws, naming it, when a class has no rows.
Tensor balanced_class_weights(const Tensor& labels, int64_t num_classes);

}  // namespace roux::nn
