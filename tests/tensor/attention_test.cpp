// Attention against the same composed of matmul, where, softmax and matmul; its dropout against Philox; its errors.
// Reference figures, layouts and devices: tests/operations.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "autograd/gradcheck.h"
#include "autograd/ops.h"
#include "tensor/parallel.h"
#include "tensor/philox.h"
#include "tests/message_of.h"
#include "tests/thread_count_guard.h"

using namespace roux;

namespace {

struct Sizes {
  int64_t batch, heads, queries, keys, dim;
};

// As models hold them: (batch, length, heads * dim) in memory.
Tensor heads_of(Generator& generator, const Sizes& s, int64_t length, DType dtype) {
  return Tensor::randn({s.batch, length, s.heads * s.dim}, dtype, cpu, generator)
      .reshape({s.batch, length, s.heads, s.dim})
      .transpose(1, 2);
}

struct Inputs {
  Variable q, k, v;
  Tensor grad;
};

Inputs inputs_for(const Sizes& s, DType dtype, uint64_t seed = 1) {
  Generator generator(seed);
  return {Variable(heads_of(generator, s, s.queries, dtype), true),
          Variable(heads_of(generator, s, s.keys, dtype), true), Variable(heads_of(generator, s, s.keys, dtype), true),
          heads_of(generator, s, s.queries, dtype)};
}

// Which scores count: mask and causal together, (batch, heads, queries, keys).
Tensor allowed_scores(const Sizes& s, const AttentionOptions& options) {
  Tensor allowed = Tensor::ones({s.batch, s.heads, s.queries, s.keys}, boolean);
  if (options.mask.defined()) allowed = logical_and(allowed, options.mask);
  if (options.causal) {
    const Tensor query = Tensor::arange(0, s.queries).unsqueeze(1), key = Tensor::arange(0, s.keys);
    allowed = logical_and(allowed, le(key, add(query, s.keys - s.queries)));
  }
  return allowed;
}

// Each weight's factor: 0 where dropped, else 1 / (1 - p).
Tensor dropout_factors(const Sizes& s, double p, const Generator& generator) {
  Tensor factors = Tensor::empty({s.batch, s.heads, s.queries, s.keys}, float64);
  double* const values = factors.mutable_data<double>();
  for (int64_t i = 0; i < factors.numel(); ++i) {
    const auto words = philox_block(generator.seed(), generator.stream(), generator.offset() + uint64_t(i / 4));
    values[i] = uniform_float(words[static_cast<size_t>(i % 4)]) >= p ? 1 / (1 - p) : 0;
  }
  return factors;
}

Variable composed(const Inputs& in, const Sizes& s, const AttentionOptions& options) {
  const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(s.dim)));
  const Variable scores = matmul(in.q, in.k.transpose(-1, -2)) * scale;
  const double lowest =
      in.q.dtype() == float32 ? double{std::numeric_limits<float>::lowest()} : std::numeric_limits<double>::lowest();
  const Tensor blocked = logical_not(allowed_scores(s, options));
  Variable weights = softmax(masked_fill(scores, blocked, lowest), -1);
  if (options.dropout > 0) weights = weights * dropout_factors(s, options.dropout, *options.generator).to(in.q.dtype());
  return matmul(weights, in.v);
}

double worst(const Tensor& found, const Tensor& expected) {
  REQUIRE(found.shape() == expected.shape());
  const std::vector<double> a = found.to(float64).to_vector<double>(), b = expected.to(float64).to_vector<double>();
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]) / std::max(1.0, std::abs(b[i]));
    largest = difference <= largest ? largest : difference;  // NaN counts
  }
  return largest;
}

