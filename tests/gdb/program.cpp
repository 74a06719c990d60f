// What tests/tools/test_gdb.sh looks at with gdb: tensors and variables of each kind in the frame of `examples`.
#include "autograd/ops.h"

using namespace roux;

// Where gdb stops.
[[gnu::noinline]] void stop_here() { asm volatile(""); }

void examples() {
  const Tensor undefined, scalar = Tensor::scalar(2.5), mask = Tensor::from<bool>({true, false});
  const Tensor matrix = Tensor::arange(1, 7).reshape({2, 3}), transposed = matrix.to(float64).transpose(0, 1);
  const Tensor part = matrix.slice(1, 1, 3), half = Tensor::full({2}, 1.5, bfloat16);
  const Tensor numbers = Tensor::arange(0, 100, 1, float32), nothing = Tensor::zeros({0, 3});
  [[maybe_unused]] const Shape shape = matrix.shape();
  const Variable constant = scalar, weight(Tensor::full({2}, 3), true), table(Tensor::ones({4, 2}), true);
  const Variable product = weight * 2, loss = sum(product) + sum(embedding(table, Tensor::from<int64_t>({1, 3})));
  const Variable before = Variable(Tensor::full({2}, 3), true), nobody;
  loss.backward();
  stop_here();
}

int main() { examples(); }
