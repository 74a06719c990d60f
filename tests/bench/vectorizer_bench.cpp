// What TF-IDF over a set of titles costs: the recipes where ROUX_DATA has them, else those that ship with roux.
//
//   vectorizer_bench                     times each case, one thread
//   vectorizer_bench --write CASE OUT    times one case and writes its matrix, for peers/tfidf_sklearn.py to compare
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tests/bench/bench.h"
#include "text/dataset.h"
#include "text/vectorizer.h"

namespace roux::bench {
namespace {

using text::TermKind;
using text::VectorizerOptions;

struct Case {
  const char* name;
  text::TermOptions terms;
};

constexpr Case cases[] = {
    {"words", {.min_word_length = 2}},
    {"words_1_2", {.ngram_max = 2, .min_word_length = 2}},
    {"characters_2_5", {.kind = TermKind::characters, .ngram_min = 2, .ngram_max = 5}},
    {"characters_in_words_2_5", {.kind = TermKind::characters_in_words, .ngram_min = 2, .ngram_max = 5}},
};

const text::StringList& titles() {
  static const text::StringList result = [] {
    const char* const data = std::getenv("ROUX_DATA");
    const std::string file = data ? std::string(data) + "/recipes/recipes_fruit_veg.csv" : "";
    return text::read_labelled(std::filesystem::exists(file) ? file : "apps/data/recipes.csv").texts;
  }();
  return result;
}

VectorizerOptions options_of(const Case& chosen) { return {.terms = chosen.terms, .tfidf = text::TfidfForm::smooth}; }

void fit_transform(benchmark::State& state, const Case& chosen) {
  for (auto _ : state) {
    text::Vectorizer vectorizer(options_of(chosen));
    benchmark::DoNotOptimize(vectorizer.fit_transform(titles()));
  }
  state.counters["titles"] = per_second(static_cast<double>(titles().size()));
}

template <class T>
void write_numbers(const std::string& path, const std::vector<T>& numbers) {
  write_file_atomically(path, {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(T)});
}

/// Writes OUT.terms (each with a NUL behind it), OUT.indptr, OUT.indices and OUT.values, and prints the best of five
/// times.
int write_matrix(const char* name, const std::string& out) {
  const auto* const chosen =
      std::find_if(std::begin(cases), std::end(cases), [&](const Case& c) { return std::strcmp(c.name, name) == 0; });
  ROUX_CHECK(chosen != std::end(cases), "vectorizer_bench", "there is no case '", name, "'");
  set_num_threads(1);
  titles();
  text::Vectorizer vectorizer(options_of(*chosen));
  text::CsrMatrix matrix;
  double best = 0;
  for (int round = 0; round < 5; ++round) {
    const auto start = std::chrono::steady_clock::now();
    matrix = vectorizer.fit_transform(titles());
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    best = round == 0 ? seconds : std::min(best, seconds);
  }
  std::string terms;
  for (int64_t column = 0; column < matrix.columns; ++column) terms.append(vectorizer.terms()[column]).push_back('\0');
  write_file_atomically(out + ".terms", terms);
  write_numbers(out + ".indptr", matrix.indptr);
  write_numbers(out + ".indices", matrix.indices);
  write_numbers(out + ".values", matrix.values);
  std::printf("{\"seconds\": %.6f}\n", best);
  return 0;
}

}  // namespace
}  // namespace roux::bench

int main(int argc, char** argv) {
  using namespace roux::bench;
  try {
    if (argc == 4 && std::strcmp(argv[1], "--write") == 0) return write_matrix(argv[2], argv[3]);
    for (const Case& chosen : cases) {
      benchmark::RegisterBenchmark((std::string("tfidf/") + chosen.name).c_str(), fit_transform, chosen)
          ->Unit(benchmark::kMillisecond);
    }
    return run(argc, argv);
  } catch (const roux::Error& error) {
    std::fprintf(stderr, "vectorizer_bench: %s\n", error.what());
    return 1;
  }
}
