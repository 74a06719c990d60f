// Random tensors and dropout: which words become which numbers, their distribution, errors.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "tensor/backend.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"
#include "tests/message_of.h"
#include "tests/thread_count_guard.h"

using namespace roux;

namespace {

// Word i of an operation that starts at `block`.
uint32_t word(const Generator& generator, uint64_t block, int64_t i) {
  return philox_block(generator.seed(), generator.stream(),
                      block + static_cast<uint64_t>(i) / 4)[static_cast<size_t>(i % 4)];
}

}  // namespace

TEST_CASE("rand: element i is word i of the generator's next blocks") {
  Generator generator(7, 3, 100);
  const Tensor first = Tensor::rand({3, 7}, float32, cpu, generator);
  CHECK(generator.offset() == 106);
  for (int64_t i = 0; i < 21; ++i) CHECK(first.data<float>()[i] == uniform_float(word(generator, 100, i)));
  const Tensor second = Tensor::rand({5}, float64, cpu, generator);
  CHECK(generator.offset() == 109);
  for (int64_t i = 0; i < 5; ++i)
    CHECK(second.data<double>()[i] == uniform_double(word(generator, 106, 2 * i), word(generator, 106, 2 * i + 1)));
  // More than the words of one buffer.
  const Generator large(7, 3, 100);
  const Tensor singles = Tensor::empty({10007}), doubles = Tensor::empty({5003}, float64);
  backend(cpu).uniform(singles.view(), 0, 1, large);
  backend(cpu).uniform(doubles.view(), 0, 1, large);
  for (int64_t i = 0; i < 10007; ++i) REQUIRE(singles.data<float>()[i] == uniform_float(word(large, 100, i)));
  for (int64_t i = 0; i < 5003; ++i)
    REQUIRE(doubles.data<double>()[i] == uniform_double(word(large, 100, 2 * i), word(large, 100, 2 * i + 1)));
  CHECK(Tensor::rand({0}, float32, cpu, generator).numel() == 0);
  CHECK(Tensor::rand({}, float32, cpu, generator).numel() == 1);
  CHECK(generator.offset() == 110);
  CHECK_THROWS_AS(Tensor::rand({2}, int64), Error);
  CHECK_THROWS_AS(Tensor::rand({-2}), Error);
}

TEST_CASE("rand is uniform in [0, 1), and kernels of any range stay below its end") {
  Generator generator(1);
  for (const DType dtype : {float32, float64}) {
    const Tensor x = Tensor::rand({100000}, dtype, cpu, generator);
    CHECK(amin(x).item() >= 0);
    CHECK(amax(x).item() < 1);
    CHECK(mean(x).item() == doctest::Approx(0.5).epsilon(0.01));
    CHECK(var(x).item() == doctest::Approx(1.0 / 12).epsilon(0.02));
    const Tensor y = Tensor::empty({100000}, dtype);
    backend(cpu).uniform(y.view(), 1e6, 1e6 + 1, generator);
    CHECK(amin(y).item() >= 1e6);
    CHECK(amax(y).item() < 1e6 + 1);
    CHECK(mean(y.to(float64) - 1e6).item() == doctest::Approx(0.5).epsilon(0.1));
  }
}

TEST_CASE("random numbers do not depend on the number of threads (parallel)") {
  const ThreadCountGuard guard;
  std::vector<std::vector<double>> results;
  for (const int count : {1, 4}) {
    set_num_threads(count);
    Generator generator(5);
    std::vector<double> all;
    for (const DType dtype : {float32, float64}) {
      for (const Tensor& x :
           {Tensor::rand({50001}, dtype, cpu, generator), Tensor::randn({50001}, dtype, cpu, generator),
            dropout(Tensor::ones({50001}, dtype), 0.3, generator).output}) {
        const std::vector<double> values = x.to_vector<double>();
        all.insert(all.end(), values.begin(), values.end());
      }
    }
    results.push_back(all);
  }
  CHECK(results[0] == results[1]);
}

TEST_CASE("randn: Box and Muller's pairs of the uniform numbers") {
  for (const int64_t n : {1, 2, 7, 8}) {
    Generator uniform(9, 1, 5), normal(9, 1, 5);
    const std::vector<double> u = Tensor::rand({n + n % 2}, float64, cpu, uniform).to_vector<double>();
    const std::vector<double> z = Tensor::randn({n}, float64, cpu, normal).to_vector<double>();
    CHECK(uniform.offset() == normal.offset());
    for (int64_t i = 0; i < n; ++i) {
      const size_t pair = static_cast<size_t>(i - i % 2);
      const double angle = 2 * std::numbers::pi * u[pair + 1];
      CHECK(z[static_cast<size_t>(i)] ==
            doctest::Approx(std::sqrt(-2 * std::log(1 - u[pair])) * (i % 2 == 0 ? std::cos(angle) : std::sin(angle))));
    }
  }
  CHECK(Tensor::randn({0, 3}).shape() == Shape{0, 3});
  CHECK_THROWS_AS(Tensor::randn({2}, boolean), Error);
}

TEST_CASE("randn is standard normal") {
  Generator generator(2);
  for (const DType dtype : {float32, float64}) {
    const Tensor x = Tensor::randn({400, 500}, dtype, cpu, generator);
    CHECK(std::abs(mean(x).item()) < 0.01);
    CHECK(var(x).item() == doctest::Approx(1).epsilon(0.01));
    CHECK(mean(pow(x, 4)).item() == doctest::Approx(3).epsilon(0.03));
    CHECK(mean(lt(x, -1).to(float64)).item() == doctest::Approx(0.158655).epsilon(0.02));
    CHECK(std::isfinite(amax(abs(x)).item()));
    // Neighbours, which come of one pair, do not go together.
    CHECK(std::abs(mean(x.slice(1, 0, 500, 2) * x.slice(1, 1, 500, 2)).item()) < 0.01);
  }
}

