// All threading of the library: one parallel loop over one small pool of threads. The chunks of a loop are fixed by its
// length and grain, never by the number of threads, so results have the same bits for any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace roux {

/// How many threads `parallel_for` uses at most, the caller included. Default: what the hardware offers.
int num_threads();

/// Sets how many threads `parallel_for` uses at most, the caller included; 1 runs everything on the caller. Takes
/// effect with the next `parallel_for`. Throws Error unless 1 <= count <= 1024.
void set_num_threads(int count);

/// Lets OpenBLAS compute on the thread that calls it, for the whole process, and ends the threads that it started when
/// it was loaded: two kinds would fight for the cores. The first `parallel_for` on several threads and the first
/// operation on the CPU do this; a program that wants the cores for itself from the start calls it first.
void stop_blas_threads();

namespace detail {

/// Refers to a callable `void(int64_t begin, int64_t end)` without owning it.
class ChunkFunction {
 public:
  template <class F>
  explicit ChunkFunction(const F& f)
      : object_(std::addressof(f)),
        call_([](const void* object, int64_t begin, int64_t end) { (*static_cast<const F*>(object))(begin, end); }) {}
  void operator()(int64_t begin, int64_t end) const { call_(object_, begin, end); }

 private:
  const void* object_;
  void (*call_)(const void*, int64_t, int64_t);
};

/// How many chunks a loop has; throws what parallel_for throws.
int64_t chunk_count(int64_t n, int64_t grain);

/// parallel_for of more than one chunk, or of none.
void parallel_chunks(int64_t n, int64_t grain, ChunkFunction f);

}  // namespace detail

/// Calls `f(begin, end)` once for each chunk [k * grain, min(n, (k + 1) * grain)) of [0, n), on several threads at once
/// and in any order. A single chunk, a call from inside another `parallel_for`, and a call while another thread's loop
/// has the pool run on the caller, in order. When chunks throw, the exception of the first of them (by position, not by
/// time) is rethrown after all have ended; chunks that follow it may not be run. Throws Error if n < 0 or grain < 1.
template <class F>
void parallel_for(int64_t n, int64_t grain, F&& f) {
  if (n > 0 && n <= grain) [[likely]] {
    f(int64_t{0}, n);
  } else {
    detail::parallel_chunks(n, grain, detail::ChunkFunction([&f](int64_t begin, int64_t end) { f(begin, end); }));
  }
}

/// The value of `chunk_value(begin, end)` over the chunks of `parallel_for`, combined in the order of the chunks:
/// combine(combine(init, first), second) and so on; `init` if n is 0. T is default-constructible and assignable.
template <class T, class ChunkValue, class Combine>
T parallel_reduce(int64_t n, int64_t grain, T init, ChunkValue&& chunk_value, Combine&& combine) {
  if (n > 0 && n <= grain) [[likely]]
    return combine(std::move(init), chunk_value(int64_t{0}, n));
  const int64_t count = detail::chunk_count(n, grain);
  const std::unique_ptr<T[]> values(new T[static_cast<size_t>(count)]);
  const auto store = [&](int64_t begin, int64_t end) { values[begin / grain] = chunk_value(begin, end); };
  detail::parallel_chunks(n, grain, detail::ChunkFunction(store));
  for (int64_t chunk = 0; chunk < count; ++chunk) init = combine(std::move(init), std::move(values[chunk]));
  return init;
}

}  // namespace roux
