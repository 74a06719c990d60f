// Profiler: where the time goes, by operation, forward and backward.
//
//   Profiler profiler;
//   for (...) train_step();
//   profiler.stop();
//   std::fputs(profiler.table().c_str(), stdout);
//   profiler.write_chrome_trace("trace.json");  // opens in https://ui.perfetto.dev and chrome://tracing
//
// It sees each call of a kernel (tensor/backend.h) with its time and its bytes, and each operation that autograd
// records or runs backward. A kernel belongs to the operation in whose backward it runs, or to the forward whose result
// it has written or helped to compute; what belongs to none (an optimiser's step, arithmetic on plain tensors) is shown
// under the kernel's own name.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

namespace roux {

/// Calls, time and memory traffic of one row of a profile.
struct ProfilerFigures {
  int64_t calls = 0;        ///< of the operation or kernel
  int64_t nanoseconds = 0;  ///< in kernels
  int64_t bytes = 0;        ///< of the operands that kernels read and wrote; what is broadcast counts once
};

/// What an operation cost, or a kernel that belongs to none.
struct ProfilerRow {
  std::string name;                   ///< of the operation or kernel
  bool is_operation = false;          ///< false: a kernel outside of operations, all of it under `forward`
  ProfilerFigures forward, backward;  ///< what was computed in each of the two
};

/// Options of `Profiler`.
struct ProfilerOptions {
  /// Wait for the device after each kernel: its time is then what it took, without it what it took to start. The CPU
  /// always computes before it returns. Not while a step is being recorded (cuda/graphed_step.h).
  bool synchronize = false;
};

namespace detail {
struct ProfilerEvent;
extern constinit std::atomic<bool> profiler_runs;
/// Whether a Profiler runs.
inline bool profiling() { return profiler_runs.load(std::memory_order_relaxed); }
}  // namespace detail

/// Records what all threads compute from its construction to stop() or its destruction. One can run at a time: another
/// constructor throws meanwhile. It keeps every call (about 100 bytes each): profile some steps, not a night of them.
class Profiler {
 public:
  /// Begins to record. Throws while another one runs.
  explicit Profiler(const ProfilerOptions& options = {});
  ~Profiler();
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;

  /// Ends the recording; what was recorded stays. May be called again.
  void stop();
  /// One row for each operation and for each kernel outside of operations, most time first. So far, while it runs.
  std::vector<ProfilerRow> rows() const;
  /// The rows as text, times in milliseconds, with the share of the time since the start that was spent in kernels (of
  /// all threads: it can exceed 100 %).
  std::string table() const;
  /// Writes all calls in the Trace Event Format, one track a thread. Throws when the file cannot be written.
  void write_chrome_trace(const std::string& path) const;

 private:
  std::vector<detail::ProfilerEvent> events() const;
  int64_t elapsed() const;

  std::vector<detail::ProfilerEvent> events_;  // once stopped
  int64_t started_ = 0, stopped_ = 0;          // nanoseconds; stopped_ is 0 while it runs
};

/// While one exists, its thread's part of a trace is under this name: an epoch, a phase of a step.
class ProfilerRange {
 public:
  /// `name` is what the trace shows. Does nothing while no Profiler runs.
  explicit ProfilerRange(std::string name);
  ~ProfilerRange();
  ProfilerRange(const ProfilerRange&) = delete;
  ProfilerRange& operator=(const ProfilerRange&) = delete;

 private:
  std::string name_;
  int64_t begin_ = 0;  // 0: no profiler ran
};

namespace detail {

// What a running profiler is told, by tensor/profiled_backend.cpp and by autograd.

/// Bytes in memory.
struct MemoryRange {
  const void* data = nullptr;
  int64_t bytes = 0;
};
/// The profiler's clock, in nanoseconds.
int64_t profiler_now();
bool profiler_synchronizes();
/// A kernel of this name ran from `begin` until now. bytes: all that it read and wrote.
void profile_call(const char* name, int64_t begin, int64_t bytes, std::vector<MemoryRange> written,
                  std::vector<MemoryRange> read);
/// A forward of operation `name` has ended with this result.
void profile_forward(const char* name, MemoryRange result, const std::vector<MemoryRange>& inputs);

/// While one exists, its thread is in the backward of operation `name`.
class ProfilerBackward {
 public:
  explicit ProfilerBackward(const char* name) {
    if (profiling()) [[unlikely]]
      begin(name);
  }
  ~ProfilerBackward() {
    if (begin_) [[unlikely]]
      end();
  }
  ProfilerBackward(const ProfilerBackward&) = delete;
  ProfilerBackward& operator=(const ProfilerBackward&) = delete;

 private:
  void begin(const char* name);
  void end();
  int64_t begin_ = 0;  // 0: no profiler ran
  const char* name_ = nullptr;
  const char* outer_ = nullptr;
};

}  // namespace detail

}  // namespace roux
