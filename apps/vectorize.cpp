// Shows texts as the numbers that the simplest models see: which words they have, how often, or how much those say.
//
//   build/apps/vectorize --kind count "I love love my dog" "I love my cat"    # 1 2 1 1 0 and 1 1 1 0 1
//   build/apps/vectorize "I love love my dog" "I love my cat"                 # dog 0.139, cat 0.173, else 0
//   cut -f 2 messages.tsv | build/apps/vectorize --kind count --json
//
// prints the vocabulary, then a table with a row a text and a column a word; --json only what is not left out as 0.
#include <unistd.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/program.h"
#include "apps/common/table.h"
#include "apps/common/text_lines.h"
#include "text/vectorizer.h"

namespace roux::apps {
namespace {

using Json = nlohmann::ordered_json;

// More than this fills screens with zeros, and memory.
constexpr int64_t most_cells = 1'000'000;

struct Options {
  std::string kind = "tfidf", tfidf = "table", terms = "words";
  text::VectorizerOptions vectorizer;
  bool json = false;
  std::vector<std::string> texts;

  text::VectorizerOptions vectorizer_options() const {
    text::VectorizerOptions result = vectorizer;
    result.weight = kind == "onehot"  ? text::TermWeight::one_hot
                    : kind == "count" ? text::TermWeight::count
                                      : text::TermWeight::tfidf;
    result.tfidf = tfidf == "smooth"    ? text::TfidfForm::smooth
                   : tfidf == "formula" ? text::TfidfForm::formula
                                        : text::TfidfForm::table;
    result.terms.kind = terms == "characters"            ? text::TermKind::characters
                        : terms == "characters-in-words" ? text::TermKind::characters_in_words
                                                         : text::TermKind::words;
    return result;
  }
};

text::StringList read_lines() {
  TextLines lines(STDIN_FILENO);
  text::StringList texts;
  for (std::vector<std::string_view> block; lines.next(block);)
    for (const std::string_view line : block) texts.push_back(line);
  return texts;
}

void print_table(const text::Vectorizer& vectorizer, const text::CsrMatrix& matrix, const text::StringList& texts) {
  ROUX_CHECK(matrix.rows <= most_cells / matrix.columns, "vectorize", "a table of ", matrix.rows, " texts and ",
             matrix.columns, " columns is too large to print (hint: --json leaves out what is 0, --min-df rare words)");
  std::vector<std::string> header{"text"};
  std::string vocabulary = "vocabulary:";
  for (int64_t column = 0; column < matrix.columns; ++column) {
    std::string term(vectorizer.terms()[column]);
    // Terms of characters may begin or end with a space, or be one.
    if (term.starts_with(' ') || term.ends_with(' ')) term = '"' + term + '"';
    vocabulary += (column == 0 ? " " : ", ") + term + " " + std::to_string(column);
    header.push_back(term);
  }
  Table table(header);
  const int decimals = vectorizer.options().weight == text::TermWeight::tfidf ? 3 : 0;
  for (int64_t row = 0; row < matrix.rows; ++row) {
    std::vector<std::string> cells{std::string(texts[row])};
    for (int64_t column = 0; column < matrix.columns; ++column) {
      cells.push_back(fixed(static_cast<double>(matrix.at(row, column)), decimals));
    }
    table.add(std::move(cells));
  }
  const std::string all = vocabulary + "\n\n" + table.to_string();
  std::fwrite(all.data(), 1, all.size(), stdout);  // Texts may hold zeros.
}

void print_json(const text::Vectorizer& vectorizer, const text::CsrMatrix& matrix, const text::StringList& texts) {
  Json terms = Json::array(), rows = Json::array();
  for (int64_t column = 0; column < matrix.columns; ++column) terms.push_back(vectorizer.terms()[column]);
  for (int64_t row = 0; row < matrix.rows; ++row) {
    rows.push_back({{"text", texts[row]}, {"columns", matrix.row_indices(row)}, {"values", matrix.row_values(row)}});
  }
  const Json all = {{"vocabulary", terms}, {"shape", {matrix.rows, matrix.columns}}, {"rows", rows}};
  std::puts(all.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

int vectorize_main(int argc, char** argv) {
  Options options;
  CommandLine app("Shows texts as rows of numbers, a column a word.", "vectorize");
  app.add_option("TEXT", options.texts, "texts; without any, one a line from standard input")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--kind", options.kind, "which words a text has, how often, or how much those say")
      ->check(CLI::IsMember({"onehot", "count", "tfidf"}));
  app.add_option("--tfidf", options.tfidf,
                 "count/length * ln(N/df), the same with ln(N/(1+df)), or smoothed and of norm 1, as scikit-learn's")
      ->check(CLI::IsMember({"table", "formula", "smooth"}));
  app.add_option("--terms", options.terms, "what the columns are")
      ->check(CLI::IsMember({"words", "characters", "characters-in-words"}));
  app.add_option("--ngram-min", options.vectorizer.terms.ngram_min, "runs of this many words or characters ...");
  app.add_option("--ngram-max", options.vectorizer.terms.ngram_max, "... to this many");
  app.add_option("--min-df", options.vectorizer.min_df, "leave out what fewer texts have");
  app.add_option("--max-df", options.vectorizer.max_df, "leave out what more texts have; 0: no limit");
  app.add_flag("--json", options.json, "print JSON: the vocabulary, and of each text the columns that it has");
  app.footer("Example: vectorize \"I love love my dog\" \"I love my cat\"");
  if (!app.read(argc, argv)) return 0;
  ROUX_CHECK(options.kind == "tfidf" || app.count("--tfidf") == 0, "options", "--tfidf belongs to --kind tfidf, found ",
             options.kind);

  const text::StringList texts = options.texts.empty() ? read_lines() : text::StringList(options.texts);
  text::Vectorizer vectorizer(options.vectorizer_options());
  const text::CsrMatrix matrix = vectorizer.fit_transform(texts);
  (options.json ? print_json : print_table)(vectorizer, matrix, texts);
  return 0;
}

}  // namespace
}  // namespace roux::apps

int main(int argc, char** argv) {
  return roux::apps::run_program("vectorize", [&] { return roux::apps::vectorize_main(argc, argv); });
}
