// The host execution layer itself: what it must compute, and the planted mistakes that it must find.
#include <doctest/doctest.h>

#include <vector>

#include "cuda/device.h"
#include "tests/host_cuda/memory.h"
#include "tests/host_cuda/symbols.h"
#include "tests/message_of.h"

using namespace roux;
using namespace roux::cuda;
using namespace roux::host_cuda;

namespace {

// A stream and some device memory for one test.
struct Device {
  cudaStream_t stream = nullptr;
  std::vector<void*> blocks;

  Device() { check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "test"); }
  ~Device() {
    cudaStreamDestroy(stream);
    for (void* const block : blocks) cudaFree(block);
  }
  template <class T>
  T* make(const std::vector<T>& values) {
    void* data = nullptr;
    check_cuda(cudaMalloc(&data, values.size() * sizeof(T)), "test");
    blocks.push_back(data);
    check_cuda(cudaMemcpyAsync(data, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice, stream), "test");
    return static_cast<T*>(data);
  }
  template <class T>
  std::vector<T> read(const T* data, size_t count) {
    std::vector<T> values(count);
    check_cuda(cudaMemcpyAsync(values.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost, stream), "test");
    return values;
  }
  void synchronize() { check_cuda(cudaStreamSynchronize(stream), "test"); }
};

template <class... Parameters>
std::string failure_of(Device& device, void (*kernel)(Parameters...), dim3 grid, dim3 block,
                       std::type_identity_t<Parameters>... arguments) {
  return message_of([&] {
    launch(kernel, grid, block, device.stream, arguments...);
    device.synchronize();
  });
}

const std::string nothing = "nothing was thrown";

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

__global__ void number_kernel(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  out[block * blockDim.x + threadIdx.x] = static_cast<int>(1000 * block + threadIdx.x);
}

// Each block reverses its part of `values` through shared memory; without the barrier, threads read what is not there.
template <bool Waits>
__global__ void reverse_kernel(int* values) {
  ROUX_SHARED(int, part, 64);
  const int i = static_cast<int>(threadIdx.x);
  part[i] = values[i];
  if (Waits) sync_block();
  values[i] = part[63 - i];
}

__global__ void warp_sum_kernel(int* out, const int* in) {
  int sum = in[threadIdx.x];
  for (int mask = 16; mask > 0; mask /= 2) sum += shuffle_xor(sum, mask);
  const int first = shuffle(sum, 0), before = shuffle_up(static_cast<int>(threadIdx.x), 1);
  const uint32_t odd = ballot(threadIdx.x % 2 == 1);
  out[threadIdx.x] = first + before + (odd == 0xAAAAAAAAU ? 0 : 1'000'000);
}

__global__ void race_kernel(int* at) { *at = static_cast<int>(threadIdx.x); }
__global__ void block_race_kernel(int* at) {
  if (threadIdx.x == 0) *at = static_cast<int>(blockIdx.x);
}
__global__ void float_sum_race_kernel(float* sum, const float* in) {
  const float before = *sum;
  *sum = before + in[threadIdx.x];
}
__global__ void count_kernel(int* count) { atomic_add(count, 1); }
__global__ void write_kernel(float* to, int64_t at) {
  if (threadIdx.x == 0) to[at] = 1;
}
__global__ void copy_kernel(float* to, const float* from, int64_t at) {
  if (threadIdx.x == 0) to[0] = from[at];
}
__global__ void divergent_barrier_kernel(int* out) {
  if (threadIdx.x < 32) sync_block();
  out[threadIdx.x] = 1;
}
__global__ void two_barriers_kernel(int* out) {
  if (threadIdx.x < 32)
    sync_block();
  else
    sync_block();
  out[threadIdx.x] = 1;
}
__global__ void partial_shuffle_kernel(int* out) {
  int value = 1;
  if (threadIdx.x < 16) value = shuffle_xor(value, 1);
  out[threadIdx.x] = value;
}
__global__ void shared_poison_kernel(float* out) {
  ROUX_SHARED(float, values, 32);
  out[threadIdx.x] = values[threadIdx.x];
}
__global__ void shared_overflow_kernel(int* out) {
  ROUX_SHARED(int, values, 32);
  values[threadIdx.x + 1] = 0;
  sync_block();
  out[threadIdx.x] = 0;
}
__global__ void too_much_shared_kernel(double* out) {
  ROUX_SHARED(double, values, 8192);
  values[threadIdx.x] = 0;
  out[threadIdx.x] = values[threadIdx.x];
}

}  // namespace

