// Random tensors and dropout. Uniform words are drawn by the device; normals, integers and permutations on the CPU, and
// copied: they then are the same numbers everywhere.
#include <cmath>
#include <numbers>
#include <utility>

#include "tensor/backend.h"
#include "tensor/operands.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"

namespace roux {
namespace {

constexpr int64_t pairs_per_task = 4096;

void check_random_dtype(DType dtype, const char* operation) {
  ROUX_CHECK(dtype == float32 || dtype == float64, operation, "random numbers are float32 or float64, found ", dtype,
             " (hint: convert with to(dtype))");
}

// Fills `out` with uniform numbers of [0, 1): one word for a float32, two for a float64.
void fill_uniform(const Tensor& out, Generator& generator) {
  const int64_t words = out.numel() * (out.dtype() == float64 ? 2 : 1);
  const Generator first(generator.seed(), generator.stream(), generator.reserve(words));
  backend(out.device()).uniform(out.view(), 0, 1, first);
}

// Turns pairs of uniform numbers of [0, 1) into pairs of standard normal ones.
template <class T>
void box_muller(T* x, int64_t pairs) {
  parallel_for(pairs, pairs_per_task, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const T radius = std::sqrt(-2 * std::log(1 - x[2 * i]));  // of (0, 1]: the logarithm is finite
      const T angle = 2 * std::numbers::pi_v<T> * x[2 * i + 1];
      x[2 * i] = radius * std::cos(angle);
      x[2 * i + 1] = radius * std::sin(angle);
    }
  });
}

}  // namespace

Tensor Tensor::rand(const Shape& shape, DType dtype, Device device, Generator& generator) {
  check_random_dtype(dtype, "rand");
  const Tensor out = empty(shape, dtype, device);
  fill_uniform(out, generator);
  return out;
}

Tensor Tensor::randn(const Shape& shape, DType dtype, Device device, Generator& generator) {
  check_random_dtype(dtype, "randn");
  const int64_t count = empty(shape, dtype, device).numel();
  Tensor pairs = empty({count + count % 2}, dtype);
  fill_uniform(pairs, generator);
  dispatch_floating(dtype, "randn", [&](auto type) {
    using T = decltype(type);
    box_muller(pairs.mutable_data<T>(), pairs.numel() / 2);
  });
  return pairs.slice(0, 0, count).reshape(shape).to(device);
}

Tensor Tensor::randint(int64_t low, int64_t high, const Shape& shape, Device device, Generator& generator) {
  ROUX_CHECK(low < high, "randint", "the range [", low, ", ", high, ") is empty");
  ROUX_CHECK(low >= 0 || high <= INT64_MAX + low, "randint", "the range [", low, ", ", high, ") is too long");
  Tensor out = empty(shape, int64);
  int64_t* const values = out.mutable_data<int64_t>();
  for (int64_t i = 0; i < out.numel(); ++i) values[i] = low + uniform_int(generator, high - low);
  return out.to(device);
}

Tensor Tensor::randperm(int64_t n, Device device, Generator& generator) {
  ROUX_CHECK(n >= 0, "randperm", "the length must not be negative, found ", n);
  Tensor out = arange(0, n);
  int64_t* const values = out.mutable_data<int64_t>();
  for (int64_t i = n - 1; i > 0; --i) std::swap(values[i], values[uniform_int(generator, i + 1)]);
  return out.to(device);
}

DropoutResult dropout(const Tensor& x, double p, Generator& generator) {
  check_floating(x, "dropout");
  ROUX_CHECK(p >= 0 && p <= 1, "dropout", "the probability must be between 0 and 1, found ", p);
  const Tensor in = x.contiguous();
  DropoutResult result{Tensor::empty(in.shape(), in.dtype(), in.device()),
                       Tensor::empty(in.shape(), boolean, in.device())};
  backend(in.device()).dropout(result.output.view(), result.mask.view(), in.view(), p, generator);
  return result;
}

}  // namespace roux
