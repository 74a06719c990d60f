// The grid as the host executes it: blocks one after the other, the threads of a block as fibers that stop at barriers
// and at what a warp does together. What CUDA leaves undefined is an error that names kernel, block and thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

namespace roux::host_cuda {

/// dim3 and uint3 of CUDA.
struct Index {
  unsigned x = 1, y = 1, z = 1;
  constexpr Index(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr int64_t count() const { return int64_t{x} * y * z; }
};

/// In which order the blocks of a grid, and the threads of a block, take their turns.
enum class Order : uint8_t { forward, reversed, shuffled };

/// A kernel with its arguments.
struct Launch {
  const void* kernel;  // the address of the function: its name
  Index grid, block;
  std::function<void()> body;  // one thread
};

/// Executes the whole grid. Throws Error for what a kernel must not do: a barrier or a shuffle that not all threads
/// reach, a write behind shared memory, more of it than a block has.
void execute(const Launch& launch, Order order);

/// Throws Error for grids and blocks that no device takes.
void check_launch(const Launch& launch);

// --- What kernels see. ---

struct Thread {
  Index index;
  int number = 0;  // in the block
};
extern Thread* current_thread;
extern Index current_block, block_size, grid_size;

/// Where a kernel calls something: std::source_location for compilers that have none.
struct Location {
  const char* file;
  unsigned line;

  static constexpr Location current(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return {file, line};
  }
};

/// Waits for all threads of the block.
void barrier(const Location& where);
/// Waits for all threads of the warp. `values` receives what each lane gave.
void warp_exchange(uint64_t value, uint64_t values[32], const char* what, const Location& where);
/// The launch ends here: this thread has done what no kernel may do.
[[noreturn]] void fail_thread(const std::string& what);
/// Memory that all threads of a block share, found by the address of its declaration; poisoned at the start of a block.
void* shared_memory(const void* declaration, size_t bytes);

/// What each of the 32 lanes gave, for types of up to 8 bytes.
template <class T>
T from_lane(T value, int lane, const char* what, const Location& where) {
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0, values[32];
  std::memcpy(&bits, &value, sizeof value);
  warp_exchange(bits, values, what, where);
  std::memcpy(&value, &values[lane], sizeof value);
  return value;
}

}  // namespace roux::host_cuda
