// Tensor cores of the host layer, and what asks for them: fragments, roundings, cuBLAS's compute types, devices
// without.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "cuda/device.h"
#include "tensor/backend.h"
#include "tensor/float16.h"
#include "tensor/ops.h"
#include "tests/host_cuda/runtime.h"
#include "tests/message_of.h"

using namespace roux;
using namespace roux::host_cuda;

namespace {

const Device gpu{DeviceType::cuda, 0};

// A small integer for each place of a matrix: products and sums are exact in every precision.
float entry(int row, int column) { return static_cast<float>((5 * row + 3 * column) % 7 - 3); }
float other(int row, int column) { return static_cast<float>((2 * row + 7 * column) % 5 - 2); }

// Lane 4 g + t of a warp multiplies entry (16, depth) by other (depth, 8); out (16, 8).
__global__ void tf32_product_kernel(float* out) {
  const int g = cuda::lane() / 4, t = cuda::lane() % 4;
  const float a[4] = {entry(g, t), entry(g + 8, t), entry(g, t + 4), entry(g + 8, t + 4)};
  const float b[2] = {other(t, g), other(t + 4, g)};
  float sums[4] = {1, 1, 1, 1};
  cuda::tensor_cores_tf32(sums, a, b);
  for (int i = 0; i < 4; ++i) out[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = sums[i];
}
__global__ void bfloat16_product_kernel(float* out) {
  const int g = cuda::lane() / 4, t = 2 * (cuda::lane() % 4);
  const auto pair = [](int row, int column) {
    return cuda::to_bfloat16_pair(entry(row, column), entry(row, column + 1));
  };
  const uint32_t a[4] = {pair(g, t), pair(g + 8, t), pair(g, t + 8), pair(g + 8, t + 8)};
  const uint32_t b[2] = {cuda::to_bfloat16_pair(other(t, g), other(t + 1, g)),
                         cuda::to_bfloat16_pair(other(t + 8, g), other(t + 9, g))};
  float sums[4] = {1, 1, 1, 1};
  cuda::tensor_cores_bfloat16(sums, a, b);
  for (int i = 0; i < 4; ++i) out[(g + i / 2 * 8) * 8 + t + i % 2] = sums[i];
}
// out[32 i + lane]: what the lane gets of matrix i, whose row r is 100 i + 10 r to 100 i + 10 r + 7.
template <int shift>
__global__ void load_transposed_kernel(uint32_t* out) {
  struct alignas(16) Row {
    uint16_t at[8];
  };
  ROUX_SHARED(Row, rows, 33);
  for (int k = 0; k < 8; ++k)
    rows[cuda::lane()].at[k] = static_cast<uint16_t>(100 * (cuda::lane() / 8) + 10 * (cuda::lane() % 8) + k);
  cuda::sync_warp();
  uint32_t to[4];
  cuda::tensor_cores_load_transposed(to, rows[cuda::lane()].at + shift);
  for (int i = 0; i < 4; ++i) out[32 * i + cuda::lane()] = to[i];
}
__global__ void half_a_warp_multiplies_kernel(float* out) {
  float sums[4] = {};
  if (threadIdx.x < 16) cuda::tensor_cores_tf32(sums, {1, 1, 1, 1}, {1, 1});
  out[threadIdx.x] = sums[0];
}

// A stream, memory for one result, and the result.
template <class T>
struct Result {
  cudaStream_t stream = nullptr;
  T* data = nullptr;
  size_t count;

  explicit Result(size_t n) : count(n) {
    cuda::check_cuda(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "test");
    void* memory = nullptr;
    cuda::check_cuda(cudaMalloc(&memory, n * sizeof(T)), "test");
    data = static_cast<T*>(memory);
  }
  Result(const Result&) = delete;
  Result& operator=(const Result&) = delete;
  ~Result() {
    cudaFree(data);
    cudaStreamDestroy(stream);
  }
  std::vector<T> run(void (*kernel)(T*)) {
    cuda::launch(kernel, 1, 32, stream, data);
    std::vector<T> values(count);
    cuda::check_cuda(cudaMemcpyAsync(values.data(), data, count * sizeof(T), cudaMemcpyDeviceToHost, stream), "test");
    cuda::check_cuda(cudaStreamSynchronize(stream), "test");
    return values;
  }
};

void check_product(const std::vector<float>& found, int depth) {
  for (int row = 0; row < 16; ++row)
    for (int column = 0; column < 8; ++column) {
      float sum = 1;
      for (int k = 0; k < depth; ++k) sum += entry(row, k) * other(k, column);
      CHECK(found[static_cast<size_t>(8 * row + column)] == sum);
    }
}

Tensor rounded(const Tensor& x, MatmulPrecision precision) {
  std::vector<float> values = x.contiguous().to_vector<float>();
  for (float& value : values)
    if (precision == MatmulPrecision::high)
      value = cuda::to_tf32(value);
    else if (precision == MatmulPrecision::medium)
      value = to_float(to_bfloat16(value));
  return Tensor::from(values, x.shape());
}

}  // namespace

TEST_CASE("host CUDA: tensor cores multiply what lanes hold of small matrices") {
  check_product(Result<float>(128).run(tf32_product_kernel), 8);
  check_product(Result<float>(128).run(bfloat16_product_kernel), 16);
  const std::vector<uint32_t> found = Result<uint32_t>(128).run(load_transposed_kernel<0>);
  for (uint32_t matrix = 0; matrix < 4; ++matrix)
    for (uint32_t lane = 0; lane < 32; ++lane) {
      const uint32_t first = 100 * matrix + 20 * (lane % 4) + lane / 4;
      CHECK(found[32 * matrix + lane] == (first | (first + 10) << 16));
    }
}

TEST_CASE("host CUDA: planted mistakes with tensor cores are found") {
  CHECK(message_of([] {
          Result<uint32_t>(128).run(load_transposed_kernel<1>);
        }).find("loads a row that is not aligned to 16 bytes") != std::string::npos);
  CHECK(message_of([] { Result<float>(32).run(half_a_warp_multiplies_kernel); }).find("has left the kernel") !=
        std::string::npos);
}

TEST_CASE("host CUDA: TF32 and bfloat16 round to nearest; ties go away from zero in one, to even in the other") {
  CHECK(cuda::to_tf32(1 + 0x1p-11F) == 1 + 0x1p-10F);
  CHECK(cuda::to_tf32(-1 - 0x1p-11F) == -1 - 0x1p-10F);
  CHECK(cuda::to_tf32(1 + 0x1.8p-12F) == 1);
  CHECK(cuda::to_tf32(std::numeric_limits<float>::max()) == std::numeric_limits<float>::infinity());
  CHECK(std::isnan(cuda::to_tf32(std::numeric_limits<float>::quiet_NaN())));
  CHECK(cuda::to_bfloat16_pair(1, -2) == 0xC0003F80U);
  CHECK(cuda::to_bfloat16_pair(1 + 0x1p-8F, 1 + 0x1.8p-7F) == 0x3F823F80U);
}

TEST_CASE("CUDA backend: products round their factors as the precision says, and nothing else") {
  for (const MatmulPrecision precision : {MatmulPrecision::highest, MatmulPrecision::high, MatmulPrecision::medium}) {
    const MatmulPrecisionScope scope(precision);
    Generator generator(1);
    const Tensor a = Tensor::rand({3, 5, 7}, float32, cpu, generator),
                 b = Tensor::rand({3, 9, 7}, float32, cpu, generator);
    const Tensor found = matmul(a.to(gpu), b.to(gpu).transpose(1, 2)).to(cpu);
    const Tensor wide = matmul(rounded(a, precision).to(float64), rounded(b, precision).to(float64).transpose(1, 2));
    CHECK(amax(abs(sub(found.to(float64), wide))).item() < 1e-6);
    const Tensor bias = Tensor::rand({9}, float32, cpu, generator);
    const Tensor layer = linear(a.to(gpu), b.select(0, 0).to(gpu), bias.to(gpu)).to(cpu);
    const Tensor product =
        matmul(rounded(a, precision).to(float64), rounded(b, precision).to(float64).select(0, 0).transpose(0, 1));
    CHECK(amax(abs(sub(layer.to(float64), add(product, bias.to(float64))))).item() < 1e-6);
    // float64 is never rounded.
    const Tensor exact = matmul(a.to(float64), b.to(float64).transpose(1, 2));
    CHECK(amax(abs(sub(matmul(a.to(float64).to(gpu), b.to(float64).to(gpu).transpose(1, 2)).to(cpu), exact))).item() <
          1e-14);
  }
}

TEST_CASE("CUDA backend: code without tensor cores computes attention in float32, whatever the precision") {
  const int before = settings.architecture;
  Generator generator(2);
  const Tensor x = Tensor::rand({1, 2, 5, 8}, float32, gpu, generator);
  const Tensor strict = attention(x, x, x).output.to(cpu);
  const MatmulPrecisionScope scope(MatmulPrecision::medium);
  const auto differs = [&] { return amax(abs(sub(attention(x, x, x).output.to(cpu), strict))).item() > 0; };
  CHECK(differs());
  settings.architecture = 75;
  CHECK_FALSE(differs());
  settings.architecture = before;
}
