// Skip-gram and CBOW: which vectors meet in which order. The step itself is in negative_sampling.cpp.
#include "text/word_vectors/word2vec.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"
#include "text/word_vectors/negative_sampling.h"
#include "text/word_vectors/subword_rows.h"

namespace roux::text {
namespace {

constexpr const char* operation = "train_word2vec";
constexpr int64_t told_together = 10000;  // words, to whoever wants to hear of progress

void check(const Word2VecOptions& options) {
  check_within(operation, "dim", options.dim, 1, 10000);
  check_within(operation, "epochs", options.epochs, 1, 1'000'000);
  check_within(operation, "window", options.window, 1, 1000);
  check_within(operation, "negative", options.negative, 1, 1000);
  check_within(operation, "threads", options.threads, 1, 1024);
  check_positive(operation, "lr", options.lr);
  ROUX_CHECK(std::isfinite(options.sample) && options.sample >= 0, operation, "sample is ", options.sample,
             "; expected 0 or more (hint: 1e-3 to 1e-5 are usual)");
}

/// For each word the number up to which 32 random bits let it stay in its sentence. Mikolov et al. 2013 keep a word of
/// share f with the probability sqrt(sample / f); word2vec, gensim and fastText add sample / f.
std::vector<uint32_t> keep_bounds(const TrainingCorpus& corpus, double sample) {
  const auto total = static_cast<double>(corpus.ids.size());
  std::vector<uint32_t> bounds;
  for (const int64_t count : corpus.counts) {
    const double ratio = sample * total / static_cast<double>(count);
    const double keep = sample == 0 ? 1 : std::min(1.0, std::sqrt(ratio) + ratio);
    bounds.push_back(static_cast<uint32_t>(keep * 0xFFFFFFFFu));
  }
  return bounds;
}

/// What all workers share.
struct Training {
  Training(const TrainingCorpus& text, const Word2VecOptions& choices)
      : corpus(text),
        options(choices),
        rows(text.words, choices.subwords),
        keep(keep_bounds(text, choices.sample)),
        sampler(text.counts),
        stride(NegativeSamplingStep::stride_of(choices.dim)),
        inputs(Tensor::zeros({rows.count(), stride})),
        outputs(Tensor::zeros({text.words.size(), stride})),
        input(inputs.mutable_data<float>()),
        output(outputs.mutable_data<float>()) {
    RandomWords random(choices.seed, 0);
    const float width = 1.0f / static_cast<float>(choices.dim);
    for (int64_t row = 0; row < rows.count(); ++row)
      for (int64_t i = 0; i < choices.dim; ++i) input[row * stride + i] = (uniform_float(random.next()) - 0.5f) * width;
  }

  const TrainingCorpus& corpus;
  const Word2VecOptions& options;
  const SubwordRows rows;
  const std::vector<uint32_t> keep;
  const NegativeSampler sampler;
  const int64_t stride;
  Tensor inputs, outputs;
  float* const input;   // vectors of words and sub-words
  float* const output;  // the words' vectors as what is foretold
  std::atomic<int64_t> words_done{0};
};

/// Trains on a part of the corpus.
class Worker {
 public:
  Worker(Training& training, uint64_t number)
      : training_(training),
        random_(training.options.seed, number + 1),
        step_(training.options.dim, training.options.negative),
        start_(static_cast<size_t>(training.stride)),
        hidden_(start_.size()),
        change_(start_.size()),
        targets_(static_cast<size_t>(training.options.negative) + 1),
        next_targets_(targets_.size()) {}

  void run(int64_t first_sentence, int64_t end_sentence) {
    loss_ = 0;
    examples_ = 0;
    const auto total = static_cast<double>(training_.corpus.ids.size()) * static_cast<double>(training_.options.epochs);
    int64_t untold = 0;
    for (int64_t i = first_sentence; i < end_sentence; ++i) {
      const std::span<const int32_t> sentence = training_.corpus.sentence(i);
      const auto done = static_cast<double>(training_.words_done.load(std::memory_order_relaxed));
      lr_ = static_cast<float>(training_.options.lr * std::max(0.0, 1 - done / total));
      learn_sentence(sentence);
      training_.words_done.fetch_add(static_cast<int64_t>(sentence.size()), std::memory_order_relaxed);
      untold += static_cast<int64_t>(sentence.size());
      if (untold < told_together && i + 1 < end_sentence) continue;
      if (training_.options.progress.advanced) training_.options.progress.advanced(untold, static_cast<int64_t>(total));
      untold = 0;
    }
  }

  double loss() const { return loss_; }
  int64_t examples() const { return examples_; }

