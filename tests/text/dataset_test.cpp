// Reading labelled texts: the forms of file, what is dropped and how that is told, and the real data where it is.
#include "text/dataset.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tests/temporary_folder.h"
#include "text/ngram_encoder.h"

using namespace roux::text;

namespace {

using Names = std::vector<std::string>;
using Labels = std::vector<int64_t>;

/// Writes the bytes to a file and reads that.
LabelledTexts read(const std::string& bytes, const ReadOptions& options = {}) {
  const TemporaryFolder folder;
  roux::write_file_atomically(folder / "data.csv", bytes);
  return read_labelled(folder / "data.csv", options);
}

std::string error_of(const std::string& bytes, const ReadOptions& options = {}) {
  try {
    read(bytes, options);
  } catch (const roux::Error& error) {
    return error.what();
  }
  return "no error";
}

Names texts_of(const LabelledTexts& data) {
  Names texts;
  for (int64_t i = 0; i < data.size(); ++i) texts.emplace_back(data.texts[i]);
  return texts;
}

std::string report_of(const LabelledTexts& data) {
  const std::string text = to_string(data.report);
  return text.substr(text.find("data.csv: ") + 10);
}

/// The path of a file of the real data; empty, with a message, where that is not there.
std::string real_data(const std::string& name) {
  const char* const root = std::getenv("ROUX_DATA");
  const std::string path = root == nullptr ? "" : std::string(root) + "/" + name;
  if (!path.empty() && std::filesystem::exists(path)) return path;
  MESSAGE("skipped: ROUX_DATA names no folder with " << name);
  return {};
}

}  // namespace

TEST_CASE("a labelled file, columns in any order") {
  const LabelledTexts data = read("category,id,name\r\nvegetable,7,Pea soup\r\nfruit,8,\"Pie, \"\"hot\"\"\"\r\n");
  CHECK(texts_of(data) == Names{"Pea soup", "Pie, \"hot\""});
  CHECK(data.labels == Labels{1, 0});
  CHECK(data.label_names == Names{"fruit", "vegetable"});
  CHECK(data.class_counts() == Labels{1, 1});
  CHECK(data.report.labels == LabelSource::column);
  CHECK(report_of(data) == "2 rows read, 0 dropped");
}

TEST_CASE("columns by other names, labels that are numbers, many classes") {
  const LabelledTexts data =
      read("text,stars\na,10\nb,9\nc,-1\nd,10\n", {.text_column = "text", .label_column = "stars"});
  CHECK(data.label_names == Names{"-1", "9", "10"});
  CHECK(data.labels == Labels{2, 1, 0, 2});
  CHECK(data.num_classes() == 3);
}

TEST_CASE("what is dropped is told, with lines") {
  const LabelledTexts data = read(
      "name,category\n"
      "Pie,fruit\n"
      ",fruit\n"
      "\n"
      "Soup,\n"
      "Stew,vegetable,x\n"
      "\xFF,fruit\n"
      ",vegetable\n"
      "\"Two\nlines\",vegetable\n"
      "123,fruit\n");
  CHECK(texts_of(data) == Names{"Pie", "Two\nlines", "123"});
  CHECK(data.report.rows == 8);
  CHECK(data.report.dropped_rows() == 5);
  CHECK(report_of(data) ==
        "8 rows read, 5 dropped\n"
        "  2: no text (lines 3, 8)\n"
        "  1: no label (line 5)\n"
        "  1: has 3 fields where the header has 2 (line 6)\n"
        "  1: is not valid UTF-8 (hint: --encoding latin1 if the file is ISO-8859-1) (line 7)");
}

TEST_CASE("a long list of dropped rows is cut short") {
  std::string bytes = "name,category\n";
  for (int i = 0; i < 1234; ++i) bytes += ",x\n";
  CHECK(report_of(read(bytes + "a,x\n")) ==
        "1,235 rows read, 1,234 dropped\n  1,234: no text (lines 2, 3, 4, 5, 6, ...)");
}

