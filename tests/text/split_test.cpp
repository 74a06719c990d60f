// The stratified split: sizes, proportions, reproducibility, errors.
#include "text/split.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "tensor/error.h"

using namespace roux::text;

namespace {

using Indices = std::vector<int64_t>;

/// `counts[c]` rows of class c, mixed.
Indices make_labels(const Indices& counts) {
  Indices labels, left = counts;
  while (std::any_of(left.begin(), left.end(), [](int64_t n) { return n > 0; })) {
    for (size_t label = 0; label < left.size(); ++label) {
      if (left[label]-- > 0) labels.push_back(static_cast<int64_t>(label));
    }
  }
  return labels;
}

Indices count(const Indices& rows, const Indices& labels, size_t classes) {
  Indices counts(classes);
  for (const int64_t row : rows) ++counts[static_cast<size_t>(labels[static_cast<size_t>(row)])];
  return counts;
}

/// How many rows of each class are for training.
Indices train_counts(const Indices& counts, double validation = 0.2) {
  const Indices labels = make_labels(counts);
  const std::vector<std::string> names(counts.size(), "x");
  return count(stratified_split(labels, names, {.validation = validation}).train, labels, counts.size());
}

const std::vector<std::string> two_names{"fruit", "vegetable"};

std::string error_of(const Indices& labels, const std::vector<std::string>& names, double validation = 0.2) {
  try {
    stratified_split(labels, names, {.validation = validation});
  } catch (const roux::Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("a split has every row once, in order") {
  const Indices labels = make_labels({301, 77});
  const Split split = stratified_split(labels, two_names, {.seed = 3});
  CHECK(std::is_sorted(split.train.begin(), split.train.end()));
  CHECK(std::is_sorted(split.validation.begin(), split.validation.end()));
  Indices all;
  std::merge(split.train.begin(), split.train.end(), split.validation.begin(), split.validation.end(),
             std::back_inserter(all));
  REQUIRE(all.size() == labels.size());
  for (size_t row = 0; row < all.size(); ++row) REQUIRE(all[row] == static_cast<int64_t>(row));
}

TEST_CASE("sizes are those of scikit-learn's stratified train_test_split") {
  // Found with scikit-learn 1.9.1: the class counts of the train part of train_test_split(labels, test_size=t,
  // stratify=labels).
  CHECK(train_counts({10055, 33458}) == Indices{8044, 26766});
  CHECK(train_counts({29148, 113767}) == Indices{23318, 91014});
  CHECK(train_counts({301, 77}) == Indices{240, 62});
  CHECK(train_counts({50, 30, 23}) == Indices{40, 24, 18});
  CHECK(train_counts({50, 30, 23}, 0.37) == Indices{31, 19, 14});
  CHECK(train_counts({7, 11, 13, 5, 3}, 0.5) == Indices{3, 5, 6, 3, 2});
}

TEST_CASE("each class is in both parts, however small") {
  CHECK(train_counts({2, 1000}) == Indices{1, 799});
  CHECK(train_counts({3, 1000}, 0.9)[0] == 1);
  CHECK(train_counts({2, 2}) == Indices{1, 1});
}

TEST_CASE("the seed draws the rows") {
  const Indices labels = make_labels({300, 700});
  const Split one = stratified_split(labels, two_names, {.seed = 1});
  CHECK(one.train == stratified_split(labels, two_names, {.seed = 1}).train);
  const Split two = stratified_split(labels, two_names, {.seed = 2});
  CHECK(one.train != two.train);
  // Two splits share about a fifth of their validation rows: 40 of 200, standard deviation below 6.
  Indices shared;
  std::set_intersection(one.validation.begin(), one.validation.end(), two.validation.begin(), two.validation.end(),
                        std::back_inserter(shared));
  CHECK(std::abs(static_cast<double>(shared.size()) - 40) < 30);
  // Every row has its turn: none of 1000 rows stays out of 100 validation parts (chance 2e-7).
  Indices turns(labels.size());
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (const int64_t row : stratified_split(labels, two_names, {.seed = seed}).validation)
      ++turns[static_cast<size_t>(row)];
  }
  CHECK(*std::min_element(turns.begin(), turns.end()) > 0);
  CHECK(*std::max_element(turns.begin(), turns.end()) < 50);
}

TEST_CASE("what cannot be split is named") {
  CHECK(error_of({0, 0, 0}, two_names) ==
        "[stratified_split] 3 rows of 1 classes; expected two or more: all rows are 'fruit'");
  CHECK(error_of({}, two_names) == "[stratified_split] 0 rows of 0 classes; expected two or more");
  CHECK(error_of({}, {}) == "[stratified_split] 0 rows of 0 classes; expected two or more");
  CHECK(error_of({0, 0, 1}, two_names) ==
        "[stratified_split] the class 'vegetable' has 1 row; expected two or more, one for each part");
  CHECK(error_of({0, 0, 1, 1}, {"a", "b", "c"}) ==
        "[stratified_split] the class 'c' has 0 rows; expected two or more, one for each part");
  CHECK(error_of({0, 2}, two_names) == "[stratified_split] label 2 with 2 label names");
  CHECK(error_of({0, -1}, two_names) == "[stratified_split] label -1 with 2 label names");
  for (const double share : {0.0, 1.0, -0.5, 2.0, std::nan("")}) {
    CHECK(error_of({0, 0, 1, 1}, two_names, share).find("expected a share above 0 and below 1") != std::string::npos);
  }
}
