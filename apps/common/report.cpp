// Scores as tables.
#include "apps/common/report.h"

#include "apps/common/table.h"

namespace roux::apps {

std::string confusion_table(const std::vector<std::string>& labels, const Tensor& confusion) {
  std::vector<std::string> header = {"is \\ predicted"};
  header.insert(header.end(), labels.begin(), labels.end());
  Table table(header);
  const std::vector<int64_t> counts = confusion.to_vector<int64_t>();
  for (size_t i = 0; i < labels.size(); ++i) {
    std::vector<std::string> row = {labels[i]};
    for (size_t j = 0; j < labels.size(); ++j) row.push_back(with_commas(counts[i * labels.size() + j]));
    table.add(row);
  }
  return table.to_string();
}

std::string class_table(const std::vector<std::string>& labels, const nn::ClassificationReport& report) {
  Table table({"class", "precision", "recall", "F1", "texts"});
  const auto add = [&](const std::string& name, const nn::Scores& scores) {
    table.add(
        {name, fixed(scores.precision, 4), fixed(scores.recall, 4), fixed(scores.f1, 4), with_commas(scores.support)});
  };
  for (size_t i = 0; i < labels.size(); ++i) add(labels[i], report.classes[i]);
  add("mean of the classes", report.macro);
  return table.to_string();
}

}  // namespace roux::apps
