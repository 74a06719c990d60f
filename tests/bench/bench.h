// What the benchmark programs share: their main, and the figures that stand beside a time.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>

#include "tensor/parallel.h"

namespace roux::bench {

/// A counter that prints how many per second, from the number in one iteration: `FLOP=104.2G/s`.
inline benchmark::Counter per_second(double per_iteration) {
  return {per_iteration, benchmark::Counter::kIsIterationInvariantRate};
}

/// A counter that prints the seconds of one, from the number in one iteration: `node=169n`.
inline benchmark::Counter seconds_each(double per_iteration) {
  return {per_iteration, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert};
}

/// Times `operation()`, which reads and writes `bytes` in all; results are thrown away inside the time.
template <class Operation>
void time_bytes(benchmark::State& state, int64_t bytes, Operation&& operation) {
  for (auto _ : state) benchmark::DoNotOptimize(operation());
  state.SetBytesProcessed(state.iterations() * bytes);
}

/// Runs the benchmarks of this program with Google Benchmark's options, on one thread: its rates are by processor time,
/// which leaves out what other programs take. A benchmark of several threads sets their number itself.
inline int run(int argc, char** argv) {
  set_num_threads(1);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace roux::bench
