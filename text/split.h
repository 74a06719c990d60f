// Dividing a data set into a part to train on and a part to validate with.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace roux::text {

/// Options of `stratified_split`.
struct SplitOptions {
  double validation = 0.2;  ///< the share of the validation part, above 0 and below 1
  uint64_t seed = 0;        ///< of the choice
};

/// Indices of rows, rising in each part.
struct Split {
  std::vector<int64_t> train;       ///< rows to train on, rising
  std::vector<int64_t> validation;  ///< rows to validate with, rising
};

/// Draws a split in which both parts have every class in the same proportion. `labels` are indices into `label_names`.
///
/// Sizes as scikit-learn's `train_test_split(stratify=labels)`: ceil(validation * n) rows to validate; the rows to
/// train on are dealt to the classes in proportion, what is left to the largest remainders, here of equal ones to the
/// first. Beyond that each class has at least one row in either part. Which rows is drawn by `seed`.
///
/// Throws when `validation` is outside (0, 1), a label is no index into the names, fewer than two classes have rows, or
/// a class has fewer than two.
Split stratified_split(std::span<const int64_t> labels, std::span<const std::string> label_names,
                       const SplitOptions& options = {});

}  // namespace roux::text
