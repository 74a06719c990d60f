// Reading labelled texts, and the report of what was dropped.
#include "text/dataset.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <numeric>
#include <utility>

#include "tensor/error.h"
#include "text/labels.h"
#include "text/string_table.h"
#include "text/with_commas.h"

namespace roux::text {
namespace {

/// Gathers dropped rows by reason.
class Drops {
 public:
  explicit Drops(std::vector<DroppedRows>& dropped) : dropped_(dropped) {}

  void add(std::string_view reason, int64_t line) {
    const auto number = static_cast<size_t>(reasons_.insert(reason));
    if (number == dropped_.size()) dropped_.push_back({std::string(reason), {}});
    dropped_[number].lines.push_back(line);
  }

 private:
  StringTable reasons_;
  std::vector<DroppedRows>& dropped_;
};

/// Gives labels their ids: those of names known beforehand, or, once all rows are read, those of the sorted names.
class LabelIds {
 public:
  explicit LabelIds(const std::vector<std::string>& fixed_names) : fixed_(!fixed_names.empty()) {
    for (const std::string& name : fixed_names) {
      ROUX_CHECK(names_.find(name) < 0, "read_labelled", "the label '", name, "' is given twice");
      names_.insert(name);
    }
  }

  /// -1 for a label that is not among fixed ones.
  int64_t id(std::string_view name) { return fixed_ ? names_.find(name) : names_.insert(name); }

  /// The names in the order of their final ids, which `labels` gets.
  std::vector<std::string> finish(std::vector<int64_t>& labels) const {
    std::vector<std::string> names;
    for (int32_t number = 0; number < names_.size(); ++number) names.emplace_back(names_[number]);
    if (fixed_) return names;
    names = sorted_labels(std::move(names));
    std::vector<int64_t> final_ids(names.size());
    for (size_t id = 0; id < names.size(); ++id) {
      final_ids[static_cast<size_t>(names_.find(names[id]))] = static_cast<int64_t>(id);
    }
    for (int64_t& label : labels) label = final_ids[static_cast<size_t>(label)];
    return names;
  }

 private:
  bool fixed_;
  StringTable names_;
};

}  // namespace

LabelledTexts read_labelled(const std::string& path, const ReadOptions& options) {
  const std::unique_ptr<LabelledRows> rows = open_labelled(path, options);
  return read_labelled(*rows, path, options);
}

LabelledTexts read_labelled(LabelledRows& rows, const std::string& source, const ReadOptions& options) {
  const bool by_rule = rows.label_source() != LabelSource::column;
  LabelIds ids(by_rule && options.label_names.empty()
                   ? std::vector<std::string>(std::begin(ingredient_label_names), std::end(ingredient_label_names))
                   : options.label_names);
  LabelledTexts result;
  result.label_offsets.push_back(0);
  ReadReport& report = result.report;
  Drops drops(report.dropped);
  for (LabelledRow row; rows.next(row); ++report.rows) {
    if (!row.drop_reason.empty()) {
      drops.add(row.drop_reason, row.line);
      continue;
    }
    const size_t before = result.all_labels.size();
    for (const std::string_view label : row.labels) {
      if (const int64_t id = ids.id(label); id >= 0) result.all_labels.push_back(id);
    }
    const size_t count = result.all_labels.size() - before;
    if (count == 0) {
      drops.add("the label '" + std::string(row.labels[0]) + "' is not one of those known", row.line);
      continue;
    }
    report.several_labels += count > 1;
    result.texts.push_back(row.text);
    result.label_offsets.push_back(static_cast<int64_t>(result.all_labels.size()));
  }
  result.label_names = ids.finish(result.all_labels);
  report.source = source;
  report.format = rows.format();
  report.labels = rows.label_source();
  ROUX_CHECK(result.size() > 0, "read_labelled", "no row is left to use: ", to_string(report));
  if (report.several_labels == 0) {
    result.labels.swap(result.all_labels);
    result.label_offsets.clear();
  } else {
    result.labels.reserve(static_cast<size_t>(result.size()));
    for (int64_t text = 0; text < result.size(); ++text) result.labels.push_back(result.labels_of(text)[0]);
  }
  return result;
}

std::span<const int64_t> LabelledTexts::labels_of(int64_t text) const {
  ROUX_CHECK(text >= 0 && text < size(), "LabelledTexts", "text ", text, " is outside ", size(), " texts");
  const auto index = static_cast<size_t>(text);
  if (!has_several_labels()) return {labels.data() + index, 1};
  const int64_t begin = label_offsets[index], end = label_offsets[index + 1];
  return {all_labels.data() + begin, static_cast<size_t>(end - begin)};
}

std::vector<int64_t> LabelledTexts::class_counts() const {
  std::vector<int64_t> counts(label_names.size());
  for (const int64_t label : labels) {
    ROUX_CHECK(label >= 0 && label < num_classes(), "class_counts", "label ", label, " with ", num_classes(), " names");
    ++counts[static_cast<size_t>(label)];
  }
  return counts;
}

LabelledTexts LabelledTexts::select(std::span<const int64_t> indices) const {
  ROUX_CHECK(texts.size() == static_cast<int64_t>(labels.size()), "select", texts.size(), " texts and ", labels.size(),
             " labels; expected as many of each");
  LabelledTexts result;
  result.texts = texts.select(indices);
  result.labels.reserve(indices.size());
  for (const int64_t index : indices) result.labels.push_back(labels[static_cast<size_t>(index)]);
  result.label_names = label_names;
  if (!has_several_labels()) return result;
  result.label_offsets.push_back(0);
  for (const int64_t index : indices) {
    const std::span<const int64_t> all = labels_of(index);
    result.all_labels.insert(result.all_labels.end(), all.begin(), all.end());
    result.label_offsets.push_back(static_cast<int64_t>(result.all_labels.size()));
  }
  return result;
}

int64_t ReadReport::dropped_rows() const {
  return std::accumulate(dropped.begin(), dropped.end(), int64_t{0},
                         [](int64_t sum, const DroppedRows& rows_of_reason) {
                           return sum + static_cast<int64_t>(rows_of_reason.lines.size());
                         });
}

std::string to_string(const ReadReport& report) {
  constexpr size_t lines_shown = 5;
  std::string text = report.source + ": " + with_commas(report.rows) + " rows read";
  if (report.format != TextFormat::csv) text.append(" as ").append(to_string(report.format));
  text += ", " + with_commas(report.dropped_rows()) + " dropped";
  if (report.several_labels > 0) {
    text += "\n  " + with_commas(report.several_labels) +
            ": several labels, of which the first counts where one is asked for";
  }
  for (const DroppedRows& rows : report.dropped) {
    const auto count = static_cast<int64_t>(rows.lines.size());
    text += "\n  " + with_commas(count) + ": " + rows.reason + (count == 1 ? " (line" : " (lines");
    for (size_t i = 0; i < std::min(rows.lines.size(), lines_shown); ++i) {
      text += (i == 0 ? " " : ", ") + std::to_string(rows.lines[i]);
    }
    text += rows.lines.size() > lines_shown ? ", ...)" : ")";
  }
  return text;
}

}  // namespace roux::text
