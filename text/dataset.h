// Labelled texts from files: CSV, TSV, fastText's lines, lines that begin with their label, and Food.com's
// RAW_recipes.csv, whose recipes are labelled by their ingredients.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "text/labelled_rows.h"
#include "text/string_list.h"

namespace roux::text {

/// Rows that were not used, for one reason.
struct DroppedRows {
  std::string reason;          ///< what was wrong with them
  std::vector<int64_t> lines;  ///< where they begin, counted from 1
};

/// What became of the rows of a file.
struct ReadReport {
  std::string source;                        ///< the file
  int64_t rows = 0;                          ///< all but the header and empty lines
  TextFormat format = TextFormat::csv;       ///< never `automatic`
  LabelSource labels = LabelSource::column;  ///< never `automatic`
  int64_t several_labels = 0;                ///< how many of the texts have more than one label
  std::vector<DroppedRows> dropped;          ///< damaged rows last, else as first met

  /// How many rows were dropped, for all reasons.
  int64_t dropped_rows() const;
};

/// The report for people: a line on what was read, then a line a reason with the first lines of the file it met.
std::string to_string(const ReadReport& report);

/// Texts, each with a label, an index into `label_names`. Where texts have several labels, `labels` holds the first of
/// each, which is what a model of one label a text learns, and `labels_of` gives them all.
struct LabelledTexts {
  StringList texts;                    ///< in the order of the file
  std::vector<int64_t> labels;         ///< one a text
  std::vector<int64_t> all_labels;     ///< of all texts, in the order of the file; empty when each text has one
  std::vector<int64_t> label_offsets;  ///< text i has all_labels[label_offsets[i], label_offsets[i + 1]); empty as well
  std::vector<std::string> label_names;  ///< by label
  ReadReport report;                     ///< what was read and dropped

  /// How many texts there are.
  int64_t size() const { return texts.size(); }
  /// Whether some text has more than one label.
  bool has_several_labels() const { return !label_offsets.empty(); }
  /// All labels of a text, at least one. Throws on a text outside.
  std::span<const int64_t> labels_of(int64_t text) const;
  /// How many labels there are.
  int64_t num_classes() const { return static_cast<int64_t>(label_names.size()); }
  /// How many texts have each class as their (first) label.
  std::vector<int64_t> class_counts() const;
  /// The texts of `indices` in that order, with the same label names and an empty report. Throws on an index outside.
  LabelledTexts select(std::span<const int64_t> indices) const;
};

/// Reads the file at `path`. Dropped, and reported with their lines: the rows that `LabelledRows` cannot use, those
/// with no label among `label_names` (labels that are not, beside one that is, are left out), with a damaged list of
/// ingredients, or whose ingredients say both or neither. Throws when the file or a column is missing, its format
/// cannot be told or its encoding is UTF-16, and when no row is left.
LabelledTexts read_labelled(const std::string& path, const ReadOptions& options = {});
/// The same from rows; `source` names them in the report.
LabelledTexts read_labelled(LabelledRows& rows, const std::string& source, const ReadOptions& options);

}  // namespace roux::text
