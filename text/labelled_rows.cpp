// Rows of labelled text from CSV and from the formats of one text a line, and the choice of a format.
#include "text/labelled_rows.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "tensor/error.h"
#include "text/csv.h"
#include "text/labelled_columns.h"
#include "text/labels.h"
#include "text/line_reader.h"
#include "text/normalize.h"
#include "text/python_list.h"
#include "text/string_table.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

const char* const operation = "read_labelled";

/// ASCII white space, as fastText separates words by it.
constexpr std::string_view white_space = " \t\v\f\r\n";

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(white_space);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(white_space) + 1 - begin);
}

// ---- CSV -----------------------------------------------------------------------------------------------------------

class CsvRows final : public LabelledRows {
 public:
  CsvRows(std::unique_ptr<CsvReader> reader, const ReadOptions& options)
      : LabelledRows(TextFormat::csv, source_of(*reader, options), options.coarse_labels), reader_(std::move(reader)) {
    const std::vector<std::string>& columns = reader_->columns();
    text_column_ = reader_->column(text_column(options, columns, reader_->source()));
    label_column_ =
        reader_->column(label_source() == LabelSource::column ? label_column(options, columns, reader_->source())
                                                              : options.ingredients_column);
  }

 private:
  static LabelSource source_of(const CsvReader& reader, const ReadOptions& options) {
    if (options.labels != LabelSource::automatic) return options.labels;
    const bool by_column =
        has_label_column(options, reader.columns()) || !reader.has_column(options.ingredients_column);
    return by_column ? LabelSource::column : LabelSource::substring;
  }

  bool read(LabelledRow& row) override {
    if (!reader_->next()) {
      if (skipped_ == reader_->skipped().size()) return false;
      const SkippedRow& skipped = reader_->skipped()[skipped_++];
      row.line = skipped.line;
      row.drop_reason = skipped.reason;
      return true;
    }
    row.line = reader_->line();
    row.text = (*reader_)[text_column_];
    const std::string_view label = (*reader_)[label_column_];
    if (label_source() == LabelSource::column) {
      row.labels.push_back(label);
    } else if (!row.text.empty()) {
      label_from_ingredients(label, row);
    }
    return true;
  }

  void label_from_ingredients(std::string_view ingredients, LabelledRow& row) {
    if (ingredients.starts_with('[')) {
      const std::optional<StringList> list = parse_python_list(ingredients);
      if (!list) {
        row.drop_reason = "the list of ingredients is damaged";
        return;
      }
      joined_.clear();
      for (int64_t i = 0; i < list->size(); ++i) joined_.append((*list)[i]).append(" ");
      ingredients = joined_;
    }
    const auto match = label_source() == LabelSource::substring ? KeywordMatch::substring : KeywordMatch::whole_word;
    switch (const IngredientLabel label = label_by_ingredients(ingredients, match)) {
      case IngredientLabel::both: row.drop_reason = "ingredients of both fruit and vegetable"; break;
      case IngredientLabel::neither: row.drop_reason = "ingredients of neither fruit nor vegetable"; break;
      default: row.labels.push_back(ingredient_label_names[static_cast<int>(label)]);
    }
  }

  std::unique_ptr<CsvReader> reader_;
  int64_t text_column_, label_column_;
  size_t skipped_ = 0;  // how many of the skipped rows have been told
  std::string joined_;
};

// ---- One text a line -----------------------------------------------------------------------------------------------

class LineRows : public LabelledRows {
 protected:
  LineRows(TextFormat format, LineReader lines, const ReadOptions& options)
      : LabelledRows(format, LabelSource::column, options.coarse_labels), lines_(std::move(lines)) {
    ROUX_CHECK(options.labels == LabelSource::automatic || options.labels == LabelSource::column, operation,
               "labels by ingredients need a csv file with a column of them, this one is read as ", to_string(format));
  }
  bool next_line() {
    while (lines_.next()) {
      if (!(*lines_).empty()) return true;
    }
    return false;
  }

 private:
  virtual void take_apart(std::string_view line, LabelledRow& row) = 0;

