// What keeps lazily updated Adam honest: reads change nothing, saving and going on is exact, a second optimizer,
// threads, the cost of a step.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "nn/sgd.h"
#include "tensor/parallel.h"
#include "tests/message_of.h"
#include "tests/nn/zipf_training.h"
#include "tests/thread_count_guard.h"

using namespace zipf_training;

TEST_CASE("reads of a lazily updated table change nothing") {
  constexpr int64_t words = 300, dim = 8;
  for (const bool decoupled : {false, true}) {
    const Settings settings{"", {.weight_decay = decoupled ? 0.1 : 0}, decoupled};
    Variable quiet(Tensor::zeros({words, dim}), true), watched(Tensor::zeros({words, dim}), true);
    const auto quiet_adam = make_adam(quiet, settings), watched_adam = make_adam(watched, settings);
    ZipfStream stream(words, 4);
    const Tensor looked_at = Tensor::from(std::vector<int64_t>{299, 0, 150, 0});
    for (int step = 1; step <= 1500; ++step) {
      const RowGradient gradient = stream.gradient(stream.batch(20), dim);
      one_step(quiet, *quiet_adam, gradient);
      one_step(watched, *watched_adam, gradient);
      if (step % 10 != 0) continue;
      const uint64_t version = watched.raw().version();
      watched.data();
      watched.pending_rows()->rows(looked_at);
      watched_adam->state_dict();
      const NoGrad no_grad;
      embedding(watched, looked_at);
      CHECK(watched.raw().version() == version);
    }
    CHECK(same_bits(quiet.raw(), watched.raw()));
    CHECK(same_bits(quiet.data(), watched.data()));
  }
}

TEST_CASE("what is read of a lazily updated table is what a commit writes") {
  constexpr int64_t words = 300, dim = 70;
  Variable w(Tensor::zeros({words, dim}), true);
  nn::AdamW optimizer({{"w", w}}, {.weight_decay = 0.1});
  ZipfStream stream(words, 5);
  for (int step = 1; step <= 700; ++step) one_step(w, optimizer, stream.gradient(stream.batch(20), dim));
  const Tensor all = w.data(), ids = Tensor::from(std::vector<int64_t>{299, 0, 150, 0, 7});
  CHECK(!same_bits(all, w.raw()));
  CHECK(same_bits(w.pending_rows()->rows(ids), index_select(all, 0, ids)));

  w.pending_rows()->commit(Tensor::from(std::vector<int64_t>{150, 299}));
  CHECK(same_bits(w.raw().slice(0, 150, 151), all.slice(0, 150, 151)));
  CHECK(same_bits(w.data(), all));
  CHECK(same_bits(w.mutable_data(), all));
  CHECK(same_bits(w.raw(), all));
}

TEST_CASE("a recording forward commits the rows that it reads, one under NoGrad commits nothing") {
  constexpr int64_t words = 50, dim = 4;
  Variable w(Tensor::ones({words, dim}), true);
  nn::Adam optimizer({{"w", w}});
  ZipfStream stream(words, 6);
  for (int step = 1; step <= 30; ++step) one_step(w, optimizer, stream.gradient(stream.batch(5), dim));
  one_step(w, optimizer, stream.gradient(Tensor::from(std::vector<int64_t>{1}), dim));

  const Tensor before = w.raw().clone(), expected = w.data(), ids = Tensor::from(std::vector<int64_t>{0, 2, 2});
  {
    const NoGrad no_grad;
    CHECK(same_bits(embedding(w, ids).data(), index_select(expected, 0, ids)));
    CHECK(same_bits(w.raw(), before));
  }
  CHECK(same_bits(embedding(w, ids).data(), index_select(expected, 0, ids)));
  CHECK(!same_bits(w.raw(), before));
  CHECK(same_bits(index_select(w.raw(), 0, ids), index_select(expected, 0, ids)));
  CHECK(same_bits(w.data(), expected));
}

TEST_CASE("a lazily updated table that is saved and loaded goes on bit for bit") {
  constexpr int64_t words = 300, dim = 8;
  for (const Settings& settings : all_settings()) {
    if (settings.lr) continue;
    CAPTURE(settings.name);
    for (const int saved_at : {3, 700, 1500}) {
      Variable w(Tensor::zeros({words, dim}), true);
      const auto adam = make_adam(w, settings);
      ZipfStream stream(words, 9);
      for (int step = 1; step <= saved_at; ++step) one_step(w, *adam, stream.gradient(stream.batch(10), dim));

      Variable copy(w.data(), true);
      const auto resumed = make_adam(copy, settings);
      resumed->load_state_dict(adam->state_dict());
      bool same = same_bits(copy.raw(), w.raw());
      for (int step = 1; step <= 1200; ++step) {
        const RowGradient gradient = stream.gradient(stream.batch(10), dim);
        one_step(w, *adam, gradient);
        one_step(copy, *resumed, gradient);
        if (step % 100 == 0) same = same && same_bits(copy.data(), w.data());
      }
      CHECK(same);
      CHECK(same_bits(copy.raw(), w.raw()));
    }
  }
}

