// The kit for testing layers on a CUDA device: that modules agree with the CPU, and what it says when they do not.
#include "nn/testing.h"

#include <doctest/doctest.h>

#include <string>

#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/linear.h"
#include "tests/cuda/on_device.h"
#include "tests/message_of.h"

using namespace roux;
using on_device::gpu;
using on_device::has_device;

namespace {

struct Classifier : nn::Module {
  nn::Embedding table{7, 4};
  nn::Linear fc{4, 3};
  nn::Dropout dropout{0.5};

  Classifier() {
    add("table", table);
    add("fc", fc);
    add("dropout", dropout);
  }
  Variable forward(const Tensor& ids, const Variable& scale) { return fc(dropout(table(ids)) * scale); }
};

// x * 2, whose gradient is wrong on devices.
Variable doubled(const Variable& x) {
  return record("doubled", x.data() * 2, {x},
                [](const Tensor& g, GradSink& to) { to.add(0, g * (g.device() == cpu ? 2 : 3)); });
}

}  // namespace

TEST_CASE("kit: without a CUDA device the comparison is skipped and says so") {
  if (cuda_backend(0)) return;
  nn::Linear layer(4, 3);
  const nn::CheckResult result = nn::agrees_on_cuda(layer, {nn::random_values({2, 4})});
  CHECK(result);
  CHECK(result.message == "[agrees_on_cuda] skipped: " + cuda_unavailable_reason(0));
  CHECK(nn::agrees_on_cuda([](const auto& in) { return doubled(in[0]); }, {nn::random_values({2})}).message ==
        result.message);
}

TEST_CASE("kit: a module agrees with itself on a CUDA device, in training too, and stays as it was") {
  if (!has_device()) return;
  Classifier model;
  const nn::StateDict before = model.state_dict();
  const nn::CheckResult result = nn::agrees_on_cuda(model, {nn::random_ids({5}, 7), nn::random_values({5, 1})});
  CHECK(result);
  CHECK(result.message == "[agrees_on_cuda] result and gradients are those of the CPU");
  CHECK(model.fc.weight.device() == cpu);
  CHECK_FALSE(model.fc.weight.grad().defined());
  on_device::check_same(model.state_dict(), before, 0, "the module");
  CHECK(nn::agrees_on_cuda([](const auto& in) { return tanh(in[0]); }, {nn::random_values({2, 3})}));
}

TEST_CASE("kit: what differs on a CUDA device is named") {
  if (!has_device()) return;
  const Tensor x = nn::random_values({2, 3});
  CHECK(nn::agrees_on_cuda([](const auto& in) { return doubled(in[0]); }, {x})
            .message.find(
                "[agrees_on_cuda] the gradient of input 0 differs from the CPU's: [close] 6 of 6 entries are wrong") ==
        0);
  struct Scaled : nn::Module {
    Variable weight{Tensor::ones({3}), true};
    Scaled() { add("weight", weight); }
    Variable forward(const Variable& in) { return in * doubled(weight); }
  } scaled;
  CHECK(nn::agrees_on_cuda(scaled, {x}).message.find("[agrees_on_cuda] the gradient of weight differs") == 0);
  const auto shifted = [](const auto& in) { return in[0] + (in[0].device() == cpu ? 1.0 : 1.1); };
  CHECK(nn::agrees_on_cuda(shifted, {x}).message.find("[agrees_on_cuda] the result differs") == 0);
  CHECK(message_of([&] { nn::agrees_on_cuda([](const auto& in) { return in[0].to(cpu); }, {x}); }) ==
        "[agrees_on_cuda] the inputs are on cuda:0, the result is on cpu (hint: new tensors belong on x.device(), "
        "parameters are registered with add())");
}

TEST_CASE("engine: a gradient on another device than its input's is refused, rows too") {
  if (!has_device()) return;
  const Variable x(Tensor::ones({2}), true), table(Tensor::ones({4, 2}).to(gpu), true);
  CHECK(message_of([&] {
          record("swish", x.data().to(gpu), {x}, [](const Tensor& g, GradSink& to) {
            to.add(0, g);
          }).backward(Tensor::ones({2}).to(gpu));
        }) == "[swish] backward gave input 0 a gradient on cuda:0, expected cpu");
  CHECK(message_of([&] {
          record("rows", table.data(), {table}, [](const Tensor&, GradSink& to) {
            to.add(0, RowGradient{Tensor::from<int64_t>({0}), Tensor::ones({1, 2}).to(gpu)});
          }).backward(Tensor::ones({4, 2}).to(gpu));
        }) == "[rows] backward gave input 0 row gradients with rows on cpu and values on cuda:0, expected cuda:0");
  CHECK_FALSE(x.grad().defined());
}
