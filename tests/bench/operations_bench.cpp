// Times of the operations that models are made of, each with the figure to set against the machine's limit: bytes read
// and written a second, multiplications and additions a second, or items a second.
//
// The limits themselves are measured first: `limit/...`. One thread, unless the name says otherwise.
#include <cblas.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "apps/common/program.h"
#include "autograd/ops.h"
#include "nn/adam.h"
#include "nn/loss.h"
#include "tests/bench/bench.h"

namespace roux::bench {
namespace {

using benchmark::State;

constexpr int64_t float_bytes = 4;
constexpr int64_t dim = 64;  // of embedding tables, as in the recipe models

// ---- Limits of the machine. -----------------------------------------------------------------------------------------

void limit_copy(State& state) {
  const Tensor from = Tensor::randn({state.range(0) / float_bytes});
  Tensor to = Tensor::zeros(from.shape());
  const auto bytes = static_cast<size_t>(state.range(0));
  for (auto _ : state) {
    std::memcpy(to.mutable_data<float>(), from.data<float>(), bytes);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * state.range(0) * 2);
}
BENCHMARK(limit_copy)->Name("limit/memcpy")->ArgName("bytes")->Arg(1 << 13)->Arg(1 << 18)->Arg(1 << 22)->Arg(1 << 26);

void limit_product(State& state) {
  const int n = static_cast<int>(state.range(0));
  const Tensor a = Tensor::randn({n, n}), b = Tensor::randn({n, n});
  Tensor product = Tensor::empty({n, n});
  for (auto _ : state)
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1, a.data<float>(), n, b.data<float>(), n, 0,
                product.mutable_data<float>(), n);
  state.counters["FLOP"] = per_second(2.0 * n * n * n);
}
BENCHMARK(limit_product)->Name("limit/openblas")->ArgName("n")->Arg(128)->Arg(512)->Arg(2048);

void limit_allocation(State& state) {
  for (auto _ : state) {
    void* const block = std::malloc(static_cast<size_t>(state.range(0)));
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
}
BENCHMARK(limit_allocation)->Name("limit/malloc")->ArgName("bytes")->Arg(1 << 8)->Arg(1 << 13)->Arg(1 << 22);

void allocation(State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(Tensor::empty({state.range(0) / float_bytes}));
}
BENCHMARK(allocation)->Name("Tensor::empty")->ArgName("bytes")->Arg(1 << 8)->Arg(1 << 13)->Arg(1 << 22);

// ---- Elementwise and reductions. ------------------------------------------------------------------------------------

// Shapes (rows, columns): a step of the recipe models, the activations of a transformer, more than any cache holds.
void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "columns"})->Args({32, 64})->Args({512, 768})->Args({8192, 2048});
}

using Binary = Tensor (*)(const Tensor&, const Tensor&);
using Unary = Tensor (*)(const Tensor&);

void same_shape(State& state, Binary operation) {
  const Tensor a = Tensor::randn({state.range(0), state.range(1)}), b = Tensor::randn(a.shape());
  time_bytes(state, 3 * a.numel() * float_bytes, [&] { return operation(a, b); });
}
BENCHMARK_CAPTURE(same_shape, add, add)->Apply(shapes);
BENCHMARK_CAPTURE(same_shape, mul, mul)->Apply(shapes);

void row_broadcast(State& state, Binary operation) {  // a bias
  const Tensor a = Tensor::randn({state.range(0), state.range(1)}), row = Tensor::randn({state.range(1)});
  time_bytes(state, 2 * a.numel() * float_bytes, [&] { return operation(a, row); });
}
BENCHMARK_CAPTURE(row_broadcast, add, add)->Apply(shapes);

void column_broadcast(State& state, Binary operation) {  // a mask, a divisor
  const Tensor a = Tensor::randn({state.range(0), state.range(1)}), column = Tensor::randn({state.range(0), 1});
  time_bytes(state, 2 * a.numel() * float_bytes, [&] { return operation(a, column); });
}
BENCHMARK_CAPTURE(column_broadcast, mul, mul)->Apply(shapes);

