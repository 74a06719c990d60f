// An arena of address space; protection of pages; the handler of bad accesses.
#include "tests/host_cuda/memory.h"

#include <csetjmp>
#include <csignal>
#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <map>

#include "tensor/error.h"

namespace roux::host_cuda {

size_t device_memory_bytes = size_t{8} << 30;

namespace {

constexpr size_t page = 4096, arena_bytes = size_t{1} << 38, alignment = 16;
constexpr unsigned char poison = 0xFF, guard = 0xA5;

struct Pages {
  Allocation allocation;
  char* begin;
  size_t bytes;
};

struct Arena {
  char* begin = nullptr;
  char* next = nullptr;               // address space is never used twice: what is freed stays inaccessible
  std::map<const char*, Pages> live;  // by address of the data
  size_t live_bytes = 0;
  bool open = false;
};
Arena arena;

int accesses = 0;  // DeviceAccess objects that live

sigjmp_buf jump;
volatile sig_atomic_t jump_is_set = 0;
void* volatile bad_address = nullptr;

bool in_arena(const void* address) {
  return arena.begin && address >= arena.begin && address < arena.begin + arena_bytes;
}

void on_bad_access(int signal_number, siginfo_t* info, void*) {
  if (jump_is_set) {
    bad_address = info->si_addr;
    siglongjmp(jump, 1);
  }
  std::signal(signal_number, SIG_DFL);
}

// Catches bad accesses as long as it lives. The handler has a stack of its own, since the fault may be that of a full
// one; doctest sets handlers too, for each test case, and gets them back.
class FaultHandler {
 public:
  FaultHandler() {
    constexpr size_t stack_bytes = 64 << 10;
    static char memory[stack_bytes];
    stack_t stack{};
    stack.ss_sp = memory;
    stack.ss_size = stack_bytes;
    sigaltstack(&stack, &stack_before_);
    struct sigaction action {};
    action.sa_sigaction = on_bad_access;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigaction(SIGSEGV, &action, &segv_before_);
    sigaction(SIGBUS, &action, &bus_before_);
    jump_is_set = 1;
  }
  FaultHandler(const FaultHandler&) = delete;
  FaultHandler& operator=(const FaultHandler&) = delete;
  ~FaultHandler() {
    jump_is_set = 0;
    sigaction(SIGSEGV, &segv_before_, nullptr);
    sigaction(SIGBUS, &bus_before_, nullptr);
    sigaltstack(&stack_before_, nullptr);
  }

 private:
  stack_t stack_before_{};
  struct sigaction segv_before_ {
  }, bus_before_{};
};

void set_access(bool open) {
  for (const auto& [data, pages] : arena.live)
    if (pages.bytes > 0) mprotect(pages.begin, pages.bytes, open ? PROT_READ | PROT_WRITE : PROT_NONE);
  arena.open = open;
}

std::string describe(const void* address) {
  const auto* const at = static_cast<const char*>(address);
  if (!in_arena(address)) return "at an address that is not of the device";
  auto after = arena.live.upper_bound(at);
  if (after != arena.live.begin()) {
    const Allocation& before = std::prev(after)->second.allocation;
    if (at >= before.data + before.bytes && at < before.data + before.bytes + page)
      return std::to_string(at - (before.data + before.bytes)) + " bytes behind an allocation of " +
             std::to_string(before.bytes) + " bytes";
  }
  if (after != arena.live.end() && at >= after->second.begin - page)
    return std::to_string(after->first - at) + " bytes before an allocation of " +
           std::to_string(after->second.allocation.bytes) + " bytes";
  return "at an address where nothing is allocated (any more)";
}

}  // namespace

void* allocate_device(size_t bytes) {
  if (!arena.begin) {
    void* const space = mmap(nullptr, arena_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ROUX_CHECK(space != MAP_FAILED, "host_cuda", "there is no address space for device memory");
    arena.begin = arena.next = static_cast<char*>(space);
  }
  if (arena.live_bytes + bytes > device_memory_bytes) return nullptr;
  const size_t padded = (bytes + alignment - 1) / alignment * alignment;
  const size_t page_bytes = (std::max<size_t>(padded, 1) + page - 1) / page * page;
  ROUX_CHECK(arena.next + page_bytes + 2 * page <= arena.begin + arena_bytes, "host_cuda", "address space is used up");
  char* const begin = arena.next + page;
  arena.next = begin + page_bytes;
  char* const data = begin + page_bytes - padded;
  mprotect(begin, page_bytes, PROT_READ | PROT_WRITE);
  std::memset(begin, guard, page_bytes);
  std::memset(data, poison, bytes);
  if (!arena.open) mprotect(begin, page_bytes, PROT_NONE);
  arena.live[data] = {{data, bytes}, begin, page_bytes};
  arena.live_bytes += bytes;
  return data;
}

bool free_device(void* data) {
  const auto found = arena.live.find(static_cast<char*>(data));
  if (found == arena.live.end()) return false;
  const Pages pages = found->second;
  arena.live.erase(found);
  arena.live_bytes -= pages.allocation.bytes;
  mprotect(pages.begin, pages.bytes, PROT_READ | PROT_WRITE);
  bool intact = true;
  const char* const end = pages.allocation.data + pages.allocation.bytes;
  for (const char* at = pages.begin; at < pages.allocation.data; ++at)
    intact &= static_cast<unsigned char>(*at) == guard;
  for (const char* at = end; at < pages.begin + pages.bytes; ++at) intact &= static_cast<unsigned char>(*at) == guard;
  madvise(pages.begin, pages.bytes, MADV_DONTNEED);
  mprotect(pages.begin, pages.bytes, PROT_NONE);
  ROUX_CHECK(intact, "host_cuda", "something was written beside an allocation of ", pages.allocation.bytes, " bytes");
  return true;
}

bool is_device_range(const void* data, size_t bytes) {
  const auto* const at = static_cast<const char*>(data);
  auto after = arena.live.upper_bound(at);
  if (after == arena.live.begin()) return false;
  const Allocation& allocation = std::prev(after)->second.allocation;
  return at + bytes <= allocation.data + allocation.bytes;
}

std::vector<Allocation> live_allocations() {
  std::vector<Allocation> result;
  for (const auto& [data, pages] : arena.live) result.push_back(pages.allocation);
  return result;
}

size_t live_bytes() { return arena.live_bytes; }

DeviceAccess::DeviceAccess() {
  if (accesses++ == 0) set_access(true);
}

DeviceAccess::~DeviceAccess() {
  if (--accesses == 0) set_access(false);
}

void with_device_memory(const std::function<void()>& f, const std::function<std::string()>& what) {
  const DeviceAccess access;
  const FaultHandler handler;
  if (sigsetjmp(jump, 1) != 0) fail("host_cuda", what(), ": access ", describe(bad_address));
  f();
}

bool touches_device_memory(const std::function<void()>& f) {
  const FaultHandler handler;
  if (sigsetjmp(jump, 1) != 0) return true;
  f();
  return false;
}

}  // namespace roux::host_cuda
