// What the CUDA backend does where something is missing or full, and how it keeps memory: under settings of the host
// layer, since a device is not to be had without a driver, or out of memory, when a test wants it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "cuda/allocator.h"
#include "cuda/cublas.h"
#include "cuda/staging.h"
#include "nn/adam.h"
#include "nn/linear.h"
#include "nn/loss.h"
#include "tensor/backend.h"
#include "tests/host_cuda/memory.h"
#include "tests/host_cuda/runtime.h"
#include "tests/message_of.h"

using namespace roux;
using namespace roux::host_cuda;

namespace {

const Device gpu{DeviceType::cuda, 0};
const std::string nothing = "nothing was thrown";

// Puts the settings and the size of the memory back at the end of a test.
struct Restore {
  const Settings before = settings;
  const size_t memory = device_memory_bytes;
  Restore() = default;
  Restore(const Restore&) = delete;
  Restore& operator=(const Restore&) = delete;
  ~Restore() {
    settings = before;
    device_memory_bytes = memory;
  }
};

// A backend, once made, is kept. True in a program that has made none: the first call runs the test case there, where
// its checks count, and gives false.
bool in_fresh_program(const std::string& test_case) {
  if (std::getenv("ROUX_FRESH_PROGRAM")) return true;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command = "ROUX_FRESH_PROGRAM=1 '" + program + "' '--test-case=" + test_case + "' 2>&1";
  FILE* const pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  char buffer[512];
  while (std::fgets(buffer, sizeof buffer, pipe)) output += buffer;
  CHECK_MESSAGE(pclose(pipe) == 0, output);
  CHECK_MESSAGE(output.find("1 passed") != std::string::npos, output);
  return false;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Blocks that were freed while a step was recorded are kept: has the backend give them back, so that only what is in
// use counts.
void release_kept() {
  const Restore restore;
  device_memory_bytes = 0;
  CHECK_THROWS_AS(Tensor::empty({12'345}, float32, gpu), Error);
}

// A model of one layer on the device, and a step of its training.
struct Training {
  nn::Linear layer{64, 8};
  std::unique_ptr<nn::Adam> optimizer;

  explicit Training(Device device) {
    layer.to(device);
    optimizer = std::make_unique<nn::Adam>(layer.named_parameters(), nn::AdamOptions{.lr = 0.01});
  }
  double step(int64_t rows) {
    Generator generator(3);
    const Device device = layer.weight.device();
    const Tensor x = Tensor::rand({rows, 64}, float32, cpu, generator).to(device);
    optimizer->zero_grad();
    const Variable loss = nn::cross_entropy(relu(layer(Variable(x))), Tensor::zeros({rows}, int64, device));
    loss.backward();
    optimizer->step();
    return loss.item();
  }
};

}  // namespace

TEST_CASE("CUDA backend: why there is no device is said with what was built, what was found, and what to do") {
  const Restore restore;
  CHECK(cuda_unavailable_reason(0) == "");
  settings.driver_version = 0;
  CHECK(cuda_unavailable_reason(0) ==
        "this build is for CUDA 13.0, but there is no NVIDIA driver (hint: install one, or use the device cpu)");
  settings.driver_version = 12080;
  CHECK(cuda_unavailable_reason(0) ==
        "this build is for CUDA 13.0, but the driver knows only up to CUDA 12.8 (hint: update the driver, build with "
        "an older toolkit, or use the device cpu)");
  settings.driver_version = 13020;
  settings.devices = 0;
  CHECK(cuda_unavailable_reason(0) ==
        "this build is for CUDA 13.0, but the driver finds no device (hint: is it hidden by CUDA_VISIBLE_DEVICES?)");
  settings.devices = 1;
  CHECK(cuda_unavailable_reason(0) == "");
  CHECK(cuda_unavailable_reason(1) == "there is one CUDA device, cuda:0");
  settings.devices = 4;
  CHECK(cuda_unavailable_reason(3) == "");
  CHECK(cuda_unavailable_reason(4) == "there are 4 CUDA devices, cuda:0 to cuda:3");
  CHECK(cuda_unavailable_reason(-1) == "there are 4 CUDA devices, cuda:0 to cuda:3");
}

TEST_CASE("CUDA backend: devices by name without a driver") {
  if (!in_fresh_program("CUDA backend: devices by name without a driver")) return;
  const Restore restore;
  settings.driver_version = 0;
  CHECK(Device::parse("auto") == cpu);
  CHECK(Device::parse("cpu") == cpu);
  for (const std::string name : {"cuda", "cuda:0", "cuda:7"})
    CHECK(message_of([&] { Device::parse(name); }) ==
          "[device] " + (name == "cuda" ? "cuda:0" : name) +
              " is not there: this build is for CUDA 13.0, but there is no NVIDIA driver (hint: install one, or use "
              "the device cpu)");
  CHECK(contains(message_of([] { Tensor::ones({2}, float32, gpu); }), "there is no NVIDIA driver"));
  CHECK(contains(message_of([] { Tensor::ones({2}).to(gpu); }), "there is no NVIDIA driver"));
  settings.driver_version = 13000;  // it was installed meanwhile
  CHECK(Device::parse("auto") == gpu);
  CHECK(message_of([] { Device::parse("cuda:1"); }) ==
        "[device] cuda:1 is not there: there is one CUDA device, cuda:0");
}

TEST_CASE("CUDA backend: without cuBLAS only products fail") {
  if (!in_fresh_program("CUDA backend: without cuBLAS only products fail")) return;
  const Restore restore;
  settings.has_cublas = false;
  const Tensor x = Tensor::ones({2, 3}, float32, gpu);
  CHECK(sum(x + x).item() == 12);
  const size_t before = live_bytes();
  const std::string message = message_of([&] { matmul(x, x.transpose(0, 1)); });
  CHECK(contains(message, "[cublas] matrix products on a CUDA device need cuBLAS: found none of libcublas.so.13"));
  CHECK(contains(message, "hint: "));
  CHECK(message_of([&] { matmul(x, x.transpose(0, 1)); }) == message);
  // What it works in is taken once at most.
  CHECK(live_bytes() <= before + cuda::Cublas::workspace_bytes);
  settings.has_cublas = true;  // it was installed meanwhile
  CHECK(matmul(x, x.transpose(0, 1)).to_vector<float>() == std::vector<float>{3, 3, 3, 3});
}

TEST_CASE("CUDA backend: out of memory is an error with the numbers, and a smaller batch goes on") {
  const Restore restore;
  manual_seed(1);
  Training training(gpu);
  training.step(16);  // cuBLAS has its memory
  release_kept();
  const size_t before = live_bytes();
  const int64_t nodes = live_nodes();
  device_memory_bytes = before + 300'000;
  CHECK(message_of([] { Tensor::empty({100'000}, float32, gpu); }) ==
        "[allocate] out of device memory: asked for 400000 bytes, 300000 of " + std::to_string(device_memory_bytes) +
            " are free (hint: a smaller batch)");
  // Not even the inputs; the inputs, but not what comes then; the forward pass alone.
  for (const int64_t rows : {4000, 1100, 1000}) {
    CAPTURE(rows);
    CHECK(contains(message_of([&] { training.step(rows); }), "out of device memory: asked for "));
    training.optimizer->zero_grad();
  }
  CHECK(live_nodes() == nodes);
  CHECK(message_of([&] { training.step(200); }) == nothing);
  training.optimizer->zero_grad();
  CHECK(live_bytes() <= before);
}

TEST_CASE("CUDA backend: after running out of memory results are right") {
  const Restore restore;
  const auto run = [](Device device) {
    manual_seed(2);
    Training training(device);
    training.step(16);
    if (device == gpu) {
      release_kept();
      device_memory_bytes = live_bytes() + 50'000;
      CHECK_THROWS_AS(training.step(2000), Error);
    }
    return training.step(32);
  };
  CHECK(run(gpu) == doctest::Approx(run(cpu)).epsilon(1e-5));
}

TEST_CASE("CUDA allocator: what is freed is kept by size and handed out again") {
  const Restore restore;
  settings.keeps_freed_memory = true;
  const size_t before = live_bytes();
  cuda::Allocator allocator;
  CHECK(allocator.allocate(0) == nullptr);
  CHECK(allocator.stats().live_blocks == 0);
  void* const first = allocator.allocate(1000);
  CHECK(allocator.stats().live_blocks == 1);
  CHECK(allocator.stats().live_bytes == 1024);
  void* const second = allocator.allocate(1024);
  CHECK(second != first);
  allocator.deallocate(first);
  CHECK(allocator.stats().live_bytes == 1024);
  CHECK(live_bytes() == before + 2048);
  CHECK(allocator.allocate(513) == first);  // of the same size class
  allocator.deallocate(first);
  void* const larger = allocator.allocate(1025);
  CHECK(larger != first);
  allocator.deallocate(larger);
  allocator.deallocate(second);
  allocator.deallocate(nullptr);
  CHECK(allocator.stats().live_blocks == 0);
  CHECK(allocator.stats().live_bytes == 0);
  CHECK(live_bytes() == before + 2048 + 1536);
  allocator.release_kept();
  CHECK(live_bytes() == before);
}

TEST_CASE("CUDA allocator: a block is at most an eighth larger than what was asked for") {
  const Restore restore;
  settings.keeps_freed_memory = true;
  cuda::Allocator allocator;
  for (const size_t bytes : {size_t{1}, size_t{512}, size_t{5000}, (size_t{1} << 20) + 1, size_t{3'000'001},
                             size_t{17'000'000}, size_t{16} << 20}) {
    CAPTURE(bytes);
    void* const data = allocator.allocate(bytes);
    const auto taken = static_cast<size_t>(allocator.stats().live_bytes);
    CHECK(taken >= bytes);
    CHECK(taken <= bytes + std::max<size_t>(511, bytes / 8));
    allocator.deallocate(data);
    CHECK(allocator.allocate(bytes) == data);
    allocator.deallocate(data);
  }
}

TEST_CASE("CUDA allocator: a full device gets kept blocks back before anybody is refused") {
  const Restore restore;
  settings.keeps_freed_memory = true;
  const size_t before = live_bytes();
  cuda::Allocator allocator;
  device_memory_bytes = before + 10 * 1024;
  std::vector<void*> blocks;
  for (int i = 0; i < 10; ++i) blocks.push_back(allocator.allocate(1024));
  for (size_t i = 0; i < 8; ++i) allocator.deallocate(blocks[i]);
  CHECK(live_bytes() == before + 10 * 1024);
  void* const large = allocator.allocate(8 * 1024);
  CHECK(large != nullptr);
  CHECK(message_of([&] { allocator.allocate(600); }) == "[allocate] out of device memory: asked for 1024 bytes, 0 of " +
                                                            std::to_string(device_memory_bytes) +
                                                            " are free (hint: a smaller batch)");
  CHECK(allocator.stats().live_blocks == 3);
  for (void* const each : {large, blocks[8], blocks[9]}) allocator.deallocate(each);
}

TEST_CASE("CUDA allocator: blocks of a pool go to nobody else until it is dropped") {
  const Restore restore;
  settings.keeps_freed_memory = true;
  const size_t before = live_bytes();
  {
    cuda::Allocator allocator;
    void* const plain = allocator.allocate(512);
    allocator.deallocate(plain);
    const cuda::Allocator::Pool pool = allocator.begin_pool();
    void* const pooled = allocator.allocate(512);
    CHECK(pooled != plain);  // a graph that was recorded before may write there
    void* const kept = allocator.allocate(512);
    allocator.deallocate(pooled);
    CHECK(allocator.allocate(512) == pooled);  // within the pool it is used again
    allocator.deallocate(pooled);
    allocator.end_pool();
    const cuda::Allocator::Pool other = allocator.begin_pool();
    CHECK(other != pool);
    void* const of_other = allocator.allocate(512);
    CHECK(of_other != pooled);
    allocator.end_pool();
    CHECK(allocator.allocate(512) == plain);
    void* const fresh = allocator.allocate(512);
    CHECK(fresh != pooled);
    allocator.deallocate(kept);  // still of the pool
    allocator.release_kept();
    CHECK(live_bytes() == before + 5 * 512);

    allocator.drop_pool(pool);
    std::vector<void*> again = {allocator.allocate(512), allocator.allocate(512)};
    CHECK(std::find(again.begin(), again.end(), pooled) != again.end());
    CHECK(std::find(again.begin(), again.end(), kept) != again.end());
    allocator.drop_pool(other);
    for (void* const each : {plain, fresh, of_other, again[0], again[1]}) allocator.deallocate(each);
    CHECK(allocator.stats().live_blocks == 0);
  }
  CHECK(live_bytes() == before);  // the allocator gives everything back at its end
}

TEST_CASE("CUDA staging: bytes arrive though host memory changes at once, and the ring goes round") {
  cudaStream_t stream = nullptr;
  REQUIRE(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking) == cudaSuccess);
  // Two and a half times round the ring of 16 buffers of 512 KiB, and a little.
  constexpr size_t count = 5 * (size_t{1} << 20) + 123;
  std::vector<uint32_t> values(count), back(count);
  std::iota(values.begin(), values.end(), 17u);
  const std::vector<uint32_t> expected = values;
  void* data = nullptr;
  REQUIRE(cudaMalloc(&data, count * sizeof(uint32_t)) == cudaSuccess);
  {
    cuda::Staging staging;
    staging.copy(data, values.data(), count * sizeof(uint32_t), stream);
    std::fill(values.begin(), values.end(), 0u);
    for (uint32_t i = 0; i < 50; ++i) {  // small ones take a buffer each
      const uint32_t value = 1000 + i;
      staging.copy(static_cast<uint32_t*>(data) + 3 * i, &value, sizeof value, stream);
    }
  }  // waits for what is under way
  REQUIRE(cudaMemcpyAsync(back.data(), data, count * sizeof(uint32_t), cudaMemcpyDeviceToHost, stream) == cudaSuccess);
  REQUIRE(cudaStreamSynchronize(stream) == cudaSuccess);
  size_t wrong = 0;
  for (size_t i = 0; i < count; ++i) wrong += back[i] != (i < 150 && i % 3 == 0 ? 1000 + i / 3 : expected[i]);
  CHECK(wrong == 0);
  REQUIRE(cudaFree(data) == cudaSuccess);
  REQUIRE(cudaStreamDestroy(stream) == cudaSuccess);
}

TEST_CASE("CUDA backend: host code that follows the pointer of a device tensor is found") {
  const Tensor there = Tensor::ones({4}, float32, gpu), here = Tensor::ones({4});
  const auto first_of = [](const Tensor& x) { return *static_cast<const volatile float*>(x.view().data); };
  CHECK(touches_device_memory([&] { first_of(there); }));
  CHECK_FALSE(touches_device_memory([&] { first_of(here); }));
  // What roux itself does with the tensor on the host follows no such pointer.
  CHECK_FALSE(touches_device_memory([&] {
    sum(there.slice(0, 1, 3)).item();
    to_string(there);
    there.to(cpu);
  }));
}