void transposed(State& state) {
  const Tensor a = Tensor::randn({state.range(0), state.range(1)}), b = Tensor::randn({state.range(1), state.range(0)});
  time_bytes(state, 3 * a.numel() * float_bytes, [&] { return add(a, b.transpose(0, 1)); });
}
BENCHMARK(transposed)->Name("transposed/add")->Apply(shapes);

void in_place(State& state) {
  const Tensor b = Tensor::randn({state.range(0), state.range(1)});
  Tensor a = Tensor::zeros(b.shape());
  time_bytes(state, 3 * a.numel() * float_bytes, [&]() -> Tensor& { return a.add_(b, 1e-3); });
}
BENCHMARK(in_place)->Name("in_place/add")->Apply(shapes);

void unary(State& state, Unary operation) {
  const Tensor x = Tensor::rand({state.range(0), state.range(1)});
  time_bytes(state, 2 * x.numel() * float_bytes, [&] { return operation(x); });
}
BENCHMARK_CAPTURE(unary, relu, relu)->Apply(shapes);
BENCHMARK_CAPTURE(unary, exp, exp)->Apply(shapes);
BENCHMARK_CAPTURE(unary, log, log)->Apply(shapes);
BENCHMARK_CAPTURE(unary, tanh, tanh)->Apply(shapes);
BENCHMARK_CAPTURE(unary, gelu, [](const Tensor& x) { return gelu(x); })->Apply(shapes);
BENCHMARK_CAPTURE(unary, softmax, [](const Tensor& x) { return softmax(x); })->Apply(shapes);
BENCHMARK_CAPTURE(unary, log_softmax, [](const Tensor& x) { return log_softmax(x); })->Apply(shapes);
BENCHMARK_CAPTURE(unary, layer_norm, [](const Tensor& x) { return layer_norm(x, {}, {}, 1e-5).output; })->Apply(shapes);

void reduction(State& state, Unary operation) {
  const Tensor x = Tensor::randn({state.range(0), state.range(1)});
  time_bytes(state, x.numel() * float_bytes, [&] { return operation(x); });
}
BENCHMARK_CAPTURE(reduction, sum_all, [](const Tensor& x) { return sum(x); })->Apply(shapes);
BENCHMARK_CAPTURE(reduction, sum_rows, [](const Tensor& x) { return sum(x, {0}); })->Apply(shapes);
BENCHMARK_CAPTURE(reduction, sum_columns, [](const Tensor& x) { return sum(x, {1}); })->Apply(shapes);
BENCHMARK_CAPTURE(reduction, max_columns, [](const Tensor& x) { return max(x, 1).values; })->Apply(shapes);

// Backward alone: the graph is kept, and the leaf's gradient dropped before each run.
void time_backward(State& state, Variable leaf, const Variable& result, int64_t bytes) {
  const Tensor seed = Tensor::randn(result.shape());
  for (auto _ : state) {
    leaf.zero_grad();
    result.backward(seed, true);
  }
  state.SetBytesProcessed(state.iterations() * bytes);
}

void backward(State& state, Variable (*operation)(const Variable&)) {
  const Variable x(Tensor::randn({state.range(0), state.range(1)}), true);
  time_backward(state, x, operation(x), 3 * x.numel() * float_bytes);
}
BENCHMARK_CAPTURE(backward, gelu, [](const Variable& x) { return gelu(x); })->Apply(shapes);
BENCHMARK_CAPTURE(backward, softmax, [](const Variable& x) { return softmax(x); })->Apply(shapes);
BENCHMARK_CAPTURE(backward, layer_norm, [](const Variable& x) { return layer_norm(x, {}, {}); })->Apply(shapes);

// ---- Products. ------------------------------------------------------------------------------------------------------

