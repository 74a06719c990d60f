// Reading CSV files (RFC 4180), row by row: a file of any size passes through one small buffer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/byte_source.h"

namespace roux::text {

/// A row that could not be used: the line of the file on which it begins, counted from 1, and why.
struct SkippedRow {
  int64_t line;        ///< from 1
  std::string reason;  ///< as a person reads it
};

/// Reads the rows of a CSV file whose first row names the columns.
///
///     CsvReader reader("recipes.csv");
///     const int64_t name = reader.column("name");
///     while (reader.next()) use(reader[name]);
///
/// Fields are separated by commas; a field in double quotes may hold commas, line breaks, and quotes written twice; a
/// quote inside a field that does not begin with one is an ordinary character. Rows end with CR LF, LF or CR, the last
/// one also with the end of the file; empty lines are passed over, and so is a UTF-8 byte order mark.
///
/// Rows that hold a NUL byte or invalid UTF-8, that have another number of fields than the header, or text after a
/// closing quote, are skipped and kept as `skipped()`. A missing or empty file, a damaged header, and a quote that is
/// never closed are errors.
class CsvReader {
 public:
  /// Opens the file and reads its header.
  explicit CsvReader(const std::string& path);

  /// Reads from anything; `source` names it in errors. The buffer begins with `buffer_size` bytes, at least 1, and
  /// grows to the longest row.
  CsvReader(ReadFunction read, std::string source, size_t buffer_size = 1 << 18);
  /// Reads from memory.
  static CsvReader from_bytes(std::string bytes, std::string source, size_t buffer_size = 1 << 18);
  CsvReader(const CsvReader&) = delete;  // the fields refer to the buffer
  CsvReader& operator=(const CsvReader&) = delete;

  /// The names in the header.
  const std::vector<std::string>& columns() const { return columns_; }
  /// Whether one of them is `name`.
  bool has_column(std::string_view name) const;
  /// The index of the column `name`. Throws when there is none, listing those there are, or more than one.
  int64_t column(std::string_view name) const;

  /// Goes to the next row that can be used; false at the end of the file.
  bool next();
  /// The current row's field in a column; the view lasts until `next()`. Throws when there is no current row or no such
  /// column.
  std::string_view operator[](int64_t column) const {
    if (static_cast<uint64_t>(column) >= fields_.size()) [[unlikely]]
      fail_column(column);
    return fields_[static_cast<size_t>(column)];
  }
  /// The line on which the current row begins.
  int64_t line() const { return line_; }

  /// How many rows were met, header and empty lines not counted, skipped rows counted.
  int64_t rows() const { return rows_; }
  /// Those of them that could not be used, in the order of the file.
  const std::vector<SkippedRow>& skipped() const { return skipped_; }
  /// What the input is called in errors.
  const std::string& source() const { return source_; }

 private:
  /// What a row looked like beside its fields.
  struct RowState {
    size_t end = 0;            // where the next row begins
    size_t text_end = 0;       // where this one ends, its line break not counted
    int64_t lines = 0;         // how many lines it takes
    int64_t stray_field = -1;  // the first field with text after its closing quote
    bool has_doubled_quotes = false;
  };

  bool read_row();
  bool scan_row(RowState& row);
  bool scan_quoted(size_t& at, RowState& row);
  bool scan_line_break(size_t at, RowState& row) const;
  void refill();
  void read_header();
  void undouble_quotes();
  std::string problem_with(const RowState& row) const;
  [[noreturn]] void fail_column(int64_t column) const;

  ReadFunction read_;
  std::string source_;
  std::vector<std::string> columns_;
  std::string buffer_;
  size_t begin_ = 0;  // the bytes not used yet are buffer_[begin_, end_)
  size_t end_ = 0;
  bool input_ended_ = false;
  std::vector<std::string_view> fields_;
  std::string problem_;  // of the row just read
  int64_t line_ = 0;
  int64_t next_line_ = 1;
  int64_t rows_ = 0;
  std::vector<SkippedRow> skipped_;
};

}  // namespace roux::text
