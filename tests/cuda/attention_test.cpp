// The kernels of attention beside softmax(q k^T) v written out in float64: every choice that they make by length,
// layout, mask and precision.
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "tensor/backend.h"
#include "tensor/philox.h"
#include "tests/cuda/on_device.h"

using namespace roux;
using namespace on_device;

namespace {

enum class Mask { none, padding, any };

struct Setting {
  int64_t batch, heads, queries, keys, head_dim;
  Mask mask = Mask::none;
  bool causal = false;
  double dropout = 0;
};

std::string named(const Setting& s) {
  return std::to_string(s.batch) + " x " + std::to_string(s.heads) + " x " + std::to_string(s.queries) + " x " +
         std::to_string(s.keys) + " x " + std::to_string(s.head_dim) + (s.causal ? ", causal" : "") +
         (s.mask == Mask::none      ? ""
          : s.mask == Mask::padding ? ", padding"
                                    : ", mask") +
         (s.dropout > 0 ? ", dropout" : "");
}

// (batch, heads, length, head_dim), in memory (batch, length, heads, head_dim) as in models.
Tensor operand(const Setting& s, int64_t length, uint64_t seed) {
  Generator generator(seed);
  const Tensor x = Tensor::rand({s.batch, length, s.heads, s.head_dim}, float64, cpu, generator);
  return sub(mul(x, 4), 2).transpose(1, 2);
}

// Broadcast to (batch, heads, queries, keys); undefined where there is none. Query 1 of any mask has no key.
Tensor mask_of(const Setting& s) {
  if (s.mask == Mask::none) return {};
  Generator generator(9);
  const Shape shape = s.mask == Mask::padding ? Shape{s.batch, 1, 1, s.keys} : Shape{s.batch, 1, s.queries, s.keys};
  Tensor mask = lt(Tensor::rand(shape, float32, cpu, generator), 0.7);
  if (s.mask == Mask::any && s.queries > 1) mask.slice(2, 1, 2).fill_(0);
  return mask.expand({s.batch, s.heads, s.queries, s.keys});
}

Generator dropout_generator() { return Generator(3, 1, 17); }

// What dropout multiplies weights with.
Tensor kept(const Setting& s) {
  std::vector<double> factors(static_cast<size_t>(s.batch * s.heads * s.queries * s.keys));
  for (size_t i = 0; i < factors.size(); ++i)
    factors[i] = uniform_float(philox_block(3, 1, 17 + i / 4)[i % 4]) >= s.dropout ? 1 / (1 - s.dropout) : 0;
  return Tensor::from(factors, {s.batch, s.heads, s.queries, s.keys});
}

struct Results {
  Tensor out, log_sum_exp, grad_q, grad_k, grad_v;
};

// Written out, in float64. log_sum_exp is undefined.
Results expected(const Setting& s) {
  const Variable q(operand(s, s.queries, 1), true), k(operand(s, s.keys, 2), true), v(operand(s, s.keys, 3), true);
  Variable scores = mul(matmul(q, k.transpose(2, 3)), 1 / std::sqrt(static_cast<double>(s.head_dim)));
  if (s.causal) {
    const Tensor query = Tensor::arange(s.keys - s.queries, s.keys).reshape({s.queries, 1});
    scores = masked_fill(scores, gt(Tensor::arange(0, s.keys), query), std::numeric_limits<double>::lowest());
  }
  if (s.mask != Mask::none)
    scores = masked_fill(scores, logical_not(mask_of(s)), std::numeric_limits<double>::lowest());
  const Variable out = matmul(mul(softmax(scores), kept(s)), v);
  out.backward(operand(s, s.queries, 4));
  return {out.data(), {}, q.grad(), k.grad(), v.grad()};
}

// The same by the kernels of a device. Operands are views of something larger where they are not packed.
Results found(const Setting& s, DType dtype, MatmulPrecision precision, bool packed) {
  const auto there = [&](const Tensor& x) {
    const int64_t extra = packed ? 0 : 1;
    Tensor wide = Tensor::full({s.batch, x.size(2) + extra, s.heads, s.head_dim + extra},
                               std::numeric_limits<double>::quiet_NaN(), dtype, gpu);
    Tensor part = wide.slice(1, 0, x.size(2)).slice(3, extra, s.head_dim + extra).transpose(1, 2);
    part.copy_(x.to(dtype).to(gpu));
    return part;
  };
  const Tensor q = there(operand(s, s.queries, 1)), k = there(operand(s, s.keys, 2)), v = there(operand(s, s.keys, 3));
  const Tensor grad = there(operand(s, s.queries, 4)), out = there(q.to(cpu)), grad_q = there(q.to(cpu));
  const Tensor grad_k = there(k.to(cpu)), grad_v = there(v.to(cpu));
  const Tensor log_sum_exp = Tensor::empty({s.batch, s.heads, s.queries}, dtype, gpu);
  const Tensor place = Tensor::empty({1}, int64, gpu);
  Tensor mask = mask_of(s);
  if (mask.defined())
    mask = s.mask == Mask::padding ? mask.slice(1, 0, 1).slice(2, 0, 1).to(gpu).expand(mask.shape()) : mask.to(gpu);
  const AttentionShape shape{.batch = s.batch,
                             .heads = s.heads,
                             .queries = s.queries,
                             .keys = s.keys,
                             .head_dim = s.head_dim,
                             .scale = 1 / std::sqrt(static_cast<double>(s.head_dim)),
                             .causal = s.causal,
                             .dropout = s.dropout,
                             .precision = precision};
  Generator generator = dropout_generator();
  const View mask_view = mask.defined() ? mask.view() : View{};
  Backend& device = backend(gpu);
  device.attention(out.view(), log_sum_exp.view(), place.view(), q.view(), k.view(), v.view(), mask_view, shape,
                   &generator);
  device.attention_backward(grad_q.view(), grad_k.view(), grad_v.view(), grad.view(), q.view(), k.view(), v.view(),
                            out.view(), log_sum_exp.view(), place.view(), mask_view, shape, &generator);
  return {out.to(cpu), log_sum_exp.to(cpu), grad_q.to(cpu), grad_k.to(cpu), grad_v.to(cpu)};
}

double largest_difference(const Tensor& a, const Tensor& b) { return amax(abs(sub(a, b))).item(); }

void compare(const Setting& s, DType dtype, MatmulPrecision precision, bool packed, double tolerance) {
  const Results right = expected(s), results = found(s, dtype, precision, packed);
  const std::string what = named(s) + ", " + name(dtype) + ", " + name(precision) + (packed ? "" : ", not packed");
  check_same(results.out, right.out.to(dtype), tolerance, what);
  check_same(results.grad_q, right.grad_q.to(dtype), tolerance, what + ", gradient of q");
  check_same(results.grad_k, right.grad_k.to(dtype), tolerance, what + ", gradient of k");
  check_same(results.grad_v, right.grad_v.to(dtype), tolerance, what + ", gradient of v");
}

struct Kind {
  DType dtype;
  MatmulPrecision precision;
  double tolerance;
};
const std::vector<Kind> kinds = {{float32, MatmulPrecision::highest, 1e-5},
                                 {float64, MatmulPrecision::highest, 1e-12},
                                 {float32, MatmulPrecision::high, 1e-2},
                                 {float32, MatmulPrecision::medium, 8e-2}};

}  // namespace

