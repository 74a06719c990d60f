// Streams, events, copies and graphs as queues of functions.
#include "tests/host_cuda/runtime.h"

#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <tuple>
#include <vector>

#include "tensor/error.h"
#include "tests/host_cuda/memory.h"
#include "tests/host_cuda/symbols.h"

namespace roux::host_cuda {

Settings settings;

struct Operation {
  std::function<void()> run;
  std::function<std::string()> name;
};

struct Graph {
  std::vector<Operation> operations;
};

struct Stream {
  std::deque<Operation> queue;
  std::unique_ptr<Graph> capture;
  bool strict = true;  // while capturing: nothing may be allocated
};

// Reached when the operation that records it has run.
struct Event {
  struct Point {
    bool reached = false;
    Stream* stream = nullptr;
  };
  std::shared_ptr<Point> point;
};

namespace {

std::recursive_mutex mutex;
std::set<Stream*> streams;
std::map<const char*, size_t> pinned;  // by address
std::set<const void*> ran;
std::set<const void*> work_areas;  // of libraries
std::string pending_failure;       // of work that ran where nothing may be thrown
cudaError_t last_error = cudaSuccess;

using Lock = std::lock_guard<std::recursive_mutex>;

cudaError_t give(cudaError_t error) {
  if (error != cudaSuccess) last_error = error;
  return error;
}

bool is_capturing(bool strictly = false) {
  for (const Stream* stream : streams)
    if (stream->capture && (stream->strict || !strictly)) return true;
  return false;
}

void put(Stream* stream, Operation operation) {
  ROUX_CHECK(streams.count(stream) == 1, "host_cuda", operation.name(), ": the stream does not exist");
  if (stream->capture)
    stream->capture->operations.push_back(std::move(operation));
  else
    stream->queue.push_back(std::move(operation));
}

void run_next(Stream* stream) {
  const Operation operation = std::move(stream->queue.front());
  stream->queue.pop_front();
  operation.run();
}

void drain(Stream* stream) {
  if (stream->queue.empty() && pending_failure.empty()) return;
  const DeviceAccess access;
  try {
    while (!stream->queue.empty()) run_next(stream);
  } catch (...) {
    stream->queue.clear();
    throw;
  }
  if (pending_failure.empty()) return;
  const std::string failure = std::move(pending_failure);
  pending_failure.clear();
  throw Error(failure);
}

// All memory of the device but the work areas of libraries, which no kernel looks at.
std::vector<Allocation> compared_allocations() {
  std::vector<Allocation> result = live_allocations();
  std::erase_if(result, [](const Allocation& each) { return work_areas.count(each.data) == 1; });
  return result;
}

size_t bytes_of(const std::vector<Allocation>& allocations) {
  size_t bytes = 0;
  for (const Allocation& each : allocations) bytes += each.bytes;
  return bytes;
}

using Snapshot = std::vector<std::vector<char>>;

Snapshot take_snapshot(const std::vector<Allocation>& allocations) {
  Snapshot result;
  for (const Allocation& each : allocations) result.emplace_back(each.data, each.data + each.bytes);
  return result;
}

void restore(const std::vector<Allocation>& allocations, const Snapshot& snapshot) {
  for (size_t i = 0; i < allocations.size(); ++i)
    std::copy(snapshot[i].begin(), snapshot[i].end(), allocations[i].data);
}

void run_in_all_orders(const Launch& launch, const std::vector<Allocation>& allocations) {
  const Snapshot before = take_snapshot(allocations);
  execute(launch, Order::forward);
  const Snapshot expected = take_snapshot(allocations);
  for (const Order order : {Order::reversed, Order::shuffled}) {
    restore(allocations, before);
    execute(launch, order);
    for (size_t i = 0; i < allocations.size(); ++i)
      for (size_t k = 0; k < allocations[i].bytes; ++k)
        if (allocations[i].data[k] != expected[i][k])
          fail("host_cuda", name_of(launch.kernel),
               ": the result depends on the order of threads (a barrier is "
               "missing, or threads race): byte ",
               k, " of an allocation of ", allocations[i].bytes);
  }
}

void run_launch(const Launch& launch) {
  static int turn = 0;
  ran.insert(launch.kernel);
  using Shape = std::tuple<const void*, int64_t, int64_t>;
  static std::map<Shape, int> compared;
  int& times = compared[{launch.kernel, launch.grid.count(), launch.block.count()}];
  const std::vector<Allocation> allocations =
      settings.compare_orders && times < settings.comparisons ? compared_allocations() : std::vector<Allocation>();
  if (!allocations.empty() && bytes_of(allocations) <= settings.compared_bytes) {
    ++times;
    run_in_all_orders(launch, allocations);
  } else {
    execute(launch, static_cast<Order>(turn++ % 3));
  }
}

bool is_pinned(const void* data) {
  const auto* const at = static_cast<const char*>(data);
  auto after = pinned.upper_bound(at);
  return after != pinned.begin() && at < std::prev(after)->first + std::prev(after)->second;
}

std::function<std::string()> named(const char* name) {
  return [name] { return std::string(name); };
}

void copy_bytes(void* to, const void* from, size_t bytes) {
  with_device_memory([&] { std::memmove(to, from, bytes); }, named("cudaMemcpyAsync"));
}

}  // namespace

void enqueue(Launch launch, cudaStream_t stream) {
  const Lock lock(mutex);
  check_launch(launch);
  const void* const kernel = launch.kernel;
  const auto name = [kernel] { return name_of(kernel); };
  put(stream, {[launch = std::move(launch), name] { with_device_memory([&] { run_launch(launch); }, name); }, name});
}

void enqueue(std::function<void()> work, const char* name, cudaStream_t stream) {
  const Lock lock(mutex);
  put(stream, {[work = std::move(work), name] { with_device_memory(work, named(name)); }, named(name)});
}

void add_work_area(const void* data) { work_areas.insert(data); }

bool has_run(const void* kernel) { return ran.count(kernel) == 1; }

}  // namespace roux::host_cuda

