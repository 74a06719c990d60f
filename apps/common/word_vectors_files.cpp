// The commands of word_vectors that look at a file as it is.
#include "apps/common/word_vectors_files.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/table.h"
#include "apps/common/vectors_file.h"
#include "text/word_vectors/word_vectors.h"

namespace roux::apps {
namespace {

using Json = nlohmann::ordered_json;

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// What was skipped, for people: nothing where nothing was.
std::string skipped_text(const text::LoadReport& report) {
  std::string text;
  if (report.duplicates > 0) text += "rows of words that were there already: " + with_commas(report.duplicates) + "\n";
  if (report.bad_rows > 0) text += "bad rows: " + with_commas(report.bad_rows) + "\n";
  for (const auto& row : report.first_bad) text += "  line " + std::to_string(row.line) + ": " + row.reason + "\n";
  return text;
}

}  // namespace

int info_main(int argc, char** argv) {
  std::string file;
  bool json = false;
  int64_t max_words = 0;
  CommandLine app("Says what a file of word vectors holds.", "word_vectors info");
  app.add_option("FILE", file, "GloVe or word2vec text, word2vec binary, fastText's .vec or .bin, .safetensors; or .gz")
      ->required();
  app.add_option("--first", max_words, "read the first so many words only; 0: all")->check(CLI::NonNegativeNumber);
  app.add_flag("--json", json, "print one object");
  app.footer("Example:\n  word_vectors info glove.6B.100d.txt");
  if (!app.read(argc, argv)) return 0;
  const auto start = std::chrono::steady_clock::now();
  text::LoadReport report;
  const text::WordVectors vectors = load_vectors(file, {.max_words = max_words, .report = &report});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  if (json) {
    Json bad = Json::array();
    for (const auto& row : report.first_bad) bad.push_back({{"line", row.line}, {"reason", row.reason}});
    const Json all = {{"file", file},
                      {"form", report.form},
                      {"words", vectors.size()},
                      {"dimensions", vectors.dim()},
                      {"subword_buckets", vectors.subwords() ? vectors.subwords()->rule().buckets : 0},
                      {"duplicates", report.duplicates},
                      {"bad_rows", report.bad_rows},
                      {"first_bad", bad},
                      {"seconds", seconds.count()}};
    std::puts(dumped(all).c_str());
    return 0;
  }
  std::printf("%s: %s words of %lld dimensions", report.form.c_str(), with_commas(vectors.size()).c_str(),
              static_cast<long long>(vectors.dim()));
  if (vectors.subwords()) {
    const text::SubwordRule& rule = vectors.subwords()->rule();
    std::printf(", sub-words of %lld to %lld characters in %s buckets", static_cast<long long>(rule.min_chars),
                static_cast<long long>(rule.max_chars), with_commas(rule.buckets).c_str());
  }
  std::printf(", %.3f s\n%s", seconds.count(), skipped_text(report).c_str());
  return 0;
}

int vector_main(int argc, char** argv) {
  std::string file;
  std::vector<std::string> words;
  bool json = false;
  CommandLine app("Prints the vectors of words, from sub-words where a word has none of its own.",
                  "word_vectors vector");
  app.add_option("FILE", file, "a file of word vectors")->required();
  app.add_option("WORD", words, "words")->required()->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--json", json, "print an object a word");
  app.footer("Example:\n  word_vectors vector glove.safetensors king queen");
  if (!app.read(argc, argv)) return 0;
  const text::WordVectors vectors = load_vectors_for_use(file);
  for (const std::string& word : words) {
    const std::vector<float> values = vectors.vector(word, unknown_of(vectors)).to_vector<float>();
    if (json) {
      std::puts(dumped({{"word", word}, {"vector", values}}).c_str());
      continue;
    }
    std::fwrite(word.data(), 1, word.size(), stdout);
    for (const float value : values) {
      char number[16];
      std::printf(" %.*s", static_cast<int>(std::to_chars(number, std::end(number), value).ptr - number), number);
    }
    std::puts("");
  }
  return 0;
}

int convert_main(int argc, char** argv) {
  std::string file, out;
  int64_t max_words = 0;
  CommandLine app("Writes word vectors in another form.", "word_vectors convert");
  app.add_option("FILE", file, "a file of word vectors")->required();
  app.add_option("OUT", out,
                 ".txt GloVe text, .vec word2vec text, .bin word2vec binary, .safetensors the form that opens at once")
      ->required();
  app.add_option("--first", max_words, "the first so many words only; 0: all")->check(CLI::NonNegativeNumber);
  app.footer("Example:\n  word_vectors convert glove.6B.100d.txt glove.safetensors");
  if (!app.read(argc, argv)) return 0;
  text::LoadReport report;
  const text::WordVectors vectors = load_vectors(file, {.max_words = max_words, .report = &report});
  std::error_code error;
  ROUX_CHECK(report.bad_rows + report.duplicates == 0 || !std::filesystem::equivalent(file, out, error), "convert",
             file, " would lose the rows that were skipped (hint: another name for OUT)\n", skipped_text(report));
  text::save_word_vectors(out, vectors);
  std::printf("%s: %s words of %lld dimensions\n%s%s", out.c_str(), with_commas(vectors.size()).c_str(),
              static_cast<long long>(vectors.dim()), skipped_text(report).c_str(), lost_in(out, vectors).c_str());
  return 0;
}

}  // namespace roux::apps
