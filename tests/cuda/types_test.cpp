// Kernels of a device on every element type that they take, contiguous and strided, beside the CPU's: the cases of
// tests/operations compute in floating point.
#include <cmath>
#include <string>
#include <vector>

#include "tensor/ops.h"
#include "tests/cuda/on_device.h"

using namespace roux;
using namespace on_device;

namespace {

const std::vector<DType> computing = {float32, float64, int64, boolean};
const std::vector<DType> all_types = {float32, float64, int64, boolean, int32, float16, bfloat16};

// Small integers of both signs, with repetitions; of booleans both values.
Tensor values(const Shape& shape, DType dtype, int64_t step) {
  std::vector<int64_t> numbers(static_cast<size_t>(shape.numel()));
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = (static_cast<int64_t>(i) * step) % 11 - 4;
  const Tensor integers = Tensor::from(numbers, shape);
  return dtype == boolean ? gt(integers, 0) : integers.to(dtype);
}

// The same array, every second column of one twice as wide.
Tensor stepped(const Tensor& x) {
  Tensor wide = Tensor::zeros({x.size(0), 2 * x.size(1)}, x.dtype(), x.device());
  Tensor part = wide.slice(1, 0, 2 * x.size(1), 2);
  part.copy_(x);
  return part;
}

// What `kernel(device, inputs...)` gives on both devices is the same, contiguous and strided; where the CPU does not
// take these types there is nothing to compare.
template <class Kernel>
void compare(const std::vector<Tensor>& inputs, double tolerance, const std::string& what, Kernel kernel) {
  for (const bool strided : {false, true}) {
    std::vector<Tensor> here, there;
    for (const Tensor& input : inputs) {
      here.push_back(strided ? stepped(input) : input);
      there.push_back(strided ? stepped(input.to(gpu)) : input.to(gpu));
    }
    Tensor expected;
    try {
      expected = kernel(here);
    } catch (const Error&) {
      return;
    }
    check_same(kernel(there).to(cpu), expected, tolerance, what + (strided ? ", strided" : ""));
  }
}

std::string named(const char* what, int code, DType dtype) {
  return what + std::to_string(code) + " of " + name(dtype);
}

constexpr double close_enough = 3e-6;

}  // namespace

TEST_CASE("on a device every elementwise function takes every type that the CPU's takes") {
  if (!has_device()) return;
  for (const DType dtype : computing) {
    const Tensor x = values({4, 32}, dtype, 7), y = values({4, 32}, dtype, 5);
    for (int code = 0; code <= static_cast<int>(UnaryOp::isnan); ++code) {
      const auto op = static_cast<UnaryOp>(code);
      const bool predicate = op == UnaryOp::logical_not || op == UnaryOp::isnan;
      compare({x}, close_enough, named("unary ", code, dtype), [&](const std::vector<Tensor>& in) {
        const Tensor out = Tensor::zeros(in[0].shape(), predicate ? boolean : dtype, in[0].device());
        backend(in[0].device()).unary(op, out.view(), in[0].view(), -2, 3);
        return out;
      });
    }
    for (int code = 0; code <= static_cast<int>(BinaryOp::gelu_tanh_backward); ++code) {
      const auto op = static_cast<BinaryOp>(code);
      const DType result = gives_boolean(op) ? boolean : dtype;
      compare({x, y}, 2e-5, named("binary ", code, dtype), [&](const std::vector<Tensor>& in) {
        const Tensor out = Tensor::zeros(in[0].shape(), result, in[0].device());
        backend(in[0].device()).binary(op, out.view(), in[0].view(), in[1].view());
        return out;
      });
    }
    compare({values({4, 32}, boolean, 3), x, y}, 0, named("where ", 0, dtype),
            [](const std::vector<Tensor>& in) { return where(in[0], in[1], in[2]); });
    compare({x, y}, close_enough, named("add_ ", 0, dtype), [&](const std::vector<Tensor>& in) {
      Tensor out = in[0].clone();
      (in[0].is_contiguous() ? out : out = stepped(out)).add_(in[1], 3);
      return out;
    });
  }
}

TEST_CASE("on a device every type is converted to every type, and filled") {
  if (!has_device()) return;
  for (const DType from : all_types) {
    const Tensor x = values({3, 32}, float32, 7).to(from);
    for (const DType to : all_types)
      compare({x}, 0, named(name(to), 0, from), [&](const std::vector<Tensor>& in) {
        Tensor out = Tensor::zeros(in[0].shape(), to, in[0].device());
        backend(in[0].device()).copy(out.view(), in[0].view());
        return out.to(float64);
      });
    compare({x}, 0, named("fill ", 0, from), [](const std::vector<Tensor>& in) {
      Tensor out = in[0].clone();
      if (!in[0].is_contiguous()) out = stepped(out);
      out.fill_(3);
      return out.to(float64);
    });
  }
}

