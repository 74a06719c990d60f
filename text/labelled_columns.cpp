// Columns by name, by number, and by what people usually call them.
#include "text/labelled_columns.h"

#include <algorithm>

#include "tensor/error.h"

namespace roux::text {
namespace {

const char* const operation = "read_labelled";

using Names = std::vector<std::string>;

constexpr std::string_view text_names[] = {"text", "name", "title", "sentence", "message", "question", "review"};
constexpr std::string_view label_names[] = {"label", "category", "class", "target", "sentiment", "intent", "topic"};

template <class Range>
std::string listed(const Range& names, const char* quote) {
  std::string list;
  for (const auto& name : names) list.append(list.empty() ? "" : ", ").append(quote).append(name).append(quote);
  return list;
}

bool contains(const Names& columns, std::string_view name) {
  return std::find(columns.begin(), columns.end(), name) != columns.end();
}

/// Which of these names are columns.
template <class Range>
Names present(const Range& names, const Names& columns) {
  Names found;
  for (const std::string_view name : names) {
    if (contains(columns, name)) found.emplace_back(name);
  }
  return found;
}

/// The name of a column that was not named. `what`: text or label.
template <class Range>
std::string usual_column(const Range& names, const Names& columns, const std::string& source, const char* what) {
  const Names found = present(names, columns);
  ROUX_CHECK(!found.empty(), operation, "'", source, "' has no column called ", listed(names, ""), "; its columns are ",
             listed(columns, "'"), " (hint: --", what, "-column names the one to read)");
  ROUX_CHECK(found.size() == 1, operation, "'", source, "' has the columns ", listed(found, "'"), " (hint: --", what,
             "-column names the one to read)");
  return found.front();
}

Names split(std::string_view line, char separator) {
  Names fields;
  for (size_t begin = 0; begin <= line.size();) {
    const size_t end = std::min(line.find(separator, begin), line.size());
    fields.emplace_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return fields;
}

/// The index of a column of a file that does not name them: "1" is 0.
int64_t numbered_column(const std::string& name, const Names& fields, const std::string& source) {
  for (size_t i = 0; i < fields.size(); ++i) {
    if (name == std::to_string(i + 1)) return static_cast<int64_t>(i);
  }
  fail(operation, "'", source, "' has no column '", name, "'; its first line is ", listed(fields, "'"),
       " (hint: in a file without column names, 1 is the first column)");
}

}  // namespace

std::string text_column(const ReadOptions& options, const Names& columns, const std::string& source) {
  return options.text_column.empty() ? usual_column(text_names, columns, source, "text") : options.text_column;
}

std::string label_column(const ReadOptions& options, const Names& columns, const std::string& source) {
  return options.label_column.empty() ? usual_column(label_names, columns, source, "label") : options.label_column;
}

bool has_label_column(const ReadOptions& options, const Names& columns) {
  return options.label_column.empty() ? !present(label_names, columns).empty()
                                      : contains(columns, options.label_column);
}

TsvColumns tsv_columns(std::string_view first_line, const std::string& source, const ReadOptions& options) {
  const Names fields = split(first_line, '\t');
  const std::string &text = options.text_column, &label = options.label_column;
  TsvColumns columns{.count = static_cast<int64_t>(fields.size())};
  columns.has_header = text.empty() && label.empty()
                           ? !present(text_names, fields).empty() && has_label_column(options, fields)
                           : (text.empty() || contains(fields, text)) && (label.empty() || contains(fields, label));
  if (columns.has_header) {
    const auto index_of = [&](const std::string& name) {
      return std::find(fields.begin(), fields.end(), name) - fields.begin();
    };
    columns.text = index_of(text_column(options, fields, source));
    columns.label = index_of(label_column(options, fields, source));
    return columns;
  }
  ROUX_CHECK(columns.count == 2 || (!text.empty() && !label.empty()), operation, "'", source, "' has ", columns.count,
             columns.count == 1 ? " column" : " columns", " between tabs and does not name them; expected 2, label ",
             "and text (hint: --label-column 1 --text-column 3 takes the first and the third)");
  if (!text.empty()) columns.text = numbered_column(text, fields, source);
  if (!label.empty()) columns.label = numbered_column(label, fields, source);
  if (text.empty()) columns.text = label.empty() ? 1 : 1 - columns.label;
  if (label.empty()) columns.label = 1 - columns.text;
  return columns;
}

bool is_csv_header(std::string_view line, const ReadOptions& options) {
  Names columns = split(line, ',');
  for (std::string& column : columns) {
    if (column.size() >= 2 && column.front() == '"' && column.back() == '"') {
      column = column.substr(1, column.size() - 2);
    }
  }
  return columns.size() > 1 &&
         (options.text_column.empty() ? !present(text_names, columns).empty() : contains(columns, options.text_column));
}

}  // namespace roux::text