TEST_CASE("the raw form is labelled by its ingredients") {
  const std::string bytes =
      "name,id,ingredients\n"
      "pear tart,1,\"['pears', 'flour']\"\n"
      "lemon cake,2,\"['Lemons', \"\"baker's sugar\"\"]\"\n"
      "soup,3,\"['onions', 'salt']\"\n"
      "salad,4,\"['lemons', 'onions']\"\n"
      "bread,5,\"['flour']\"\n"
      "cut,6,\"['lemons', 'fl\"\n"
      "plain,7,\"limes, sugar\"\n";
  const LabelledTexts data = read(bytes);
  CHECK(data.report.labels == LabelSource::substring);
  CHECK(texts_of(data) == Names{"lemon cake", "soup", "plain"});
  CHECK(data.labels == Labels{0, 1, 0});
  CHECK(data.label_names == Names{"fruit", "vegetable"});
  CHECK(report_of(data) ==
        "7 rows read, 4 dropped\n"
        "  2: ingredients of both fruit and vegetable (lines 2, 5)\n"
        "  1: ingredients of neither fruit nor vegetable (line 6)\n"
        "  1: the list of ingredients is damaged (line 7)");
  const LabelledTexts whole = read(bytes, {.labels = LabelSource::whole_word});
  CHECK(texts_of(whole) == Names{"pear tart", "lemon cake", "soup", "plain"});
  CHECK(whole.labels == Labels{0, 0, 1, 0});
}

TEST_CASE("with both columns, the label column is the default and the rule can be asked for") {
  const std::string bytes = "name,ingredients,category\nx,lemon,vegetable\ny,onion,vegetable\n";
  CHECK(read(bytes).labels == Labels{0, 0});
  CHECK(read(bytes).label_names == Names{"vegetable"});
  CHECK(read(bytes, {.labels = LabelSource::substring}).labels == Labels{0, 1});
}

TEST_CASE("labels of a training set are kept for another file") {
  const LabelledTexts data = read("name,category\na,y\nb,z\nc,x\n", {.label_names = {"z", "w", "y"}});
  CHECK(data.labels == Labels{2, 0});
  CHECK(data.label_names == Names{"z", "w", "y"});
  CHECK(report_of(data) == "3 rows read, 1 dropped\n  1: the label 'x' is not one of those known (line 4)");
  CHECK(error_of("name,category\na,y\n", {.label_names = {"y", "y"}}) ==
        "[read_labelled] the label 'y' is given twice");
}

TEST_CASE("texts with several labels keep them all, and the first counts where one is asked for") {
  const ReadOptions fasttext{.format = TextFormat::fasttext};
  const LabelledTexts data = read("__label__b __label__a two\n__label__c one\n__label__a __label__a once\n", fasttext);
  CHECK(data.label_names == Names{"a", "b", "c"});
  CHECK(data.labels == Labels{1, 2, 0});
  CHECK(data.has_several_labels());
  const auto all = [](const LabelledTexts& texts, int64_t text) {
    const auto labels = texts.labels_of(text);
    return Labels(labels.begin(), labels.end());
  };
  CHECK(all(data, 0) == Labels{1, 0});
  CHECK(all(data, 1) == Labels{2});
  CHECK(all(data, 2) == Labels{0});
  CHECK_THROWS_AS(data.labels_of(3), roux::Error);
  CHECK(report_of(data) ==
        "3 rows read as fasttext, 0 dropped\n  1: several labels, of which the first counts where one is asked for");
  const Labels order{2, 0};
  const LabelledTexts part = data.select(order);
  CHECK(all(part, 0) == Labels{0});
  CHECK(all(part, 1) == Labels{1, 0});

  const LabelledTexts known = read("__label__x __label__a two\n__label__x one\n__label__b __label__a b\n",
                                   {.format = TextFormat::fasttext, .label_names = {"a", "b"}});
  CHECK(known.labels == Labels{0, 1});
  CHECK(all(known, 1) == Labels{1, 0});
  CHECK(known.report.dropped_rows() == 1);

  const LabelledTexts single = read("__label__a x\n__label__b y\n", fasttext);
  CHECK_FALSE(single.has_several_labels());
  CHECK(single.all_labels.empty());
  CHECK(all(single, 1) == Labels{1});
}

TEST_CASE("some rows of a data set") {
  const LabelledTexts data = read("name,category\na,y\nb,z\nc,x\n");
  const Labels indices{2, 0};
  const LabelledTexts part = data.select(indices);
  CHECK(texts_of(part) == Names{"c", "a"});
  CHECK(part.labels == Labels{0, 1});
  CHECK(part.label_names == data.label_names);
  const Labels outside{3};
  CHECK_THROWS_AS(data.select(outside), roux::Error);
}