// Values and gradients, in float64 against the composed form in float64, and in float32 against the same.
void check_composed(const Sizes& s, const AttentionOptions& options) {
  CAPTURE(s.batch);
  CAPTURE(s.queries);
  CAPTURE(s.keys);
  CAPTURE(s.dim);
  for (const DType dtype : {float64, float32}) {
    const double tolerance = dtype == float64 ? 1e-13 : 2e-5;
    CAPTURE(to_string(dtype));
    const Inputs in = inputs_for(s, dtype);
    Inputs exact{Variable(in.q.data().to(float64), true), Variable(in.k.data().to(float64), true),
                 Variable(in.v.data().to(float64), true), in.grad.to(float64)};
    Generator words(5, 6, 7), unused(5, 6, 7);
    AttentionOptions own = options, reference = options;
    own.generator = &words;
    reference.generator = &unused;
    const Variable result = attention(in.q, in.k, in.v, own), expected = composed(exact, s, reference);
    CHECK(worst(result.data(), expected.data()) <= tolerance);
    result.backward(in.grad);
    expected.backward(exact.grad);
    CHECK(worst(in.q.grad(), exact.q.grad()) <= tolerance);
    CHECK(worst(in.k.grad(), exact.k.grad()) <= tolerance);
    CHECK(worst(in.v.grad(), exact.v.grad()) <= tolerance);
  }
}

// Sequence i of n has its last i / n of the keys padded; the last one has `least` left.
Tensor padding(int64_t batch, int64_t keys, int64_t least) {
  Tensor mask = Tensor::zeros({batch, 1, 1, keys}, boolean);
  bool* const values = mask.mutable_data<bool>();
  for (int64_t i = 0; i < batch; ++i) {
    const int64_t kept = i + 1 == batch ? least : keys - keys * i / batch;
    for (int64_t j = 0; j < kept; ++j) values[i * keys + j] = true;
  }
  return mask;
}

Tensor random_mask(const Shape& shape) {
  Generator generator(11);
  return lt(Tensor::rand(shape, float32, cpu, generator), 0.5);
}

const std::vector<Sizes> odd_sizes = {{1, 1, 1, 1, 1},    {2, 3, 5, 7, 3},     {1, 2, 1, 130, 64}, {3, 2, 50, 66, 32},
                                      {2, 2, 97, 97, 64}, {2, 1, 130, 33, 72}, {3, 12, 9, 9, 64},  {1, 1, 7, 2000, 20}};

}  // namespace

TEST_CASE("attention: values and gradients are those of the composed form") {
  for (const Sizes& s : odd_sizes) check_composed(s, {});
  check_composed({2, 3, 5, 7, 3}, {.scale = -0.7});
  check_composed({2, 3, 5, 7, 3}, {.scale = 0});
}

TEST_CASE("attention: masks leave out what the composed form leaves out") {
  for (const Sizes& s : odd_sizes) {
    for (const bool causal : {false, true}) {
      CAPTURE(causal);
      check_composed(s, {.causal = causal});
      check_composed(s, {.mask = padding(s.batch, s.keys, 1), .causal = causal});
      check_composed(s, {.mask = padding(s.batch, s.keys, 0), .causal = causal});  // the last sequence has nothing
      check_composed(s, {.mask = random_mask({s.keys}), .causal = causal});
      check_composed(s, {.mask = random_mask({s.batch, 1, s.queries, 1}), .causal = causal});
      check_composed(s, {.mask = random_mask({s.heads, s.queries, s.keys}), .causal = causal});
      check_composed(s, {.mask = random_mask({s.batch, s.heads, s.keys, s.queries}).transpose(2, 3), .causal = causal});
    }
  }
}

TEST_CASE("attention: the first query, the last, or one between has no key, the others have the first ones alone") {
  for (const Sizes& s : {Sizes{1, 2, 5, 7, 3}, {2, 1, 100, 40, 16}}) {
    for (const int64_t without : {int64_t{0}, s.queries / 2, s.queries - 1}) {
      const Tensor mask = Tensor::zeros({s.queries, s.keys}, boolean);
      mask.slice(1, 0, 3).fill_(true);
      mask.select(0, without).fill_(false);
      check_composed(s, {.mask = mask});
    }
    // Causal, and the first key is padding: the first query alone has none. Nor do the last keys count.
    const Tensor shared = Tensor::zeros({s.keys}, boolean);
    shared.slice(0, 1, 4).fill_(true);
    check_composed({s.batch, s.heads, s.keys, s.keys, s.dim}, {.mask = shared, .causal = true});
  }
}

