// Shapes on a device that tables of small cases do not have: more rows than a grid has blocks, nothing at all, many
// dimensions, long rows with NaN; and random numbers, which are the CPU's.
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "nn/embedding.h"
#include "tests/cuda/on_device.h"

using namespace roux;
using namespace on_device;

namespace {

constexpr int64_t many = 70'000;  // more than the 65,535 blocks that roux starts at most

Tensor random(const Shape& shape, uint64_t seed, DType dtype = float32) {
  Generator generator(seed);
  return sub(Tensor::rand(shape, dtype, cpu, generator), 0.5);
}

// `f` gives the same on the device as on the CPU.
void check(const std::string& what, const std::function<std::vector<Tensor>(Device)>& f, double tolerance = 1e-5) {
  const std::vector<Tensor> found = f(gpu), expected = f(cpu);
  REQUIRE(found.size() == expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    if (found[i].defined()) CHECK(found[i].device() == gpu);
    check_same(found[i], expected[i], tolerance, what + ", result " + std::to_string(i));
  }
}

// The result of `f` on leaves of these values, and their gradients.
std::vector<Tensor> with_gradients(const std::vector<Tensor>& values, Device device,
                                   const std::function<Variable(const std::vector<Variable>&)>& f) {
  std::vector<Variable> leaves;
  for (const Tensor& value : values) leaves.emplace_back(value.to(device), true);
  const Variable result = f(leaves);
  result.backward(random(result.shape(), 77).to(device));
  std::vector<Tensor> all = {result.data()};
  for (const Variable& leaf : leaves) all.push_back(leaf.grad());
  return all;
}

Tensor labels_of(int64_t rows, int64_t classes) {
  Generator generator(5);
  return Tensor::randint(0, classes, {rows}, cpu, generator);
}

// Some values of x become NaN, infinite, or equal to others.
Tensor with_specials(Tensor x) {
  const int64_t n = x.size(-1);
  x.slice(-1, 3, n, 997).fill_(std::numeric_limits<double>::quiet_NaN());
  x.slice(-1, 5, n, 1201).fill_(std::numeric_limits<double>::infinity());
  x.slice(-1, 7, n, 1301).fill_(-std::numeric_limits<double>::infinity());
  x.slice(-1, 10, n, 50).fill_(0.25);
  return x;
}

}  // namespace

TEST_CASE("on a device more rows than a grid has blocks: softmax and layer_norm") {
  if (!has_device()) return;
  const Tensor x = random({many, 3}, 1);
  check("softmax", [&](Device d) { return with_gradients({x}, d, [](const auto& in) { return softmax(in[0], 1); }); });
  check("layer_norm", [&](Device d) {
    return with_gradients({x, random({3}, 2), random({3}, 3)}, d,
                          [](const auto& in) { return layer_norm(in[0], in[1], in[2]); });
  });
}

TEST_CASE("on a device more rows than a grid has blocks: reductions") {
  if (!has_device()) return;
  const Tensor x = random({many, 3}, 1);
  check("along rows", [&](Device d) {
    const Tensor y = x.to(d);
    const ValuesIndices largest = max(y, 1);
    return std::vector<Tensor>{sum(y, {1}), amin(y, {1}), largest.values, largest.indices, sort(y, 1).indices};
  });
  check("along columns", [&](Device d) {
    const Tensor y = x.to(d);
    const ValuesIndices largest = max(y, 0);
    return std::vector<Tensor>{sum(y, {0}), mean(y, {0}), largest.values, largest.indices, sum(y)};
  });
}

TEST_CASE("on a device more rows than a grid has blocks: cross_entropy and embedding_bag") {
  if (!has_device()) return;
  const Tensor labels = labels_of(many, 3);
  check("cross_entropy", [&](Device d) {
    return with_gradients({random({many, 3}, 1)}, d, [&](const auto& in) {
      return cross_entropy(in[0], labels.to(in[0].device()), {.label_smoothing = 0.1}, Reduction::none);
    });
  });
  const Tensor ids = labels_of(many + 5000, 50);
  for (const Pooling mode : {Pooling::mean, Pooling::max})
    check("embedding_bag", [&](Device d) {
      // Bags of one id, but that the first ones are empty and the last one holds the rest.
      const Tensor offsets = maximum(sub(Tensor::arange(0, many), 100), Tensor::scalar(int64_t{0}, int64)).to(d);
      return with_gradients({random({50, 3}, 2)}, d,
                            [&](const auto& in) { return embedding_bag(in[0], ids.to(d), offsets, {.mode = mode}); });
    });
}