// (m, k) x (k, n): the recipe models' last layer, squares, a transformer's layer, and one with too few columns to tile.
void product(State& state) {
  const int64_t m = state.range(0), k = state.range(1), n = state.range(2);
  const Tensor a = Tensor::randn({m, k}), b = Tensor::randn({k, n});
  for (auto _ : state) benchmark::DoNotOptimize(matmul(a, b));
  state.counters["FLOP"] = per_second(2.0 * static_cast<double>(m * k * n));
}
BENCHMARK(product)
    ->Name("matmul")
    ->ArgNames({"m", "k", "n"})
    ->Args({32, 64, 2})
    ->Args({32, 64, 64})
    ->Args({128, 128, 128})
    ->Args({512, 512, 512})
    ->Args({512, 768, 3072})
    ->Args({4096, 768, 2})
    ->Args({1024, 1024, 1024})
    ->Args({2048, 2048, 2048});

void product_by_threads(State& state) {
  const int64_t n = state.range(0);
  const Tensor a = Tensor::randn({n, n}), b = Tensor::randn({n, n});
  set_num_threads(static_cast<int>(state.range(1)));
  for (auto _ : state) benchmark::DoNotOptimize(matmul(a, b));
  set_num_threads(1);
  state.counters["FLOP"] = per_second(2.0 * static_cast<double>(n * n * n));
}
BENCHMARK(product_by_threads)
    ->Name("matmul/threads")
    ->ArgNames({"n", "threads"})
    ->Args({512, 2})
    ->Args({2048, 2})
    ->UseRealTime();

void batched_product(State& state) {  // the scores of attention: 384 heads of length x 64
  const int64_t length = state.range(0);
  const Tensor a = Tensor::randn({384, length, 64}), b = Tensor::randn({384, 64, length});
  for (auto _ : state) benchmark::DoNotOptimize(matmul(a, b));
  state.counters["FLOP"] = per_second(2.0 * 384 * 64 * static_cast<double>(length * length));
}
BENCHMARK(batched_product)->Name("matmul/batched")->ArgName("length")->Arg(16)->Arg(128);

// ---- Embedding tables. ----------------------------------------------------------------------------------------------

struct Bags {
  Tensor ids, offsets;
};

// Bags of four ids, uniform over a table of 4,000 rows.
Bags make_bags(int64_t count) {
  return {.ids = Tensor::randint(0, 4000, {count * 4}), .offsets = Tensor::arange(0, count * 4, 4)};
}

void bag_forward(State& state, Pooling mode) {
  const Tensor table = Tensor::randn({4000, dim});
  const Bags bags = make_bags(state.range(0));
  const int64_t rows = bags.ids.numel() + bags.offsets.numel();  // read and written
  time_bytes(state, rows * dim * float_bytes,
             [&] { return embedding_bag(table, bags.ids, bags.offsets, {.mode = mode}).output; });
  state.counters["ids"] = per_second(static_cast<double>(bags.ids.numel()));
}
BENCHMARK_CAPTURE(bag_forward, mean, Pooling::mean)->Name("embedding_bag/mean")->ArgName("bags")->Arg(32)->Arg(4096);
BENCHMARK_CAPTURE(bag_forward, max, Pooling::max)->Name("embedding_bag/max")->ArgName("bags")->Arg(32)->Arg(4096);

void bag_backward(State& state, Pooling mode) {
  const Variable table(Tensor::randn({4000, dim}), true);
  const Bags bags = make_bags(state.range(0));
  const int64_t rows = bags.ids.numel() + bags.offsets.numel();
  time_backward(state, table, embedding_bag(table, bags.ids, bags.offsets, {.mode = mode}), rows * dim * float_bytes);
  state.counters["ids"] = per_second(static_cast<double>(bags.ids.numel()));
}
BENCHMARK_CAPTURE(bag_backward, mean, Pooling::mean)
    ->Name("embedding_bag_backward/mean")
    ->ArgName("bags")
    ->Arg(32)
    ->Arg(4096);
BENCHMARK_CAPTURE(bag_backward, max, Pooling::max)
    ->Name("embedding_bag_backward/max")
    ->ArgName("bags")
    ->Arg(32)
    ->Arg(4096);