TEST_CASE("attention: a query without keys attends to all of them alike, and has no gradient") {
  const Sizes s{1, 1, 4, 2, 3};
  const Inputs in = inputs_for(s, float64);
  const AttentionOptions options{.causal = true};  // queries 0 and 1 come before all keys
  const AttentionResult result = attention(in.q.data(), in.k.data(), in.v.data(), options);
  const Tensor mean_value = mean(in.v.data(), 2);
  for (const int64_t query : {0, 1}) {
    CHECK(worst(result.output.select(2, query), mean_value) <= 1e-15);
    CHECK(result.log_sum_exp.select(2, query).item() == -std::numeric_limits<double>::infinity());
  }
  CHECK(worst(result.output.select(2, 2), in.v.data().select(2, 0)) <= 1e-15);  // one key
  const AttentionGradients gradients =
      attention_backward(in.grad, in.q.data(), in.k.data(), in.v.data(), result, options);
  CHECK(worst(gradients.q.slice(2, 0, 2), Tensor::zeros({1, 1, 2, 3}, float64)) == 0);
}

TEST_CASE("attention: the log-sum-exp is that of the scores") {
  const Sizes s{2, 2, 9, 21, 16};
  const Inputs in = inputs_for(s, float64);
  const AttentionOptions options{.mask = padding(2, 21, 5), .causal = true};
  const Tensor scores = matmul(in.q.data(), in.k.data().transpose(-1, -2)) * 0.25;
  const Tensor exponentials = masked_fill(exp(scores), logical_not(allowed_scores(s, options)), 0);
  const AttentionResult result = attention(in.q.data(), in.k.data(), in.v.data(), options);
  CHECK(worst(result.log_sum_exp, log(sum(exponentials, -1))) <= 1e-14);
}

TEST_CASE("attention: large scores do not overflow, and small weights vanish") {
  const Sizes s{1, 2, 20, 37, 8};
  for (const double factor : {30.0, 1000.0}) {
    Inputs in = inputs_for(s, float32);
    in.q = Variable(in.q.data() * factor, true);
    const Inputs exact{Variable(in.q.data().to(float64), true), Variable(in.k.data().to(float64), true),
                       Variable(in.v.data().to(float64), true), in.grad.to(float64)};
    const Variable result = attention(in.q, in.k, in.v), expected = composed(exact, s, {});
    CHECK(worst(result.data(), expected.data()) <= 2e-3);  // scores of 1000 are rounded to 6e-5
    result.backward(in.grad);
    CHECK(std::isfinite(sum(in.k.grad()).item()));
  }
}

TEST_CASE("attention: weights below e^-80 are nothing in float32, and numbers in float64") {
  for (const DType dtype : {float32, float64}) {
    const Tensor q = Tensor::ones({1, 1, 1, 1}, dtype), k = Tensor::from<double>({0, -85}, {1, 1, 2, 1}).to(dtype);
    const Tensor v = Tensor::from<double>({0, std::exp(85)}, {1, 1, 2, 1}).to(dtype);
    CHECK(attention(q, k, v, {.scale = 1}).output.item() == doctest::Approx(dtype == float32 ? 0 : 1));
  }
}

TEST_CASE("attention: NaN stays with the queries that see it") {
  const Sizes s{1, 1, 2, 3, 4};
  const Inputs in = inputs_for(s, float32);
  Tensor q = in.q.data().clone();
  q.mutable_data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  const Tensor output = attention(q, in.k.data(), in.v.data()).output;
  CHECK(std::isnan(sum(output.select(2, 0)).item()));
  CHECK(std::isfinite(sum(output.select(2, 1)).item()));
}

TEST_CASE("attention: dropout drops the weights that Philox says, forward and backward") {
  for (const Sizes& s : odd_sizes) {
    check_composed(s, {.dropout = 0.25});
    check_composed(s, {.mask = padding(s.batch, s.keys, 0), .causal = true, .dropout = 0.9});
  }
  // A probability that is one of the weights' own numbers: that weight is kept.
  for (const uint32_t word : philox_block(5, 6, 7))
    if (uniform_float(word) < 0.9f) check_composed({2, 3, 5, 7, 3}, {.dropout = uniform_float(word)});
}