TEST_CASE("on a device more sequences than a grid has blocks: masked_pool") {
  if (!has_device()) return;
  const Tensor mask = ne(labels_of(many * 2, 3).reshape({many, 2}), 0);
  for (const Pooling mode : {Pooling::sum, Pooling::mean, Pooling::max})
    check("masked_pool", [&](Device d) {
      return with_gradients({random({many, 2, 3}, 2)}, d,
                            [&](const auto& in) { return masked_pool(in[0], mask.to(d), mode); });
    });
}

TEST_CASE("on a device nothing is something too: sizes of zero") {
  if (!has_device()) return;
  check("elementwise, reductions", [](Device d) {
    const Tensor none = Tensor::zeros({0, 3}, float32, d), flat = Tensor::zeros({3, 0}, float32, d);
    return std::vector<Tensor>{add(none, none), exp(none),         sum(none),        sum(none, {0}),
                               sum(flat, {1}),  prod(flat, {1}),   softmax(none, 1), softmax(flat, 1),
                               mean(flat, {1}), cat({none, none}), none.to(float64), norm(none)};
  });
  check("order", [](Device d) {
    const Tensor none = Tensor::zeros({0, 3}, float32, d), flat = Tensor::zeros({3, 0}, float32, d);
    return std::vector<Tensor>{sort(none, 1).indices, sort(flat, 1).values, topk(none, 2, 1).indices,
                               topk(Tensor::ones({3, 4}, float32, d), 0, 1).values, max(none, 1).values};
  });
  check("products", [](Device d) {
    const auto zeros = [&](const Shape& shape) { return Tensor::zeros(shape, float32, d); };
    return std::vector<Tensor>{matmul(zeros({3, 0}), zeros({0, 2})), matmul(zeros({0, 3}), zeros({3, 2})),
                               matmul(zeros({4, 0, 3}), zeros({3, 2})), matmul(zeros({0, 2, 3}), zeros({0, 3, 2})),
                               linear(zeros({0, 3}), zeros({2, 3}), zeros({2}))};
  });
  check("by index", [](Device d) {
    const Tensor ids = Tensor::zeros({0}, int64, d), table = Tensor::ones({4, 3}, float32, d);
    const UniqueIds distinct = unique(ids);
    return std::vector<Tensor>{
        embedding(table, ids),
        index_select(table, 1, ids),
        distinct.rows,
        distinct.slots,
        index_add(table, 0, ids, Tensor::zeros({0, 3}, float32, d)),
        gather(table, 0, Tensor::zeros({0, 3}, int64, d)),
        scatter_add(table, 0, Tensor::zeros({0, 3}, int64, d), Tensor::zeros({0, 3}, float32, d))};
  });
  check("layers", [](Device d) {
    const Tensor ids = Tensor::zeros({0}, int64, d), one = Tensor::ones({1, 3}, float32, d);
    const Tensor none = Tensor::zeros({0, 3}, float32, d), offsets = Tensor::zeros({2}, int64, d);
    Generator generator(1);
    return std::vector<Tensor>{embedding_bag(one, ids, ids).output,
                               embedding_bag(one, ids, offsets).output,
                               embedding_bag(one, Tensor::zeros({2, 0}, int64, d), {}).output,
                               layer_norm(none, Tensor(), Tensor(), 1e-5).output,
                               cross_entropy(none, ids, {}).losses,
                               dropout(none, 0.5, generator).output,
                               Tensor::rand({0, 2}, float32, d, generator)};
  });
  check("gradients", [](Device d) {
    const Tensor ids = Tensor::zeros({0}, int64, d), offsets = Tensor::zeros({2}, int64, d);
    std::vector<Tensor> all = with_gradients({Tensor::ones({4, 3})}, d, [&](const auto& in) {
      return embedding_bag(in[0], ids, offsets, {.mode = Pooling::mean});
    });
    for (const Tensor& each : with_gradients({Tensor::zeros({0, 3}), Tensor::ones({3}), Tensor::ones({3})}, d,
                                             [](const auto& in) { return layer_norm(in[0], in[1], in[2]); }))
      all.push_back(each);
    return all;
  });
}

