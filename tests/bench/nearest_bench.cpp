// What the words closest to a vector cost, beside what reading all vectors once would: 400,000 vectors of 100 numbers.
//
//   nearest_bench                                       random vectors; one query, many queries, making the compact
//   form nearest_bench --matrix FILE WORDS DIM THREADS OUT   vectors from raw float32 values; rates as a line of JSON,
//   and the
//                                                       answers to OUT, for peers/word_vectors_peers.py to compare
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tests/bench/bench.h"
#include "text/word_vectors/nearest.h"

namespace roux::bench {
namespace {

constexpr int64_t top_n = 6, single_queries = 200, queries_together = 1000;

text::WordVectors numbered(Tensor vectors) {
  text::StringTable words;
  for (int64_t i = 0; i < vectors.size(0); ++i) words.insert("w" + std::to_string(i));
  return text::WordVectors(std::move(words), std::move(vectors));
}

const text::WordVectors& random_words() {
  static Generator generator(0);
  static const text::WordVectors words = numbered(Tensor::randn({400000, 100}, float32, cpu, generator));
  return words;
}

/// The sum of all numbers, in a loop that only memory holds up.
double sum_of(const Tensor& x) {
  const float* const values = x.data<float>();
  const auto chunk_sum = [values](int64_t begin, int64_t end) {
    float lanes[64] = {};
    for (int64_t i = begin; i + 64 <= end; i += 64)
      for (int64_t l = 0; l < 64; ++l) lanes[l] += values[i + l];
    double sum = 0;
    for (const float lane : lanes) sum += static_cast<double>(lane);
    return sum;
  };
  return parallel_reduce(x.numel(), int64_t{1} << 20, 0.0, chunk_sum, [](double a, double b) { return a + b; });
}

void read_all(benchmark::State& state) {
  set_num_threads(static_cast<int>(state.range(0)));
  const Tensor& vectors = random_words().vectors();
  time_bytes(state, vectors.numel() * 4, [&] { return sum_of(vectors); });
  set_num_threads(1);
}

void make(benchmark::State& state) {
  set_num_threads(static_cast<int>(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(text::NearestWords(random_words()));
  set_num_threads(1);
}

void ask(benchmark::State& state) {
  static const text::NearestWords nearest(random_words());
  set_num_threads(static_cast<int>(state.range(0)));
  const int64_t together = state.range(1);
  int64_t first = 0;
  for (auto _ : state) {
    const Tensor queries = random_words().vectors().slice(0, first, first + together);
    benchmark::DoNotOptimize(nearest.find_closest_words_each(queries, {}, top_n));
    first = (first + together) % 100000;
  }
  state.counters["queries"] = per_second(static_cast<double>(together));
  set_num_threads(1);
}

template <class F>
double seconds_of(F&& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

using Answers = std::vector<std::vector<text::Neighbour>>;

std::string lines_of(const Answers& answers) {
  std::string text;
  for (const std::vector<text::Neighbour>& answer : answers) {
    for (const text::Neighbour& neighbour : answer)
      text += neighbour.word.substr(1) + " " + std::to_string(neighbour.score) + " ";
    text += "\n";
  }
  return text;
}

int matrix(const std::vector<std::string>& arguments) {
  const std::string bytes = read_file(arguments[0]);
  const int64_t words = std::stoll(arguments[1]), dim = std::stoll(arguments[2]);
  ROUX_CHECK(static_cast<int64_t>(bytes.size()) == words * dim * 4, "nearest_bench", "'", arguments[0], "' has ",
             bytes.size(), " bytes, expected ", words * dim * 4);
  Tensor vectors = Tensor::empty({words, dim});
  std::memcpy(vectors.mutable_data<float>(), bytes.data(), bytes.size());
  set_num_threads(std::stoi(arguments[3]));
  const text::WordVectors all = numbered(vectors);
  double read = 1e9, prepare = 1e9, one = 1e9, many = 1e9;
  for (int i = 0; i < 5; ++i) read = std::min(read, seconds_of([&] { benchmark::DoNotOptimize(sum_of(vectors)); }));
  prepare = seconds_of([&] { benchmark::DoNotOptimize(text::NearestWords(all)); });
  const text::NearestWords nearest(all);
  Answers answers;
  for (int round = 0; round < 3; ++round) {
    one = std::min(one, seconds_of([&] {
                     for (int64_t i = 0; i < single_queries; ++i)
                       benchmark::DoNotOptimize(nearest.find_closest_words(vectors.select(0, i), {}, top_n));
                   }));
    many = std::min(many, seconds_of([&] {
                      answers = nearest.find_closest_words_each(vectors.slice(0, 0, queries_together), {}, top_n);
                    }));
  }
  write_file_atomically(arguments[4], lines_of(answers));
  std::printf(
      "{\"queries_per_s\": %.1f, \"batch_queries_per_s\": %.1f, \"prepare_s\": %.4f, \"read_gb_per_s\": %.2f}\n",
      single_queries / one, queries_together / many, prepare, static_cast<double>(bytes.size()) / read / 1e9);
  return 0;
}

}  // namespace
}  // namespace roux::bench

int main(int argc, char** argv) {
  using namespace roux::bench;
  try {
    if (argc == 7 && std::strcmp(argv[1], "--matrix") == 0) return matrix({argv + 2, argv + argc});
    const auto add = [](const char* name, void (*function)(benchmark::State&)) {
      return benchmark::RegisterBenchmark(name, function)->Unit(benchmark::kMillisecond)->UseRealTime();
    };
    add("nearest/read_all", read_all)->Arg(1)->Arg(2)->ArgName("threads");
    add("nearest/make", make)->Arg(1)->Arg(2)->ArgName("threads");
    add("nearest/ask", ask)->ArgsProduct({{1, 2}, {1, 8, 1000}})->ArgNames({"threads", "together"});
    return run(argc, argv);
  } catch (const roux::Error& error) {
    std::fprintf(stderr, "nearest_bench: %s\n", error.what());
    return 1;
  }
}