TEST_CASE("attention: dropout takes its words from the generator, and leaves the mean") {
  const Sizes s{3, 5, 7, 11, 4};
  Generator generator(3, 4, 10);
  const Tensor q = Tensor::zeros({s.batch, s.heads, s.queries, s.dim}), k = Tensor::zeros({3, 5, 11, 4});
  const Tensor v = Tensor::ones({3, 5, 11, 4});
  const AttentionResult first = attention(q, k, v, {.dropout = 0.5, .generator = &generator});
  CHECK(first.place.item() == 10);
  CHECK(generator.offset() == 10 + (3 * 5 * 7 * 11 + 3) / 4);
  const AttentionResult second = attention(q, k, v, {.dropout = 0.5, .generator = &generator});
  CHECK(second.place.item() == 10 + (3 * 5 * 7 * 11 + 3) / 4);
  CHECK(worst(first.output, second.output) > 0.1);
  CHECK_FALSE(attention(q, k, v, {.generator = &generator}).place.defined());
  // 1,155 weights of 1 / 11, each kept twice as large or not at all: the mean of 105 sums has a deviation of 0.03.
  CHECK(std::abs(mean(first.output).item() - 1) < 0.12);
  CHECK(sum(abs(attention(q, k, v, {.dropout = 1, .generator = &generator}).output)).item() == 0);
}

TEST_CASE("attention: gradients are those of the function, with masks and dropout") {
  const Sizes s{2, 2, 5, 6, 3};
  const Inputs in = inputs_for(s, float64);
  for (const double dropout : {0.0, 0.4}) {
    for (const bool causal : {false, true}) {
      const auto f = [&](const std::vector<Variable>& x) {
        Generator generator(9, 1, 2);  // the same words each time
        return attention(x[0], x[1], x[2],
                         {.mask = padding(2, 6, 4), .causal = causal, .dropout = dropout, .generator = &generator});
      };
      CHECK(gradcheck(f, {in.q.data(), in.k.data(), in.v.data()}));
    }
  }
}

TEST_CASE("attention: the same bits for any number of threads") {
  const ThreadCountGuard guard;
  for (const Sizes& s : {Sizes{5, 12, 40, 40, 32}, {1, 3, 200, 200, 64}, {1, 1, 300, 70, 16}}) {
    std::vector<Tensor> first;
    for (const int threads : {1, 2, 3}) {
      set_num_threads(threads);
      const Inputs in = inputs_for(s, float32);
      Generator generator(1);
      const Variable result =
          attention(in.q, in.k, in.v, {.mask = padding(s.batch, s.keys, 3), .dropout = 0.1, .generator = &generator});
      result.backward(in.grad);
      const std::vector<Tensor> found = {result.data(), in.q.grad(), in.k.grad(), in.v.grad()};
      if (first.empty()) first = found;
      for (size_t i = 0; i < found.size(); ++i)
        CHECK(found[i].contiguous().to_vector<float>() == first[i].contiguous().to_vector<float>());
    }
  }
}

TEST_CASE("attention: heads are joined without a copy") {
  const Sizes s{2, 3, 5, 5, 4};
  const Inputs in = inputs_for(s, float32);
  const AttentionResult result = attention(in.q.data(), in.k.data(), in.v.data());
  CHECK(result.output.transpose(1, 2).is_contiguous());
  const AttentionGradients gradients = attention_backward(in.grad, in.q.data(), in.k.data(), in.v.data(), result, {});
  for (const Tensor& gradient : {gradients.q, gradients.k, gradients.v})
    CHECK(gradient.transpose(1, 2).is_contiguous());
}

TEST_CASE("attention: keys that all heads share, and gradients that are one number") {
  const Sizes s{2, 3, 5, 6, 4};
  const Inputs in = inputs_for(s, float64);
  const auto shared = [](const Variable& x) { return x.slice(1, 0, 1).expand({2, 3, 6, 4}); };
  const auto sum_of = [&](const auto& f) {
    const Inputs own = inputs_for(s, float64);
    sum(f(own)).backward();
    return std::vector<Tensor>{own.q.grad(), own.k.grad(), own.v.grad()};
  };
  const auto fused = sum_of([&](const Inputs& x) { return attention(x.q, shared(x.k), shared(x.v)); });
  const auto apart = sum_of([&](const Inputs& x) { return composed({x.q, shared(x.k), shared(x.v), {}}, s, {}); });
  for (size_t i = 0; i < 3; ++i) CHECK(worst(fused[i], apart[i]) <= 1e-14);
}

