// The parallel loop: its chunks, what it does with exceptions, and what happens when loops meet.
#include "tensor/parallel.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tensor/error.h"
#include "tests/message_of.h"
#include "tests/thread_count_guard.h"

using roux::parallel_for;
using roux::parallel_reduce;
using roux::set_num_threads;

namespace {

using Chunks = std::multiset<std::pair<int64_t, int64_t>>;

Chunks chunks_of(int64_t n, int64_t grain) {
  Chunks chunks;
  std::mutex mutex;
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    const std::lock_guard lock(mutex);
    chunks.emplace(begin, end);
  });
  return chunks;
}

}  // namespace

TEST_CASE("chunks depend on length and grain only") {
  const ThreadCountGuard guard;
  for (const int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    CHECK(roux::num_threads() == threads);
    CHECK(chunks_of(0, 4).empty());
    CHECK(chunks_of(1, 4) == Chunks{{0, 1}});
    CHECK(chunks_of(4, 4) == Chunks{{0, 4}});
    CHECK(chunks_of(5, 4) == Chunks{{0, 4}, {4, 5}});
    CHECK(chunks_of(12, 4) == Chunks{{0, 4}, {4, 8}, {8, 12}});
    Chunks expected;
    for (int64_t i = 0; i < 1000; ++i) expected.emplace(i, i + 1);
    CHECK(chunks_of(1000, 1) == expected);
  }
}

TEST_CASE("the end of the last chunk does not overflow") {
  const ThreadCountGuard guard;
  constexpr int64_t n = std::numeric_limits<int64_t>::max();
  for (const int threads : {1, 2}) {
    set_num_threads(threads);
    CHECK(chunks_of(n, n / 2) == Chunks{{0, n / 2}, {n / 2, n - 1}, {n - 1, n}});
    CHECK(chunks_of(n, n - 1) == Chunks{{0, n - 1}, {n - 1, n}});
  }
}

TEST_CASE("several threads take part, and one thread means the caller") {
  const ThreadCountGuard guard;
  const auto caller = std::this_thread::get_id();

  set_num_threads(3);
  std::atomic<int> arrived = 0;
  parallel_for(3, 1, [&](int64_t, int64_t) {  // each chunk waits for the others: passes only on three threads at once
    ++arrived;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (arrived < 3 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    CHECK(arrived == 3);
  });

  set_num_threads(1);
  int64_t next = 0;
  parallel_for(100, 7, [&](int64_t begin, int64_t end) {
    CHECK(std::this_thread::get_id() == caller);
    CHECK(begin == next);
    next = end;
  });
  CHECK(next == 100);
}

TEST_CASE("a single chunk runs on the caller") {
  const auto caller = std::this_thread::get_id();
  parallel_for(10, 10, [&](int64_t begin, int64_t end) {
    CHECK(std::this_thread::get_id() == caller);
    CHECK(begin == 0);
    CHECK(end == 10);
  });
}

TEST_CASE("nested loops run inline, with the same chunks") {
  const ThreadCountGuard guard;
  for (const int threads : {1, 2, 8}) {
    set_num_threads(threads);
    std::vector<Chunks> inner(20);
    std::vector<char> same_thread(20, 1);
    parallel_for(20, 1, [&](int64_t outer, int64_t) {
      const auto thread = std::this_thread::get_id();
      parallel_for(10, 4, [&](int64_t begin, int64_t end) {
        if (std::this_thread::get_id() != thread) same_thread[static_cast<size_t>(outer)] = 0;
        inner[static_cast<size_t>(outer)].emplace(begin, end);
      });
    });
    CHECK(inner == std::vector<Chunks>(20, Chunks{{0, 4}, {4, 8}, {8, 10}}));
    CHECK(same_thread == std::vector<char>(20, 1));
  }
}

TEST_CASE("the exception of the first chunk that fails is rethrown, after all chunks ended") {
  const ThreadCountGuard guard;
  for (const int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    for (int repeat = 0; repeat < 100; ++repeat) {
      std::vector<std::atomic<int>> runs(64);
      std::atomic<int> inside = 0;
      std::string message;
      try {
        parallel_for(64, 1, [&](int64_t i, int64_t) {
          ++inside;
          ++runs[static_cast<size_t>(i)];
          if (i == 17) std::this_thread::yield();
          --inside;
          if (i >= 17 && i % 2 == 1) throw std::runtime_error("chunk " + std::to_string(i));
        });
      } catch (const std::runtime_error& error) {
        message = error.what();
      }
      CHECK(inside == 0);
      REQUIRE(message == "chunk 17");
      for (size_t i = 0; i <= 17; ++i) REQUIRE(runs[i] == 1);  // none before the failure is left out
      for (size_t i = 18; i < 64; ++i) REQUIRE(runs[i] <= 1);
    }
  }
  CHECK(chunks_of(5, 4) == Chunks{{0, 4}, {4, 5}});  // and the pool is usable afterwards
}

TEST_CASE("a later chunk that fails earlier does not win") {
  const ThreadCountGuard guard;
  set_num_threads(2);
  std::atomic<bool> second_failed = false;
  CHECK_THROWS_WITH(parallel_for(2, 1,
                                 [&](int64_t i, int64_t) {
                                   if (i == 1) {
                                     second_failed = true;
                                     throw std::runtime_error("second");
                                   }
                                   while (!second_failed) std::this_thread::yield();
                                   throw std::runtime_error("first");
                                 }),
                    "first");
}

TEST_CASE("an exception crosses a nested loop") {
  const ThreadCountGuard guard;
  set_num_threads(4);
  CHECK_THROWS_WITH(parallel_for(8, 1,
                                 [](int64_t outer, int64_t) {
                                   parallel_for(8, 1, [outer](int64_t inner, int64_t) {
                                     if (outer >= 2 && inner >= 3) roux::fail("test", outer, ":", inner);
                                   });
                                 }),
                    "[test] 2:3");
}

TEST_CASE("wrong arguments are named") {
  const auto nothing = [](int64_t, int64_t) {};
  CHECK_THROWS_WITH_AS(parallel_for(-1, 1, nothing), "[parallel_for] the length must not be negative, found -1",
                       roux::Error);
  CHECK_THROWS_WITH_AS(parallel_for(10, 0, nothing), "[parallel_for] the grain must be at least 1, found 0",
                       roux::Error);
  CHECK_THROWS_AS(parallel_for(-2, -1, nothing), roux::Error);
  const auto one = [](int64_t, int64_t) { return 1; };
  CHECK_THROWS_AS(parallel_reduce(-1, 1, 0, one, std::plus<int>()), roux::Error);
  CHECK_THROWS_AS(parallel_reduce(1, 0, 0, one, std::plus<int>()), roux::Error);
  CHECK(message_of([] { set_num_threads(0); }) ==
        "[set_num_threads] the number of threads must be between 1 and 1024, found 0");
  CHECK_THROWS_AS(set_num_threads(1025), roux::Error);
}

TEST_CASE("ordinary functions and callables that change can be passed") {
  struct Counter {
    int64_t total = 0;
    void operator()(int64_t begin, int64_t end) { total += end - begin; }
  };
  const ThreadCountGuard guard;
  set_num_threads(1);
  Counter counter;
  parallel_for(10, 3, counter);
  CHECK(counter.total == 10);

  static std::atomic<int64_t> sum;
  sum = 0;
  struct Functions {
    static void add(int64_t begin, int64_t end) { sum += end - begin; }
  };
  set_num_threads(2);
  parallel_for(10, 3, Functions::add);
  parallel_for(10, 10, &Functions::add);
  CHECK(sum == 20);
}

TEST_CASE("two threads may run loops at the same time") {
  const ThreadCountGuard guard;
  set_num_threads(3);
  std::vector<std::thread> users;
  std::atomic<int> wrong = 0;
  for (int user = 0; user < 3; ++user) {
    users.emplace_back([&wrong, user] {
      std::vector<int64_t> values(1000);
      for (int repeat = 0; repeat < 300; ++repeat) {
        parallel_for(1000, 37, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) values[static_cast<size_t>(i)] += i + user;
        });
      }
      for (int64_t i = 0; i < 1000; ++i) wrong += values[static_cast<size_t>(i)] != 300 * (i + user);
    });
  }
  for (std::thread& user : users) user.join();
  CHECK(wrong == 0);
}

