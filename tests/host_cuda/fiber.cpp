// Switching stacks: by hand on x86-64 (registers that a call keeps, and the stack pointer), by ucontext elsewhere.
#include "tests/host_cuda/fiber.h"

#include <sys/mman.h>

#include "tensor/error.h"

namespace roux::host_cuda {
namespace {

constexpr size_t stack_bytes = 256 << 10;
Fiber* running = nullptr;

// With a page behind it that faults when the stack overflows; memory that is never touched costs nothing.
char* new_stack() {
  void* const memory =
      mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ROUX_CHECK(memory != MAP_FAILED, "host_cuda", "there is no memory for another thread's stack");
  mprotect(memory, 4096, PROT_NONE);
  return static_cast<char*>(memory);
}

}  // namespace

#if defined(__x86_64__)

// switch_stacks(void** keep, void* go_to): what a call must keep is on the stacks themselves.
asm(R"(
.text
.type roux_host_cuda_switch_stacks, @function
roux_host_cuda_switch_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size roux_host_cuda_switch_stacks, .-roux_host_cuda_switch_stacks
)");
extern "C" void roux_host_cuda_switch_stacks(void** keep, void* go_to);

static void* resumer_stack_pointer = nullptr;

Fiber::Fiber(void (*body)()) : body_(body), stack_(new_stack()) {
  // As if switch_stacks had been called from nowhere: six registers, then where it returns to. A function expects the
  // stack pointer 8 bytes off a multiple of 16 at its start.
  auto* top = reinterpret_cast<void**>(stack_ + stack_bytes);
  *--top = nullptr;
  *--top = reinterpret_cast<void*>(&Fiber::enter);
  for (int i = 0; i < 6; ++i) *--top = nullptr;
  stack_pointer_ = top;
}

void Fiber::resume() {
  running = this;
  roux_host_cuda_switch_stacks(&resumer_stack_pointer, stack_pointer_);
}

void Fiber::pause() { roux_host_cuda_switch_stacks(&running->stack_pointer_, resumer_stack_pointer); }

#else

Fiber::Fiber(void (*body)()) : body_(body), stack_(new_stack()) {
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = stack_bytes;
  context_.uc_link = nullptr;
  makecontext(&context_, &Fiber::enter, 0);
}

void Fiber::resume() {
  running = this;
  swapcontext(&resumer_, &context_);
}

void Fiber::pause() { swapcontext(&running->context_, &running->resumer_); }

#endif

void Fiber::enter() {
  for (;;) {
    running->body_();
    pause();
  }
}

Fiber::~Fiber() { munmap(stack_, stack_bytes); }

}  // namespace roux::host_cuda
