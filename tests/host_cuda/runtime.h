// What roux uses of the CUDA runtime, on the host. Streams are queues: nothing runs before somebody waits for it, so
// that whatever was not waited for is found missing. Asynchronous copies read pageable memory at the call and pinned
// memory when they run, as CUDA does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "tests/host_cuda/block.h"

using dim3 = roux::host_cuda::Index;

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorStreamCaptureUnsupported = 900,
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum cudaStreamCaptureMode {
  cudaStreamCaptureModeGlobal = 0,
  cudaStreamCaptureModeThreadLocal = 1,
  cudaStreamCaptureModeRelaxed = 2
};
inline constexpr unsigned cudaStreamNonBlocking = 1, cudaEventDisableTiming = 2;

namespace roux::host_cuda {
struct Stream;
struct Event;
struct Graph;
}  // namespace roux::host_cuda
using cudaStream_t = roux::host_cuda::Stream*;
using cudaEvent_t = roux::host_cuda::Event*;
using cudaGraph_t = roux::host_cuda::Graph*;
using cudaGraphExec_t = roux::host_cuda::Graph*;

const char* cudaGetErrorString(cudaError_t error);
const char* cudaGetErrorName(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaMalloc(void** data, size_t bytes);
cudaError_t cudaFree(void* data);
cudaError_t cudaMallocHost(void** data, size_t bytes);
cudaError_t cudaFreeHost(void* data);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long flags = 0);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);

namespace roux::host_cuda {

/// Puts a kernel into the stream's queue.
void enqueue(Launch launch, cudaStream_t stream);
/// The same for work of a library: runs with device memory accessible.
void enqueue(std::function<void()> work, const char* name, cudaStream_t stream);

/// Says that this allocation is what a library works in: kernels are compared without it.
void add_work_area(const void* data);

/// What a test may change.
struct Settings {
  /// A launch runs in each order of threads and blocks, from the same memory, and must leave the same bits. Where more
  /// than `compared_bytes` are allocated, and of a kernel that was compared with the same grid `comparisons` times, one
  /// order after the other takes its turn instead.
  bool compare_orders = true;
  int comparisons = 8;
  size_t compared_bytes = size_t{16} << 20;
  int devices = 1;
  int driver_version = 13000, runtime_version = 13000;
  int architecture = 90;  // that kernels are compiled for: no tensor cores below 80
  bool has_cublas = true;
  bool keeps_freed_memory = false;
};
extern Settings settings;

/// Has this kernel run?
bool has_run(const void* kernel);

void* open_library(const char* name);
void* find_symbol(void* library, const char* name);

}  // namespace roux::host_cuda
