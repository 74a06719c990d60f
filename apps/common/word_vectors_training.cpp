// `word_vectors train`.
#include "apps/common/word_vectors_training.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/table.h"
#include "apps/common/vectors_file.h"
#include "tensor/parallel.h"
#include "text/word_vectors/glove.h"
#include "text/word_vectors/subword_rows.h"
#include "text/word_vectors/word2vec.h"

namespace roux::apps {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t usual_epochs = 5, usual_epochs_of_glove = 25;

struct TrainOptions {
  std::string corpus, out, method = "skipgram", encoding = "utf8";
  bool with_subwords = false, json = false;
  std::optional<int64_t> epochs;
  text::TrainingCorpusOptions reading;
  text::SubwordRule subwords;
  text::Word2VecOptions word2vec;
  text::GloveOptions glove;
};

/// False when only help was asked for.
bool read_options(int argc, char** argv, TrainOptions& options) {
  CommandLine app("Learns word vectors from a text of a sentence a line, words between spaces.", "word_vectors train");
  text::Word2VecOptions& training = options.word2vec;
  app.add_option("CORPUS", options.corpus, "the text; .gz too")->required();
  app.add_option("OUT", options.out, "the vectors: .txt GloVe text, .vec word2vec text, .bin, .safetensors")
      ->required();
  app.add_option("--method", options.method, "skip-gram, CBOW (both with negative sampling) or GloVe")
      ->check(CLI::IsMember({"skipgram", "cbow", "glove"}));
  app.add_flag("--subwords", options.with_subwords, "vectors of runs of characters too, as fastText: not for glove");
  app.add_option("--min-chars", options.subwords.min_chars, "sub-words: characters of the shortest run")
      ->check(CLI::Range(int64_t{1}, int64_t{64}));
  app.add_option("--max-chars", options.subwords.max_chars, "sub-words: characters of the longest run")
      ->check(CLI::Range(int64_t{1}, int64_t{64}));
  app.add_option("--buckets", options.subwords.buckets,
                 "sub-words: vectors that all runs share; 0: four times the runs")
      ->default_val(0)
      ->check(CLI::Range(int64_t{0}, int64_t{1000000000}));
  app.add_option("--dim", training.dim, "numbers in a vector")->check(CLI::Range(int64_t{1}, int64_t{65536}));
  app.add_option("--epochs", options.epochs, "passes over the text [5; glove: 25]")
      ->type_name("INT")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000}));
  app.add_option("--window", training.window, "neighbours on either side")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}));
  app.add_option("--min-count", options.reading.min_count, "words that occur fewer times are left out")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000000}));
  app.add_option("--negative", training.negative, "words drawn for each that is there")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}));
  app.add_option("--x-max", options.glove.x_max, "glove: pairs that occur more often weigh no more");
  app.add_option("--lr", training.lr, "learning rate");
  app.add_option("--sample", training.sample, "more frequent words (1e-4: 1 in 10,000) are passed over at times");
  app.add_option("--threads", training.threads, "more than 1 is faster, but no two runs give quite the same vectors")
      ->check(CLI::Range(int64_t{1}, int64_t{1024}));
  app.add_option("--seed", training.seed, "of all random numbers");
  app.add_option("--encoding", options.encoding, "of the text: utf8 or latin1");
  app.add_flag("--json", options.json, "print one object");
  app.footer("Example:\n  word_vectors train corpus.txt vectors.vec --dim 100 --epochs 5");
  return app.read(argc, argv);
}

/// Hours of training are not to end in a file that cannot be written.
void check_out(const std::string& out) {
  namespace fs = std::filesystem;
  const fs::path path(out);
  const std::string extension = path.extension().string();
  ROUX_CHECK(extension == ".txt" || extension == ".vec" || extension == ".bin" || extension == ".safetensors",
             "options", "the form of '", out,
             "' is not known; expected a name that ends in .txt, .vec, .bin or .safetensors");
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  ROUX_CHECK(fs::is_directory(folder), "options", "there is no folder '", folder.string(), "' to write '", out, "' to");
  ROUX_CHECK(!fs::is_directory(path), "options", "'", out, "' is a folder; expected the name of a file");
}

/// GloVe's options, most of which are those of word2vec too.
text::GloveOptions glove_options(const TrainOptions& options) {
  const text::Word2VecOptions& training = options.word2vec;
  return {.dim = training.dim,
          .epochs = training.epochs,
          .window = training.window,
          .lr = training.lr,
          .x_max = options.glove.x_max,
          .seed = training.seed,
          .threads = training.threads,
          .progress = training.progress};
}

text::WordVectors train(const TrainOptions& options, const text::TrainingCorpus& corpus) {
  if (options.method == "glove") return text::train_glove(corpus, glove_options(options));
  return text::train_word2vec(corpus, options.word2vec);
}

