// The CSV reader: RFC 4180, rows that are skipped, errors, and every buffer size.
#include "text/csv.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tests/temporary_folder.h"

using namespace roux::text;

namespace {

using Rows = std::vector<std::vector<std::string>>;

struct Outcome {
  Rows rows;
  std::vector<int64_t> lines;
  std::vector<std::pair<int64_t, std::string>> skipped;
  int64_t count = 0;

  bool operator==(const Outcome&) const = default;
};

Outcome read_with_buffer(const std::string& bytes, size_t buffer_size) {
  CsvReader reader = CsvReader::from_bytes(bytes, "test.csv", buffer_size);
  Outcome outcome;
  while (reader.next()) {
    outcome.rows.emplace_back();
    for (size_t c = 0; c < reader.columns().size(); ++c) {
      outcome.rows.back().emplace_back(reader[static_cast<int64_t>(c)]);
    }
    outcome.lines.push_back(reader.line());
  }
  for (const SkippedRow& row : reader.skipped()) outcome.skipped.emplace_back(row.line, row.reason);
  outcome.count = reader.rows();
  return outcome;
}

/// Reads through buffers of many sizes, which must make no difference.
Outcome read(const std::string& bytes) {
  const Outcome whole = read_with_buffer(bytes, 1 << 16);
  for (size_t size = 1; size <= 40; ++size) {
    CAPTURE(size);
    CHECK(read_with_buffer(bytes, size) == whole);
  }
  return whole;
}

}  // namespace

TEST_CASE("fields as RFC 4180 has them") {
  const Outcome found = read(
      "name,notes\n"
      "plain,text\n"
      "\"a, b\",\"he said \"\"no\"\"\"\n"
      "\"two\nlines\",\"\"\n"
      ",\n"
      "5\" cake,\"\"\"\"\n");
  CHECK(found.rows ==
        Rows{{"plain", "text"}, {"a, b", "he said \"no\""}, {"two\nlines", ""}, {"", ""}, {"5\" cake", "\""}});
  CHECK(found.lines == std::vector<int64_t>{2, 3, 4, 6, 7});
  CHECK(found.skipped.empty());
  CHECK(found.count == 5);
}

TEST_CASE("line breaks of every kind, with and without the last one") {
  const Rows expected{{"1", "2"}, {"3", "4"}};
  for (const char* const ending : {"\n", "\r\n", "\r"}) {
    const std::string line_break = ending;
    for (const std::string& last : {std::string(), line_break, line_break + line_break}) {
      CHECK(read("a,b" + line_break + "1,2" + line_break + line_break + "3,4" + last).rows == expected);
    }
  }
  CHECK(read("a\r\n\"x\r\ny\"\r\nz\r\n").rows == Rows{{"x\r\ny"}, {"z"}});
  CHECK(read("a\r\n\"x\r\ny\"\r\nz\r\n").lines == std::vector<int64_t>{2, 4});
  CHECK(read("a,b\n1,").rows == Rows{{"1", ""}});
  CHECK(read("a,b\n1,\"2\"").rows == Rows{{"1", "2"}});
  CHECK(read("a,b").rows.empty());
}

TEST_CASE("a byte order mark is passed over") {
  CsvReader reader = CsvReader::from_bytes("\xEF\xBB\xBF\"name\",x\n1,2\n", "test.csv");
  CHECK(reader.columns() == std::vector<std::string>{"name", "x"});
}

TEST_CASE("columns are found by name in any order") {
  CsvReader reader = CsvReader::from_bytes("x,category,name,x\n1,fruit,Pie,2\n", "test.csv");
  CHECK(reader.has_column("name"));
  CHECK_FALSE(reader.has_column("Name"));
  REQUIRE(reader.next());
  CHECK(reader[reader.column("name")] == "Pie");
  CHECK(reader[reader.column("category")] == "fruit");
  CHECK_THROWS_WITH_AS(reader.column("title"),
                       "[read_csv] 'test.csv' has no column 'title'; its columns are 'x', 'category', 'name', 'x'",
                       roux::Error);
  CHECK_THROWS_WITH_AS(reader.column("x"), "[read_csv] 'test.csv' has more than one column 'x'", roux::Error);
}

