// Times the trainers of tokenizers and saves what they learned, for comparison with others of their kind
// (tests/bench/peers/tokenizer_training.py).
//
//   trainers_bench bpe|wordpiece TEXTS SIZE OUT [--repeat N] [--threads N] [--special FILE]
//
// TEXTS: one a line; OUT: a folder for the tokenizer; --special: a special token a line. Prints a line of JSON: the
// seconds of counting words, of learning, and of both, the fastest time of each.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/error.h"
#include "tensor/file.h"
#include "tensor/parallel.h"
#include "tests/bench/lines.h"
#include "text/tokenizers/bpe.h"
#include "text/tokenizers/bpe_trainer.h"
#include "text/tokenizers/tokenizer_files.h"
#include "text/tokenizers/wordpiece.h"
#include "text/tokenizers/wordpiece_trainer.h"

namespace {

using namespace roux;

std::vector<std::string> strings_of(const text::StringList& list) {
  std::vector<std::string> strings;
  for (int64_t i = 0; i < list.size(); ++i) strings.emplace_back(list[i]);
  return strings;
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::unique_ptr<text::Tokenizer> tokenizer_of(text::TrainedBpe trained) {
  return std::make_unique<text::BpeTokenizer>(std::move(trained.vocabulary), std::move(trained.merges));
}

std::unique_ptr<text::Tokenizer> tokenizer_of(std::vector<std::string> vocabulary) {
  return std::make_unique<text::WordPieceTokenizer>(std::move(vocabulary));
}

template <class Trainer, class Options>
void train(const Options& options, const text::StringList& texts, int repeat, const std::string& kind,
           const std::string& out) {
  double counting = 1e9, learning = 1e9, both = 1e9;
  for (int i = 0; i < repeat; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    Trainer trainer(options);
    trainer.add(texts);
    const double counted = seconds_since(begin);
    auto trained = trainer.train();
    const double done = seconds_since(begin);
    counting = std::min(counting, counted);
    learning = std::min(learning, done - counted);
    both = std::min(both, done);
    if (i + 1 == repeat) text::save_tokenizer(*tokenizer_of(std::move(trained)), out);
  }
  std::printf("{\"kind\": \"%s\", \"threads\": %d, \"counting_s\": %.3f, \"learning_s\": %.3f, \"seconds\": %.3f}\n",
              kind.c_str(), num_threads(), counting, learning, both);
}

int run(const std::vector<std::string>& arguments) {
  const auto option = [&](const std::string& name, const std::string& otherwise) {
    const auto found = std::find(arguments.begin(), arguments.end(), name);
    return found != arguments.end() && found + 1 != arguments.end() ? *(found + 1) : otherwise;
  };
  if (arguments.size() < 4 || (arguments[0] != "bpe" && arguments[0] != "wordpiece")) {
    std::puts("trainers_bench bpe|wordpiece TEXTS SIZE OUT [--repeat N] [--threads N] [--special FILE]");
    return 0;
  }
  set_num_threads(std::stoi(option("--threads", "1")));
  const int repeat = std::max(std::stoi(option("--repeat", "3")), 1);
  const text::StringList texts = bench::lines_of(read_file(arguments[1]));
  const std::string special_path = option("--special", "");
  const auto special =
      special_path.empty() ? std::vector<std::string>() : strings_of(bench::lines_of(read_file(special_path)));
  if (arguments[0] == "bpe") {
    text::BpeTrainerOptions options;
    options.vocab_size = std::stoll(arguments[2]);
    options.special_tokens = special;
    train<text::BpeTrainer>(options, texts, repeat, "bpe", arguments[3]);
  } else {
    text::WordPieceTrainerOptions options;
    options.vocab_size = std::stoll(arguments[2]);
    if (!special.empty()) options.special_tokens = special;
    train<text::WordPieceTrainer>(options, texts, repeat, "wordpiece", arguments[3]);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
