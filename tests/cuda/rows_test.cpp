// Kernels that choose how a row lies over threads by its length, and whether it is read 16 bytes at once: every choice
// beside the CPU.
#include <functional>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "nn/adam.h"
#include "nn/loss.h"
#include "tests/cuda/on_device.h"

using namespace roux;
using namespace on_device;

namespace {

Tensor numbers(const Shape& shape, DType dtype, uint64_t seed) {
  Generator generator(seed);
  return sub(mul(Tensor::rand(shape, dtype, cpu, generator), 4), 2);
}

// The result of f on these leaves, and each leaf's gradient.
std::vector<Tensor> run(const std::vector<Tensor>& inputs, Device device,
                        const std::function<Variable(const std::vector<Variable>&)>& f) {
  std::vector<Variable> leaves;
  for (const Tensor& input : inputs) leaves.push_back(Variable(input.to(device), true));
  const Variable result = f(leaves);
  result.backward(numbers(result.shape(), result.dtype(), 9).to(device));
  std::vector<Tensor> all = {result.data().to(cpu)};
  for (const Variable& leaf : leaves) all.push_back(leaf.grad().to(cpu));
  return all;
}

void compare(const std::vector<Tensor>& inputs, double tolerance, const std::string& what,
             const std::function<Variable(const std::vector<Variable>&)>& f) {
  const std::vector<Tensor> expected = run(inputs, cpu, f), found = run(inputs, gpu, f);
  for (size_t i = 0; i < expected.size(); ++i)
    check_same(found[i], expected[i], tolerance, what + (i ? ", gradient " + std::to_string(i - 1) : ""));
}

}  // namespace

TEST_CASE("on a device rows of every length: softmax, layer_norm, cross_entropy and their gradients") {
  if (!has_device()) return;
  for (const DType dtype : {float32, float64})
    for (const int64_t n : {5, 8, 41, 64, 301, 512, 1501, 1600}) {
      const double tolerance = dtype == float64 ? 1e-11 : 2e-5;
      const std::string what = name(dtype) + std::string(" rows of ") + std::to_string(n);
      const Tensor x = numbers({3, n}, dtype, 1), weight = numbers({n}, dtype, 2), bias = numbers({n}, dtype, 3);
      compare({x}, tolerance, what + ", softmax", [](const auto& in) { return softmax(in[0]); });
      compare({x}, tolerance, what + ", log_softmax", [](const auto& in) { return log_softmax(in[0]); });
      compare({x, weight, bias}, tolerance, what + ", layer_norm",
              [](const auto& in) { return layer_norm(in[0], in[1], in[2]); });
      compare({x}, tolerance, what + ", cross_entropy", [n](const auto& in) {
        const Tensor labels = Tensor::from(std::vector<int64_t>{0, n - 1, n / 2}).to(in[0].device());
        return nn::cross_entropy(in[0], labels, {.label_smoothing = 0.1});
      });
    }
}

TEST_CASE("on a device bags of rows with and without whole packs, in every mode") {
  if (!has_device()) return;
  for (const DType dtype : {float32, float64})
    for (const int64_t dim : {3, 8})
      for (const Pooling mode : {Pooling::sum, Pooling::mean, Pooling::max}) {
        const std::string what = name(dtype) + std::string(", dim ") + std::to_string(dim) + ", mode " +
                                 std::to_string(static_cast<int>(mode));
        compare({numbers({7, dim}, dtype, 4)}, 1e-5, what, [&](const auto& in) {
          const Device device = in[0].device();
          const Tensor ids = Tensor::from(std::vector<int64_t>{6, 1, 1, 0, 3, 6}).to(device);
          return embedding_bag(in[0], ids, Tensor::from(std::vector<int64_t>{0, 3, 3}).to(device), {.mode = mode});
        });
        compare({numbers({7, dim}, dtype, 4)}, 1e-5, what + ", embedding", [&](const auto& in) {
          return embedding(in[0], Tensor::from(std::vector<int64_t>{6, 1, 1, 0, 3, 6}).to(in[0].device()));
        });
      }
}

TEST_CASE("on a device padded sequences with and without whole packs, in every mode") {
  if (!has_device()) return;
  for (const DType dtype : {float32, float64})
    for (const int64_t dim : {1, 3, 8, 300})
      for (const Pooling mode : {Pooling::sum, Pooling::mean, Pooling::max}) {
        const std::string what = name(dtype) + std::string(", dim ") + std::to_string(dim) + ", mode " +
                                 std::to_string(static_cast<int>(mode));
        Generator generator(3);
        const Tensor mask = lt(Tensor::rand({4, 9}, float32, cpu, generator), 0.5);
        compare({numbers({4, 9, dim}, dtype, 4)}, 1e-5, what,
                [&](const auto& in) { return masked_pool(in[0], mask.to(in[0].device()), mode); });
      }
}

TEST_CASE("on a device Adam steps arrays and rows with and without whole packs") {
  if (!has_device()) return;
  for (const DType dtype : {float32, float64})
    for (const int64_t dim : {3, 8})
      for (const bool amsgrad : {false, true}) {
        const auto stepped = [&](Device device) {
          const auto make = [&](uint64_t seed) { return abs(numbers({5, dim}, dtype, seed)).to(device); };
          const Tensor w = make(1), grad = make(2), m = make(3), v = make(4), max_v = make(5);
          const Tensor rows = Tensor::from(std::vector<int64_t>{4, -1, 0, 2, 3}).to(device);
          const View largest = amsgrad ? max_v.view() : View{};
          const EachStep<AdamStep> step = [] { return nn::adam_step({.lr = 0.01}, 0.01, false, 3); };
          // An odd number of elements, or one that begins off a multiple of 16 bytes, is no whole packs either.
          const auto part = [&](const Tensor& x) { return x.reshape({-1}).slice(0, dim == 3, 5 * dim).view(); };
          backend(device).adam({{part(w), part(grad), part(m), part(v), amsgrad ? part(max_v) : View{}}}, step);
          backend(device).adam_rows(w.view(), rows.view(), grad.view(), m.view(), v.view(), largest, step, false);
          return std::vector<Tensor>{w.to(cpu), m.to(cpu), v.to(cpu), max_v.to(cpu)};
        };
        const std::vector<Tensor> expected = stepped(cpu), found = stepped(gpu);
        for (size_t i = 0; i < expected.size(); ++i)
          check_same(found[i], expected[i], 2e-6, std::string(name(dtype)) + " Adam, array " + std::to_string(i));
      }
}

TEST_CASE("on a device a table whose rows are no whole packs waits, is read and settles as on the CPU") {
  if (!has_device()) return;
  const auto trained = [](Device device) {
    Variable table(numbers({9, 5}, float32, 6).to(device), true);
    nn::Adam adam({{"table", table}}, {.lr = 0.05});
    for (int64_t step = 0; step < 20; ++step) {
      adam.zero_grad();
      const Tensor ids = Tensor::from(std::vector<int64_t>{step % 9, (step * step) % 9}).to(device);
      sum(square(embedding(table, ids))).backward();
      adam.step();
    }
    return table.data().to(cpu);  // while rows still wait
  };
  check_same(trained(gpu), trained(cpu), 1e-5, "table");
}
