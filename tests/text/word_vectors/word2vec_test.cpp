// Skip-gram and CBOW: the trainings step by step through autograd, what they learn, and what they refuse.
#include "text/word_vectors/word2vec.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "nn/loss.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"
#include "tests/message_of.h"
#include "tests/thread_count_guard.h"
#include "text/word_vectors/negative_sampling.h"
#include "text/word_vectors/subword_rows.h"

using namespace roux;
using namespace roux::text;

namespace {

/// Sentences of three words each, of fruit or of vegetables, which never meet.
TrainingCorpus two_groups(int64_t sentences) {
  const std::vector<std::string> groups[] = {{"apple", "cherry", "mango", "lemon", "plum"},
                                             {"onion", "carrot", "leek", "potato", "celery"}};
  RandomWords random(11, 0);
  std::string text;
  for (int64_t i = 0; i < sentences; ++i) {
    for (int word = 0; word < 3; ++word) text += groups[i % 2][random.below(5)] + " ";
    text += "\n";
  }
  return read_training_corpus(memory_bytes(text), "groups", {.min_count = 1});
}

double cosine(const WordVectors& vectors, const char* a, const char* b) {
  const Tensor x = vectors.vector(a), y = vectors.vector(b);
  return sum(x * y).item() / std::sqrt(sum(x * x).item() * sum(y * y).item());
}

bool tells_groups_apart(const WordVectors& vectors) {
  return cosine(vectors, "apple", "plum") > 0.5 && cosine(vectors, "leek", "onion") > 0.5 &&
         cosine(vectors, "apple", "onion") < 0.3 && cosine(vectors, "leek", "mango") < 0.3;
}

/// The same training with every pair a graph: the same draws in the same order, gradients from autograd.
class AutogradTraining {
 public:
  AutogradTraining(const TrainingCorpus& corpus, const Word2VecOptions& options)
      : corpus_(corpus),
        options_(options),
        rows_(corpus.words, options.subwords),
        sampler_(corpus.counts),
        random_(options.seed, 1) {
    RandomWords start(options.seed, 0);
    inputs_ = Tensor::empty({rows_.count(), options.dim});
    for (int64_t i = 0; i < inputs_.numel(); ++i)
      inputs_.mutable_data<float>()[i] = (uniform_float(start.next()) - 0.5f) / static_cast<float>(options.dim);
    outputs_ = Tensor::zeros({corpus.words.size(), options.dim});
  }

  Tensor train() {
    const double total = static_cast<double>(corpus_.ids.size()) * static_cast<double>(options_.epochs);
    double done = 0;
    for (int64_t epoch = 0; epoch < options_.epochs; ++epoch)
      for (int64_t i = 0; i < corpus_.sentences(); ++i) {
        lr_ = options_.lr * (1 - done / total);
        learn(corpus_.sentence(i));
        done += static_cast<double>(corpus_.sentence(i).size());
      }
    Tensor vectors = Tensor::empty({corpus_.words.size(), options_.dim});
    for (int32_t word = 0; word < corpus_.words.size(); ++word)
      vectors.select(0, word).copy_(mean(index_select(inputs_, 0, ids_of(rows_.of(word))), {0}));
    return vectors;
  }

 private:
  static Tensor ids_of(std::span<const int32_t> rows) {
    return Tensor::from(std::vector<int64_t>(rows.begin(), rows.end()));
  }

  void learn(std::span<const int32_t> sentence) {
    for (size_t i = 0; i < sentence.size(); ++i) random_.next();  // none is passed over, but they are asked
    for (size_t at = 0; at < sentence.size(); ++at) {
      const size_t reach = 1 + random_.below(static_cast<uint32_t>(options_.window));
      std::vector<int32_t> near;
      for (size_t i = at - std::min(at, reach); i < std::min(at + reach + 1, sentence.size()); ++i)
        if (i != at) near.push_back(sentence[i]);
      if (near.empty()) continue;
      std::vector<int32_t> inputs;
      const bool is_cbow = options_.method == Word2VecMethod::cbow;
      for (const int32_t word : is_cbow ? near : std::vector<int32_t>{sentence[at]})
        inputs.insert(inputs.end(), rows_.of(word).begin(), rows_.of(word).end());
      for (const int32_t word : is_cbow ? std::vector<int32_t>{sentence[at]} : near) step(inputs, word);
    }
  }