TEST_CASE("the number of threads may change between loops, also beside them") {
  const ThreadCountGuard guard;
  std::thread setter([] {
    for (int i = 0; i < 500; ++i) set_num_threads(1 + i % 5);
  });
  for (int repeat = 0; repeat < 500; ++repeat) {
    std::atomic<int64_t> sum = 0;
    parallel_for(100, 9, [&](int64_t begin, int64_t end) { sum += end - begin; });
    REQUIRE(sum == 100);
  }
  setter.join();
}

TEST_CASE("many short loops, with and without sleeping in between") {
  const ThreadCountGuard guard;
  for (const int threads : {2, 8}) {
    set_num_threads(threads);
    int64_t plain = 0;  // written by one chunk of each loop: ThreadSanitizer sees it if a loop returns early
    for (int repeat = 0; repeat < 3000; ++repeat) {
      std::atomic<int> runs = 0;
      parallel_for(5, 1, [&](int64_t i, int64_t) {
        ++runs;
        if (i == repeat % 5) ++plain;
      });
      REQUIRE(runs == 5);
      if (repeat % 300 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // lets the workers fall asleep
    }
    CHECK(plain == 3000);
  }
}

TEST_CASE("parallel_reduce combines chunks in order") {
  const ThreadCountGuard guard;
  const auto text = [](int64_t begin, int64_t end) { return std::to_string(begin) + "-" + std::to_string(end) + " "; };
  const auto sum = [](int64_t begin, int64_t end) {
    float total = 0;
    for (int64_t i = begin; i < end; ++i) total += 1.0F / static_cast<float>(i + 1);
    return total;
  };
  set_num_threads(1);
  const float expected = parallel_reduce(100000, 777, 0.0F, sum, std::plus<float>());
  CHECK(expected == doctest::Approx(12.0901));
  for (const int threads : {1, 2, 3, 8}) {
    set_num_threads(threads);
    CHECK(parallel_reduce(10, 4, std::string("> "), text, std::plus<std::string>()) == "> 0-4 4-8 8-10 ");
    CHECK(parallel_reduce(3, 4, std::string("> "), text, std::plus<std::string>()) == "> 0-3 ");
    CHECK(parallel_reduce(0, 4, std::string("> "), text, std::plus<std::string>()) == "> ");
    CHECK(parallel_reduce(100000, 777, 0.0F, sum, std::plus<float>()) == expected);
  }
}

TEST_CASE("parallel_reduce of bool writes no shared words") {
  const ThreadCountGuard guard;
  set_num_threads(4);
  const auto small = [](int64_t, int64_t end) { return end < 600; };
  CHECK_FALSE(parallel_reduce(1000, 1, true, small, std::logical_and<bool>()));
  CHECK(parallel_reduce(599, 1, true, small, std::logical_and<bool>()));
}