 private:
  void learn_sentence(std::span<const int32_t> sentence) {
    kept_.clear();
    for (const int32_t word : sentence)
      if (random_.next() <= training_.keep[static_cast<size_t>(word)]) kept_.push_back(word);
    const auto widest = static_cast<uint32_t>(training_.options.window);
    for (size_t at = 0; at < kept_.size(); ++at) {
      const size_t reach = 1 + random_.below(widest);
      const size_t begin = at - std::min(at, reach), end = std::min(at + reach + 1, kept_.size());
      neighbours_.clear();
      for (size_t i = begin; i < end; ++i)
        if (i != at) neighbours_.push_back(kept_[i]);
      if (neighbours_.empty()) continue;
      if (training_.options.method == Word2VecMethod::skip_gram) {
        const int32_t word = kept_[at];
        learn(training_.rows.of(word), training_.rows.weight(word), neighbours_);
      } else {
        rows_.clear();
        for (const int32_t word : neighbours_) {
          const std::span<const int32_t> more = training_.rows.of(word);
          rows_.insert(rows_.end(), more.begin(), more.end());
        }
        learn(rows_, 1, std::span(kept_).subspan(at, 1));
      }
    }
  }

  /// Lets the mean of input rows foretell words, one after the other. Each row gets the change of the mean whole, so
  /// the mean itself moves by `weight` times that change: it need not be computed anew for the next word, nor the rows
  /// written before the last.
  void learn(std::span<const int32_t> rows, float weight, std::span<const int32_t> words) {
    const int64_t stride = training_.stride;
    std::fill(start_.begin(), start_.end(), 0.0f);
    std::fill(change_.begin(), change_.end(), 0.0f);
    const float share = 1 / static_cast<float>(rows.size());
    for (const int32_t row : rows) add_row(start_.data(), training_.input + row * stride, share, stride);
    hidden_ = start_;
    draw_targets(words[0]);
    for (size_t i = 0; i < words.size(); ++i) {
      if (i > 0) {
        std::copy(start_.begin(), start_.end(), hidden_.begin());
        add_row(hidden_.data(), change_.data(), weight, stride);
      }
      std::swap(targets_, next_targets_);
      if (i + 1 < words.size()) draw_targets(words[i + 1]);  // on their way from memory while this step is computed
      loss_ += static_cast<double>(step_.run(hidden_.data(), targets_, lr_, change_.data()));
    }
    examples_ += static_cast<int64_t>(words.size());
    for (const int32_t row : rows) add_row(training_.input + row * stride, change_.data(), 1, stride);
  }

  void draw_targets(int32_t word) {
    for (size_t i = 0; i < next_targets_.size(); ++i) {
      const int32_t target = i == 0 ? word : training_.sampler.draw_other(random_, word);
      next_targets_[i] = training_.output + target * training_.stride;
      prefetch_row(next_targets_[i], training_.stride);
    }
  }

  Training& training_;
  RandomWords random_;
  NegativeSamplingStep step_;
  std::vector<float> start_, hidden_, change_;
  std::vector<float*> targets_, next_targets_;
  std::vector<int32_t> kept_, neighbours_, rows_;
  float lr_ = 0;
  double loss_ = 0;
  int64_t examples_ = 0;
};

/// The first sentences of `parts` parts with about as many words each, and the end of the last.
std::vector<int64_t> split_sentences(const TrainingCorpus& corpus, int64_t parts) {
  std::vector<int64_t> bounds;
  for (int64_t part = 0; part <= parts; ++part) {
    const auto words = static_cast<int64_t>(static_cast<double>(corpus.ids.size()) * static_cast<double>(part) /
                                            static_cast<double>(parts));
    bounds.push_back(std::lower_bound(corpus.ends.begin(), corpus.ends.end(), words) - corpus.ends.begin());
  }
  bounds.front() = 0;
  bounds.back() = corpus.sentences();
  return bounds;
}

/// The means of the words' rows.
WordVectors vectors_of(const Training& training) {
  const int64_t dim = training.options.dim, stride = training.stride;
  const auto size = static_cast<int32_t>(training.corpus.words.size());
  Tensor means = Tensor::zeros({size, stride});
  float* const to = means.mutable_data<float>();
  for (int32_t word = 0; word < size; ++word) {
    const std::span<const int32_t> rows = training.rows.of(word);
    const float share = 1 / static_cast<float>(rows.size());
    for (const int32_t row : rows) add_row(to + word * stride, training.input + row * stride, share, stride);
  }
  return WordVectors(training.corpus.words, trained_columns(operation, means, dim, training.options.lr),
                     training.rows.subwords(training.inputs, dim));
}

}  // namespace

WordVectors train_word2vec(const TrainingCorpus& corpus, const Word2VecOptions& options) {
  check(options);
  check_neighbours(operation, corpus);
  Training training(corpus, options);
  const std::vector<int64_t> bounds = split_sentences(corpus, options.threads);
  std::vector<Worker> workers;
  for (int worker = 0; worker < options.threads; ++worker)
    workers.emplace_back(training, static_cast<uint64_t>(worker));
  for (int64_t epoch = 1; epoch <= options.epochs; ++epoch) {
    parallel_for(options.threads, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const auto worker = static_cast<size_t>(i);
        workers[worker].run(bounds[worker], bounds[worker + 1]);
      }
    });
    double loss = 0;
    int64_t examples = 0;
    for (const Worker& worker : workers) {
      loss += worker.loss();
      examples += worker.examples();
    }
    check_loss(operation, loss, options.lr);
    if (options.progress.epoch_done)
      options.progress.epoch_done(epoch, loss / static_cast<double>(std::max<int64_t>(examples, 1)));
  }
  return vectors_of(training);
}

}  // namespace roux::text