  void step(const std::vector<int32_t>& inputs, int32_t word) {
    std::vector<int32_t> targets{word};
    while (static_cast<int64_t>(targets.size()) <= options_.negative) {
      const int32_t other = sampler_.draw(random_);
      if (other != word) targets.push_back(other);
    }
    Tensor labels = Tensor::zeros({options_.negative + 1});
    labels.slice(0, 0, 1).fill_(1);
    const Variable in(inputs_, true), out(outputs_, true);
    const Variable hidden = mean(embedding(in, ids_of(inputs)), {0});
    const Variable scores = sum(embedding(out, ids_of(targets)) * hidden, {1});
    Variable loss = nn::binary_cross_entropy_with_logits(scores, labels, {.reduction = Reduction::sum});
    loss.backward();
    // The error of the mean goes to each of its parts whole: their number times the gradient.
    inputs_ = inputs_ - lr_ * static_cast<double>(inputs.size()) * in.grad();
    outputs_ = outputs_ - lr_ * out.grad();
  }

  const TrainingCorpus& corpus_;
  const Word2VecOptions& options_;
  SubwordRows rows_;
  NegativeSampler sampler_;
  RandomWords random_;
  Tensor inputs_, outputs_;
  double lr_ = 0;
};

}  // namespace

TEST_CASE("training is, pair by pair, gradient descent as autograd does it") {
  const TrainingCorpus corpus = two_groups(20);
  for (const Word2VecMethod method : {Word2VecMethod::skip_gram, Word2VecMethod::cbow})
    for (const bool with_subwords : {false, true}) {
      CAPTURE(with_subwords);
      CAPTURE(static_cast<int>(method));
      Word2VecOptions options{.method = method, .dim = 7, .epochs = 2, .window = 2, .negative = 3, .sample = 0};
      // So few buckets that runs of one word share some.
      if (with_subwords) options.subwords = SubwordRule{.min_chars = 2, .max_chars = 4, .buckets = 13};
      const Tensor expected = AutogradTraining(corpus, options).train();
      const Tensor found = train_word2vec(corpus, options).vectors();
      CHECK(amax(abs(found - expected), {0, 1}).item() < 1e-5);
      CHECK(amax(abs(expected), {0, 1}).item() > 0.01);
    }
}

TEST_CASE("words that stand near the same words get similar vectors, with every method") {
  const TrainingCorpus corpus = two_groups(2000);
  for (const Word2VecMethod method : {Word2VecMethod::skip_gram, Word2VecMethod::cbow})
    for (const bool with_subwords : {false, true}) {
      std::vector<double> losses;
      int64_t told = 0, all = 0;
      Word2VecOptions options{.method = method, .dim = 20, .epochs = 5, .window = 2, .negative = 5, .sample = 0};
      if (with_subwords) options.subwords = SubwordRule{.buckets = 1000};
      options.progress.advanced = [&](int64_t count, int64_t total) { told += count, all = total; };
      options.progress.epoch_done = [&](int64_t epoch, double loss) {
        losses.push_back(loss);
        CHECK(static_cast<int64_t>(losses.size()) == epoch);
      };
      const WordVectors vectors = train_word2vec(corpus, options);
      CHECK(tells_groups_apart(vectors));
      CHECK(losses.size() == 5);
      CHECK(losses.back() < losses.front());
      CHECK(told == 5 * 6000);
      CHECK(all == told);
      CHECK((vectors.subwords() != nullptr) == with_subwords);
    }
}