TEST_CASE("on a device rows with gaps between them are copied, of every type") {
  if (!has_device()) return;
  for (const DType dtype : all_types) {
    const Tensor wide = values({5, 64}, float32, 7).to(dtype);
    const Tensor expected = wide.slice(1, 0, 32).clone().to(float64);
    check_same(wide.to(gpu).slice(1, 0, 32).clone().to(float64).to(cpu), expected, 0, name(dtype));
  }
}

TEST_CASE("on a device rows are added by as many indices as one block sorts, and by more") {
  if (!has_device()) return;
  for (const int64_t count : {6000, 20000}) {
    std::vector<int64_t> numbers(static_cast<size_t>(count));
    for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int64_t>(i * i % 97);
    const Tensor ids = Tensor::from(numbers), source = values({count, 2}, int64, 5), x = values({97, 2}, int64, 3);
    check_same(index_add(x.to(gpu), 0, ids.to(gpu), source.to(gpu)).to(cpu), index_add(x, 0, ids, source), 0, "sums");
  }
}

TEST_CASE("on a device every reduction takes every type that the CPU's takes, over rows and columns of any length") {
  if (!has_device()) return;
  const Along shapes[] = {{3, 7, 1}, {1, 20000, 1}, {2, 9000, 1}, {3, 9, 5}, {1, 3000, 4}};
  for (const DType dtype : computing)
    for (const Along along : shapes) {
      const Tensor x = values({along.outer * along.n, along.inner}, dtype, 7);
      const std::string what = name(dtype) + std::string(", ") + std::to_string(along.n);
      const auto reduced = [&](Device device, auto kernel) {
        const Tensor in = dtype == float32 || dtype == float64 ? mul(x, 0.25).to(device) : x.to(device);
        return kernel(in);
      };
      for (int code = 0; code <= static_cast<int>(ReduceOp::all); ++code) {
        const auto op = static_cast<ReduceOp>(code);
        const auto kernel = [&](const Tensor& in) {
          const bool truth = op == ReduceOp::any || op == ReduceOp::all;
          const Tensor out = Tensor::zeros({along.outer, along.inner}, truth ? boolean : dtype, in.device());
          const Tensor operand = truth ? ne(in, 0) : in;
          backend(in.device()).reduce(op, out.view(), operand.view(), along);
          return out;
        };
        Tensor expected;
        try {
          expected = reduced(cpu, kernel);
        } catch (const Error&) {
          continue;
        }
        check_same(reduced(gpu, kernel).to(cpu), expected, 1e-5, what + ", reduction " + std::to_string(code));
      }
      for (const bool largest : {false, true})
        for (const bool index : {false, true}) {
          const auto kernel = [&](const Tensor& in) {
            const Tensor found = Tensor::zeros({along.outer, along.inner}, dtype, in.device());
            const Tensor indices = Tensor::zeros({along.outer, along.inner}, int64, in.device());
            backend(in.device()).reduce_with_index(largest, found.view(), indices.view(), in.view(), along);
            return index ? indices : found;
          };
          check_same(reduced(gpu, kernel).to(cpu), reduced(cpu, kernel), 0, what + ", with index");
        }
    }
}

TEST_CASE("on a device every operation by index, and sort, takes every type that the CPU's takes") {
  if (!has_device()) return;
  for (const DType dtype : computing)
    for (const int64_t width : {3, 8}) {
      const std::string what = name(dtype) + std::string(", width ") + std::to_string(width);
      const Tensor x = values({6, width}, dtype, 7), source = values({5, width}, dtype, 3);
      const Tensor ids = Tensor::from(std::vector<int64_t>{4, 0, 4, 5, 0});
      const Tensor index = Tensor::from(std::vector<int64_t>{4, 0, 4, 5, 0}, {5, 1}).expand({5, width}).contiguous();
      const auto on = [](const Tensor& t) { return t.to(gpu); };
      check_same(index_select(on(x), 0, on(ids)).to(cpu), index_select(x, 0, ids), 0, what + ", index_select");
      check_same(gather(on(x), 0, on(index)).to(cpu), gather(x, 0, index), 0, what + ", gather");
      check_same(index_add(on(x), 0, on(ids), on(source)).to(cpu), index_add(x, 0, ids, source), 0,
                 what + ", index_add");
      check_same(scatter_add(on(x), 0, on(index), on(source)).to(cpu), scatter_add(x, 0, index, source), 0,
                 what + ", scatter_add");
      for (const bool descending : {false, true})
        for (const int64_t length : {40, 5000}) {
          const Tensor row = values({length, 1}, dtype, 7).reshape({length});
          const ValuesIndices found = sort(on(row), 0, descending), expected = sort(row, 0, descending);
          check_same(found.values.to(cpu), expected.values, 0, what + ", sorted");
          check_same(found.indices.to(cpu), expected.indices, 0, what + ", order");
        }
    }
}