void distinct(State& state) {
  const Tensor ids = Tensor::randint(0, 4000, {state.range(0)});
  for (auto _ : state) benchmark::DoNotOptimize(unique(ids));
  state.SetItemsProcessed(state.iterations() * ids.numel());
}
BENCHMARK(distinct)->Name("unique")->ArgName("ids")->Arg(128)->Arg(16384);

// ---- Layers. --------------------------------------------------------------------------------------------------------

void drop(State& state) {
  const Tensor x = Tensor::randn({state.range(0), state.range(1)});
  Generator generator(1);
  time_bytes(state, x.numel() * (2 * float_bytes + 1), [&] { return dropout(x, 0.5, generator); });
}
BENCHMARK(drop)->Name("dropout")->Apply(shapes);

void class_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"rows", "classes"})->Args({32, 2})->Args({4096, 2})->Args({1024, 1000});
}

void loss_forward(State& state) {
  const Tensor logits = Tensor::randn({state.range(0), state.range(1)});
  const Tensor labels = Tensor::randint(0, state.range(1), {state.range(0)});
  time_bytes(state, 2 * logits.numel() * float_bytes, [&] { return nn::cross_entropy(logits, labels); });
}
BENCHMARK(loss_forward)->Name("cross_entropy")->Apply(class_shapes);

void loss_backward(State& state) {
  const Variable logits(Tensor::randn({state.range(0), state.range(1)}), true);
  const Tensor labels = Tensor::randint(0, state.range(1), {state.range(0)});
  time_backward(state, logits, nn::cross_entropy(logits, labels), 2 * logits.numel() * float_bytes);
}
BENCHMARK(loss_backward)->Name("cross_entropy_backward")->Apply(class_shapes);

// ---- Attention: 12 heads of 64, dropout 0.1, fused and composed of matmul, softmax, dropout and matmul.
// --------------

struct Attention {
  int64_t batch, length;
  bool fused;

  Variable heads(uint64_t seed) const {
    Generator generator(seed);
    const Tensor x = Tensor::randn({batch, length, 12 * dim}, float32, cpu, generator);
    return Variable(x.reshape({batch, length, 12, dim}).transpose(1, 2), true);
  }
  Variable operator()(const Variable& q, const Variable& k, const Variable& v, Generator& generator) const {
    if (fused) return attention(q, k, v, {.dropout = 0.1, .generator = &generator});
    return matmul(dropout(softmax(matmul(q, k.transpose(-1, -2)) * 0.125), 0.1, generator), v);
  }
  double flop() const { return 4.0 * 12 * dim * static_cast<double>(batch * length * length); }
};

void attention_shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"batch", "length"})->Args({1, 16})->Args({1, 128})->Args({32, 16})->Args({32, 128});
  benchmark->Args({8, 512});
}

void attention_forward(State& state, bool fused) {
  const Attention attend{state.range(0), state.range(1), fused};
  const Variable q = attend.heads(1), k = attend.heads(2), v = attend.heads(3);
  Generator generator(4);
  const NoGrad guard;
  for (auto _ : state) benchmark::DoNotOptimize(attend(q, k, v, generator));
  state.counters["FLOP"] = per_second(attend.flop());
}
BENCHMARK_CAPTURE(attention_forward, fused, true)->Name("attention/fused")->Apply(attention_shapes);
BENCHMARK_CAPTURE(attention_forward, composed, false)->Name("attention/composed")->Apply(attention_shapes);

void attention_backward(State& state, bool fused) {
  const Attention attend{state.range(0), state.range(1), fused};
  Variable q = attend.heads(1), k = attend.heads(2), v = attend.heads(3);
  Generator generator(4);
  const Variable result = attend(q, k, v, generator);
  const Tensor seed = Tensor::randn(result.shape());
  for (auto _ : state) {
    for (Variable* const leaf : {&q, &k, &v}) leaf->zero_grad();
    result.backward(seed, true);
  }
  state.counters["FLOP"] = per_second(2 * attend.flop());
}
BENCHMARK_CAPTURE(attention_backward, fused, true)->Name("attention_backward/fused")->Apply(attention_shapes);
BENCHMARK_CAPTURE(attention_backward, composed, false)->Name("attention_backward/composed")->Apply(attention_shapes);

