// Matrix products against a plain loop: those of the library, and each kernel of ours by itself. Some builds of
// OpenBLAS are wrong on some processors: the first test says so.
#include <cblas.h>
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "tensor/cpu/matmul_panels.h"
#include "tensor/float16.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tests/thread_count_guard.h"

using namespace roux;

namespace {

// The largest deviation of a * b from a double loop, relative to what rounding allows for sums of k terms.
double deviation(const Tensor& a, const Tensor& b) {
  const int64_t m = a.size(0), k = a.size(1), n = b.size(1);
  const std::vector<double> x = a.to_vector<double>(), y = b.to_vector<double>(),
                            found = matmul(a, b).to_vector<double>();
  const double unit = a.dtype() == float32 ? 0x1p-24 : 0x1p-53;
  double worst = 0;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0, magnitude = 0;
      for (int64_t l = 0; l < k; ++l) {
        const double term = x[static_cast<size_t>(i * k + l)] * y[static_cast<size_t>(l * n + j)];
        sum += term;
        magnitude += std::abs(term);
      }
      const double error = std::abs(found[static_cast<size_t>(i * n + j)] - sum);
      worst = std::max(worst, error / (unit * (magnitude * static_cast<double>(k + 2) + 1e-30)));
    }
  }
  return worst;
}

const std::vector<std::array<int64_t, 3>> product_sizes{{1, 1, 1},      {3, 5, 7},     {33, 1, 65},  {127, 129, 131},
                                                        {400, 17, 390}, {1, 300, 500}, {257, 64, 2}, {3, 4000, 2}};

}  // namespace

TEST_CASE("OpenBLAS computes right products on this processor") {
  const std::string build = std::string(openblas_get_config()) + " on " + openblas_get_corename();
  Generator generator(1);
  for (const DType dtype : {float32, float64}) {
    for (const auto& [m, k, n] : product_sizes) {
      const Tensor a = Tensor::randn({m, k}, dtype, cpu, generator), b = Tensor::randn({k, n}, dtype, cpu, generator);
      const Tensor turned_a = Tensor::randn({k, m}, dtype, cpu, generator).transpose(0, 1);
      const Tensor turned_b = Tensor::randn({n, k}, dtype, cpu, generator).transpose(0, 1);
      const std::string hint = "this OpenBLAS gives wrong products: " + build +
                               " (hint: another version of it, or another core through OPENBLAS_CORETYPE)";
      CHECK_MESSAGE(deviation(a, b) < 1, hint);
      CHECK_MESSAGE(deviation(turned_a, b) < 1, hint);
      CHECK_MESSAGE(deviation(a, turned_b) < 1, hint);
      CHECK_MESSAGE(deviation(turned_a, turned_b) < 1, hint);
    }
  }
}

TEST_CASE("matmul broadcasts batches and takes vectors") {
  const Tensor a = Tensor::arange(0, 24).to(float32).reshape({2, 3, 4});
  const Tensor b = Tensor::arange(0, 8).to(float32).reshape({4, 2});
  const Tensor each = matmul(a, b);
  CHECK(each.shape() == Shape{2, 3, 2});
  CHECK(each.select(0, 1).to_vector<double>() == matmul(a.select(0, 1), b).to_vector<double>());
  const Tensor stacked = matmul(a.unsqueeze(1), stack({b, b * 2, b * 3}));  // (2, 1, 3, 4) x (3, 4, 2)
  CHECK(stacked.shape() == Shape{2, 3, 3, 2});
  CHECK(stacked.select(1, 2).select(0, 1).to_vector<double>() == (each.select(0, 1) * 3).to_vector<double>());
  const Tensor v = Tensor::from(std::vector<float>{1, 0, 2, 0});
  CHECK(matmul(v, b).to_vector<double>() == std::vector<double>{8, 11});
  CHECK(matmul(a, v).shape() == Shape{2, 3});
  CHECK(matmul(v, v).shape() == Shape{});
  CHECK(matmul(v, v).item() == 5);
  CHECK(matmul(b.transpose(0, 1), b).to_vector<double>() == std::vector<double>{56, 68, 68, 84});
  CHECK(matmul(b.slice(0, 0, 4, 2).transpose(0, 1), b.slice(0, 0, 4, 2)).to_vector<double>() ==
        std::vector<double>{16, 20, 20, 26});
}