TEST_CASE("on a device attention and its gradients are what the formula gives") {
  if (!has_device()) return;
  for (const Kind& kind : kinds) {
    for (const Setting& s : {Setting{1, 1, 1, 1, 1}, Setting{2, 3, 5, 7, 5}, Setting{1, 1, 17, 33, 32},
                             Setting{1, 1, 66, 35, 64}, Setting{1, 1, 3, 34, 80}})
      compare(s, kind.dtype, kind.precision, true, kind.tolerance);
    compare({2, 1, 5, 7, 36}, kind.dtype, kind.precision, false, kind.tolerance);
  }
}

// Blocks take 64 queries or keys: of the causal ones, some queries of a block, or all, have no key, or no mask leaves
// one.
TEST_CASE("on a device attention with masks: padding, any, causal, queries that have no key") {
  if (!has_device()) return;
  for (const Kind& kind : kinds)
    for (const Setting& s : {Setting{2, 2, 5, 40, 8, Mask::padding}, Setting{2, 1, 7, 9, 33, Mask::any},
                             Setting{1, 1, 67, 90, 8, Mask::none, true}, Setting{1, 1, 110, 40, 8, Mask::none, true},
                             Setting{1, 1, 69, 68, 8, Mask::any, true}})
      compare(s, kind.dtype, kind.precision, true, kind.tolerance);
}