TEST_CASE("fields can only be asked for where there are some") {
  CsvReader reader = CsvReader::from_bytes("a,b\n1,2\n", "test.csv");
  CHECK_THROWS_WITH_AS(reader[0], "[read_csv] 'test.csv' has no current row; next() must have returned true",
                       roux::Error);
  REQUIRE(reader.next());
  CHECK_THROWS_WITH_AS(reader[2], "[read_csv] column 2 is outside the 2 columns of 'test.csv'", roux::Error);
  CHECK_THROWS_AS(reader[-1], roux::Error);
  CHECK_FALSE(reader.next());
  CHECK_FALSE(reader.next());
  CHECK_THROWS_AS(reader[0], roux::Error);
}

TEST_CASE("damaged rows are skipped and named") {
  std::string bytes =
      "a,b\n"
      "1,2,3\n"
      "\"two\nlines\"\n"
      "ok,ok\n"
      "\"x\"y,2\n"
      "caf\xE9,2\n";
  bytes += std::string("nul\0,2\n", 7);
  bytes += "end,\"\"\"of\"\" it\"\n";
  const Outcome found = read(bytes);
  CHECK(found.rows == Rows{{"ok", "ok"}, {"end", "\"of\" it"}});
  CHECK(found.lines == std::vector<int64_t>{5, 9});
  CHECK(found.count == 7);
  const std::vector<std::pair<int64_t, std::string>> skipped{
      {2, "has 3 fields where the header has 2"},
      {3, "has 1 field where the header has 2"},
      {6, "has text after the closing quote of field 1"},
      {7, "is not valid UTF-8 (hint: --encoding latin1 if the file is ISO-8859-1)"},
      {8, "holds a NUL byte"}};
  CHECK(found.skipped == skipped);
}

TEST_CASE("what makes a whole file useless is an error") {
  const auto error_of = [](const std::string& bytes) -> std::string {
    for (const size_t size : {1, 3, 1000}) {
      try {
        read_with_buffer(bytes, size);
      } catch (const roux::Error& error) {
        if (size == 1000) return error.what();
      }
    }
    return "no error";
  };
  const std::string empty = "[read_csv] 'test.csv' is empty; expected a header that names the columns";
  CHECK(error_of("") == empty);
  CHECK(error_of("\n\r\n\n") == empty);
  CHECK(error_of("\xEF\xBB\xBF") == empty);
  CHECK(error_of("a,b\n1,2\n3,\"never\nclosed\n") ==
        "[read_csv] 'test.csv', line 3: a quote is opened here and never closed");
  CHECK(error_of("a,b\n\"two\nlines\",\"never\nclosed\n") ==
        "[read_csv] 'test.csv', line 3: a quote is opened here and never closed");
  CHECK(error_of("a,\"b\n1,2\n") == "[read_csv] 'test.csv', line 1: a quote is opened here and never closed");
  CHECK(error_of("a,caf\xE9\n1,2\n") ==
        "[read_csv] the header of 'test.csv' is not valid UTF-8 (hint: --encoding latin1 if the file is ISO-8859-1)");
  CHECK(error_of(std::string("\xFF\xFE"
                             "a\0\n\0",
                             6)) ==
        "[read_csv] 'test.csv' is UTF-16; expected UTF-8 (iconv -f UTF-16 -t UTF-8 converts it)");
}

TEST_CASE("files: missing, a folder, larger than the buffer") {
  const TemporaryFolder folder;
  CHECK_THROWS_WITH_AS(CsvReader(folder / "none.csv"),
                       ("[read_csv] cannot open '" + (folder / "none.csv") + "': No such file or directory").c_str(),
                       roux::Error);
  CHECK_THROWS_WITH_AS(CsvReader(folder.path().string()),
                       ("[read_csv] cannot read '" + folder.path().string() + "': Is a directory").c_str(),
                       roux::Error);

  const std::string title(1'000'000, 'x');
  std::string bytes = "name,category\n";
  for (int i = 0; i < 20'000; ++i) bytes += "\"Pie, number " + std::to_string(i) + "\",fruit\n";
  bytes += title + ",vegetable\n";
  roux::write_file_atomically(folder / "big.csv", bytes);
  CsvReader reader(folder / "big.csv");
  for (int i = 0; i < 20'000; ++i) {
    REQUIRE(reader.next());
    REQUIRE(reader[0] == "Pie, number " + std::to_string(i));
  }
  REQUIRE(reader.next());
  CHECK(reader[0] == title);
  CHECK(reader[1] == "vegetable");
  CHECK(reader.line() == 20'002);
  CHECK_FALSE(reader.next());
}
