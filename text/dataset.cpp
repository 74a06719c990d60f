// Reading labelled texts, and the report of what was dropped.
#include "text/dataset.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "tensor/error.h"
#include "text/csv.h"
#include "text/labels.h"
#include "text/python_list.h"
#include "text/string_table.h"

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

/// A row's label, or why it has none.
struct RowLabel {
  std::string_view name;
  std::string_view drop_reason = {};
};

RowLabel label_from_ingredients(std::string_view ingredients, KeywordMatch match) {
  std::string joined;
  if (ingredients.starts_with('[')) {
    const std::optional<StringList> list = parse_python_list(ingredients);
    if (!list) return {{}, "the list of ingredients is damaged"};
    for (int64_t i = 0; i < list->size(); ++i) joined.append((*list)[i]).append(" ");
    ingredients = joined;
  }
  switch (const IngredientLabel label = label_by_ingredients(ingredients, match)) {
    case IngredientLabel::both: return {{}, "ingredients of both fruit and vegetable"};
    case IngredientLabel::neither: return {{}, "ingredients of neither fruit nor vegetable"};
    default: return {ingredient_label_names[static_cast<int>(label)]};
  }
}

/// Finds the label of a row as the options ask for it.
class RowLabeller {
 public:
  RowLabeller(const CsvReader& reader, const ReadOptions& options) : source_(options.labels) {
    if (source_ == LabelSource::automatic) {
      const bool has_labels = reader.has_column(options.label_column) || !reader.has_column(options.ingredients_column);
      source_ = has_labels ? LabelSource::column : LabelSource::substring;
    }
    column_ = reader.column(source_ == LabelSource::column ? options.label_column : options.ingredients_column);
  }

  LabelSource source() const { return source_; }
  RowLabel operator()(const CsvReader& row) const {
    const std::string_view field = row[column_];
    if (source_ == LabelSource::column) return {field, field.empty() ? "no label" : ""};
    return label_from_ingredients(
        field, source_ == LabelSource::substring ? KeywordMatch::substring : KeywordMatch::whole_word);
  }

 private:
  LabelSource source_;
  int64_t column_;
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

std::string thousands(int64_t number) {
  std::string digits = std::to_string(number);
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), 1, ',');
  }
  return digits;
}

}  // namespace

LabelledTexts read_labelled(const std::string& path, const ReadOptions& options) {
  CsvReader reader(path);
  const int64_t text_column = reader.column(options.text_column);
  const RowLabeller label_of(reader, options);
  const bool by_rule = label_of.source() != LabelSource::column;
  LabelIds ids(by_rule && options.label_names.empty()
                   ? std::vector<std::string>(std::begin(ingredient_label_names), std::end(ingredient_label_names))
                   : options.label_names);

  LabelledTexts result;
  Drops drops(result.report.dropped);
  while (reader.next()) {
    const RowLabel label = label_of(reader);
    const std::string_view text = reader[text_column];
    if (text.empty()) {
      drops.add("no text", reader.line());
    } else if (!label.drop_reason.empty()) {
      drops.add(label.drop_reason, reader.line());
    } else if (const int64_t id = ids.id(label.name); id < 0) {
      drops.add("the label '" + std::string(label.name) + "' is not one of those known", reader.line());
    } else {
      result.texts.push_back(text);
      result.labels.push_back(id);
    }
  }
  for (const SkippedRow& row : reader.skipped()) drops.add(row.reason, row.line);
  result.label_names = ids.finish(result.labels);
  result.report.source = path;
  result.report.rows = reader.rows();
  result.report.labels = label_of.source();
  ROUX_CHECK(result.size() > 0, "read_labelled", "no row is left to use: ", to_string(result.report));
  return result;
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
  std::string text =
      report.source + ": " + thousands(report.rows) + " rows read, " + thousands(report.dropped_rows()) + " dropped";
  for (const DroppedRows& rows : report.dropped) {
    const auto count = static_cast<int64_t>(rows.lines.size());
    text += "\n  " + thousands(count) + ": " + rows.reason + (count == 1 ? " (line" : " (lines");
    for (size_t i = 0; i < std::min(rows.lines.size(), lines_shown); ++i) {
      text += (i == 0 ? " " : ", ") + std::to_string(rows.lines[i]);
    }
    text += rows.lines.size() > lines_shown ? ", ...)" : ")";
  }
  return text;
}

}  // namespace roux::text