TEST_CASE("attention: nothing to attend to, and nobody who attends") {
  const Tensor none =
      attention(Tensor::ones({2, 1, 3, 4}), Tensor::ones({2, 1, 0, 4}), Tensor::ones({2, 1, 0, 4})).output;
  CHECK(none.shape() == Shape{2, 1, 3, 4});
  CHECK(sum(abs(none)).item() == 0);
  for (const Sizes& s : {Sizes{0, 2, 3, 4, 5}, {2, 0, 3, 4, 5}, {2, 2, 0, 4, 5}, {2, 2, 3, 0, 5}}) {
    const Inputs in = inputs_for(s, float32);
    Generator generator(1);
    const Variable result = attention(in.q, in.k, in.v, {.dropout = 0.5, .generator = &generator});
    CHECK(result.shape() == in.q.shape());
    result.backward(in.grad);
    CHECK(sum(abs(in.v.grad())).item() == 0);
    CHECK(in.k.grad().shape() == in.k.shape());
  }
}

TEST_CASE("attention: a mask that is changed between forward and backward is an error") {
  const Inputs in = inputs_for({1, 1, 2, 3, 4}, float32);
  Tensor mask = Tensor::ones({3}, boolean);
  const Variable result = attention(in.q, in.k, in.v, {.mask = mask});
  mask.fill_(false);
  CHECK(message_of([&] { result.backward(in.grad); }).find("mask") != std::string::npos);
}

TEST_CASE("attention: errors name what is wrong") {
  const Tensor q = Tensor::ones({2, 3, 4, 5}), k = Tensor::ones({2, 3, 6, 5});
  const auto error = [&](const Tensor& a, const Tensor& b, const Tensor& c, const AttentionOptions& options = {}) {
    return message_of([&] { attention(a, b, c, options); });
  };
  CHECK(error({}, k, k) == "[attention] the tensor is undefined");
  CHECK(error(q, {}, k) == "[attention] k is undefined");
  CHECK(error(q.to(int64), k, k).find("[attention] does not take int64 tensors") == 0);
  CHECK(error(q, k, k.to(float64)).find("[attention] v is float64, expected float32 like the first operand") == 0);
  CHECK(error(q.select(0, 0), k, k) ==
        "[attention] q has shape (3, 4, 5), expected (batch, heads, queries, head_dim) "
        "(hint: x.reshape({batch, length, heads, head_dim}).transpose(1, 2))");
  CHECK(error(q, k.select(0, 0), k) == "[attention] k has shape (3, 6, 5), expected (batch, heads, keys, head_dim)");
  CHECK(error(q, k, k.slice(1, 0, 2)) ==
        "[attention] v has shape (2, 2, 6, 5), q has (2, 3, 4, 5); expected the same batch, heads and head_dim");
  CHECK(error(q, k, k.slice(2, 0, 2)) == "[attention] k has 6 keys, v has 2 values");
  CHECK(error(q.slice(3, 0, 0), k.slice(3, 0, 0), k.slice(3, 0, 0)) ==
        "[attention] head_dim must be at least 1, found q of shape (2, 3, 4, 0)");
  CHECK(error(q, k, k, {.mask = Tensor::ones({6}, int64)}) ==
        "[attention] the mask is int64, expected bool, true where a query may attend to a key "
        "(hint: mask.to(boolean))");
  const std::string hint = " (hint: mask.unsqueeze(1).unsqueeze(1) of a mask of tokens, which is (batch, keys))";
  CHECK(error(q, k, k, {.mask = Tensor::ones({2, 6}, boolean)}) ==
        "[attention] the mask has shape (2, 6), which does not broadcast to (batch, heads, queries, keys) = "
        "(2, 3, 4, 6)" +
            hint);
  CHECK(error(q, k, k, {.mask = Tensor::ones({1, 2, 3, 4, 6}, boolean)}).find("does not broadcast") !=
        std::string::npos);
  CHECK(error(q, k, k, {.scale = std::numeric_limits<double>::quiet_NaN()}) ==
        "[attention] the scale must be finite, found nan");
  CHECK(error(q, k, k, {.dropout = 0.1}) == "[attention] dropout needs a generator");
  Generator generator;
  for (const double dropout : {-0.1, 1.5, std::nan("")})
    CHECK(error(q, k, k, {.dropout = dropout, .generator = &generator})
              .find("[attention] dropout must be between 0 and 1, found ") == 0);
}
