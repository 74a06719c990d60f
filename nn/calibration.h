// Whether probabilities can be believed: calibration error, and the temperature that makes it small.
#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace roux::nn {

/// The predictions whose confidence lies in (i / bins, (i + 1) / bins].
struct CalibrationBin {
  int64_t count = 0;      ///< how many there are
  double confidence = 0;  ///< the mean of their largest probabilities; 0 without any
  double accuracy = 0;    ///< the share of them that is right; 0 without any
};

/// How far the probabilities of predictions are from the share of them that is right.
struct CalibrationReport {
  double expected_error = 0;         ///< the mean of |accuracy - confidence| over predictions, bin by bin
  double maximum_error = 0;          ///< the largest of them
  double log_loss = 0;               ///< the mean of -log of the true class's probability, taken as at least 1e-15
  std::vector<CalibrationBin> bins;  ///< from the lowest confidence to the highest
};

/// The expected calibration error (Guo et al. 2017, equations 3 and 5). probabilities (n, classes), rows that add up to
/// 1; labels int64 (n). Throws when they do not fit, or unless bins >= 1. All 0 for n = 0.
CalibrationReport calibration_report(const Tensor& probabilities, const Tensor& labels, int64_t bins = 15);

/// The temperature T for which softmax(logits / T) gives the labels the largest likelihood (temperature scaling, Guo et
/// al. 2017, section 4.2): no prediction changes. So that rows which are all right do not ask for certainty, targets
/// are 1 - 1 / (n + 2), in the way of Platt (1999, section 2.2). logits (n, classes), labels int64 (n); on any device.
/// The result lies within [1e-3, 1e3]; 1 where there is nothing to fit: no rows, or logits that are equal in each row.
/// Throws when operands do not fit, or a logit is not finite.
double fit_temperature(const Tensor& logits, const Tensor& labels);

}  // namespace roux::nn
