// Fuzzes the CSV reader and the Python lists in its fields. The reader must end with rows or with an Error, and the
// size of its buffer must make no difference.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tensor/error.h"
#include "text/csv.h"
#include "text/python_list.h"
#include "text/unicode.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

/// All that the reader says of the bytes, in one string.
std::string read(const std::string& bytes, size_t buffer_size) {
  std::string said;
  try {
    roux::text::CsvReader reader = roux::text::CsvReader::from_bytes(bytes, "fuzz", buffer_size);
    const auto columns = static_cast<int64_t>(reader.columns().size());
    int64_t line = 1;
    while (reader.next()) {
      require(reader.line() > line);
      line = reader.line();
      said += std::to_string(line);
      for (int64_t column = 0; column < columns; ++column) {
        require(roux::text::is_valid_utf8(reader[column]));
        said.append("|").append(reader[column]);
        roux::text::parse_python_list(reader[column]);
      }
      said += '\n';
    }
    require(reader.rows() >= static_cast<int64_t>(reader.skipped().size()));
    for (const auto& row : reader.skipped()) said += std::to_string(row.line) + row.reason;
  } catch (const roux::Error& error) {
    said += error.what();
  }
  return said;
}

}  // namespace

/// A byte chooses the size of the buffer; the file, or a list, follows.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  roux::text::parse_python_list(bytes);
  require(read(bytes, data[0]) == read(bytes, size));
  return 0;
}
