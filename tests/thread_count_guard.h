// For tests that change the number of threads.
#pragma once

#include "tensor/parallel.h"

/// Restores the number of threads at the end of its scope.
class ThreadCountGuard {
 public:
  ThreadCountGuard() = default;
  ThreadCountGuard(const ThreadCountGuard&) = delete;
  ThreadCountGuard& operator=(const ThreadCountGuard&) = delete;
  ~ThreadCountGuard() { roux::set_num_threads(count_); }

 private:
  int count_ = roux::num_threads();
};