TEST_CASE("matmul of nothing") {
  CHECK(matmul(Tensor::ones({0, 3}), Tensor::ones({3, 2})).shape() == Shape{0, 2});
  CHECK(matmul(Tensor::ones({2, 0}), Tensor::ones({0, 3})).to_vector<double>() == std::vector<double>(6, 0.0));
  CHECK(matmul(Tensor::ones({0, 2, 3}), Tensor::ones({3, 2})).shape() == Shape{0, 2, 2});
}

TEST_CASE("matmul and linear name what does not fit") {
  CHECK_THROWS_WITH_AS(matmul(Tensor::ones({2, 3}), Tensor::ones({2, 3})),
                       doctest::Contains("[matmul] shapes (2, 3) and (2, 3) do not fit"), Error);
  CHECK_THROWS_WITH_AS(matmul(Tensor::ones({2, 3}, int64), Tensor::ones({3, 2}, int64)), doctest::Contains("[matmul]"),
                       Error);
  CHECK_THROWS_WITH_AS(matmul(Tensor::ones({2, 3}), Tensor::ones({3, 2}, float64)), doctest::Contains("[matmul]"),
                       Error);
  CHECK_THROWS_WITH_AS(linear(Tensor::ones({2, 3}), Tensor::ones({4, 2}), Tensor()),
                       doctest::Contains("[linear] input shape (2, 3) does not fit weight (4, 2)"), Error);
  CHECK_THROWS_WITH_AS(linear(Tensor::ones({2, 3}), Tensor::ones({4, 3}), Tensor::ones({3})),
                       doctest::Contains("the bias must have shape (4)"), Error);
}

namespace {

using cpu_kernels::PanelKernel;
using cpu_kernels::ProductOperand;
using cpu_kernels::ProductResult;

constexpr float sentinel = 12345;

double largest(const Tensor& x) { return amax(x).item(); }

std::string size_text(int64_t m, int64_t k, int64_t n) {
  return std::to_string(m) + " x " + std::to_string(k) + " x " + std::to_string(n);
}

enum class Start { zeros, result, bias };

/// A product as kernels see it: operands in either layout with room between their rows, a result with room after its
/// rows, and where its sums start.
struct KernelCase {
  int64_t m, n, k;
  bool transpose_a = false, transpose_b = false;
  Start start = Start::zeros;
  std::vector<float> a, b, bias, result, before;
  int64_t leading_a = 0, leading_b = 0, leading = 0;

  KernelCase(int64_t rows, int64_t columns, int64_t depth, bool turn_a, bool turn_b, Start from, int64_t room = 2)
      : m(rows), n(columns), k(depth), transpose_a(turn_a), transpose_b(turn_b), start(from) {
    Generator generator(static_cast<uint64_t>(m * 1000 + n * 10 + k));
    leading_a = (transpose_a ? m : k) + 3;
    leading_b = (transpose_b ? k : n) + 1;
    leading = n + room;
    const auto draw = [&](int64_t count) { return Tensor::randn({count}, float32, cpu, generator).to_vector<float>(); };
    a = draw(leading_a * (transpose_a ? k : m));
    b = draw(leading_b * (transpose_b ? n : k));
    bias = draw(n);
    result.assign(static_cast<size_t>(leading * m), sentinel);
    if (start == Start::result) result = draw(leading * m);
    before = result;
  }

  std::string name() const {
    return size_text(m, k, n) + (transpose_a ? ", a turned" : "") + (transpose_b ? ", b turned" : "") +
           (start == Start::zeros  ? ""
            : start == Start::bias ? ", from a bias"
                                   : ", from a result");
  }
  ProductOperand left() const { return {a.data(), transpose_a ? 1 : leading_a, transpose_a ? leading_a : 1}; }
  ProductOperand right() const { return {b.data(), transpose_b ? leading_b : 1, transpose_b ? 1 : leading_b}; }
  ProductResult out() {
    if (start == Start::bias) return {result.data(), leading, bias.data(), 0};
    return {result.data(), leading, start == Start::result ? result.data() : nullptr, leading};
  }

