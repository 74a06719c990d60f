// The scheduler of a block's threads, barriers, warps, shared memory.
#include "tests/host_cuda/block.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "tensor/error.h"
#include "tests/host_cuda/fiber.h"
#include "tests/host_cuda/symbols.h"

namespace roux::host_cuda {

Thread* current_thread = nullptr;
Index current_block, block_size, grid_size;

namespace {

constexpr int warp_threads = 32;
constexpr size_t shared_limit = 48 << 10;  // what a block may declare statically on every device
constexpr size_t guard_bytes = 64;
constexpr unsigned char poison = 0xFF, guard = 0xA5;

enum class State : uint8_t { unstarted, ready, at_barrier, in_warp, done };

struct ThreadState : Thread {
  State state = State::unstarted;
  const char* waits_for = "";
  Location where{};
  Fiber* fiber = nullptr;
};

struct Warp {
  int arrived = 0;
  int first_here = 0;  // where arrived > 0: the thread that has waited longest
  unsigned round = 0;
  uint64_t values[2][warp_threads];  // of this round and the last: a fast lane may be one ahead
};

struct SharedArray {
  const void* declaration;
  size_t offset, bytes;
};

// One block at a time, of one launch at a time.
struct Block {
  const Launch* launch = nullptr;
  std::vector<ThreadState> threads;
  std::vector<Warp> warps;
  std::vector<std::unique_ptr<Fiber>> fibers;
  std::vector<Fiber*> idle;
  std::vector<SharedArray> shared;
  std::vector<unsigned char> memory = std::vector<unsigned char>(2 * shared_limit);
  size_t shared_bytes = 0, declared_bytes = 0;
  int at_barrier = 0, done = 0;
  int first_at_barrier = 0;  // where at_barrier > 0: the thread that has waited longest
  bool in_use = false;       // still true at the next launch where a bad access ended this one
  std::string failure;
};
Block block;

ThreadState& self() { return static_cast<ThreadState&>(*current_thread); }

std::string place(const Location& where) {
  const std::string file = where.file;
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(where.line);
}

std::string to_text(const Index& index) {
  return "(" + std::to_string(index.x) + ", " + std::to_string(index.y) + ", " + std::to_string(index.z) + ")";
}

bool same(const Location& a, const Location& b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0; }

void run_thread() {
  block.launch->body();
  self().state = State::done;
  ++block.done;
  block.idle.push_back(self().fiber);
}

void wait_as(State state, const char* what, const Location& where) {
  ThreadState& thread = self();
  thread.state = state;
  thread.waits_for = what;
  thread.where = where;
  Fiber::pause();
}

Fiber* take_fiber() {
  if (block.idle.empty()) {
    block.fibers.push_back(std::make_unique<Fiber>(&run_thread));
    return block.fibers.back().get();
  }
  Fiber* const fiber = block.idle.back();
  block.idle.pop_back();
  return fiber;
}

[[noreturn]] void fail_launch(const std::string& what) {
  fail("host_cuda", name_of(block.launch->kernel), ", block ", to_text(current_block), ": ", what);
}

// Nobody can go on, and not all are done.
void report_divergence() {
  const auto waiting = [](const ThreadState& t) { return t.state == State::at_barrier || t.state == State::in_warp; };
  const auto first = std::find_if(block.threads.begin(), block.threads.end(), waiting);
  std::string text = "thread " + to_text(first->index) + " waits for " + first->waits_for + " (" + place(first->where) +
                     "), which not all threads reach: thread ";
  for (const ThreadState& other : block.threads) {
    const bool elsewhere = waiting(other) && (other.state != first->state || !same(other.where, first->where));
    if (other.state == State::done) fail_launch(text + to_text(other.index) + " has left the kernel");
    if (elsewhere)
      fail_launch(text + to_text(other.index) + " waits for " + other.waits_for + " (" + place(other.where) + ")");
  }
  fail_launch(text + "unknown");
}

void check_guards() {
  for (const SharedArray& array : block.shared) {
    const unsigned char* const end = block.memory.data() + array.offset + array.bytes;
    for (size_t i = 0; i < guard_bytes; ++i)
      if (end[i] != guard || (array.offset >= guard_bytes && block.memory[array.offset - 1 - i] != guard))
        fail_launch("something was written outside a shared array of " + std::to_string(array.bytes) + " bytes");
  }
}

void start_block() {
  std::fill_n(block.memory.begin(), block.shared_bytes, guard);
  block.shared.clear();
  block.shared_bytes = block.declared_bytes = 0;
  block.at_barrier = block.done = 0;
  block.failure.clear();
  for (ThreadState& thread : block.threads) thread.state = State::unstarted;
  for (Warp& warp : block.warps) warp.arrived = 0;
}

void run_block(const std::vector<int>& order) {
  start_block();
  const int count = static_cast<int>(block.threads.size());
  while (block.done < count) {
    bool went_on = false;
    for (const int number : order) {
      ThreadState& thread = block.threads[static_cast<size_t>(number)];
      if (thread.state != State::unstarted && thread.state != State::ready) continue;
      if (thread.state == State::unstarted) thread.fiber = take_fiber();
      current_thread = &thread;
      thread.fiber->resume();
      went_on = true;
      if (!block.failure.empty()) fail_launch(block.failure);
    }
    if (!went_on) report_divergence();
  }
  check_guards();
}

std::vector<int64_t> turns(int64_t count, Order order) {
  std::vector<int64_t> result(static_cast<size_t>(count));
  std::iota(result.begin(), result.end(), 0);
  if (order == Order::reversed) std::reverse(result.begin(), result.end());
  if (order == Order::shuffled) std::shuffle(result.begin(), result.end(), std::minstd_rand(1));
  return result;
}

Index index_of(int64_t number, const Index& size) {
  return {static_cast<unsigned>(number % size.x), static_cast<unsigned>(number / size.x % size.y),
          static_cast<unsigned>(number / size.x / size.y)};
}

}  // namespace

void check_launch(const Launch& launch) {
  const auto refuse = [&](const char* what) {
    fail("host_cuda", name_of(launch.kernel), ": ", what, ", found grid ", to_text(launch.grid), " and block ",
         to_text(launch.block));
  };
  if (launch.block.count() > 1024 || launch.block.count() == 0) refuse("a block has 1 to 1,024 threads");
  if (launch.block.count() % warp_threads != 0) refuse("a block has whole warps of 32 threads");
  if (launch.grid.x > 0x7FFFFFFFU) refuse("a grid has at most 2^31 - 1 blocks along x");
  if (launch.grid.y > 65535 || launch.grid.z > 65535) refuse("a grid has at most 65,535 blocks along y and z");
}

void execute(const Launch& launch, Order order) {
  if (block.in_use) {  // fibers that stopped in the middle cannot be used again
    block.fibers.clear();
    block.idle.clear();
  }
  block.in_use = true;
  block.launch = &launch;
  block_size = launch.block;
  grid_size = launch.grid;
  const auto count = static_cast<size_t>(launch.block.count());
  block.threads.assign(count, {});
  block.warps.assign(count / warp_threads, {});
  for (size_t i = 0; i < count; ++i) {
    static_cast<Thread&>(block.threads[i]) = {index_of(static_cast<int64_t>(i), launch.block), static_cast<int>(i)};
  }
  std::vector<int> threads;
  for (const int64_t number : turns(launch.block.count(), order)) threads.push_back(static_cast<int>(number));
  for (const int64_t number : turns(launch.grid.count(), order)) {
    current_block = index_of(number, launch.grid);
    run_block(threads);
  }
  block.in_use = false;
}

// Whoever waits does so at one place, or it would have failed: the first stands for them all.
void fail_thread(const std::string& what) {
  block.failure = "thread " + to_text(self().index) + ": " + what;
  for (;;) Fiber::pause();
}

void barrier(const Location& where) {
  if (block.at_barrier == 0) {
    block.first_at_barrier = self().number;
  } else {
    const ThreadState& other = block.threads[static_cast<size_t>(block.first_at_barrier)];
    if (!same(other.where, where))
      fail_thread("waits at a barrier (" + place(where) + ") while thread " + to_text(other.index) +
                  " waits at another (" + place(other.where) + ")");
  }
  if (++block.at_barrier < static_cast<int>(block.threads.size())) {
    wait_as(State::at_barrier, "a barrier", where);
    return;
  }
  block.at_barrier = 0;
  for (ThreadState& thread : block.threads)
    if (thread.state == State::at_barrier) thread.state = State::ready;
}

void warp_exchange(uint64_t value, uint64_t values[32], const char* what, const Location& where) {
  const int first = self().number / warp_threads * warp_threads;
  Warp& warp = block.warps[static_cast<size_t>(first / warp_threads)];
  const unsigned slot = warp.round & 1;
  if (warp.arrived == 0) {
    warp.first_here = self().number;
  } else {
    const ThreadState& other = block.threads[static_cast<size_t>(warp.first_here)];
    if (!same(other.where, where))
      fail_thread(std::string("is at ") + what + " (" + place(where) + ") while thread " + to_text(other.index) +
                  " of the same warp is at " + other.waits_for + " (" + place(other.where) + ")");
  }
  warp.values[slot][self().number - first] = value;
  if (++warp.arrived < warp_threads) {
    wait_as(State::in_warp, what, where);
  } else {
    warp.arrived = 0;
    ++warp.round;
    for (int i = first; i < first + warp_threads; ++i) {
      ThreadState& other = block.threads[static_cast<size_t>(i)];
      if (other.state == State::in_warp) other.state = State::ready;
    }
  }
  std::copy_n(warp.values[slot], warp_threads, values);
}

void* shared_memory(const void* declaration, size_t bytes) {
  for (const SharedArray& array : block.shared)
    if (array.declaration == declaration) return block.memory.data() + array.offset;
  block.declared_bytes += bytes;
  if (block.declared_bytes > shared_limit)
    fail_thread("declares " + std::to_string(block.declared_bytes) + " bytes of shared memory, a block has " +
                std::to_string(shared_limit));
  const size_t offset = block.shared_bytes + guard_bytes, end = offset + (bytes + 63) / 64 * 64 + guard_bytes;
  if (block.memory.size() < end) fail_thread("has too many shared arrays");
  std::fill(block.memory.begin() + static_cast<int64_t>(block.shared_bytes),
            block.memory.begin() + static_cast<int64_t>(end), guard);
  std::fill_n(block.memory.begin() + static_cast<int64_t>(offset), bytes, poison);
  block.shared.push_back({declaration, offset, bytes});
  block.shared_bytes = end - guard_bytes;
  return block.memory.data() + offset;
}

}  // namespace roux::host_cuda