TEST_CASE("host CUDA: grids, blocks and threads are numbered as on a device") {
  Device device;
  int* const out = device.make(std::vector<int>(2 * 3 * 2 * 64));
  launch(number_kernel, dim3(2, 3, 2), 64, device.stream, out);
  const std::vector<int> found = device.read(out, 2 * 3 * 2 * 64);
  for (int block = 0; block < 12; ++block)
    for (int thread = 0; thread < 64; ++thread)
      REQUIRE(found[static_cast<size_t>(64 * block + thread)] == 1000 * block + thread);
}

TEST_CASE("host CUDA: shared memory and warps") {
  Device device;
  std::vector<int> numbers(64);
  for (int i = 0; i < 64; ++i) numbers[static_cast<size_t>(i)] = i;
  int* const values = device.make(numbers);
  launch(reverse_kernel<true>, 1, 64, device.stream, values);
  std::vector<int> found = device.read(values, 64);
  for (int i = 0; i < 64; ++i) CHECK(found[static_cast<size_t>(i)] == 63 - i);

  int* const out = device.make(std::vector<int>(32));
  launch(warp_sum_kernel, 1, 32, device.stream, out, device.make(numbers));
  found = device.read(out, 32);
  CHECK(found[0] == 31 * 32 / 2);
  CHECK(found[31] == 31 * 32 / 2 + 30);
}

TEST_CASE("host CUDA: streams are queues, and a missing wait shows") {
  Device device;
  int* const count = device.make(std::vector<int>{0});
  void* pinned = nullptr;
  REQUIRE(cudaMallocHost(&pinned, sizeof(int)) == cudaSuccess);
  int& seen = *static_cast<int*>(pinned);
  seen = -1;
  launch(count_kernel, 3, 64, device.stream, count);
  REQUIRE(cudaMemcpyAsync(pinned, count, sizeof(int), cudaMemcpyDeviceToHost, device.stream) == cudaSuccess);
  CHECK(seen == -1);
  cudaEvent_t event = nullptr;
  REQUIRE(cudaEventCreateWithFlags(&event, cudaEventDisableTiming) == cudaSuccess);
  REQUIRE(cudaEventRecord(event, device.stream) == cudaSuccess);
  Device other;
  REQUIRE(cudaStreamWaitEvent(other.stream, event) == cudaSuccess);
  other.synchronize();
  CHECK(seen == 3 * 64);
  cudaEventDestroy(event);
  cudaFreeHost(pinned);
}

