// Rows of labelled text: every format, how it is told, and rows that cannot be used.
#include "text/labelled_rows.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tensor/error.h"
#include "text/line_reader.h"
#include "text/unicode.h"

using namespace roux::text;

namespace {

/// Every row as `line|label,label|text` or `line!reason`, one a line.
std::string rows_of(const std::string& bytes, const ReadOptions& options = {}, const std::string& source = "data") {
  std::string said;
  try {
    const auto rows = open_labelled(memory_bytes(bytes), source, options);
    for (LabelledRow row; rows->next(row);) {
      said += std::to_string(row.line);
      if (!row.drop_reason.empty()) {
        said.append("!").append(row.drop_reason).append("\n");
        continue;
      }
      for (size_t i = 0; i < row.labels.size(); ++i) said.append(i == 0 ? "|" : ",").append(row.labels[i]);
      said.append("|").append(row.text).append("\n");
    }
  } catch (const roux::Error& error) {
    said += error.what();
  }
  return said;
}

TextFormat format_of(const std::string& bytes, const std::string& source = "data") {
  return open_labelled(memory_bytes(bytes), source, {})->format();
}

const ReadOptions tsv{.format = TextFormat::tsv};
const ReadOptions fasttext{.format = TextFormat::fasttext};
const ReadOptions label_first{.format = TextFormat::label_first};

}  // namespace

TEST_CASE("lines of any length, with any ends, through any buffer") {
  const std::string bytes = "one\n\r\ntwo\r\n\n" + std::string(1000, 'x') + "\nlone\rreturn\nlast\r";
  const std::vector<std::string> expected{"one", "", "two", "", std::string(1000, 'x'), "lone\rreturn", "last"};
  for (const size_t buffer : {1u, 2u, 3u, 7u, 64u, 1u << 18}) {
    CAPTURE(buffer);
    LineReader lines(memory_bytes(bytes), buffer);
    std::vector<std::string> found;
    while (lines.next()) {
      found.emplace_back(*lines);
      CHECK(lines.number() == static_cast<int64_t>(found.size()));
    }
    CHECK(found == expected);
    CHECK_FALSE(lines.next());
  }
  LineReader nothing(memory_bytes(""));
  CHECK_FALSE(nothing.next());
  LineReader liar([](char*, size_t size) { return size + 1; });
  CHECK_THROWS_AS(liar.next(), roux::Error);
}

TEST_CASE("label first: the first word, whatever the white space") {
  CHECK(rows_of("DESC:manner How did it ?\n\n\tham \t Ok  lar \r\nspam\tWin\tnow", label_first) ==
        "1|DESC:manner|How did it ?\n3|ham|Ok  lar\n4|spam|Win\tnow\n");
  ReadOptions coarse = label_first;
  coarse.coarse_labels = true;
  CHECK(rows_of("DESC:manner How\nNUM:dist:x How far\nplain text\n:x y\n", coarse) ==
        "1|DESC|How\n2|NUM|How far\n3|plain|text\n4!no label\n");
  CHECK(rows_of("alone\n  \n", label_first) == "1!no text\n2!no text\n");
}