TEST_CASE("on a device a broadcast over eight dimensions") {
  if (!has_device()) return;
  const Tensor a = random({2, 1, 3, 1, 2, 1, 3, 1}, 1), b = random({1, 3, 1, 2, 1, 2, 1, 5}, 2);
  check("add", [&](Device d) {
    return with_gradients({a, b}, d, [](const auto& in) { return in[0] * in[1] + in[1]; });
  });
  check("permuted", [&](Device d) {
    const Tensor x = a.to(d).permute({7, 6, 5, 4, 3, 2, 1, 0}), y = b.to(d).permute({1, 0, 3, 2, 5, 4, 7, 6});
    return std::vector<Tensor>{x.contiguous(), y.contiguous(), sum(y, {0, 2, 4}), where(gt(y, 0), y, neg(y))};
  });
}

TEST_CASE("on a device renormalize_rows_ scales each named row once") {
  if (!has_device()) return;
  const Tensor ids = Tensor::from<int64_t>({3, 1, 3, 69, 0, 3});
  for (const DType dtype : {float32, float64})
    for (const double norm_type : {1.0, 2.0, 3.5, std::numeric_limits<double>::infinity()})
      for (const int64_t columns : {1, 7, 300})
        check("renormalize_rows_", [&](Device d) {
          Tensor table = random({70, columns}, 4, dtype).to(d);
          if (table.device() == d && d == cpu) table = table.clone();
          renormalize_rows_(table, ids.to(d), 0.2, norm_type);
          return std::vector<Tensor>{table};
        });
  check("max_norm", [&](Device d) {
    std::vector<Tensor> seen;
    nn::Embedding table = nn::Embedding::from_pretrained(random({70, 6}, 5), false, {.max_norm = 0.3});
    nn::EmbeddingBag bags = nn::EmbeddingBag::from_pretrained(random({70, 6}, 5), false, {.max_norm = 0.3});
    table.to(d);
    bags.to(d);
    const Variable found = table(ids.to(d)), pooled = bags(ids.to(d), Tensor::from<int64_t>({0, 4}).to(d));
    sum(found * 2.0).backward();
    return std::vector<Tensor>{found.data(), pooled.data(), table.weight.data(), bags.weight.data(),
                               table.weight.grad()};
  });
}

TEST_CASE("a device draws the CPU's random numbers") {
  if (!has_device()) return;
  for (const DType dtype : {float32, float64})
    for (const Shape& shape : {Shape{}, Shape{1}, Shape{5}, Shape{1023, 7}}) {
      CAPTURE(name(dtype));
      check(
          "rand",
          [&](Device d) {
            Generator generator(9, 2, 77);
            const Tensor first = Tensor::rand(shape, dtype, d, generator);
            const Tensor second = Tensor::rand(shape, dtype, d, generator);
            return std::vector<Tensor>{first, second,
                                       Tensor::full({1}, static_cast<double>(generator.offset()), float64, d)};
          },
          0);
      check(
          "dropout",
          [&](Device d) {
            Generator generator(9, 3);
            const Tensor x = random(shape, 6, dtype).to(d);
            std::vector<Tensor> all;
            for (const double p : {0.0, 0.3, 0.5, 1.0}) {
              const DropoutResult result = dropout(x, p, generator);
              all.push_back(result.output);
              all.push_back(result.mask);
            }
            return all;
          },
          0);
    }
  check(
      "randn, randint, randperm",
      [](Device d) {
        Generator generator(4);
        return std::vector<Tensor>{Tensor::randn({37}, float32, d, generator),
                                   Tensor::randint(-3, 9, {37}, d, generator), Tensor::randperm(37, d, generator)};
      },
      0);
}

TEST_CASE("on a device sort and topk of long rows with NaN") {
  if (!has_device()) return;
  for (const DType dtype : {float32, float64}) {
    const Tensor x = with_specials(random({2, 6007}, 8, dtype));
    for (const bool up : {false, true})
      check(
          "order",
          [&](Device d) {
            const Tensor y = x.to(d);
            const ValuesIndices all = sort(y, 1, !up), some = topk(y, 11, 1, up), most = topk(y, 5500, 1, up);
            const ValuesIndices columns = sort(y.transpose(0, 1), 0, !up);
            return std::vector<Tensor>{all.values,  all.indices,  some.values,    some.indices,
                                       most.values, most.indices, columns.values, columns.indices};
          },
          0);
  }
  check(
      "integers",
      [](Device d) {
        Generator generator(3);
        const Tensor x = Tensor::randint(-50, 50, {5003}, cpu, generator).to(d);
        return std::vector<Tensor>{sort(x).indices, topk(x, 100).indices, topk(x, 100, 0, false).values};
      },
      0);
}
