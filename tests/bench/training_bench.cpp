// Times of whole training steps of the recipe models, as apps/common/trainer.h does them: a batch of 32 titles gathered
// from a corpus, forward, backward, one step of Adam. `embedding_bag/rows:...` shows what a longer table costs: the
// stream of ids is the same. `phases/...` says where the time of a step goes.
#include <algorithm>
#include <chrono>
#include <iterator>
#include <vector>

#include "apps/common/classifiers.h"
#include "apps/common/program.h"
#include "nn/adam.h"
#include "nn/loss.h"
#include "tests/bench/bench.h"

namespace roux::bench {
namespace {

using benchmark::State;

constexpr int64_t title_count = 34810, word_count = 4000;  // about those of the recipes to train on
constexpr int64_t steps_an_epoch = (title_count + 31) / 32;

// Cumulative shares of the words: the one of rank r occurs in proportion to 1 / r (Zipf's law).
std::vector<double> word_shares() {
  std::vector<double> shares;
  double sum = 0;
  for (int64_t rank = 1; rank <= word_count - 2; ++rank) shares.push_back(sum += 1 / static_cast<double>(rank));
  for (double& share : shares) share /= sum;
  return shares;
}

// Titles as long as the recipes' (shares of 1, 2, ... words; four on average), of words by Zipf's law, two classes.
text::Corpus make_corpus() {
  const std::vector<double> lengths = {0.011, 0.151, 0.452, 0.675, 0.816, 0.901, 0.950, 0.978, 0.991, 0.996, 1};
  const std::vector<double> words = word_shares();
  const auto pick = [](const std::vector<double>& shares, double at) {
    const auto found = std::lower_bound(shares.begin(), shares.end() - 1, at);
    return static_cast<int32_t>(found - shares.begin());
  };
  Generator generator(1);
  const auto draw = [&](int64_t n) { return Tensor::rand({n}, float32, cpu, generator).to_vector<double>(); };
  text::Corpus corpus;
  for (const double length : draw(title_count)) {
    const int64_t count = pick(lengths, length) + 1;
    for (const double word : draw(count)) corpus.ids.push_back(pick(words, word) + 2);
    corpus.offsets.push_back(static_cast<int64_t>(corpus.ids.size()));
    corpus.labels.push_back(draw(1)[0] < 0.8 ? 1 : 0);
  }
  return corpus;
}

const text::Corpus& corpus() {
  static const text::Corpus result = make_corpus();
  return result;
}

// What a training holds, and its step in four parts.
template <class Model>
struct Training {
  template <class... Arguments>
  explicit Training(int64_t rows, Arguments... arguments)
      : model({.vocabulary_size = rows}, arguments...),
        optimizer(model.named_parameters()),
        batches(corpus(), {.batch_size = 32, .shuffle = true}),
        batch(batches.begin()) {}

  /// On to the next batch, of the next epoch if need be.
  void gather() {
    ++batch;
    if (batch == std::default_sentinel) batch = batches.begin();
  }
  Variable forward() { return nn::cross_entropy(model.forward(*batch), batch->labels, {.weight = class_weights}); }
  void optimise() {
    optimizer.step();
    optimizer.zero_grad();
    titles += batch->labels.numel();
  }
  void step() {
    gather();
    const Variable loss = forward();
    loss.backward();
    benchmark::DoNotOptimize(loss.item());
    optimise();
  }

  Model model;
  nn::Adam optimizer;
  typename Model::Batches batches;
  typename Model::Batches::Iterator batch;
  Tensor class_weights = Tensor::from(std::vector<float>{2.5f, 0.625f});
  int64_t titles = 0;
};

template <class Model>
void time_steps(State& state, Training<Model>& training) {
  for (int i = 0; i < 1000; ++i) training.step();  // Adam's first steps on a table cost more
  training.titles = 0;
  for (auto _ : state) training.step();
  state.counters["titles"] = {static_cast<double>(training.titles), benchmark::Counter::kIsRate};
}

// A fixed number of steps: setting up a long table takes longer than timing it, and should happen once.
void embedding_bag_step(State& state) {
  Training<apps::EmbeddingBagClassifier> training(state.range(0));
  time_steps(state, training);
}
BENCHMARK(embedding_bag_step)
    ->Name("embedding_bag")
    ->ArgName("rows")
    ->Arg(4000)
    ->Arg(40000)
    ->Arg(400000)
    ->Iterations(4 * steps_an_epoch)
    ->Unit(benchmark::kMicrosecond);

void pooled_step(State& state, Pooling pooling) {
  Training<apps::PooledClassifier> training(word_count, pooling);
  time_steps(state, training);
}
BENCHMARK_CAPTURE(pooled_step, mean, Pooling::mean)->Name("mean")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(pooled_step, max, Pooling::max)->Name("max")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(pooled_step, sum, Pooling::sum)->Name("sum")->Unit(benchmark::kMicrosecond);

// The same steps with the clock read between their parts (some 25 ns each time).
template <class Model>
void time_phases(State& state, Training<Model>& training) {
  using Clock = std::chrono::steady_clock;
  enum Phase { gather, forward, backward, optimise, phases };
  const char* const names[phases] = {"gather_%", "forward_%", "backward_%", "optimise_%"};
  Clock::duration spent[phases] = {};
  for (int i = 0; i < 1000; ++i) training.step();
  Clock::time_point before;
  const auto lap = [&](Phase phase) {
    const Clock::time_point now = Clock::now();
    spent[phase] += now - before;
    before = now;
  };
  for (auto _ : state) {
    before = Clock::now();
    training.gather();
    lap(gather);
    {
      const Variable loss = training.forward();
      lap(forward);
      loss.backward();
      benchmark::DoNotOptimize(loss.item());
    }
    lap(backward);
    training.optimise();
    lap(optimise);
  }
  double all = 0;
  for (const Clock::duration part : spent) all += static_cast<double>(part.count());
  for (int i = 0; i < phases; ++i) state.counters[names[i]] = 100 * static_cast<double>(spent[i].count()) / all;
}

void embedding_bag_phases(State& state) {
  Training<apps::EmbeddingBagClassifier> training(word_count);
  time_phases(state, training);
}
BENCHMARK(embedding_bag_phases)->Name("phases/embedding_bag")->Unit(benchmark::kMicrosecond);

void pooled_phases(State& state, Pooling pooling) {
  Training<apps::PooledClassifier> training(word_count, pooling);
  time_phases(state, training);
}
BENCHMARK_CAPTURE(pooled_phases, mean, Pooling::mean)->Name("phases/mean")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(pooled_phases, max, Pooling::max)->Name("phases/max")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(pooled_phases, sum, Pooling::sum)->Name("phases/sum")->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace roux::bench

int main(int argc, char** argv) {
  return roux::apps::run_program("training_bench", [&] { return roux::bench::run(argc, argv); });
}