TEST_CASE("files that cannot be used are errors") {
  CHECK_THROWS_AS(read_labelled("no/such.csv"), roux::Error);
  const auto ends_with = [](const std::string& text, const std::string& part) {
    CAPTURE(text);
    CHECK(text.ends_with(part));
  };
  ends_with(error_of(""), "is empty; expected a header that names the columns");
  ends_with(error_of("heading,category\na,b\n"),
            "has no column called text, name, title, sentence, message, question, review; its columns are 'heading', "
            "'category' (hint: --text-column names the one to read)");
  ends_with(error_of("name,kind\na,b\n"),
            "has no column called label, category, class, target, sentiment, intent, topic; its columns are 'name', "
            "'kind' (hint: --label-column names the one to read)");
  ends_with(error_of("name,text,category\na,b,c\n"),
            "has the columns 'text', 'name' (hint: --text-column names the one to read)");
  ends_with(error_of("name,category\na,b\n", {.text_column = "title"}),
            "has no column 'title'; its columns are 'name', 'category'");
  ends_with(error_of("name,category\na,b\n", {.label_column = "kind"}),
            "has no column 'kind'; its columns are 'name', 'category'");
  ends_with(error_of("name,category\na,b\n", {.labels = LabelSource::substring}),
            "has no column 'ingredients'; its columns are 'name', 'category'");
  ends_with(error_of("name,category\n"), "data.csv: 0 rows read, 0 dropped");
  ends_with(error_of("name,category\n,x\n"), "data.csv: 1 rows read, 1 dropped\n  1: no text (line 2)");
  ends_with(error_of("name,category\n\"a,x\n"), "line 2: a quote is opened here and never closed");
}

TEST_CASE("the recipe titles are read as they are") {
  const std::string path = real_data("recipes/recipes_fruit_veg.csv");
  if (path.empty()) return;
  const LabelledTexts data = read_labelled(path);
  CHECK(data.size() == 43'513);
  CHECK(data.class_counts() == Labels{10'055, 33'458});
  CHECK(data.report.dropped.empty());
  // Python: len of a Counter of the cleaned words with counts >= 2, and the words themselves.
  const NgramEncoder encoder(data.texts, {});
  CHECK(encoder.words().size() == 4971);
}

TEST_CASE("raw recipes of Food.com are labelled as the course does") {
  const std::string path = real_data("foodcom/RAW_recipes_sample.csv");
  if (path.empty()) return;
  const LabelledTexts data = read_labelled(path);
  CHECK(data.report.rows == 1000);
  CHECK(data.class_counts() == Labels{131, 491});
}

TEST_CASE("SMS messages: tabs, no header, quotes that mean nothing") {
  const std::string path = real_data("text/SMSSpamCollection");
  if (path.empty()) return;
  const LabelledTexts data = read_labelled(path);
  CHECK(data.report.format == TextFormat::tsv);
  CHECK(data.label_names == Names{"ham", "spam"});
  CHECK(data.class_counts() == Labels{4827, 747});
  CHECK(data.report.dropped.empty());
  CHECK(data.texts[2].starts_with("Free entry in 2 a wkly comp"));
  const LabelledTexts same = read_labelled(path, {.format = TextFormat::label_first});
  CHECK(same.labels == data.labels);
}

TEST_CASE("TREC questions: label first, ISO-8859-1") {
  const std::string path = real_data("text/TREC.train.all");
  if (path.empty()) return;
  const LabelledTexts data = read_labelled(path, {.encoding = TextEncoding::latin1});
  CHECK(data.report.format == TextFormat::label_first);
  CHECK(data.size() == 5452);
  CHECK(data.num_classes() == 6);
  CHECK(data.texts[65] == "Which city has the oldest relationship as a sister\u00F0city with Los Angeles ?");
  CHECK(data.report.dropped.empty());
  const LabelledTexts utf8 = read_labelled(path);
  CHECK(utf8.size() == 5451);
  const std::string report = to_string(utf8.report);
  CHECK(report.ends_with("1: is not valid UTF-8 (hint: --encoding latin1 if the file is ISO-8859-1) (line 66)"));
}
