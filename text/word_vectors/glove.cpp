// GloVe's training over shuffled pairs.
#include "text/word_vectors/glove.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "tensor/cpu/simd.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"
#include "text/word_vectors/cooccurrence.h"
#include "text/word_vectors/negative_sampling.h"

namespace roux::text {
namespace {

constexpr const char* operation = "train_glove";
constexpr int64_t told_together = 10000;  // pairs, to whoever wants to hear of progress

using Lanes = cpu_kernels::Simd<float>;
using Vector = Lanes::Vector;

void check(const GloveOptions& options) {
  check_within(operation, "dim", options.dim, 1, 10000);
  check_within(operation, "epochs", options.epochs, 1, 1'000'000);
  check_within(operation, "threads", options.threads, 1, 1024);
  check_positive(operation, "lr", options.lr);
  check_positive(operation, "x_max", options.x_max);
  check_positive(operation, "alpha", options.alpha);
}

struct Pair {
  int32_t first, second;
  float log_count, weight;
};

std::vector<Pair> pairs_of(const TrainingCorpus& corpus, const GloveOptions& options) {
  std::vector<Pair> pairs;
  for (const Cooccurrence& found : count_cooccurrences(corpus, options.window)) {
    const double weight = std::min(1.0, std::pow(found.count / options.x_max, options.alpha));
    pairs.push_back({found.first, found.second, static_cast<float>(std::log(found.count)), static_cast<float>(weight)});
  }
  return pairs;
}

/// Two rows a word, w and c, of a vector and the sums of squares of its gradients; and their biases likewise.
struct Model {
  Model(int64_t words, const GloveOptions& options)
      : stride(NegativeSamplingStep::stride_of(options.dim)),
        w(Tensor::ones({words, 2 * stride})),
        c(Tensor::ones({words, 2 * stride})),
        biases(Tensor::ones({words, 4})) {
    RandomWords random(options.seed, 0);
    const auto draw = [&] { return (uniform_float(random.next()) - 0.5f) / static_cast<float>(options.dim); };
    for (Tensor* table : {&w, &c}) {
      table->slice(1, options.dim, stride).zero_();
      float* const values = table->mutable_data<float>();
      for (int64_t word = 0; word < words; ++word)
        for (int64_t i = 0; i < options.dim; ++i) values[word * 2 * stride + i] = draw();
    }
    float* const values = biases.mutable_data<float>();
    for (int64_t i = 0; i < 2 * words; ++i) values[2 * i] = draw();
  }

  /// The steps of (first, second) and of (second, first).
  double learn(const Pair& pair, float lr) {
    float* const w_rows = w.mutable_data<float>();
    float* const c_rows = c.mutable_data<float>();
    float* const b = biases.mutable_data<float>();
    const auto step = [&](int64_t i, int64_t j) {
      return static_cast<double>(glove_step(w_rows + i * 2 * stride, c_rows + j * 2 * stride, b + i * 4, b + j * 4 + 2,
                                            pair.log_count, pair.weight, lr, stride));
    };
    const double loss = step(pair.first, pair.second);
    return pair.first == pair.second ? loss : (loss + step(pair.second, pair.first)) / 2;
  }

  int64_t stride;
  Tensor w, c;
  Tensor biases;  // a word: b, its sum of squares, d, its sum of squares
};

void shuffle(std::vector<Pair>& pairs, RandomWords& random) {
  for (size_t i = pairs.size() - 1; i > 0; --i) {
    const uint64_t draw = uint64_t{random.next()} << 32 | random.next();
    std::swap(pairs[i], pairs[static_cast<size_t>(draw % (i + 1))]);
  }
}

}  // namespace

float glove_step(float* w, float* c, float* w_bias, float* c_bias, float log_count, float weight, float lr,
                 int64_t stride) {
  Vector sums{};
  for (int64_t i = 0; i < stride; i += Lanes::lanes) sums += Lanes::load(w + i) * Lanes::load(c + i);
  float difference = w_bias[0] + c_bias[0] - log_count;
  for (int64_t lane = 0; lane < Lanes::lanes; ++lane) difference += sums[lane];
  const float error = weight * difference;
  const auto move = [lr](float* value, Vector old, Vector gradient, float* squares) {
    const Vector sum = Lanes::load(squares);
    const Vector scale = cpu_kernels::reciprocal<float>(cpu_kernels::square_root<float>(sum));
    Lanes::store(value, old - lr * gradient * scale);
    Lanes::store(squares, sum + gradient * gradient);
  };
  for (int64_t i = 0; i < stride; i += Lanes::lanes) {
    const Vector old_w = Lanes::load(w + i), old_c = Lanes::load(c + i);
    move(w + i, old_w, error * old_c, w + stride + i);
    move(c + i, old_c, error * old_w, c + stride + i);
  }
  for (float* const bias : {w_bias, c_bias}) {
    bias[0] -= lr * error / std::sqrt(bias[1]);
    bias[1] += error * error;
  }
  return 0.5f * error * difference;
}

WordVectors train_glove(const TrainingCorpus& corpus, const GloveOptions& options) {
  check(options);
  check_neighbours(operation, corpus);
  std::vector<Pair> pairs = pairs_of(corpus, options);
  Model model(corpus.words.size(), options);
  RandomWords random(options.seed, 1);
  const auto size = static_cast<int64_t>(pairs.size());
  const int64_t part = (size + options.threads - 1) / options.threads;
  for (int64_t epoch = 1; epoch <= options.epochs; ++epoch) {
    shuffle(pairs, random);
    const double loss = parallel_reduce(
        size, part, 0.0,
        [&](int64_t begin, int64_t end) {
          double sum = 0;
          for (int64_t i = begin; i < end; ++i) {
            sum += model.learn(pairs[static_cast<size_t>(i)], static_cast<float>(options.lr));
            const int64_t done = i + 1 - begin;
            if (options.progress.advanced && (done % told_together == 0 || i + 1 == end))
              options.progress.advanced((done - 1) % told_together + 1, size * options.epochs);
          }
          return sum;
        },
        [](double a, double b) { return a + b; });
    check_loss(operation, loss, options.lr);
    if (options.progress.epoch_done) options.progress.epoch_done(epoch, loss / static_cast<double>(size));
  }
  return WordVectors(corpus.words, trained_columns(operation, model.w + model.c, options.dim, options.lr));
}

}  // namespace roux::text