TEST_CASE("a seed gives the same vectors again, another one others") {
  const TrainingCorpus corpus = two_groups(50);
  const auto train = [&](uint64_t seed) {
    return train_word2vec(corpus, {.dim = 5, .epochs = 2, .sample = 0.01, .seed = seed}).vectors().to_vector<float>();
  };
  CHECK(train(1) == train(1));
  CHECK(train(1) != train(2));
}

TEST_CASE("with sub-words, words that were never seen have vectors like those they are written like") {
  const TrainingCorpus corpus = two_groups(2000);
  const WordVectors vectors =
      train_word2vec(corpus, {.dim = 20, .sample = 0, .subwords = SubwordRule{.min_chars = 3, .max_chars = 5}});
  const Tensor unseen = vectors.vector("potatoes", UnknownWord::subwords);
  const auto cosine_to = [&](const char* word) {
    const Tensor x = vectors.vector(word);
    return sum(x * unseen).item() / std::sqrt(sum(x * x).item() * sum(unseen * unseen).item());
  };
  CHECK(cosine_to("potato") > 0.9);
  CHECK(cosine_to("mango") < 0.5);
  CHECK(vectors.subwords()->rule() == SubwordRule{.min_chars = 3, .max_chars = 5});
}

TEST_CASE("several workers on the same vectors learn as one does") {
  // Not named for what it uses: its updates race on purpose, which ThreadSanitizer would report.
  const ThreadCountGuard guard;
  set_num_threads(3);
  CHECK(tells_groups_apart(train_word2vec(two_groups(2000), {.dim = 20, .window = 2, .sample = 0, .threads = 3})));
}

TEST_CASE("of frequent words some are passed over, of rare ones none") {
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "the the the rare" + std::to_string(i % 50) + "\n";
  const TrainingCorpus corpus = read_training_corpus(memory_bytes(text), "zipf", {.min_count = 1});
  const Tensor all = train_word2vec(corpus, {.dim = 5, .epochs = 1, .sample = 0}).vectors();
  const Tensor some = train_word2vec(corpus, {.dim = 5, .epochs = 1, .sample = 1e-9}).vectors();
  // Alone in their sentences, words have no neighbours: their vectors stay where they began.
  CHECK(amax(abs(some), {0, 1}).item() <= 0.1);
  CHECK(amax(abs(all), {0, 1}).item() > 0.1);
}

TEST_CASE("options out of bounds are refused by name") {
  const TrainingCorpus corpus = two_groups(10);
  const auto refusal = [&](const Word2VecOptions& options) {
    return message_of([&] { train_word2vec(corpus, options); });
  };
  CHECK(refusal({.dim = 0}) == "[train_word2vec] dim is 0; expected 1 to 10000");
  CHECK(refusal({.epochs = 0}).find("epochs is 0") != std::string::npos);
  CHECK(refusal({.window = 0}).find("window is 0") != std::string::npos);
  CHECK(refusal({.negative = 0}).find("negative is 0") != std::string::npos);
  CHECK(refusal({.threads = 0}).find("threads is 0") != std::string::npos);
  for (const double lr : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    CHECK(refusal({.lr = lr}).find("expected a number above 0") != std::string::npos);
  CHECK(refusal({.sample = -1}).find("sample is -1") != std::string::npos);
  CHECK(refusal({.subwords = SubwordRule{.min_chars = 0}}).find("min_chars") != std::string::npos);
  CHECK(refusal({.subwords = SubwordRule{.min_chars = 4, .max_chars = 3}}).find("max_chars") != std::string::npos);
  CHECK(refusal({.subwords = SubwordRule{.buckets = 0}}).find("buckets") != std::string::npos);
  const TrainingCorpus alone = read_training_corpus(memory_bytes("a\nb\n"), "alone", {.min_count = 1});
  CHECK(message_of([&] { train_word2vec(alone); }).find("no sentence of the corpus has two") != std::string::npos);
  CHECK(refusal({.lr = 1e38, .sample = 0}).find("training has gone astray") != std::string::npos);
}