TEST_CASE("on a device attention drops the weights that the generator names") {
  if (!has_device()) return;
  for (const Kind& kind : kinds)
    for (const Setting& s :
         {Setting{2, 1, 6, 36, 8, Mask::padding, false, 0.4}, Setting{1, 2, 5, 37, 40, Mask::any, true, 0.1},
          Setting{1, 1, 2, 3, 4, Mask::none, false, 1}})
      compare(s, kind.dtype, kind.precision, true, kind.tolerance);
}

TEST_CASE("on a device attention is the CPU's, bit for bit in what it drops, from the generator of a model") {
  if (!has_device()) return;
  // Values that are 1 for one key each: the results are the weights.
  const int64_t keys = 6;
  const Tensor q = operand({1, 2, 5, keys, keys}, 5, 1), k = operand({1, 2, 5, keys, keys}, keys, 2);
  const Tensor v = Tensor::eye(keys, float64).expand({1, 2, keys, keys});
  Generator here(4, 2, 9), there(4, 2, 9);
  for (int call = 0; call < 2; ++call) {
    const Tensor expected = attention(q, k, v, {.dropout = 0.5, .generator = &here}).output;
    const Tensor result =
        attention(q.to(gpu), k.to(gpu), v.to(gpu), {.dropout = 0.5, .generator = &there}).output.to(cpu);
    check_same(result, expected, 1e-12, "weights");
    check_same(eq(result, 0), eq(expected, 0), 0, "dropped");
    CHECK(here.offset() == there.offset());
  }
}

TEST_CASE("on a device attention rounds factors as the precision says, and nothing else") {
  if (!has_device()) return;
  const Setting s{1, 2, 20, 40, 64};
  const Results strict = found(s, float32, MatmulPrecision::highest, true);
  // The error of a factor is at most 2^-11 and 2^-8 of it; that of sums with signs is far from all of them in one row.
  for (const auto& [precision, least, most] :
       {std::tuple{MatmulPrecision::high, 2e-5, 4e-3}, std::tuple{MatmulPrecision::medium, 2e-4, 3e-2}}) {
    const Results rounded = found(s, float32, precision, true);
    for (const auto part : {&Results::out, &Results::grad_q, &Results::grad_k, &Results::grad_v}) {
      CHECK(largest_difference(rounded.*part, strict.*part) > least);
      CHECK(largest_difference(rounded.*part, strict.*part) < most);
    }
  }
}

TEST_CASE("on a device attention without queries, keys or heads") {
  if (!has_device()) return;
  for (const Setting& s : {Setting{2, 2, 0, 3, 4}, Setting{0, 2, 3, 3, 4}, Setting{2, 2, 3, 0, 4}}) {
    const Results results = found(s, float32, MatmulPrecision::highest, true);
    for (const auto part : {&Results::out, &Results::grad_q, &Results::grad_k, &Results::grad_v})
      check_same(results.*part, Tensor::zeros((results.*part).shape()), 0, named(s));
  }
}
