// What a profiler records, and which kernels belong to which operation. The table and the trace are in
// profiler_report.cpp.
#include "tensor/profiler.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include "tensor/error.h"
#include "tensor/profiler_event.h"

namespace roux {

namespace detail {

constinit std::atomic<bool> profiler_runs{false};

namespace {

// The one recording. It is never destroyed: threads may still be in a kernel when their profiler ends.
struct Recording {
  std::mutex mutex;
  std::vector<ProfilerEvent> events;
  uint64_t number = 0;  // of this recording
  int threads = 0;      // that have taken part in it
  std::atomic<bool> synchronize{false};
};

Recording& recording() {
  static Recording* const instance = new Recording;
  return *instance;
}

// A kernel that has run on this thread since its last operation: which one it belongs to is not yet known.
struct Waiting {
  size_t event;
  std::vector<MemoryRange> written, read;
};

struct Thread {
  uint64_t recording = 0;
  int number = 0;
  const char* backward = nullptr;  // the operation whose backward runs
  std::vector<Waiting> waiting;
};
thread_local Thread thread;

// This thread's part in the recording; its mutex is held.
Thread& this_thread(Recording& now) {
  if (thread.recording != now.number) {
    thread.recording = now.number;
    thread.number = ++now.threads;
    thread.waiting.clear();
  }
  return thread;
}

const char* end_of(const MemoryRange& range) { return static_cast<const char*>(range.data) + range.bytes; }
bool overlap(const MemoryRange& a, const MemoryRange& b) {
  return a.bytes > 0 && b.bytes > 0 && a.data < end_of(b) && b.data < end_of(a);
}
bool covers(const MemoryRange& all, const MemoryRange& part) {
  return all.data <= part.data && end_of(all) >= end_of(part);
}
bool overlaps_any(const MemoryRange& range, const std::vector<MemoryRange>& others) {
  return std::any_of(others.begin(), others.end(), [&](const MemoryRange& other) { return overlap(range, other); });
}

// Follows the result back through the kernels that have run since the last operation: who wrote it, who wrote what
// those have read, up to the operation's inputs. Returns when the first of them began; `otherwise` if there is none.
int64_t claim(Recording& now, std::vector<Waiting>& waiting, const char* operation, const MemoryRange& result,
              const std::vector<MemoryRange>& inputs, int64_t otherwise) {
  std::vector<MemoryRange> needed;
  if (!overlaps_any(result, inputs)) needed.push_back(result);
  int64_t begin = otherwise;
  for (auto kernel = waiting.rbegin(); kernel != waiting.rend(); ++kernel) {
    const auto& written = kernel->written;
    if (std::none_of(written.begin(), written.end(), [&](const auto& range) { return overlaps_any(range, needed); }))
      continue;
    ProfilerEvent& event = now.events[kernel->event];
    event.operation = operation;
    begin = event.begin;
    // Whoever wrote there before was about something else that has been freed since.
    std::erase_if(needed, [&](const MemoryRange& range) {
      return std::any_of(written.begin(), written.end(), [&](const auto& whole) { return covers(whole, range); });
    });
    for (const MemoryRange& range : kernel->read)
      if (!overlaps_any(range, inputs)) needed.push_back(range);
  }
  return begin;
}

}  // namespace

int64_t profiler_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

bool profiler_synchronizes() { return recording().synchronize.load(std::memory_order_relaxed); }

void profile_call(const char* name, int64_t begin, int64_t bytes, std::vector<MemoryRange> written,
                  std::vector<MemoryRange> read) {
  const int64_t end = profiler_now();
  Recording& now = recording();
  const std::lock_guard lock(now.mutex);
  if (!profiling()) return;
  Thread& self = this_thread(now);
  if (!self.backward) self.waiting.push_back({now.events.size(), std::move(written), std::move(read)});
  now.events.push_back({ProfilerEvent::Kind::kernel, self.number, name, self.backward, self.backward != nullptr, begin,
                        end - begin, bytes});
}

void profile_forward(const char* name, MemoryRange result, const std::vector<MemoryRange>& inputs) {
  const int64_t end = profiler_now();
  Recording& now = recording();
  const std::lock_guard lock(now.mutex);
  if (!profiling()) return;
  Thread& self = this_thread(now);
  if (self.backward) return;  // part of that operation's backward
  const int64_t begin = claim(now, self.waiting, name, result, inputs, end);
  self.waiting.clear();
  now.events.push_back({ProfilerEvent::Kind::forward, self.number, name, name, false, begin, end - begin, 0});
}

void ProfilerBackward::begin(const char* name) {
  name_ = name;
  begin_ = profiler_now();
  Recording& now = recording();
  const std::lock_guard lock(now.mutex);
  Thread& self = this_thread(now);
  self.waiting.clear();
  outer_ = std::exchange(self.backward, name);
}

void ProfilerBackward::end() {
  const int64_t end = profiler_now();
  Recording& now = recording();
  const std::lock_guard lock(now.mutex);
  thread.backward = outer_;
  if (!profiling() || thread.recording != now.number) return;
  now.events.push_back({ProfilerEvent::Kind::backward, thread.number, name_, name_, true, begin_, end - begin_, 0});
}

}  // namespace detail

using detail::ProfilerEvent;
using detail::recording;

Profiler::Profiler(const ProfilerOptions& options) {
  detail::Recording& now = recording();
  const std::lock_guard lock(now.mutex);
  ROUX_CHECK(!detail::profiling(), "Profiler", "another one runs (hint: stop() it first)");
  now.events.clear();
  ++now.number;
  now.threads = 0;
  now.synchronize = options.synchronize;
  started_ = detail::profiler_now();
  detail::profiler_runs = true;
}

Profiler::~Profiler() { stop(); }

void Profiler::stop() {
  if (stopped_) return;
  detail::Recording& now = recording();
  const std::lock_guard lock(now.mutex);
  detail::profiler_runs = false;
  stopped_ = detail::profiler_now();
  events_ = std::exchange(now.events, {});
}

std::vector<ProfilerEvent> Profiler::events() const {
  if (stopped_) return events_;
  detail::Recording& now = recording();
  const std::lock_guard lock(now.mutex);
  return now.events;
}

int64_t Profiler::elapsed() const { return (stopped_ ? stopped_ : detail::profiler_now()) - started_; }

ProfilerRange::ProfilerRange(std::string name) : name_(std::move(name)) {
  if (!detail::profiling()) return;
  detail::Recording& now = recording();
  const std::lock_guard lock(now.mutex);
  detail::this_thread(now).waiting.clear();
  begin_ = detail::profiler_now();
}

ProfilerRange::~ProfilerRange() {
  if (!begin_) return;
  const int64_t end = detail::profiler_now();
  detail::Recording& now = recording();
  const std::lock_guard lock(now.mutex);
  detail::Thread& self = detail::this_thread(now);
  self.waiting.clear();
  if (detail::profiling())
    now.events.push_back({ProfilerEvent::Kind::range, self.number, name_, nullptr, false, begin_, end - begin_, 0});
}

}  // namespace roux
