// The pool behind parallel_for. Its owner (one loop at a time) offers a job to each worker in a slot of the worker's
// own, takes chunks itself until none is left, withdraws the offers that nobody has taken up, and waits for the rest.
// So a loop never waits for a worker that is slow to wake, and a nested or second loop finds the pool owned and runs
// inline.
#include "tensor/parallel.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "tensor/error.h"

namespace roux {
namespace {

constexpr int max_threads = 1024;

/// Longer than most gaps between two loops of one training step, and than what it takes to wake a thread (some 40).
constexpr std::chrono::microseconds spin_before_sleep{100};

void spin_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

/// Waits until `state` is no longer `value`.
void wait_while(const std::atomic<int>& state, int value) {
  const auto deadline = std::chrono::steady_clock::now() + spin_before_sleep;
  do {
    for (int i = 0; i < 64; ++i) {
      if (state.load(std::memory_order_acquire) != value) return;
      spin_pause();
    }
  } while (std::chrono::steady_clock::now() < deadline);
  state.wait(value);
}

/// One loop: hands out its chunks in ascending order and keeps the exception of the first chunk that failed.
class Job {
 public:
  Job(int64_t n, int64_t grain, detail::ChunkFunction f)
      : n_(n), grain_(grain), chunk_count_(detail::chunk_count(n, grain)), f_(f), first_failed_(chunk_count_) {}

  int64_t chunk_count() const { return chunk_count_; }

  void run_chunk(int64_t chunk) const {
    const int64_t begin = chunk * grain_;
    f_(begin, n_ - begin <= grain_ ? n_ : begin + grain_);
  }

  /// Runs chunks until none is left. Chunks after a failed one are dropped: they cannot change what is rethrown, and
  /// all before it have been handed out already.
  void work() noexcept {
    for (;;) {
      const int64_t chunk = next_.fetch_add(1, std::memory_order_relaxed);
      if (chunk >= first_failed_.load(std::memory_order_relaxed)) return;
      try {
        run_chunk(chunk);
      } catch (...) {
        const std::lock_guard lock(failure_mutex_);
        if (chunk < first_failed_.load(std::memory_order_relaxed)) {
          first_failed_.store(chunk, std::memory_order_relaxed);
          failure_ = std::current_exception();
        }
      }
    }
  }

  void rethrow_failure() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const int64_t n_;
  const int64_t grain_;
  const int64_t chunk_count_;
  const detail::ChunkFunction f_;
  std::atomic<int64_t> first_failed_;  // chunk_count_ while none has
  std::exception_ptr failure_;
  std::mutex failure_mutex_;
  alignas(64) std::atomic<int64_t> next_ = 0;
};

/// A thread and the slot in which it is offered jobs: idle -> offered (owner) -> running (worker) -> idle (worker), or
/// offered -> idle (owner, withdrawn). All but the worker's own steps are the pool owner's.
class Worker {
 public:
  Worker() : thread_([this] { loop(); }) {}

  void offer(Job& job) {
    job_ = &job;
    state_.store(offered);
    state_.notify_one();
  }

  /// Afterwards the worker does not touch the job any more.
  void withdraw_or_wait() {
    int found = offered;
    if (!state_.compare_exchange_strong(found, idle) && found == running) wait_while(state_, running);
  }

  void stop() {
    state_.store(stopping);
    state_.notify_one();
    thread_.join();
  }

 private:
  enum State : int { idle, offered, running, stopping };

  void loop() {
    for (;;) {
      wait_while(state_, idle);
      int found = offered;
      if (state_.compare_exchange_strong(found, running)) {
        job_->work();
        state_.store(idle);
        state_.notify_one();
      } else if (found == stopping) {
        return;
      }
    }
  }

  alignas(64) std::atomic<int> state_ = idle;
  Job* job_ = nullptr;
  std::thread thread_;  // the last member: it starts when all others are there
};

/// Lives until the process ends. At exit its workers are joined, and it stays owned, so that loops in the destructors
/// of other static objects run inline.
class Pool {
 public:
  Pool() {
    workers_.reserve(max_threads);
    stop_blas_threads();
  }

  bool try_own() {
    return !owned_.load(std::memory_order_relaxed) && !owned_.exchange(true, std::memory_order_acquire);
  }
  void disown() { owned_.store(false, std::memory_order_release); }

  void run(Job& job, int threads) {
    const size_t helpers = static_cast<size_t>(std::min<int64_t>(threads, job.chunk_count()) - 1);
    start_workers(helpers);
    const size_t count = std::min(helpers, workers_.size());
    for (size_t i = 0; i < count; ++i) workers_[i]->offer(job);
    job.work();
    for (size_t i = 0; i < count; ++i) workers_[i]->withdraw_or_wait();
  }

  /// Joins the workers, unless a loop is still running (exit was called from inside it or beside it), or this is a
  /// child of the process that started them and has none of its threads.
  void stop_at_exit() {
    if (process_ != getpid() || !try_own()) return;
    for (const auto& worker : workers_) worker->stop();
  }

 private:
  void start_workers(size_t count) {
    while (workers_.size() < count) {
      try {
        workers_.push_back(std::make_unique<Worker>());
      } catch (const std::exception&) {
        return;  // the system gives no more threads or memory: those that are there do the work
      }
    }
  }

  std::atomic<bool> owned_ = false;
  std::vector<std::unique_ptr<Worker>> workers_;
  const pid_t process_ = getpid();
};

Pool& pool() {
  struct StopAtExit {
    Pool& pool;
    ~StopAtExit() { pool.stop_at_exit(); }
  };
  static Pool& pool = *new Pool;
  static const StopAtExit stop_at_exit{pool};
  return pool;
}

std::atomic<int>& thread_count() {
  static std::atomic<int> count = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, max_threads);
  return count;
}

}  // namespace

int num_threads() { return thread_count().load(std::memory_order_relaxed); }

void set_num_threads(int count) {
  ROUX_CHECK(count >= 1 && count <= max_threads, "set_num_threads", "the number of threads must be between 1 and ",
             max_threads, ", found ", count);
  thread_count().store(count, std::memory_order_relaxed);
}

int64_t detail::chunk_count(int64_t n, int64_t grain) {
  ROUX_CHECK(n >= 0, "parallel_for", "the length must not be negative, found ", n);
  ROUX_CHECK(grain >= 1, "parallel_for", "the grain must be at least 1, found ", grain);
  return n == 0 ? 0 : (n - 1) / grain + 1;
}

void detail::parallel_chunks(int64_t n, int64_t grain, ChunkFunction f) {
  Job job(n, grain, f);
  const int threads = num_threads();
  if (threads > 1 && job.chunk_count() > 1 && pool().try_own()) {
    pool().run(job, threads);
    pool().disown();
    job.rethrow_failure();
  } else {
    for (int64_t chunk = 0; chunk < job.chunk_count(); ++chunk) job.run_chunk(chunk);
  }
}

}  // namespace roux