TEST_CASE("fastText: words with the prefix are labels, wherever they stand") {
  CHECK(rows_of("__label__a __label__b some  text\n", fasttext) == "1|a,b|some  text\n");
  CHECK(rows_of("some __label__a text __label__b\n", fasttext) == "1|a,b|some text\n");
  CHECK(rows_of("__label__a __label__a x\n", fasttext) == "1|a|x\n");
  CHECK(rows_of("no label here\n__label__a\n__label__ x\nx__label__a\n", fasttext) ==
        "1!no label\n2!no text\n3!no label\n4!no label\n");
  ReadOptions other = fasttext;
  other.label_prefix = "#";
  CHECK(rows_of("#fun #sun text __label__a\n", other) == "1|fun,sun|text __label__a\n");
  other.label_prefix = "";
  CHECK(rows_of("x y", other) ==
        "[read_labelled] label_prefix is ''; expected characters without white space, such as __label__");
  std::string many;
  for (int i = 0; i < 200'000; ++i) many += "__label__" + std::to_string(i) + " ";
  CHECK(rows_of(many + "x", fasttext).ends_with(",199999|x\n"));
}

TEST_CASE("tsv without names: label and text, quotes are characters") {
  CHECK(rows_of("ham\tHe said \"hi\nspam\t\"Win\" now\n", tsv) == "1|ham|He said \"hi\n2|spam|\"Win\" now\n");
  CHECK(rows_of("ham\tone\nspam\nham\ta\tb\n\tx\nham\t\n", tsv) ==
        "1|ham|one\n2!has 1 field where the first line has 2\n3!has 3 fields where the first line has 2\n4!no label\n"
        "5!no text\n");
  ReadOptions swapped = tsv;
  swapped.text_column = "1";
  CHECK(rows_of("good film\tpos\nbad film\tneg\n", swapped) == "1|pos|good film\n2|neg|bad film\n");
  swapped.label_column = "3";
  CHECK(rows_of("film\tx\tpos\n", swapped) == "1|pos|film\n");
  CHECK(rows_of("a\tb\tc\n", tsv) ==
        "[read_labelled] 'data' has 3 columns between tabs and does not name them; expected 2, label and text (hint: "
        "--label-column 1 --text-column 3 takes the first and the third)");
  swapped.label_column = "4";
  CHECK(rows_of("a\tb\tc\n", swapped) ==
        "[read_labelled] 'data' has no column '4'; its first line is 'a', 'b', 'c' (hint: in a file without column "
        "names, 1 is the first column)");
}

TEST_CASE("tsv with names") {
  CHECK(rows_of("sentence\tid\tlabel\r\nfine\t1\tpos\r\n", tsv) == "2|pos|fine\n");
  CHECK(rows_of("\nheading\tkind\nfine\tpos\n",
                {.format = TextFormat::tsv, .text_column = "heading", .label_column = "kind"}) == "3|pos|fine\n");
  CHECK(rows_of("heading\tlabel\nfine\tpos\n", {.format = TextFormat::tsv, .text_column = "heading"}) ==
        "2|pos|fine\n");
}

TEST_CASE("what a format is told by") {
  CHECK(format_of("label,name\n", "a.CSV") == TextFormat::csv);
  CHECK(format_of("a b\tc\n", "a.tsv") == TextFormat::tsv);
  CHECK(format_of("__label__a x\n") == TextFormat::fasttext);
  CHECK(format_of("\n\nx __label__a\n") == TextFormat::fasttext);
  CHECK(format_of("ham\tOk lar\n") == TextFormat::tsv);
  CHECK(format_of("id,\"name\",category\n") == TextFormat::csv);
  CHECK(format_of("DESC:manner How, name,\n") == TextFormat::label_first);
  CHECK(
      rows_of("word\n") ==
      "[read_labelled] cannot tell the format of 'data' from its name and its first line, 'word' (hint: --format csv, "
      "tsv, fasttext or label-first)");
  CHECK(rows_of("") == "[read_labelled] 'data' is empty");
  for (const std::string_view name : text_format_names) CHECK(to_string(text_format(name)) == name);
  CHECK(text_format("auto") == TextFormat::automatic);
  CHECK(text_format("csv") == TextFormat::csv);
  CHECK(text_format("tsv") == TextFormat::tsv);
  CHECK(text_format("fasttext") == TextFormat::fasttext);
  CHECK(text_format("label-first") == TextFormat::label_first);
  CHECK_THROWS_WITH_AS(
      text_format("xml"),
      "[text_format] 'xml' is no format that is read; expected auto, csv, tsv, fasttext or label-first", roux::Error);
  // A first line longer than what is looked at first is still seen whole.
  CHECK(format_of(std::string(200'000, 'x') + " __label__a\n") == TextFormat::fasttext);
}

TEST_CASE("encodings: latin1 works, others are told") {
  const std::string latin1 = "x caf\xE9 \xFFz\n";
  CHECK(rows_of(latin1, {.format = TextFormat::label_first, .encoding = TextEncoding::latin1}) ==
        "1|x|caf\u00E9 \u00FFz\n");
  CHECK(rows_of("x y\n" + latin1 + "x z\n", label_first) ==
        "1|x|y\n2!is not valid UTF-8 (hint: --encoding latin1 if the file is ISO-8859-1)\n3|x|z\n");
  CHECK(rows_of("name,category\ncaf\xE9,x\n", {.encoding = TextEncoding::latin1}) == "2|x|caf\u00E9\n");
  CHECK(rows_of("\xEF\xBB\xBFx y\n", label_first) == "1|x|y\n");
  CHECK(rows_of("\xEF\xBB\xBFname,category\na,b\n") == "2|b|a\n");
  const std::string utf16 = "[read_labelled] 'data' is UTF-16; expected UTF-8 (iconv -f UTF-16 -t UTF-8 converts it)";
  for (const char* start : {"\xFF\xFEx", "\xFE\xFF"}) {
    CHECK(rows_of(start, label_first) == utf16);
    CHECK(rows_of(start, {.encoding = TextEncoding::latin1}) == utf16);
  }
  CHECK(rows_of("\xEF\xBB\xBFx y\n", {.format = TextFormat::label_first, .encoding = TextEncoding::latin1}) ==
        "[read_labelled] 'data' begins with the byte order mark of UTF-8; expected latin1, as was asked for");
  CHECK(rows_of(std::string("a b\0c\n", 6), label_first) == "1!holds a NUL byte\n");
  CHECK(text_encoding("iso-8859-1") == TextEncoding::latin1);
  CHECK(text_encoding("utf-8") == TextEncoding::utf8);
  CHECK_THROWS_AS(text_encoding("utf-16"), roux::Error);
}

TEST_CASE("latin1 comes out the same however few bytes are asked for") {
  std::string bytes, expected;
  for (int c = 1; c < 256; ++c) {
    bytes += static_cast<char>(c);
    append_utf8(static_cast<uint32_t>(c), expected);
  }
  for (size_t size = 1; size < 600; ++size) {
    const ReadFunction some = as_utf8(memory_bytes(bytes), TextEncoding::latin1, "x", "test");
    std::string found, block(size, '\0');
    while (const size_t count = some(block.data(), size)) found.append(block, 0, count);
    CHECK((found == expected));
  }
}

TEST_CASE("rows are the same through any buffer") {
  const std::string bytes = "a one\r\n\nb:x two words\n" + std::string(300, 'c') + " long\nbad\xFF x\nend z";
  const auto read = [&](size_t buffer) {
    std::string said;
    const auto rows = open_labelled(memory_bytes(bytes), "data", {.coarse_labels = true}, buffer);
    for (LabelledRow row; rows->next(row);) {
      said += std::to_string(row.line) + (row.labels.empty() ? "" : std::string(row.labels[0])) + std::string(row.text);
    }
    return said;
  };
  CHECK(read(1 << 18) == "1aone3btwo words4" + std::string(300, 'c') + "long56endz");
  for (const size_t buffer : {1, 2, 3, 7, 64}) CHECK(read(buffer) == read(1 << 18));
}

TEST_CASE("labels by ingredients need a csv file") {
  CHECK(rows_of("x y\n", {.format = TextFormat::label_first, .labels = LabelSource::substring}) ==
        "[read_labelled] labels by ingredients need a csv file with a column of them, this one is read as label-first");
}
