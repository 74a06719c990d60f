// The commands of word_vectors that ask.
#include "apps/common/word_vectors_ask.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <sstream>

#include "apps/common/command_line.h"
#include "apps/common/table.h"
#include "apps/common/vectors_file.h"
#include "text/word_vectors/nearest.h"

namespace roux::apps {
namespace {

using Json = nlohmann::ordered_json;
using Neighbours = std::vector<text::Neighbour>;

/// What all four take.
struct Question {
  std::string file;
  std::vector<std::string> words;
  int64_t top = 10;
  bool json = false;

  void add_to(CommandLine& app, const char* words_help) {
    app.add_option("FILE", file, "a file of word vectors, any that info reads")->required();
    app.add_option("WORD", words, words_help)->required()->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    app.add_flag("--json", json, "print JSON");
  }
  void add_top(CommandLine& app) { app.add_option("--top", top, "how many words")->check(CLI::Range(1, 1000000)); }
};

void print_json(const Json& json) { std::puts(json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str()); }

Json json_of(const Neighbours& neighbours) {
  Json list = Json::array();
  for (const text::Neighbour& neighbour : neighbours)
    list.push_back({{"word", neighbour.word}, {"score", neighbour.score}});
  return list;
}

void print_table(const std::string& title, const Neighbours& neighbours) {
  Table table({title, "cosine"});
  for (const text::Neighbour& neighbour : neighbours) table.add({neighbour.word, fixed(neighbour.score, 4)});
  std::fputs(table.to_string().c_str(), stdout);
}

std::vector<std::string> split_at_spaces(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> parts;
  for (std::string part; stream >> part;) parts.push_back(part);
  return parts;
}

}  // namespace

WordSum word_sum(const std::vector<std::string>& arguments) {
  WordSum sum;
  std::string sign;
  bool word_before = false;
  for (const std::string& part : arguments.size() == 1 ? split_at_spaces(arguments[0]) : arguments) {
    if (part == "+" || part == "-") {
      ROUX_CHECK(sign.empty(), "analogy", "'", sign, "' is followed by '", part, "', expected a word");
      sign = part;
      word_before = false;
      continue;
    }
    ROUX_CHECK(!word_before, "analogy", "expected + or - before '", part, "' (hint: king - man + woman)");
    (sign == "-" ? sum.negative : sum.positive).push_back(part);
    sign.clear();
    word_before = true;
  }
  ROUX_CHECK(sign.empty(), "analogy", "a word is missing behind the last '", sign, "'");
  return sum;
}

int closest_main(int argc, char** argv) {
  Question question;
  CommandLine app("Finds the words whose vectors are closest to a word's, by cosine.", "word_vectors closest");
  question.add_to(app, "words to ask for, each by itself");
  question.add_top(app);
  app.footer(
      "With --json one word gives [{\"word\", \"score\"}, ...], several an object of such lists by word.\n"
      "Example:\n  word_vectors closest glove.6B.100d.txt king --top 5");
  if (!app.read(argc, argv)) return 0;
  const text::WordVectors vectors = load_vectors_for_use(question.file);
  const Tensor asked = text::vectors_of(vectors, question.words, unknown_of(vectors));
  std::vector<std::vector<std::string>> exclude;
  for (const std::string& word : question.words) exclude.push_back({word});
  const auto answers = text::NearestWords(vectors).find_closest_words_each(asked, exclude, question.top);
  if (question.json && answers.size() == 1) {
    print_json(json_of(answers[0]));
    return 0;
  }
  Json all = Json::object();
  for (size_t i = 0; i < answers.size(); ++i) {
    if (question.json) {
      all[question.words[i]] = json_of(answers[i]);
      continue;
    }
    if (i > 0) std::puts("");
    print_table(question.words[i], answers[i]);
  }
  if (question.json) print_json(all);
  return 0;
}

int analogy_main(int argc, char** argv) {
  Question question;
  std::string form = "plain";
  CommandLine app("Finds the words closest to a sum of words' vectors, those words left out.", "word_vectors analogy");
  question.add_to(app, "words with + and - between them");
  question.add_top(app);
  app.add_option("--form", form,
                 "plain: the vectors as they are; unit: each scaled to length 1 before, as gensim's most_similar does")
      ->check(CLI::IsMember({"plain", "unit"}));
  app.footer("Example:\n  word_vectors analogy glove.6B.100d.txt king - man + woman");
  if (!app.read(argc, argv)) return 0;
  const WordSum sum = word_sum(question.words);
  const text::WordVectors vectors = load_vectors_for_use(question.file);
  const Neighbours answer = text::NearestWords(vectors).analogy(sum.positive, sum.negative, question.top,
                                                                text::analogy_form(form), unknown_of(vectors));
  std::string title;
  for (const std::string& word : sum.positive) title += (title.empty() ? "" : " + ") + word;
  for (const std::string& word : sum.negative) title += (title.empty() ? "- " : " - ") + word;
  if (question.json)
    print_json(json_of(answer));
  else
    print_table(title, answer);
  return 0;
}

int odd_main(int argc, char** argv) {
  Question question;
  CommandLine app("Says which word belongs least to the others.", "word_vectors odd");
  question.add_to(app, "three words or more");
  app.footer("Example:\n  word_vectors odd glove.6B.100d.txt apple banana carpet orange");
  if (!app.read(argc, argv)) return 0;
  const text::WordVectors vectors = load_vectors_for_use(question.file);
  const std::string odd = text::odd_one_out(vectors, question.words, unknown_of(vectors));
  if (question.json)
    print_json({{"word", odd}});
  else
    std::puts(odd.c_str());
  return 0;
}

int similarity_main(int argc, char** argv) {
  Question question;
  CommandLine app("Prints the cosines of all pairs of some words.", "word_vectors similarity");
  question.add_to(app, "words");
  app.footer("Example:\n  word_vectors similarity glove.6B.100d.txt king queen apple");
  if (!app.read(argc, argv)) return 0;
  const text::WordVectors vectors = load_vectors_for_use(question.file);
  const Tensor cosines = text::similarity_matrix(text::vectors_of(vectors, question.words, unknown_of(vectors)));
  std::vector<std::string> header = question.words;
  header.insert(header.begin(), "cosine");
  Table table(header);
  Json rows = Json::array();
  for (size_t i = 0; i < question.words.size(); ++i) {
    const std::vector<double> row = cosines.select(0, static_cast<int64_t>(i)).to_vector<double>();
    rows.push_back(row);
    std::vector<std::string> cells = {question.words[i]};
    for (const double cosine : row) cells.push_back(fixed(cosine, 4));
    table.add(cells);
  }
  if (question.json)
    print_json({{"words", question.words}, {"cosines", rows}});
  else
    std::fputs(table.to_string().c_str(), stdout);
  return 0;
}

}  // namespace roux::apps
