// The CSV reader. A row is scanned where it lies in the buffer; when the buffer ends first, more is read behind it and
// the row is scanned again from its beginning (the buffer doubles, so that stays linear).
#include "text/csv.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "tensor/error.h"
#include "text/unicode.h"

namespace roux::text {
namespace {

constexpr std::array<bool, 256> ends_field = [] {
  std::array<bool, 256> table{};
  table[','] = table['\n'] = table['\r'] = true;
  return table;
}();

/// The first comma, line break or end of the text from `at` on.
size_t end_of_plain_field(const char* text, size_t at, size_t end) {
  while (at < end && !ends_field[static_cast<unsigned char>(text[at])]) ++at;
  return at;
}

}  // namespace

CsvReader::CsvReader(const std::string& path) : CsvReader(file_bytes(path, "read_csv"), path) {}

CsvReader::CsvReader(ReadFunction read, std::string source, size_t buffer_size)
    : source_(std::move(source)), buffer_(std::max<size_t>(buffer_size, 1), '\0') {
  read_ = as_utf8(std::move(read), TextEncoding::utf8, source_, "read_csv");
  read_header();
}

CsvReader CsvReader::from_bytes(std::string bytes, std::string source, size_t buffer_size) {
  return CsvReader(memory_bytes(std::move(bytes)), std::move(source), buffer_size);
}

bool CsvReader::has_column(std::string_view name) const {
  return std::find(columns_.begin(), columns_.end(), name) != columns_.end();
}

int64_t CsvReader::column(std::string_view name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found == columns_.end()) {
    std::string list;
    for (const std::string& column : columns_) list += (list.empty() ? "'" : ", '") + column + "'";
    fail("read_csv", "'", source_, "' has no column '", name, "'; its columns are ", list);
  }
  ROUX_CHECK(std::find(found + 1, columns_.end(), name) == columns_.end(), "read_csv", "'", source_,
             "' has more than one column '", name, "'");
  return found - columns_.begin();
}

bool CsvReader::next() {
  while (read_row()) {
    ++rows_;
    if (problem_.empty()) return true;
    skipped_.push_back({line_, problem_});
  }
  fields_.clear();
  return false;
}

void CsvReader::read_header() {
  ROUX_CHECK(read_row(), "read_csv", "'", source_, "' is empty; expected a header that names the columns");
  ROUX_CHECK(problem_.empty(), "read_csv", "the header of '", source_, "' ", problem_);
  columns_.assign(fields_.begin(), fields_.end());
  fields_.clear();
}

/// Reads the next row that is no empty line into `fields_`, and what is wrong with it into `problem_`; false at the
/// end.
bool CsvReader::read_row() {
  RowState row;
  do {
    line_ = next_line_;
    while (!scan_row(row)) refill();
    if (begin_ == end_) return false;
    next_line_ += row.lines;
    if (row.text_end > begin_) problem_ = problem_with(row);
  } while (row.text_end == std::exchange(begin_, row.end));
  if (row.has_doubled_quotes) undouble_quotes();
  return true;
}

/// Splits the row at `begin_` into fields; false when more of the input is needed to see its end.
bool CsvReader::scan_row(RowState& row) {
  row = RowState{};
  fields_.clear();
  for (size_t at = begin_;; ++at) {
    const size_t begin = at;
    if (at < end_ && buffer_[at] == '"') {
      if (!scan_quoted(at, row)) return false;
    } else {
      at = end_of_plain_field(buffer_.data(), at, end_);
      fields_.push_back(std::string_view(buffer_).substr(begin, at - begin));
    }
    if (at == end_ || buffer_[at] != ',') return scan_line_break(at, row);
  }
}

/// Takes the quoted field at `at` and leaves `at` behind it.
bool CsvReader::scan_quoted(size_t& at, RowState& row) {
  const char* const text = buffer_.data();
  const size_t begin = at + 1;
  size_t close = begin;
  for (;; close += 2) {
    const void* quote = std::memchr(text + close, '"', end_ - close);
    if (quote == nullptr) {
      ROUX_CHECK(!input_ended_, "read_csv", "'", source_, "', line ", line_ + row.lines,
                 ": a quote is opened here and never closed");
      return false;
    }
    close = static_cast<size_t>(static_cast<const char*>(quote) - text);
    if (close + 1 == end_ && !input_ended_) return false;
    if (close + 1 == end_ || text[close + 1] != '"') break;
    row.has_doubled_quotes = true;
  }
  fields_.push_back(std::string_view(buffer_).substr(begin, close - begin));
  row.lines += std::count(text + begin, text + close, '\n');
  at = end_of_plain_field(text, close + 1, end_);
  if (at != close + 1 && row.stray_field < 0) row.stray_field = static_cast<int64_t>(fields_.size());
  return true;
}

/// Ends the row at `at`, where a line break stands or the buffer ends.
bool CsvReader::scan_line_break(size_t at, RowState& row) const {
  const bool may_be_half = at == end_ || (buffer_[at] == '\r' && at + 1 == end_);
  if (may_be_half && !input_ended_) return false;
  row.text_end = row.end = at;
  if (at == end_) return true;
  row.end += buffer_[at] == '\r' && at + 1 < end_ && buffer_[at + 1] == '\n' ? 2 : 1;
  ++row.lines;
  return true;
}

/// Reads more behind the unused bytes, which move to the front; a full buffer grows.
void CsvReader::refill() {
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= std::exchange(begin_, 0);
  }
  if (end_ == buffer_.size()) buffer_.resize(2 * buffer_.size());
  const size_t count = read_(buffer_.data() + end_, buffer_.size() - end_);
  ROUX_CHECK(count <= buffer_.size() - end_, "read_csv", "the input of '", source_, "' gave more bytes than asked for");
  input_ended_ = count == 0;
  end_ += count;
}

/// Empty when the row that was just scanned can be used.
std::string CsvReader::problem_with(const RowState& row) const {
  const std::string_view bytes = std::string_view(buffer_).substr(begin_, row.text_end - begin_);
  if (std::memchr(bytes.data(), '\0', bytes.size()) != nullptr) return "holds a NUL byte";
  if (!is_valid_utf8(bytes)) return not_utf8;
  if (row.stray_field >= 0) return "has text after the closing quote of field " + std::to_string(row.stray_field);
  if (!columns_.empty() && fields_.size() != columns_.size()) {
    return "has " + std::to_string(fields_.size()) + (fields_.size() == 1 ? " field" : " fields") +
           " where the header has " + std::to_string(columns_.size());
  }
  return {};
}

/// Makes "" into " inside the fields, in the buffer itself. Only quoted fields hold two quotes that belong together.
void CsvReader::undouble_quotes() {
  for (std::string_view& field : fields_) {
    const bool quoted = field.data() != buffer_.data() && field.data()[-1] == '"';
    if (!quoted || field.find('"') == std::string_view::npos) continue;
    char* const begin = buffer_.data() + (field.data() - buffer_.data());
    char* to = begin;
    for (size_t at = 0; at < field.size(); ++at) {
      *to++ = field[at];
      if (field[at] == '"') ++at;
    }
    field = {begin, static_cast<size_t>(to - begin)};
  }
}

void CsvReader::fail_column(int64_t column) const {
  ROUX_CHECK(!fields_.empty(), "read_csv", "'", source_, "' has no current row; next() must have returned true");
  fail("read_csv", "column ", column, " is outside the ", columns_.size(), " columns of '", source_, "'");
}

}  // namespace roux::text