TEST_CASE("a damaged state of a lazily updated table is an error") {
  Variable w(Tensor::zeros({4, 3}), true);
  nn::Adam adam({{"w", w}});
  ZipfStream stream(4, 1);
  for (int step = 1; step <= 5; ++step) one_step(w, adam, stream.gradient(stream.batch(2), 3));
  nn::StateDict state = adam.state_dict();
  for (auto& [name, tensor] : state)
    if (name == "w.last_steps") tensor = Tensor::full({4}, 9, int32);
  CHECK(message_of([&] { adam.load_state_dict(state); }) ==
        "[load_state_dict] 'w.last_steps' says 9 for row 0 at step 5");
  nn::Adam with_decay({{"w", Variable(Tensor::zeros({4, 3}), true)}}, {.weight_decay = 0.1});
  CHECK_THROWS_AS(with_decay.load_state_dict(adam.state_dict()), Error);
}

TEST_CASE("an optimizer that goes leaves a table that is up to date, and a second one throws until then") {
  Variable w(Tensor::zeros({20, 3}), true);
  ZipfStream stream(20, 10);
  auto first = std::make_unique<nn::Adam>(nn::NamedParameters{{"w", w}});
  for (int step = 1; step <= 50; ++step) one_step(w, *first, stream.gradient(stream.batch(3), 3));
  const RowGradient gradient = stream.gradient(stream.batch(3), 3);

  nn::Adam second({{"w", w}});
  nn::SGD third({{"w", w}});
  const Tensor before = w.data();
  CHECK_THROWS_AS(one_step(w, second, gradient), Error);
  CHECK_THROWS_AS(one_step(w, third, gradient), Error);
  CHECK(same_bits(w.data(), before));

  first.reset();
  CHECK(!is_lazy(w));
  CHECK(same_bits(w.raw(), before));
  one_step(w, third, gradient);
  one_step(w, second, gradient);
  CHECK(is_lazy(w));
}

TEST_CASE("rows outside a lazily updated table are an error") {
  Variable w(Tensor::zeros({5, 2}), true);
  nn::Adam adam({{"w", w}});
  for (const int64_t row : {int64_t{5}, int64_t{-2}})
    CHECK_THROWS_AS(one_step(w, adam, {Tensor::from(std::vector<int64_t>{row}), Tensor::ones({1, 2})}), Error);
}

TEST_CASE("lazily updated Adam gives the same bits for any number of threads (parallel)") {
  constexpr int64_t words = 3000, dim = 16;
  std::vector<Tensor> results;
  const ThreadCountGuard guard;
  for (const int count : {1, 4}) {
    set_num_threads(count);
    Variable w(Tensor::zeros({words, dim}), true);
    nn::AdamW adam({{"w", w}}, {.weight_decay = 0.1});
    ZipfStream stream(words, 12);
    for (int step = 1; step <= 60; ++step) one_step(w, adam, stream.gradient(stream.batch(4000), dim));
    results.push_back(w.data());
  }
  CHECK(same_bits(results[0], results[1]));
}

TEST_CASE("several threads may read a lazily updated table at once") {
  constexpr int64_t words = 3000, dim = 8;
  Variable w(Tensor::zeros({words, dim}), true);
  nn::AdamW adam({{"w", w}}, {.weight_decay = 0.1});
  ZipfStream stream(words, 14);
  for (int step = 1; step <= 300; ++step) one_step(w, adam, stream.gradient(stream.batch(50), dim));
  const Tensor ids = stream.batch(600);
  std::vector<Tensor> found(4);
  std::vector<std::thread> threads;
  for (Tensor& result : found) {
    threads.emplace_back([&w, &ids, &result] {
      const NoGrad no_grad;
      for (int i = 0; i < 20; ++i) result = embedding(w, ids).data();
    });
  }
  for (std::thread& thread : threads) thread.join();
  const Tensor expected = index_select(w.data(), 0, ids);
  for (const Tensor& result : found) CHECK(same_bits(result, expected));
}

TEST_CASE("the cost of a step does not grow with the table") {
  constexpr int64_t dim = 64, words = 4000;
  ZipfStream stream(words, 13);
  std::vector<RowGradient> gradients;
  for (int i = 0; i < 200; ++i) gradients.push_back(stream.gradient(stream.batch(130), dim));

  Variable small(Tensor::zeros({words, dim}), true), large(Tensor::zeros({100 * words, dim}), true);
  nn::Adam small_adam({{"w", small}}), large_adam({{"w", large}});
  // Both in turn, so that whatever else the machine does meets both; of each step the fastest of many.
  std::vector<double> fastest[2] = {std::vector<double>(200, 1e9), std::vector<double>(200, 1e9)};
  for (int round = 0; round < 12; ++round) {
    for (size_t i = 0; i < gradients.size(); ++i) {
      const auto seconds = [&](Variable& w, nn::Adam& adam) {
        const auto before = std::chrono::steady_clock::now();
        one_step(w, adam, gradients[i]);
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
      };
      fastest[0][i] = std::min(fastest[0][i], seconds(small, small_adam));
      fastest[1][i] = std::min(fastest[1][i], seconds(large, large_adam));
    }
  }
  double sums[2] = {};
  for (int which : {0, 1})
    for (const double seconds : fastest[which]) sums[which] += seconds;
  INFO("microseconds a step: ", sums[0] / 200 * 1e6, " and ", sums[1] / 200 * 1e6);
  CHECK(sums[1] < 1.3 * sums[0]);
}