// ---- Optimisers. ----------------------------------------------------------------------------------------------------

void adam_dense(State& state) {
  Variable weight(Tensor::randn({state.range(0)}), true);
  weight.mutable_gradient().add(Tensor::randn(weight.shape()));
  nn::Adam optimizer({{"weight", weight}});
  for (auto _ : state) optimizer.step();
  state.SetBytesProcessed(state.iterations() * 7 * weight.numel() * float_bytes);  // w, m, v twice; the gradient once
}
BENCHMARK(adam_dense)->Name("adam/dense")->ArgName("elements")->Arg(130)->Arg(1 << 18)->Arg(1 << 24);

// Batches of 128 rows that come back every `gap` steps: 1 is Adam on those rows alone, more is what they missed
// besides, and above 1,024 steps they have been settled before.
void adam_rows(State& state) {
  constexpr int64_t batch = 128;
  const int64_t gap = state.range(0);
  Variable table(Tensor::randn({batch * gap, dim}), true);
  nn::Adam optimizer({{"table", table}});
  std::vector<RowGradient> gradients;
  for (int64_t i = 0; i < gap; ++i)
    gradients.push_back({Tensor::arange(i * batch, (i + 1) * batch), Tensor::randn({batch, dim})});
  size_t next = 0;
  const auto step = [&] {
    table.zero_grad();
    table.mutable_gradient().add(gradients[next], table.shape());
    optimizer.step();
    next = (next + 1) % gradients.size();
  };
  for (int64_t i = 0; i < gap + 512; ++i) step();  // the first steps of a training cost more
  for (auto _ : state) step();
  state.counters["row"] = seconds_each(batch);
  state.SetBytesProcessed(state.iterations() * 7 * batch * dim * float_bytes);
}
BENCHMARK(adam_rows)->Name("adam/rows")->ArgName("gap")->Arg(1)->Arg(4)->Arg(64)->Arg(512)->Arg(2048);

// ---- The graph. -----------------------------------------------------------------------------------------------------

// An operation without arithmetic: what is left is the node.
Variable pass(const Variable& x) {
  return record("pass", x.raw(), {x}, [](const Tensor& grad, GradSink& to) { to.add(0, grad); });
}

template <class Operation>
void time_chain(State& state, Operation&& operation) {
  Variable leaf(Tensor::ones({1}), true);
  const Tensor seed = Tensor::ones({1});
  for (auto _ : state) {
    Variable end = leaf;
    for (int64_t i = 0; i < state.range(0); ++i) end = operation(end);
    end.backward(seed);
    leaf.zero_grad();
  }
  state.counters["node"] = seconds_each(static_cast<double>(state.range(0)));
}

void chain(State& state) { time_chain(state, pass); }
BENCHMARK(chain)->Name("graph/record_backward_free")->ArgName("nodes")->Arg(10)->Arg(1000)->Arg(100000)->Arg(1000000);

void chain_of_products(State& state) {
  time_chain(state, [](const Variable& x) { return x * 1.0; });
}
BENCHMARK(chain_of_products)->Name("graph/mul_scalar")->ArgName("nodes")->Arg(10)->Arg(1000)->Arg(100000);

void chain_dropped(State& state) {
  const Variable leaf(Tensor::ones({1}), true);
  for (auto _ : state) {
    Variable end = leaf;
    for (int64_t i = 0; i < state.range(0); ++i) end = pass(end);
  }
  state.counters["node"] = seconds_each(static_cast<double>(state.range(0)));
}
BENCHMARK(chain_dropped)->Name("graph/record_free")->ArgName("nodes")->Arg(1000)->Arg(1000000);

}  // namespace
}  // namespace roux::bench

int main(int argc, char** argv) {
  return roux::apps::run_program("operations_bench", [&] { return roux::bench::run(argc, argv); });
}
