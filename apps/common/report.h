// Tables of scores that several programs print.
#pragma once

#include <string>
#include <vector>

#include "nn/metrics.h"

namespace roux::apps {

/// Rows of what a text is, columns of what was predicted.
std::string confusion_table(const std::vector<std::string>& labels, const Tensor& confusion);
/// Precision, recall, F1 and number of texts of each class, and their means.
std::string class_table(const std::vector<std::string>& labels, const nn::ClassificationReport& report);

}  // namespace roux::apps