TEST_CASE("host CUDA: a graph runs what was recorded, as often as it is launched") {
  Device device;
  int* const count = device.make(std::vector<int>{0});
  device.synchronize();
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  REQUIRE(cudaStreamBeginCapture(device.stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  launch(count_kernel, 1, 32, device.stream, count);
  CHECK(cudaStreamSynchronize(device.stream) == cudaErrorStreamCaptureUnsupported);
  REQUIRE(cudaStreamEndCapture(device.stream, &graph) == cudaSuccess);
  REQUIRE(cudaGraphInstantiate(&exec, graph) == cudaSuccess);
  CHECK(device.read(count, 1)[0] == 0);
  for (int i = 0; i < 3; ++i) REQUIRE(cudaGraphLaunch(exec, device.stream) == cudaSuccess);
  CHECK(device.read(count, 1)[0] == 96);
  cudaGraphDestroy(graph);
  cudaGraphExecDestroy(exec);
}

TEST_CASE("host CUDA: a planted missing barrier is found") {
  Device device;
  int* const values = device.make(std::vector<int>(64, 1));
  CHECK(contains(failure_of(device, reverse_kernel<false>, 1, 64, values),
                 "reverse_kernel<false>: the result depends on the order of threads"));
}

TEST_CASE("host CUDA: planted races are found") {
  Device device;
  int* const at = device.make(std::vector<int>{0});
  CHECK(contains(failure_of(device, race_kernel, 1, 32, at), "race_kernel: the result depends on the order"));
  CHECK(contains(failure_of(device, block_race_kernel, 5, 32, at), "depends on the order of threads"));
  std::vector<float> numbers(32);
  for (size_t i = 0; i < 32; ++i) numbers[i] = 1.0f / static_cast<float>(3 * i * i + 1);
  float* const sum = device.make(std::vector<float>{0});
  CHECK(contains(failure_of(device, float_sum_race_kernel, 1, 32, sum, device.make(numbers)),
                 "depends on the order of threads"));
  CHECK(failure_of(device, count_kernel, 4, 64, at) == nothing);
}

TEST_CASE("host CUDA: planted accesses out of bounds are found") {
  Device device;
  float* const values = device.make(std::vector<float>(16));
  CHECK(failure_of(device, write_kernel, 1, 32, values, 15) == nothing);
  CHECK(failure_of(device, write_kernel, 1, 32, values, 16) ==
        "[host_cuda] write_kernel: access 0 bytes behind an allocation of 64 bytes");
  CHECK(failure_of(device, copy_kernel, 1, 32, values, values, 18) ==
        "[host_cuda] copy_kernel: access 8 bytes behind an allocation of 64 bytes");
  CHECK(contains(failure_of(device, copy_kernel, 1, 32, values, values, -1100), "bytes before an allocation of 64"));
  CHECK(contains(failure_of(device, write_kernel, 1, 32, nullptr, 0), "an address that is not of the device"));
  // A kernel that was stopped in the middle leaves nothing behind.
  CHECK(failure_of(device, write_kernel, 1, 32, values, 3) == nothing);
}

TEST_CASE("host CUDA: memory that was freed, and memory of the host's, are out of bounds too") {
  Device device;
  float* const values = device.make(std::vector<float>(16));
  void* freed = nullptr;
  REQUIRE(cudaMalloc(&freed, 64) == cudaSuccess);
  REQUIRE(cudaFree(freed) == cudaSuccess);
  CHECK(
      contains(failure_of(device, copy_kernel, 1, 32, values, static_cast<float*>(freed), 0), "nothing is allocated"));
  CHECK(cudaMemcpyAsync(freed, values, 64, cudaMemcpyDeviceToDevice, device.stream) == cudaErrorInvalidValue);
  CHECK(touches_device_memory([&] { values[0] = 1; }));
  float here = 0;
  CHECK_FALSE(touches_device_memory([&] { here = 1; }));
  CHECK(here == 1);
}

TEST_CASE("host CUDA: a write beside an allocation that no page guards is found when it is freed") {
  Device device;
  float* const values = device.make(std::vector<float>(15));  // one float short of whole 16 bytes
  launch(write_kernel, 1, 32, device.stream, values, int64_t{15});
  device.synchronize();
  device.blocks.clear();
  cudaFree(values);
  CHECK(contains(message_of([&] { device.synchronize(); }), "written beside an allocation of 60 bytes"));
}

TEST_CASE("host CUDA: planted divergent barriers and shuffles are found") {
  Device device;
  int* const out = device.make(std::vector<int>(64));
  CHECK(contains(failure_of(device, divergent_barrier_kernel, 1, 64, out), "waits for a barrier (host_cuda_test.cpp:"));
  CHECK(contains(failure_of(device, two_barriers_kernel, 1, 64, out), "waits at another"));
  CHECK(contains(failure_of(device, partial_shuffle_kernel, 1, 64, out),
                 "which not all threads reach: thread (16, 0, 0) has left the kernel"));
}

TEST_CASE("host CUDA: shared memory is poisoned, guarded and limited") {
  Device device;
  float* const out = device.make(std::vector<float>(32));
  launch(shared_poison_kernel, 1, 32, device.stream, out);
  for (const float value : device.read(out, 32)) CHECK(value != value);
  CHECK(contains(failure_of(device, shared_overflow_kernel, 1, 32, device.make(std::vector<int>(32))),
                 "written outside a shared array of 128 bytes"));
  CHECK(contains(failure_of(device, too_much_shared_kernel, 1, 32, device.make(std::vector<double>(32))),
                 "declares 65536 bytes of shared memory, a block has 49152"));
}

TEST_CASE("host CUDA: grids and blocks that no device takes are refused") {
  Device device;
  int* const out = device.make(std::vector<int>{0});
  CHECK(contains(failure_of(device, race_kernel, 1, 1056, out), "a block has 1 to 1,024 threads"));
  CHECK(contains(failure_of(device, race_kernel, 1, 33, out), "whole warps"));
  CHECK(contains(failure_of(device, race_kernel, dim3(1, 65536), 32, out), "at most 65,535 blocks along y and z"));
}

TEST_CASE("host CUDA: the program's kernels are known by name") {
  bool found = false;
  for (const Symbol& symbol : kernels()) found |= symbol.name == "number_kernel";
  CHECK(found);
  CHECK(name_of(reinterpret_cast<const void*>(&race_kernel)) == "race_kernel");
}