/// Says what was read; with --json only what was left out, on standard error.
void report_corpus(const TrainOptions& options, const text::TrainingCorpus& corpus) {
  if (!options.json)
    std::printf("%s: %s sentences, %s words, %s of them different and there %lld times or more\n",
                options.corpus.c_str(), with_commas(corpus.sentences()).c_str(),
                with_commas(corpus.tokens_read).c_str(), with_commas(corpus.words.size()).c_str(),
                static_cast<long long>(options.reading.min_count));
  if (corpus.damaged_lines > 0)
    std::fprintf(stderr, "word_vectors: %s: %s lines left out, the first of them line %lld, which %s\n",
                 options.corpus.c_str(), with_commas(corpus.damaged_lines).c_str(),
                 static_cast<long long>(corpus.first_damaged_line), text::not_utf8);
}

/// Shows how a training goes on, and keeps its losses.
class Watch {
 public:
  explicit Watch(bool is_quiet) : is_quiet_(is_quiet) {}

  text::TrainingProgress functions() {
    return {.advanced = [this](int64_t count, int64_t total) { advance(count, total); },
            .epoch_done = [this](int64_t epoch, double loss) { end_epoch(epoch, loss); }};
  }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }
  const std::vector<double>& losses() const { return losses_; }

 private:
  void advance(int64_t count, int64_t total) {
    if (is_quiet_) return;
    const std::lock_guard lock(mutex_);
    if (progress_ == nullptr) progress_ = std::make_unique<Progress>(total);
    progress_->advance(count);
  }
  void end_epoch(int64_t epoch, double loss) {
    losses_.push_back(loss);
    if (progress_)
      progress_->print("epoch " + std::to_string(epoch) + ": loss " + fixed(loss, 4) + ", " + duration(seconds()));
  }

  bool is_quiet_;
  Clock::time_point start_ = Clock::now();
  std::mutex mutex_;
  std::unique_ptr<Progress> progress_;
  std::vector<double> losses_;
};

/// Says what came of it.
void report(const TrainOptions& options, const text::TrainingCorpus& corpus, const text::WordVectors& vectors,
            const std::vector<double>& losses, double seconds) {
  const double rate = static_cast<double>(corpus.ids.size()) * static_cast<double>(options.word2vec.epochs) / seconds;
  if (options.json) {
    const nlohmann::ordered_json all = {{"file", options.out},         {"method", options.method},
                                        {"words", vectors.size()},     {"dimensions", vectors.dim()},
                                        {"tokens", corpus.ids.size()}, {"losses", losses},
                                        {"seconds", seconds},          {"words_per_second", rate}};
    std::puts(all.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  std::printf("%s: %s words of %lld dimensions, %s of training, %s words/s\n", options.out.c_str(),
              with_commas(vectors.size()).c_str(), static_cast<long long>(vectors.dim()), duration(seconds).c_str(),
              with_commas(static_cast<int64_t>(rate)).c_str());
  std::fputs(lost_in(options.out, vectors).c_str(), stdout);
}

}  // namespace

int train_vectors_main(int argc, char** argv) {
  TrainOptions options;
  if (!read_options(argc, argv, options)) return 0;
  check_out(options.out);
  const bool is_glove = options.method == "glove";
  ROUX_CHECK(!(is_glove && options.with_subwords), "options", "--subwords is for skipgram and cbow, not for glove");
  ROUX_CHECK(options.subwords.min_chars <= options.subwords.max_chars, "options", "--min-chars ",
             options.subwords.min_chars, " is above --max-chars ", options.subwords.max_chars);
  text::Word2VecOptions& training = options.word2vec;
  training.epochs = options.epochs.value_or(is_glove ? usual_epochs_of_glove : usual_epochs);
  if (options.method == "cbow") training.method = text::Word2VecMethod::cbow;
  options.reading.encoding = text::text_encoding(options.encoding);
  if (training.threads >= 1 && training.threads <= 1024) set_num_threads(training.threads);

  const text::TrainingCorpus corpus = text::read_training_corpus(options.corpus, options.reading);
  report_corpus(options, corpus);
  if (options.with_subwords) {
    if (options.subwords.buckets == 0) options.subwords.buckets = text::fitting_buckets(corpus.words, options.subwords);
    training.subwords = options.subwords;
  }
  auto watch = std::make_unique<Watch>(options.json);
  training.progress = watch->functions();
  const text::WordVectors vectors = train(options, corpus);
  const double seconds = watch->seconds();
  const std::vector<double> losses = watch->losses();
  watch.reset();  // its line on the terminal goes
  text::save_word_vectors(options.out, vectors);
  report(options, corpus, vectors, losses, seconds);
  return 0;
}

}  // namespace roux::apps
