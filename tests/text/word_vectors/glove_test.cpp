// GloVe: counts by hand, a step against autograd, and what it learns.
#include "text/word_vectors/glove.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "tensor/parallel.h"
#include "tests/message_of.h"
#include "tests/thread_count_guard.h"
#include "text/word_vectors/cooccurrence.h"
#include "text/word_vectors/negative_sampling.h"

using namespace roux;
using namespace roux::text;

namespace {

TrainingCorpus read(const std::string& text) {
  return read_training_corpus(memory_bytes(text), "corpus", {.min_count = 1});
}

/// Sentences of three words of one of two groups.
TrainingCorpus two_groups(int64_t sentences) {
  RandomWords random(5, 0);
  std::string text;
  for (int64_t i = 0; i < sentences; ++i) {
    for (int word = 0; word < 3; ++word)
      text += std::string(1, static_cast<char>((i % 2 ? 'a' : 'v') + random.below(5))) + " ";
    text += "\n";
  }
  return read(text);
}

bool tells_groups_apart(const WordVectors& vectors) {
  const auto product = [&](const char* a, const char* b) { return sum(vectors.vector(a) * vectors.vector(b)).item(); };
  const auto cosine = [&](const char* a, const char* b) {
    return product(a, b) / std::sqrt(product(a, a) * product(b, b));
  };
  return cosine("a", "c") > cosine("a", "v") + 0.3 && cosine("w", "z") > cosine("w", "e") + 0.3;
}

}  // namespace

TEST_CASE("words that stand near each other are counted by one over their distance, within sentences") {
  const TrainingCorpus corpus = read("a b a c\nb a");  // a 0, b 1, c 2
  std::vector<Cooccurrence> pairs = count_cooccurrences(corpus, 2);
  std::string text;
  for (const Cooccurrence& pair : pairs)
    text += std::string(corpus.words[pair.first]) + std::string(corpus.words[pair.second]) + " " +
            std::to_string(pair.count) + "\n";
  // ab: three neighbours; aa: at distance 2, both ways; ac: neighbours; bc: at distance 2.
  CHECK(text == "ab 3.000000\naa 1.000000\nac 1.000000\nbc 0.500000\n");
  CHECK(count_cooccurrences(corpus, 1).size() == 2);
  CHECK(message_of([&] { count_cooccurrences(corpus, 0); }) == "[count_cooccurrences] window is 0; expected 1 to 1000");
}

TEST_CASE("counts of many pairs come from a table that grows") {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += "w" + std::to_string(i) + " w" + std::to_string(i + 1) + "\n";
  const TrainingCorpus corpus = read(text + text);
  const std::vector<Cooccurrence> pairs = count_cooccurrences(corpus, 5);
  CHECK(pairs.size() == 3000);
  for (const Cooccurrence& pair : pairs) CHECK(pair.count == 2);
}

TEST_CASE("a step of GloVe is one of AdaGrad on its loss, as autograd sees it") {
  manual_seed(2);
  for (const int64_t dim : {1, 7, 16, 100}) {
    CAPTURE(dim);
    const int64_t stride = NegativeSamplingStep::stride_of(dim);
    const Variable w(Tensor::randn({dim}), true), c(Tensor::randn({dim}), true);
    const Variable b(Tensor::scalar(0.3f), true), d(Tensor::scalar(-0.2f), true);
    const float log_count = 1.5f, weight = 0.4f, lr = 0.05f;
    const Variable difference = sum(w * c) + b + d - log_count;
    Variable loss = 0.5f * weight * difference * difference;
    loss.backward();

    std::vector<float> rows[2];
    for (auto& row : rows) row.assign(static_cast<size_t>(2 * stride), 0);
    for (int64_t i = 0; i < dim; ++i) {
      rows[0][static_cast<size_t>(i)] = w.data().data<float>()[i];
      rows[1][static_cast<size_t>(i)] = c.data().data<float>()[i];
    }
    for (auto& row : rows) std::fill(row.begin() + stride, row.end(), 2.0f);  // sums of squares so far
    float biases[2][2] = {{0.3f, 2}, {-0.2f, 2}};
    const float found = glove_step(rows[0].data(), rows[1].data(), biases[0], biases[1], log_count, weight, lr, stride);
    CHECK(found == doctest::Approx(loss.data().item()).epsilon(1e-5));
    const auto check = [&](float value, float squares, double before, double gradient) {
      CHECK(value == doctest::Approx(before - lr * gradient / std::sqrt(2.0)).epsilon(1e-4));
      CHECK(squares == doctest::Approx(2 + gradient * gradient).epsilon(1e-4));
    };
    const Variable* const values[2] = {&w, &c};
    for (int64_t i = 0; i < dim; ++i)
      for (size_t side = 0; side < 2; ++side)
        check(rows[side][static_cast<size_t>(i)], rows[side][static_cast<size_t>(stride + i)],
              static_cast<double>(values[side]->data().data<float>()[i]),
              static_cast<double>(values[side]->grad().data<float>()[i]));
    check(biases[0][0], biases[0][1], 0.3, b.grad().item());
    check(biases[1][0], biases[1][1], -0.2, d.grad().item());
  }
}

TEST_CASE("GloVe learns which words belong together, the same for one seed") {
  const TrainingCorpus corpus = two_groups(2000);
  std::vector<double> losses;
  int64_t told = 0, all = 0;
  GloveOptions options{.dim = 20, .x_max = 10};
  options.progress.advanced = [&](int64_t count, int64_t total) { told += count, all = total; };
  options.progress.epoch_done = [&](int64_t, double loss) { losses.push_back(loss); };
  const WordVectors vectors = train_glove(corpus, options);
  CHECK(tells_groups_apart(vectors));
  CHECK(losses.size() == 25);
  CHECK(losses.back() < 0.5 * losses.front());
  CHECK(told == all);
  CHECK(train_glove(corpus, options).vectors().to_vector<float>() == vectors.vectors().to_vector<float>());
  options.seed = 9;
  CHECK(train_glove(corpus, options).vectors().to_vector<float>() != vectors.vectors().to_vector<float>());
}

TEST_CASE("several workers of GloVe on the same vectors learn as one does") {
  // Its updates race on purpose: not a test for ThreadSanitizer.
  const ThreadCountGuard guard;
  set_num_threads(3);
  CHECK(tells_groups_apart(train_glove(two_groups(2000), {.dim = 20, .x_max = 10, .threads = 3})));
}

TEST_CASE("GloVe refuses options out of bounds, and a corpus without neighbours") {
  const TrainingCorpus corpus = two_groups(10);
  const auto refusal = [&](const GloveOptions& options) { return message_of([&] { train_glove(corpus, options); }); };
  CHECK(refusal({.dim = 0}) == "[train_glove] dim is 0; expected 1 to 10000");
  CHECK(refusal({.epochs = 0}).find("epochs is 0") != std::string::npos);
  CHECK(refusal({.window = 0}).find("window is 0") != std::string::npos);
  CHECK(refusal({.threads = 0}).find("threads is 0") != std::string::npos);
  CHECK(refusal({.lr = std::nan("")}).find("expected a number above 0") != std::string::npos);
  CHECK(refusal({.x_max = 0}).find("x_max is 0") != std::string::npos);
  CHECK(refusal({.alpha = -1}).find("alpha is -1") != std::string::npos);
  CHECK(refusal({.lr = 1e38}).find("training has gone astray") != std::string::npos);
  CHECK(message_of([&] { train_glove(read("a\nb\n"), {}); }).find("no sentence of the corpus has two of its words") !=
        std::string::npos);
}