  /// Like `deviation`; infinite when something beside the result was written.
  double deviation_of_result(bool rounded) const {
    const auto value = [&](float x) { return static_cast<double>(rounded ? to_float(to_bfloat16(x)) : x); };
    const ProductOperand x = left(), y = right();
    double worst = 0;
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < leading; ++j) {
        const auto place = static_cast<size_t>(i * leading + j);
        if (j >= n) {
          if (result[place] != before[place]) return std::numeric_limits<double>::infinity();
          continue;
        }
        double sum = start == Start::zeros ? 0 : start == Start::bias ? bias[static_cast<size_t>(j)] : before[place];
        double magnitude = std::abs(sum);
        for (int64_t l = 0; l < k; ++l) {
          const double term = value(x.from(i, l).data[0]) * value(y.from(j, l).data[0]);
          sum += term;
          magnitude += std::abs(term);
        }
        const double error = std::abs(result[place] - sum);
        worst = std::max(worst, error / (0x1p-24 * (magnitude * static_cast<double>(k + 2) + 1e-30)));
      }
    }
    return worst;
  }
};

/// m, n, k: single entries, edges of every panel, sums longer than a panel, both sides the longer one.
const std::vector<std::array<int64_t, 3>> kernel_sizes{{1, 1, 1},    {3, 5, 2},     {8, 48, 7},    {9, 49, 33},
                                                       {32, 32, 32}, {31, 33, 31},  {33, 65, 1},   {70, 17, 515},
                                                       {5, 130, 64}, {100, 3, 250}, {65, 129, 100}};

void check_kernel(const PanelKernel* kernel, bool rounded) {
  if (!kernel) return;
  CAPTURE(kernel->name);
  for (const auto& [m, n, k] : kernel_sizes) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        for (const Start start : {Start::zeros, Start::result, Start::bias}) {
          KernelCase test(m, n, k, transpose_a, transpose_b, start);
          cpu_kernels::multiply_panels(*kernel, test.out(), test.left(), test.right(), m, n, k);
          CHECK_MESSAGE(test.deviation_of_result(rounded) < 1, test.name());
        }
      }
    }
  }
}

/// Calls `compute` with 1, 2, 3 threads; true if all results have the same bits.
template <class Compute>
bool same_bits_for_any_threads(Compute compute) {
  const ThreadCountGuard guard;
  bool same = true;
  std::vector<float> alone;
  for (const int count : {1, 2, 3}) {
    set_num_threads(count);
    const std::vector<float> found = compute();
    if (count == 1) alone = found;
    same &= found == alone;
  }
  return same;
}

Tensor rounded_to_bfloat16(const Tensor& x) { return x.to(DType::bfloat16).to(float32); }

}  // namespace

TEST_CASE("every panel kernel multiplies any layout and size, from zeros, a result or a bias") {
  check_kernel(cpu_kernels::float32_kernel(), false);
  check_kernel(cpu_kernels::amx_bfloat16_kernel(), true);
  check_kernel(cpu_kernels::avx512_bfloat16_kernel(), true);
}

TEST_CASE("the kernels in bfloat16 are there where the system says that the processor has their instructions") {
  std::ifstream system("/proc/cpuinfo");
  std::string line;
  while (line.rfind("flags", 0) != 0 && std::getline(system, line)) continue;
  if (!system) {
    MESSAGE("skipped: /proc/cpuinfo has no line of flags");
    return;
  }
  const auto has = [&](const std::string& name) { return (line + " ").find(" " + name + " ") != std::string::npos; };
  const bool avx512 = has("avx512f") && has("avx512bw") && has("avx512dq") && has("avx512vl") && has("avx512_bf16");
  CHECK((cpu_kernels::avx512_bfloat16_kernel() != nullptr) == avx512);
  CHECK((cpu_kernels::amx_bfloat16_kernel() != nullptr) == (avx512 && has("amx_tile") && has("amx_bf16")));
}

TEST_CASE("the kernel for few rows multiplies any size, from zeros, a result or a bias") {
  for (const auto& [m, n, k] : kernel_sizes) {
    for (const Start start : {Start::zeros, Start::result, Start::bias}) {
      KernelCase test(m, n, k, false, true, start);
      cpu_kernels::multiply_few_rows(test.out(), test.left(), test.right(), m, n, k);
      CHECK_MESSAGE(test.deviation_of_result(false) < 1, test.name());
    }
  }
  KernelCase long_sums(5, 19, 2000, false, true, Start::bias);
  cpu_kernels::multiply_few_rows(long_sums.out(), long_sums.left(), long_sums.right(), 5, 19, 2000);
  CHECK(long_sums.deviation_of_result(false) < 1);
}