  bool read(LabelledRow& row) final {
    if (!next_line()) return false;
    const std::string_view line = *lines_;
    row.line = lines_.number();
    if (std::memchr(line.data(), '\0', line.size()) != nullptr) {
      row.drop_reason = "holds a NUL byte";
    } else if (!is_valid_utf8(line)) {
      row.drop_reason = not_utf8;
    } else {
      take_apart(line, row);
    }
    return true;
  }

  LineReader lines_;
};

class LabelFirstRows final : public LineRows {
 public:
  LabelFirstRows(LineReader lines, const ReadOptions& options)
      : LineRows(TextFormat::label_first, std::move(lines), options) {}

 private:
  void take_apart(std::string_view line, LabelledRow& row) override {
    line = trimmed(line);
    const size_t end = std::min(line.find_first_of(white_space), line.size());
    row.labels.push_back(line.substr(0, end));
    row.text = trimmed(line.substr(end));
  }
};

class FastTextRows final : public LineRows {
 public:
  FastTextRows(LineReader lines, const ReadOptions& options)
      : LineRows(TextFormat::fasttext, std::move(lines), options), prefix_(options.label_prefix) {}

 private:
  void take_apart(std::string_view line, LabelledRow& row) override {
    text_.clear();
    size_t kept = 0;  // what comes before is in text_ or was a label
    for (size_t at = line.find(prefix_); at != std::string_view::npos; at = line.find(prefix_, at)) {
      if (at > 0 && !is_space(line[at - 1])) {
        ++at;
        continue;
      }
      size_t end = at;
      while (end < line.size() && !is_space(line[end])) ++end;
      row.labels.push_back(line.substr(at + prefix_.size(), end - at - prefix_.size()));
      text_.append(line.substr(kept, at - kept));
      while (end < line.size() && is_space(line[end])) ++end;
      kept = at = end;
    }
    row.text = trimmed(text_.append(line.substr(kept)));
  }

  std::string prefix_;
  std::string text_;
};

class TsvRows final : public LineRows {
 public:
  TsvRows(LineReader lines, const ReadOptions& options, const TsvColumns& columns)
      : LineRows(TextFormat::tsv, std::move(lines), options), columns_(columns) {
    if (columns.has_header) next_line();
  }

 private:
  void take_apart(std::string_view line, LabelledRow& row) override {
    int64_t field = 0;
    for (size_t begin = 0; begin <= line.size(); ++field) {
      const size_t end = std::min(line.find('\t', begin), line.size());
      if (field == columns_.text) row.text = line.substr(begin, end - begin);
      if (field == columns_.label) row.labels.push_back(line.substr(begin, end - begin));
      begin = end + 1;
    }
    if (field == columns_.count) return;
    wrong_count_ = "has " + std::to_string(field) + (field == 1 ? " field" : " fields") + " where the first line has " +
                   std::to_string(columns_.count);
    row.drop_reason = wrong_count_;
  }

  TsvColumns columns_;
  std::string wrong_count_;
};

// ---- Which format --------------------------------------------------------------------------------------------------

/// The first line of an input that is not empty, which can still be read whole.
struct Peeked {
  std::string first_line;
  ReadFunction read;
};

Peeked peek(ReadFunction read, size_t block) {
  std::string head;
  for (size_t used = 0;;) {
    const size_t begin = std::min(head.find_first_not_of("\r\n"), used);
    const size_t end = head.find('\n', begin);
    head.resize(std::max<size_t>(2 * used, block));
    const size_t count = end < used ? 0 : read(head.data() + used, head.size() - used);
    used += count;
    head.resize(used);
    if (count > 0) continue;
    std::string line = head.substr(begin, end < used ? end - begin : std::string::npos);
    if (line.ends_with('\r')) line.pop_back();
    return {std::move(line), joined_bytes(std::move(head), std::move(read))};
  }
}

bool has_word_with(std::string_view prefix, std::string_view line) {
  while (!(line = trimmed(line)).empty()) {
    if (line.starts_with(prefix)) return true;
    line.remove_prefix(std::min(line.find_first_of(white_space), line.size()));
  }
  return false;
}

