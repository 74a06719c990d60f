// Labelled texts from CSV files: any file with a column of texts and one of labels, and Food.com's RAW_recipes.csv,
// whose recipes are labelled by their ingredients.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "text/string_list.h"

namespace roux::text {

/// Where labels come from.
enum class LabelSource {
  automatic,   ///< `column` where the file has that column, else `substring`
  column,      ///< the label column
  substring,   ///< the ingredient rule (text/labels.h), as the course applies it
  whole_word,  ///< the ingredient rule on whole words
};

struct ReadOptions {
  std::string text_column = "name";
  std::string label_column = "category";
  std::string ingredients_column = "ingredients";  ///< a Python list literal, or any text
  LabelSource labels = LabelSource::automatic;
  /// The labels and their ids, as of a training set that was read before; rows with other labels are dropped. Empty:
  /// the labels of the file, in the order of `sorted_labels`; with the ingredient rule fruit 0 and vegetable 1.
  std::vector<std::string> label_names = {};
};

/// Rows that were not used, for one reason.
struct DroppedRows {
  std::string reason;
  std::vector<int64_t> lines;  ///< where they begin, counted from 1
};

/// What became of the rows of a file.
struct ReadReport {
  std::string source;
  int64_t rows = 0;                          ///< all but the header and empty lines
  LabelSource labels = LabelSource::column;  ///< never `automatic`
  std::vector<DroppedRows> dropped;          ///< damaged rows last, else as first met

  int64_t dropped_rows() const;
};

/// The report for people: a line on what was read, then a line a reason with the first lines of the file it met.
std::string to_string(const ReadReport& report);

/// Texts, each with a label, an index into `label_names`.
struct LabelledTexts {
  StringList texts;
  std::vector<int64_t> labels;
  std::vector<std::string> label_names;
  ReadReport report;

  int64_t size() const { return texts.size(); }
  int64_t num_classes() const { return static_cast<int64_t>(label_names.size()); }
  /// How many texts each class has.
  std::vector<int64_t> class_counts() const;
  /// The texts of `indices` in that order, with the same label names and an empty report. Throws on an index outside.
  LabelledTexts select(std::span<const int64_t> indices) const;
};

/// Reads the file at `path`. Dropped, and reported with their lines: rows that CsvReader skips, rows without text,
/// without label or with one that is not in `label_names`, with a damaged list of ingredients, or whose ingredients say
/// both or neither. Throws when the file or a column is missing, and when no row is left.
LabelledTexts read_labelled(const std::string& path, const ReadOptions& options = {});

}  // namespace roux::text
