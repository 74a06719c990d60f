// A fiber: a function on a stack of its own that can stop in the middle and be gone on with. One runs each thread of a
// CUDA block, so that a thread that waits at a barrier costs a switch of a few nanoseconds.
#pragma once

#include <cstddef>
#include <memory>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace roux::host_cuda {

class Fiber {
 public:
  /// Runs `body` again and again: each time from `resume` until it calls `pause`, or returns, which pauses too.
  explicit Fiber(void (*body)());
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  /// Goes on in the fiber; comes back when it pauses.
  void resume();
  /// Called in a fiber: goes back to who resumed it.
  static void pause();

 private:
  static void enter();

  void (*body_)();
  char* stack_;
#if defined(__x86_64__)
  void* stack_pointer_;
#else
  ucontext_t context_, resumer_;
#endif
};

}  // namespace roux::host_cuda
