// Rows of labelled text, one after the other, from the formats that people keep them in.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/byte_source.h"

namespace roux::text {

/// How a file holds texts and labels.
enum class TextFormat {
  automatic,    ///< by the ending of the name (.csv, .tsv), else by the first line
  csv,          ///< text/csv.h; the first row names the columns
  tsv,          ///< fields between tabs, no quoting; with or without a line that names the columns
  fasttext,     ///< labels are the words that begin with `__label__`, one or several a line
  label_first,  ///< the label is the first word of the line, the text is the rest
};

/// Their names, in the same order.
inline constexpr std::array<std::string_view, 5> text_format_names = {"auto", "csv", "tsv", "fasttext", "label-first"};

/// The format of this name. Throws on another.
TextFormat text_format(std::string_view name);
std::string_view to_string(TextFormat format);

/// Where labels come from.
enum class LabelSource {
  automatic,   ///< `column` where the file has a label column, else `substring`
  column,      ///< the label column, or the label of the line
  substring,   ///< csv: the ingredient rule (text/labels.h), as the course applies it
  whole_word,  ///< csv: the ingredient rule on whole words
};

/// Where a file has its texts and labels, as far as that is to be said.
struct ReadOptions {
  TextFormat format = TextFormat::automatic;   ///< how rows are written
  TextEncoding encoding = TextEncoding::utf8;  ///< of the file
  /// csv, tsv: the column of texts. Empty: the one called text, name, title, sentence, message, question or review. A
  /// tsv file without such names: "1" is its first column, "2" its second; left empty, labels are the first of two
  /// columns and texts the second.
  std::string text_column = {};
  /// csv, tsv: the column of labels. Empty: the one called label, category, class, target, sentiment, intent or topic.
  std::string label_column = {};
  std::string ingredients_column = "ingredients";  ///< a Python list literal, or any text
  LabelSource labels = LabelSource::automatic;     ///< a column, or a rule
  std::string label_prefix = "__label__";          ///< fasttext: what labels begin with
  bool coarse_labels = false;                      ///< the label ends before its first colon: `DESC:manner` is `DESC`
  /// The labels and their ids, as of a training set that was read before; rows with other labels are dropped. Empty:
  /// the labels of the file, in the order of `sorted_labels`; with the ingredient rule fruit 0 and vegetable 1.
  std::vector<std::string> label_names = {};
};

/// A text and its labels, or why it has none. The views last until the next row.
struct LabelledRow {
  int64_t line = 0;                      ///< where it begins, counted from 1
  std::string_view text;                 ///< UTF-8
  std::vector<std::string_view> labels;  ///< in the order of the file, each once
  std::string_view drop_reason;          ///< not empty for a row that cannot be used
};

/// Reads rows one by one.
///
/// Rows with a NUL byte, bytes that are not UTF-8, another number of fields than the first row (csv, tsv), no text, or
/// no label come with a `drop_reason`; those that the CSV reader skips come last. Empty lines are passed over. White
/// space around texts and labels is no part of them, but in csv and tsv, whose fields are taken as they are.
class LabelledRows {
 public:
  virtual ~LabelledRows() = default;
  LabelledRows(const LabelledRows&) = delete;
  LabelledRows& operator=(const LabelledRows&) = delete;

  /// Goes to the next row; false at the end.
  bool next(LabelledRow& row);
  TextFormat format() const { return format_; }         ///< never `automatic`
  LabelSource label_source() const { return source_; }  ///< never `automatic`

 protected:
  /// coarse_labels: as in ReadOptions.
  LabelledRows(TextFormat format, LabelSource source, bool coarse_labels)
      : format_(format), source_(source), coarse_labels_(coarse_labels) {}

 private:
  /// Fills an empty row; labels may be empty or repeat.
  virtual bool read(LabelledRow& row) = 0;

  TextFormat format_;
  LabelSource source_;
  bool coarse_labels_;
};

/// Opens the file at `path`; throws when it is missing, or the columns are not there.
std::unique_ptr<LabelledRows> open_labelled(const std::string& path, const ReadOptions& options = {});
/// The same from anything; `source` names it, in errors and for `TextFormat::automatic`. The buffers begin with
/// `buffer_size` bytes, at least 1, and grow to the longest row.
std::unique_ptr<LabelledRows> open_labelled(ReadFunction read, const std::string& source, const ReadOptions& options,
                                            size_t buffer_size = 1 << 18);

}  // namespace roux::text
