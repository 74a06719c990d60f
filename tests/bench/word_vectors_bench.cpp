// What loading word vectors costs, and its parts: the bytes alone, the numbers alone, all of it.
//
//   word_vectors_bench FILE [--repeat N]
//
// Prints a line each, the fastest of N (default 5), with the file in the page cache.
// tests/bench/peers/word_vectors_loading.py compares the whole program with others.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "text/word_vectors/float_text.h"
#include "text/word_vectors/input_window.h"
#include "text/word_vectors/word_vectors.h"

namespace {

using namespace roux;

/// The fastest of `repeat` runs, in seconds.
template <class F>
double fastest(int repeat, F&& run) {
  double best = 1e9;
  for (int i = 0; i < repeat; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return best;
}

int64_t read_all(const std::string& path) {
  text::InputWindow input(path);
  int64_t bytes = 0;
  for (size_t count = input.fill(); count > 0; count = input.fill()) {
    bytes += static_cast<int64_t>(count);
    input.drop(count);
  }
  return bytes;
}

/// Nanoseconds for a number of the first megabyte, which lies in the second-level cache.
double parsing_nanoseconds(const std::string& path, int64_t dim) {
  std::string text(1 << 20, '\0');
  text::InputWindow input(path);
  text.resize(input.take(text.data(), text.size()));
  text.resize(text.rfind('\n') + 1);
  const size_t size = text.size();
  text.append(text::float_text_padding, '\0');
  std::vector<float> row(static_cast<size_t>(dim));
  int64_t numbers = 0;
  const double seconds = fastest(100, [&] {
    numbers = 0;
    for (const char* at = text.data(); at < text.data() + size; ++at, numbers += dim) {
      at = text::parse_floats(std::strchr(at, ' ') + 1, row.data(), dim);
      ROUX_CHECK(at != nullptr, "word_vectors_bench", "'", path, "' is not plain GloVe text");
    }
  });
  return seconds / static_cast<double>(numbers) * 1e9;
}

void measure(const std::string& path, int repeat) {
  text::LoadReport report;
  const auto load = [&] { return text::load_word_vectors(path, {.report = &report}); };
  const text::WordVectors vectors = load();
  std::printf("%s: %lld words of %lld numbers\n", report.form.c_str(), static_cast<long long>(vectors.size()),
              static_cast<long long>(vectors.dim()));
  if (report.form == "GloVe text")
    std::printf("%-24s %7.2f ns\n", "a number", parsing_nanoseconds(path, vectors.dim()));
  const int most = num_threads();
  for (int threads = 1; threads <= most; threads *= 2) {
    set_num_threads(threads);
    const double reading = fastest(repeat, [&] { read_all(path); }), loading = fastest(repeat, load);
    std::printf("%2d threads: the bytes alone %7.3f s, loading %7.3f s\n", threads, reading, loading);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool repeats = argc == 4 && std::strcmp(argv[2], "--repeat") == 0;
  if (argc < 2 || argv[1][0] == '-' || (argc > 2 && !repeats)) {
    std::puts("word_vectors_bench: needs a file of word vectors: word_vectors_bench FILE [--repeat N]");
    return 0;  // `make bench` calls every program
  }
  try {
    measure(argv[1], repeats ? std::max(1, std::atoi(argv[3])) : 5);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "word_vectors_bench: %s\n", error.what());
    return 1;
  }
}