namespace {

/// `multiply` for products of these sizes, of any layout, from zeros, a result or a bias.
template <class Multiply>
void check_product(const std::vector<std::array<int64_t, 3>>& sizes, bool rounded, Multiply multiply) {
  for (const auto& [m, n, k] : sizes) {
    for (const bool transpose_a : {false, true}) {
      for (const bool transpose_b : {false, true}) {
        for (const Start start : {Start::zeros, Start::result, Start::bias}) {
          KernelCase test(m, n, k, transpose_a, transpose_b, start, 0);
          multiply(test.a.data(), test.b.data(), test.result.data(), start == Start::bias ? test.bias.data() : nullptr,
                   MatmulShape{.m = m,
                               .n = n,
                               .k = k,
                               .transpose_a = transpose_a,
                               .transpose_b = transpose_b,
                               .leading_a = test.leading_a,
                               .leading_b = test.leading_b,
                               .accumulate = start == Start::result});
          CHECK_MESSAGE(test.deviation_of_result(rounded) < 1, test.name());
        }
      }
    }
  }
}

}  // namespace

TEST_CASE("a processor without bfloat16 multiplies rounded operands in float32") {
  check_product(kernel_sizes, true, cpu_kernels::rounded_product);
}

TEST_CASE("a processor without fused multiply-add multiplies by loops and OpenBLAS") {
  check_product(kernel_sizes, false, cpu_kernels::plain_product<float>);
  check_product({{400, 390, 3}, {2, 800, 40}, {800, 2, 40}, {1, 384, 43}, {16, 64, 16}}, false,
                cpu_kernels::plain_product<float>);
}

TEST_CASE("products in bfloat16 are float32 sums of products of rounded operands") {
  Generator generator(3);
  for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
           {1, 1, 1}, {3, 5, 7}, {33, 1, 65}, {127, 129, 131}, {1, 300, 500}, {257, 64, 2}, {40, 1100, 35}}) {
    const Tensor a = Tensor::randn({m, k}, float32, cpu, generator), b = Tensor::randn({k, n}, float32, cpu, generator);
    const Tensor x = rounded_to_bfloat16(a), y = rounded_to_bfloat16(b);
    const Tensor magnitude = matmul(abs(x), abs(y)), exact = matmul(x, y), plain = matmul(a, b);
    const MatmulPrecisionScope scope(MatmulPrecision::medium);
    const double allowed = static_cast<double>(k + 2) * 0x1p-23;
    const auto close = [&](const Tensor& found) { return largest(abs(found - exact) - magnitude * allowed) <= 0; };
    const std::string size = size_text(m, k, n);
    CAPTURE(size);
    CHECK(close(matmul(a, b)));
    CHECK(close(matmul(a.transpose(0, 1).contiguous().transpose(0, 1), b)));
    CHECK(close(linear(a, b.transpose(0, 1).contiguous(), Tensor())));
    CHECK_FALSE(matmul(a, b).to_vector<float>() == plain.to_vector<float>());
    // float64 is never rounded.
    CHECK(matmul(a.to(float64), b.to(float64)).to_vector<double>() == [&] {
      const MatmulPrecisionScope strict(MatmulPrecision::highest);
      return matmul(a.to(float64), b.to(float64)).to_vector<double>();
    }());
  }
}

TEST_CASE("bfloat16 operands are rounded to nearest even") {
  const MatmulPrecisionScope scope(MatmulPrecision::medium);
  const std::vector<float> values{1 + 0x1p-8f, 1 + 0x3p-8f, 1 + 0x1p-8f + 0x1p-20f, -(1 + 0x1p-8f), 3.0e38f, 0x1p-100f};
  const Tensor x = Tensor::from(values).unsqueeze(1);
  CHECK(matmul(x, Tensor::ones({1, 1})).reshape({6}).to_vector<float>() ==
        rounded_to_bfloat16(Tensor::from(values)).to_vector<float>());
}