using namespace roux::host_cuda;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidValue: return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation: return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorStreamCaptureUnsupported: return "cudaErrorStreamCaptureUnsupported";
  }
  return "unknown";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "no error";
    case cudaErrorInvalidValue: return "invalid argument";
    case cudaErrorMemoryAllocation: return "out of memory";
    case cudaErrorInsufficientDriver: return "CUDA driver version is insufficient for CUDA runtime version";
    case cudaErrorNoDevice: return "no CUDA-capable device is detected";
    case cudaErrorInvalidDevice: return "invalid device ordinal";
    case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
  }
  return "unknown";
}

cudaError_t cudaGetLastError() {
  const cudaError_t error = last_error;
  last_error = cudaSuccess;
  return error;
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = settings.devices;
  if (settings.driver_version == 0 || settings.driver_version < settings.runtime_version)
    return give(cudaErrorInsufficientDriver);
  return give(settings.devices > 0 ? cudaSuccess : cudaErrorNoDevice);
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = settings.driver_version;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = settings.runtime_version;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  return give(device >= 0 && device < settings.devices ? cudaSuccess : cudaErrorInvalidDevice);
}

cudaError_t cudaMalloc(void** data, size_t bytes) {
  const Lock lock(mutex);
  if (is_capturing(true)) return give(cudaErrorStreamCaptureUnsupported);
  *data = bytes == 0 ? nullptr : allocate_device(bytes);
  return give(*data || bytes == 0 ? cudaSuccess : cudaErrorMemoryAllocation);
}

// Waits for the device, as CUDA's does. It is called where nothing may be thrown: failures wait for their turn.
cudaError_t cudaFree(void* data) {
  const Lock lock(mutex);
  if (!data) return cudaSuccess;
  if (is_capturing()) return give(cudaErrorStreamCaptureUnsupported);
  try {
    for (Stream* stream : streams) drain(stream);
    return give(free_device(data) ? cudaSuccess : cudaErrorInvalidValue);
  } catch (const std::exception& error) {
    pending_failure = error.what();
    return cudaSuccess;
  }
}

cudaError_t cudaMallocHost(void** data, size_t bytes) {
  const Lock lock(mutex);
  *data = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  pinned[static_cast<char*>(*data)] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* data) {
  const Lock lock(mutex);
  if (pinned.erase(static_cast<char*>(data)) == 0) return give(cudaErrorInvalidValue);
  std::free(data);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  const Lock lock(mutex);
  *free = device_memory_bytes - std::min(live_bytes(), device_memory_bytes);
  *total = device_memory_bytes;
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  const Lock lock(mutex);
  if (bytes == 0) return cudaSuccess;
  const bool from_device = kind != cudaMemcpyHostToDevice, to_device = kind != cudaMemcpyDeviceToHost;
  if (is_device_range(from, bytes) != from_device || is_device_range(to, bytes) != to_device)
    return give(cudaErrorInvalidValue);
  const bool pageable = !from_device && !is_pinned(from) && !stream->capture;
  if (pageable) {
    const auto* const bytes_of = static_cast<const char*>(from);
    auto kept = std::make_shared<std::vector<char>>(bytes_of, bytes_of + bytes);
    put(stream, {[=] { copy_bytes(to, kept->data(), bytes); }, named("cudaMemcpyAsync")});
    return cudaSuccess;
  }
  put(stream, {[=] { copy_bytes(to, from, bytes); }, named("cudaMemcpyAsync")});
  // To pageable memory the call returns when the bytes are there.
  if (!to_device && !is_pinned(to) && !stream->capture) drain(stream);
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Lock lock(mutex);
  *stream = new Stream;
  streams.insert(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(mutex);
  if (streams.erase(stream) == 0) return give(cudaErrorInvalidValue);
  drain(stream);
  delete stream;
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(mutex);
  if (streams.count(stream) == 0) return give(cudaErrorInvalidValue);
  if (is_capturing()) return give(cudaErrorStreamCaptureUnsupported);
  drain(stream);
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new Event;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock(mutex);
  event->point = std::make_shared<Event::Point>();
  event->point->stream = stream;
  put(stream, {[point = event->point] { point->reached = true; }, named("cudaEventRecord")});
  return cudaSuccess;
}

namespace {
void run_until(const std::shared_ptr<Event::Point>& point) {
  while (point && !point->reached) {
    ROUX_CHECK(!point->stream->queue.empty(), "host_cuda", "a stream waits for an event that never comes");
    run_next(point->stream);
  }
}
}  // namespace

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Lock lock(mutex);
  put(stream, {[point = event->point] { run_until(point); }, named("cudaStreamWaitEvent")});
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(mutex);
  if (is_capturing()) return give(cudaErrorStreamCaptureUnsupported);
  run_until(event->point);
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  const Lock lock(mutex);
  if (stream->capture) return give(cudaErrorInvalidValue);
  stream->capture = std::make_unique<Graph>();
  stream->strict = mode != cudaStreamCaptureModeRelaxed;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock(mutex);
  if (!stream->capture) return give(cudaErrorInvalidValue);
  *graph = stream->capture.release();
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new Graph(*graph);
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  const Lock lock(mutex);
  for (const Operation& operation : exec->operations) put(stream, operation);
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  return cudaSuccess;
}