TEST_CASE("randint and randperm") {
  Generator generator(3);
  const std::vector<int64_t> draws = Tensor::randint(-2, 4, {6000}, cpu, generator).to_vector<int64_t>();
  std::vector<int> counts(6);
  for (const int64_t draw : draws) {
    REQUIRE((draw >= -2 && draw < 4));
    ++counts[static_cast<size_t>(draw + 2)];
  }
  for (const int count : counts) CHECK(count == doctest::Approx(1000).epsilon(0.12));
  CHECK(Tensor::randint(5, 6, {2, 2}).to_vector<int64_t>() == std::vector<int64_t>(4, 5));
  CHECK_THROWS_AS(Tensor::randint(3, 3, {1}), Error);
  const int64_t least = std::numeric_limits<int64_t>::min();
  CHECK_THROWS_AS(Tensor::randint(least, 1, {1}), Error);
  CHECK(Tensor::randint(least, least + 1, {1}).to_vector<int64_t>()[0] == least);

  std::vector<int64_t> order = Tensor::randperm(1000, cpu, generator).to_vector<int64_t>();
  int64_t in_place = 0;
  for (int64_t i = 0; i < 1000; ++i) in_place += order[static_cast<size_t>(i)] == i;
  CHECK(in_place < 10);
  std::sort(order.begin(), order.end());
  for (int64_t i = 0; i < 1000; ++i) CHECK(order[static_cast<size_t>(i)] == i);
  CHECK(Tensor::randperm(0).numel() == 0);
  CHECK(Tensor::randperm(1).to_vector<int64_t>() == std::vector<int64_t>{0});
  CHECK_THROWS_AS(Tensor::randperm(-1), Error);

  // All permutations of three are as likely.
  std::vector<int> seen(27);
  for (int i = 0; i < 6000; ++i) {
    const std::vector<int64_t> p = Tensor::randperm(3, cpu, generator).to_vector<int64_t>();
    ++seen[static_cast<size_t>(p[0] * 9 + p[1] * 3 + p[2])];
  }
  CHECK(std::count(seen.begin(), seen.end(), 0) == 21);
  for (const int count : seen) CHECK((count == 0 || std::abs(count - 1000) < 120));
}

TEST_CASE("dropout keeps an element where its uniform number is not below p") {
  for (const DType dtype : {float32, float64}) {
    const double of_an_element = uniform_float(word(Generator(4, 2, 10), 10, 5));
    for (const double p : {0.1, 0.5, 0.9, of_an_element}) {
      Generator generator(4, 2, 10);
      const Tensor x = Tensor::arange(1, 5001, 1, float64).reshape({100, 50}).to(dtype);
      const DropoutResult result = dropout(x, p, generator);
      CHECK(generator.offset() == 1260);
      CHECK(result.mask.dtype() == boolean);
      const std::vector<double> out = result.output.to_vector<double>();
      for (int64_t i = 0; i < 5000; ++i) {
        const bool kept = uniform_float(word(generator, 10, i)) >= p;
        REQUIRE(result.mask.data<bool>()[i] == kept);
        REQUIRE(out[static_cast<size_t>(i)] ==
                doctest::Approx(kept ? static_cast<double>(i + 1) / (1 - p) : 0).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("dropout: the ends of p, the share that is kept, strided inputs") {
  Generator generator(6);
  const Tensor x = Tensor::full({3, 5}, 2);
  CHECK(dropout(x, 0, generator).output.to_vector<float>() == x.to_vector<float>());
  CHECK(all(dropout(x, 0, generator).mask).item() == 1);
  CHECK(dropout(x, 1, generator).output.to_vector<float>() == std::vector<float>(15));
  CHECK(any(dropout(x, 1, generator).mask).item() == 0);
  CHECK(mean(dropout(Tensor::ones({100000}), 0.3, generator).mask.to(float32)).item() ==
        doctest::Approx(0.7).epsilon(0.01));

  Generator one(8), other(8);
  const Tensor turned = Tensor::arange(0, 12, 1, float32).reshape({3, 4}).transpose(0, 1);
  CHECK(dropout(turned, 0.5, one).output.to_vector<float>() ==
        dropout(turned.contiguous(), 0.5, other).output.to_vector<float>());
  CHECK(dropout(Tensor::zeros({0, 2}), 0.5, generator).output.shape() == Shape{0, 2});

  CHECK(message_of([&] { dropout(x, 1.5, generator); }) ==
        "[dropout] the probability must be between 0 and 1, found 1.5");
  CHECK_THROWS_AS(dropout(x, -0.1, generator), Error);
  CHECK_THROWS_AS(dropout(x, std::nan(""), generator), Error);
  CHECK_THROWS_AS(dropout(Tensor::zeros({2}, int64), 0.5, generator), Error);
}

TEST_CASE("masked_scale scales what the mask keeps") {
  for (const int64_t n : {1, 15, 100}) {
    Generator generator(9);
    const Tensor x = Tensor::rand({n}, float32, cpu, generator),
                 mask = lt(Tensor::rand({n}, float32, cpu, generator), 0.5);
    const Tensor out = Tensor::empty({n});
    backend(cpu).masked_scale(out.view(), x.view(), mask.view(), 4);
    CHECK(out.to_vector<float>() == (x * 4 * mask.to(float32)).to_vector<float>());
  }
}