/// "csv, tsv, ... or label-first", from the name at `first` on.
std::string format_list(size_t first) {
  std::string list;
  for (size_t i = first; i < text_format_names.size(); ++i) {
    if (i > first) list += i + 1 < text_format_names.size() ? ", " : " or ";
    list += text_format_names[i];
  }
  return list;
}

TextFormat guess(std::string_view line, const std::string& source, const ReadOptions& options) {
  const std::string name = lower(source);
  if (name.ends_with(".csv")) return TextFormat::csv;
  if (name.ends_with(".tsv")) return TextFormat::tsv;
  ROUX_CHECK(!line.empty(), operation, "'", source, "' is empty");
  if (has_word_with(options.label_prefix, line)) return TextFormat::fasttext;
  if (line.find('\t') != std::string_view::npos) return TextFormat::tsv;
  if (is_csv_header(line, options)) return TextFormat::csv;
  ROUX_CHECK(trimmed(line).find(' ') != std::string_view::npos, operation, "cannot tell the format of '", source,
             "' from its name and its first line, '", line.substr(0, 80), "' (hint: --format ", format_list(1), ")");
  return TextFormat::label_first;
}

/// Leaves each label once, cut before its first colon if it is `coarse`, and no empty one.
void keep_distinct(std::vector<std::string_view>& labels, bool coarse) {
  StringTable seen;
  size_t kept = 0;
  for (std::string_view label : labels) {
    if (coarse) label = label.substr(0, label.find(':'));
    if (label.empty() || (labels.size() > 1 && seen.insert(label) < static_cast<int64_t>(kept))) continue;
    labels[kept++] = label;
  }
  labels.resize(kept);
}

}  // namespace

TextFormat text_format(std::string_view name) {
  const auto* const found = std::find(text_format_names.begin(), text_format_names.end(), name);
  ROUX_CHECK(found != text_format_names.end(), "text_format", "'", name, "' is no format that is read; expected ",
             format_list(0));
  return static_cast<TextFormat>(found - text_format_names.begin());
}

std::string_view to_string(TextFormat format) { return text_format_names[static_cast<size_t>(format)]; }

bool LabelledRows::next(LabelledRow& row) {
  row = LabelledRow();
  if (!read(row)) return false;
  keep_distinct(row.labels, coarse_labels_);
  if (!row.drop_reason.empty()) return true;
  if (row.text.empty()) {
    row.drop_reason = "no text";
  } else if (row.labels.empty()) {
    row.drop_reason = "no label";
  }
  return true;
}

std::unique_ptr<LabelledRows> open_labelled(const std::string& path, const ReadOptions& options) {
  return open_labelled(file_bytes(path, operation), path, options);
}

std::unique_ptr<LabelledRows> open_labelled(ReadFunction read, const std::string& source, const ReadOptions& options,
                                            size_t buffer_size) {
  ROUX_CHECK(!options.label_prefix.empty() && options.label_prefix.find_first_of(white_space) == std::string::npos,
             operation, "label_prefix is '", options.label_prefix,
             "'; expected characters without white space, such as __label__");
  buffer_size = std::max<size_t>(buffer_size, 1);
  Peeked input = peek(as_utf8(std::move(read), options.encoding, source, operation), buffer_size);
  const TextFormat format =
      options.format == TextFormat::automatic ? guess(input.first_line, source, options) : options.format;
  if (format == TextFormat::csv) {
    return std::make_unique<CsvRows>(std::make_unique<CsvReader>(std::move(input.read), source, buffer_size), options);
  }
  LineReader lines(std::move(input.read), buffer_size);
  if (format == TextFormat::fasttext) return std::make_unique<FastTextRows>(std::move(lines), options);
  if (format == TextFormat::label_first) return std::make_unique<LabelFirstRows>(std::move(lines), options);
  return std::make_unique<TsvRows>(std::move(lines), options, tsv_columns(input.first_line, source, options));
}

}  // namespace roux::text