TEST_CASE("products keep NaN and infinities where they belong") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (const MatmulPrecision precision : {MatmulPrecision::highest, MatmulPrecision::medium}) {
    const MatmulPrecisionScope scope(precision);
    for (const int64_t m : {7, 33, 100}) {  // few rows, edges, more
      for (const bool turned : {false, true}) {
        Tensor a = Tensor::ones({m, 70}), b = turned ? Tensor::ones({50, 70}).transpose(0, 1) : Tensor::ones({70, 50});
        a.select(0, 2).select(0, 69).fill_(std::numeric_limits<float>::quiet_NaN());
        a.select(0, 4).select(0, 3).fill_(infinity);
        b.select(1, 49).select(0, 5).fill_(-infinity);
        const Tensor result = matmul(a, b);
        const std::vector<float> found = result.to_vector<float>();
        for (int64_t i = 0; i < m; ++i) {
          for (int64_t j = 0; j < 50; ++j) {
            const float value = found[static_cast<size_t>(i * 50 + j)];
            CAPTURE(i);
            CAPTURE(j);
            if (i == 2 || (i == 4 && j == 49)) {
              CHECK(std::isnan(value));
            } else {
              CHECK(value == (i == 4 ? infinity : j == 49 ? -infinity : 70));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("a bias is added to every row of a linear layer") {
  Generator generator(4);
  for (const DType dtype : {float32, float64}) {
    for (const auto& [m, k, n] : std::vector<std::array<int64_t, 3>>{
             {2, 3, 4}, {16, 100, 65}, {70, 40, 50}, {3, 0, 5}, {1, 2000, 9}, {0, 3, 2}}) {
      const Tensor x = Tensor::randn({m, k}, dtype, cpu, generator), w = Tensor::randn({n, k}, dtype, cpu, generator);
      const Tensor bias = Tensor::randn({n}, dtype, cpu, generator);
      const Tensor expected = linear(x, w, Tensor()) + bias, found = linear(x, w, bias);
      const std::string size = size_text(m, k, n);
      CAPTURE(size);
      CHECK(found.shape() == expected.shape());
      if (m > 0) CHECK(largest(abs(found - expected)) <= 1e-4);
      // Every second number of a longer one.
      const Tensor spread = Tensor::randn({2 * n}, dtype, cpu, generator).slice(0, 0, 2 * n, 2);
      if (m > 0) CHECK(largest(abs(linear(x, w, spread) - (linear(x, w, Tensor()) + spread))) <= 1e-4);
    }
  }
}

TEST_CASE("stacks of products, strided and shared, in both precisions") {
  Generator generator(5);
  const Tensor a = Tensor::randn({3, 40, 4, 50}, float32, cpu, generator).transpose(1, 2);  // heads beside each other
  const Tensor b = Tensor::randn({3, 4, 35, 50}, float32, cpu, generator).transpose(2, 3);
  for (const MatmulPrecision precision : {MatmulPrecision::highest, MatmulPrecision::medium}) {
    const MatmulPrecisionScope scope(precision);
    const Tensor all = matmul(a, b), shared = matmul(a, b.select(0, 0).select(0, 0));
    CHECK(all.shape() == Shape{3, 4, 40, 35});
    for (int64_t i = 0; i < 3; ++i) {
      for (int64_t j = 0; j < 4; ++j) {
        const Tensor x = a.select(0, i).select(0, j), one = matmul(x, b.select(0, i).select(0, j));
        CHECK(all.select(0, i).select(0, j).to_vector<float>() == one.to_vector<float>());
        const Tensor with_shared = matmul(x, b.select(0, 0).select(0, 0));
        CHECK(shared.select(0, i).select(0, j).to_vector<float>() == with_shared.to_vector<float>());
      }
    }
  }
}

TEST_CASE("products have the same bits for any number of threads") {
  Generator generator(2);
  for (const auto& [m, k, n] :
       std::vector<std::array<int64_t, 3>>{{500, 300, 900}, {900, 300, 200}, {16, 768, 640}, {130, 1000, 50}}) {
    const Tensor a = Tensor::randn({m, k}, float32, cpu, generator);
    const Tensor b = Tensor::randn({k, n}, float32, cpu, generator), w = b.transpose(0, 1).contiguous();
    for (const MatmulPrecision precision : {MatmulPrecision::highest, MatmulPrecision::medium}) {
      const MatmulPrecisionScope scope(precision);
      CHECK(same_bits_for_any_threads([&] { return matmul(a, b).to_vector<float>(); }));
      CHECK(same_bits_for_any_threads([&] { return linear(a, w, Tensor()).to_vector<float>(); }));
      CHECK(same_bits_for_any_threads(
          [&] { return matmul(a.transpose(0, 1).contiguous().transpose(0, 1), b).to_vector<float>(); }));
    }
  }
}
