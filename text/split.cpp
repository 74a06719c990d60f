// The stratified split.
#include "text/split.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tensor/error.h"
#include "tensor/tensor.h"

namespace roux::text {
namespace {

std::vector<int64_t> count_classes(std::span<const int64_t> labels, std::span<const std::string> label_names) {
  std::vector<int64_t> counts(label_names.size());
  for (const int64_t label : labels) {
    ROUX_CHECK(label >= 0 && label < static_cast<int64_t>(counts.size()), "stratified_split", "label ", label, " with ",
               counts.size(), " label names");
    ++counts[static_cast<size_t>(label)];
  }
  const auto classes = counts.size() - static_cast<size_t>(std::count(counts.begin(), counts.end(), 0));
  ROUX_CHECK(classes >= 2, "stratified_split", labels.size(), " rows of ", classes, " classes; expected two or more",
             labels.empty() ? "" : ": all rows are '" + label_names[static_cast<size_t>(labels[0])] + "'");
  for (size_t label = 0; label < counts.size(); ++label) {
    ROUX_CHECK(counts[label] >= 2, "stratified_split", "the class '", label_names[label], "' has ", counts[label],
               counts[label] == 1 ? " row" : " rows", "; expected two or more, one for each part");
  }
  return counts;
}

/// How many rows of each class are for training.
std::vector<int64_t> allot(const std::vector<int64_t>& counts, int64_t total, double validation) {
  const auto size = static_cast<double>(total);
  const double train_size = size - std::ceil(validation * size);
  std::vector<int64_t> train;
  std::vector<double> remainders;
  auto left = static_cast<int64_t>(train_size);
  for (const int64_t count : counts) {
    const double share = static_cast<double>(count) / size * train_size;
    train.push_back(static_cast<int64_t>(share));
    remainders.push_back(share - std::floor(share));
    left -= train.back();
  }
  std::vector<size_t> by_remainder(counts.size());
  std::iota(by_remainder.begin(), by_remainder.end(), size_t{0});
  std::stable_sort(by_remainder.begin(), by_remainder.end(),
                   [&](size_t a, size_t b) { return remainders[a] > remainders[b]; });
  for (size_t i = 0; left > 0; ++i, --left) ++train[by_remainder[i % by_remainder.size()]];
  for (size_t label = 0; label < counts.size(); ++label) {
    train[label] = std::clamp<int64_t>(train[label], 1, counts[label] - 1);
  }
  return train;
}

}  // namespace

Split stratified_split(std::span<const int64_t> labels, std::span<const std::string> label_names,
                       const SplitOptions& options) {
  ROUX_CHECK(options.validation > 0 && options.validation < 1, "stratified_split", "validation is ", options.validation,
             "; expected a share above 0 and below 1");
  const auto size = static_cast<int64_t>(labels.size());
  std::vector<int64_t> left_to_train = allot(count_classes(labels, label_names), size, options.validation);

  // Rows come in random order; of each class the first ones are for training.
  Generator generator(options.seed);
  const Tensor order = Tensor::randperm(size, cpu, generator);
  std::vector<bool> trains(labels.size());
  for (const int64_t row : std::span(order.data<int64_t>(), labels.size())) {
    int64_t& left = left_to_train[static_cast<size_t>(labels[static_cast<size_t>(row)])];
    trains[static_cast<size_t>(row)] = left > 0;
    left -= left > 0;
  }
  Split split;
  for (int64_t row = 0; row < size; ++row) {
    (trains[static_cast<size_t>(row)] ? split.train : split.validation).push_back(row);
  }
  return split;
}

}  // namespace roux::text
