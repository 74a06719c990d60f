// Embedding tables: distinct ids, lookups, bags in every mode against plain loops, row gradients, errors.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "tensor/backend.h"
#include "tensor/operands.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tests/message_of.h"
#include "tests/thread_count_guard.h"

using namespace roux;

namespace {

using Ids = std::vector<int64_t>;
using Values = std::vector<double>;

Tensor numbers(const Shape& shape, DType dtype, uint64_t seed) {
  Generator generator(seed);
  return Tensor::rand(shape, float64, cpu, generator).to(dtype) * 4 - 2;
}

Ids random_ids(int64_t count, int64_t bound, uint64_t seed) {
  Generator generator(seed);
  return Tensor::randint(0, bound, {count}, cpu, generator).to_vector<int64_t>();
}

struct Bags {
  Values output;
  Ids positions;
};

// One bag after the other, in double.
Bags plain_bags(const Tensor& table, const Ids& ids, const Ids& offsets, const BagPooling& options) {
  const Values values = table.to_vector<double>();
  const Values weights =
      options.per_sample_weights.defined() ? options.per_sample_weights.to_vector<double>() : Values();
  const int64_t dim = table.size(1),
                bags = static_cast<int64_t>(offsets.size()) - (options.include_last_offset ? 1 : 0);
  Bags result{Values(static_cast<size_t>(bags * dim)), Ids(static_cast<size_t>(bags * dim), -1)};
  for (int64_t bag = 0; bag < bags; ++bag) {
    const int64_t begin = offsets[bag], end = bag + 1 < std::ssize(offsets) ? offsets[bag + 1] : std::ssize(ids);
    int64_t counted = 0;
    for (int64_t i = begin; i < end; ++i) {
      if (ids[i] == options.padding_idx) continue;
      ++counted;
      for (int64_t c = 0; c < dim; ++c) {
        const double x = values[ids[i] * dim + c];
        double& out = result.output[bag * dim + c];
        if (options.mode != Pooling::max) {
          out += weights.empty() ? x : weights[i] * x;
        } else if (counted == 1 || x > out) {
          out = x;
          result.positions[bag * dim + c] = i;
        }
      }
    }
    if (options.mode == Pooling::mean && counted > 0)
      for (int64_t c = 0; c < dim; ++c) result.output[bag * dim + c] /= static_cast<double>(counted);
  }
  return result;
}

void check_close(const Tensor& found, const Values& expected, double tolerance) {
  const Values values = found.to_vector<double>();
  REQUIRE(values.size() == expected.size());
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::abs(values[i] - expected[i]) <= tolerance * (1 + std::abs(expected[i]))) continue;
    CAPTURE(i);
    CHECK(values[i] == expected[i]);
    return;
  }
}

const Ids some_offsets{0, 0, 3, 4, 11, 11, 30, 60, 60};  // the first, the fifth and the last are empty

}  // namespace

TEST_CASE("unique lists ids in the order of their first occurrence") {
  const UniqueIds found = unique(Tensor::from(Ids{7, 3, 7, 9, 3, 0}, {2, 3}));
  CHECK(found.rows.to_vector<int64_t>() == Ids{7, 3, 9, 0});
  CHECK(found.slots.to_vector<int64_t>() == Ids{0, 1, 0, 2, 1, 3});

  const UniqueIds without = unique(Tensor::from(Ids{7, 3, 7, 9, 3, 0}), 7);
  CHECK(without.rows.to_vector<int64_t>() == Ids{3, 9, 0});
  CHECK(without.slots.to_vector<int64_t>() == Ids{-1, 0, -1, 1, 0, 2});

  CHECK(unique(Tensor::from(Ids{4, 0, 4}), 0).slots.to_vector<int64_t>() == Ids{0, -1, 0});

  const UniqueIds none = unique(Tensor::from(Ids{}));
  CHECK(none.rows.numel() == 0);
  CHECK(none.slots.numel() == 0);
  CHECK(unique(Tensor::from(Ids{5, 5}), 5).rows.numel() == 0);
  CHECK_THROWS_AS(unique(Tensor::zeros({3})), Error);
  CHECK_THROWS_AS(unique(Tensor()), Error);
}

TEST_CASE("unique against a map, for ids near and far, after calls of any size") {
  for (const int64_t count : {1, 5, 130, 20000, 100000, 130, 2}) {
    for (const int64_t bound : {int64_t{3}, int64_t{1000}, int64_t{1} << 62}) {
      const Ids ids = random_ids(count, bound, static_cast<uint64_t>(count));
      const UniqueIds found = unique(Tensor::from(ids));
      std::map<int64_t, int64_t> slots;
      Ids rows, expected;
      for (const int64_t id : ids) {
        const auto [entry, is_new] = slots.emplace(id, static_cast<int64_t>(slots.size()));
        if (is_new) rows.push_back(id);
        expected.push_back(entry->second);
      }
      CHECK(found.rows.to_vector<int64_t>() == rows);
      CHECK(found.slots.to_vector<int64_t>() == expected);
    }
  }
}

TEST_CASE("embedding looks up rows for ids of any shape") {
  const Tensor table = Tensor::arange(0, 12, 1, float32).reshape({4, 3});
  CHECK(embedding(table, Tensor::from(Ids{2, 0}, {1, 2})).shape() == Shape{1, 2, 3});
  CHECK(embedding(table, Tensor::from(Ids{2, 0})).to_vector<float>() == std::vector<float>{6, 7, 8, 0, 1, 2});
  CHECK(embedding(table.transpose(0, 1), Tensor::from(Ids{1})).to_vector<float>() == std::vector<float>{1, 4, 7, 10});
  CHECK(embedding(table, Tensor::from(Ids{})).shape() == Shape{0, 3});
  CHECK(embedding(Tensor::zeros({0, 3}), Tensor::from(Ids{})).shape() == Shape{0, 3});
  CHECK_THROWS_AS(embedding(table, Tensor::from(Ids{4})), Error);
  CHECK_THROWS_AS(embedding(table, Tensor::from(Ids{-1})), Error);
  CHECK_THROWS_AS(embedding(table, Tensor::zeros({2})), Error);
  CHECK_THROWS_AS(embedding(Tensor::zeros({3}), Tensor::from(Ids{0})), Error);
  CHECK_THROWS_AS(embedding(Tensor::zeros({3, 2}, int64), Tensor::from(Ids{0})), Error);
}

TEST_CASE("embedding_bag pools like a plain loop in every mode, type and width") {
  constexpr int64_t rows = 20;
  const Ids ids = random_ids(60, rows, 1);
  for (const DType dtype : {float32, float64}) {
    for (const int64_t dim : {1, 3, 8, 16, 17, 64, 65, 100, 200}) {
      const Tensor table = numbers({rows, dim}, dtype, 2);
      for (const Pooling mode : {Pooling::sum, Pooling::mean, Pooling::max}) {
        for (const int64_t padding_idx : {int64_t{-1}, int64_t{0}, ids[3], ids[20]}) {
          CAPTURE(static_cast<int>(mode));
          CAPTURE(dim);
          BagPooling options{.mode = mode, .padding_idx = padding_idx, .per_sample_weights = Tensor()};
          const EmbeddingBagResult found = embedding_bag(table, Tensor::from(ids), Tensor::from(some_offsets), options);
          const Bags expected = plain_bags(table, ids, some_offsets, options);
          check_close(found.output, expected.output, dtype == float32 ? 3e-6 : 1e-14);
          CHECK(found.positions.defined() == (mode == Pooling::max));
          if (mode == Pooling::max) CHECK(found.positions.to_vector<int64_t>() == expected.positions);
          if (mode != Pooling::sum) continue;
          options.per_sample_weights = numbers({60}, dtype, 3);
          check_close(embedding_bag(table, Tensor::from(ids), Tensor::from(some_offsets), options).output,
                      plain_bags(table, ids, some_offsets, options).output, dtype == float32 ? 5e-6 : 1e-14);
        }
      }
    }
  }
}

TEST_CASE("embedding_bag: other forms of the same bags") {
  const Tensor table = numbers({9, 5}, float32, 4);
  const Ids ids = random_ids(12, 9, 5);
  const Tensor flat = Tensor::from(ids), offsets = Tensor::from(Ids{0, 4, 8});
  const Values expected = embedding_bag(table, flat, offsets).output.to_vector<double>();
  CHECK(embedding_bag(table, flat.reshape({3, 4}), Tensor()).output.to_vector<double>() == expected);
  CHECK(embedding_bag(table, flat, Tensor::from(Ids{0, 4, 8, 12}),
                      {.include_last_offset = true, .per_sample_weights = {}})
            .output.to_vector<double>() == expected);
  // Neither table nor ids nor offsets contiguous.
  const Tensor wide = Tensor::zeros({9, 10});
  wide.slice(1, 0, 10, 2).copy_(table);
  const Tensor spread = Tensor::zeros({12, 2}, int64);
  spread.select(1, 1).copy_(flat);
  CHECK(embedding_bag(wide.slice(1, 0, 10, 2), spread.select(1, 1), offsets).output.to_vector<double>() == expected);

  CHECK(embedding_bag(table, Tensor::from(Ids{}), Tensor::from(Ids{0, 0})).output.to_vector<double>() == Values(10));
  CHECK(embedding_bag(table, Tensor::from(Ids{}), Tensor::from(Ids{})).output.shape() == Shape{0, 5});
  CHECK(embedding_bag(table, Tensor::zeros({2, 0}, int64), Tensor()).output.to_vector<double>() == Values(10));
  CHECK(embedding_bag(table, Tensor::zeros({0, 3}, int64), Tensor()).output.shape() == Shape{0, 5});
  CHECK(embedding_bag(Tensor::zeros({0, 5}), Tensor::from(Ids{}), Tensor::from(Ids{0})).output.to_vector<double>() ==
        Values(5));
}

TEST_CASE("embedding_bag mode max: the first of equals, and NaN wins") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  const Tensor table = Tensor::from(std::vector<float>{1, nan, -inf, 1, 2, -inf, 0, nan, 5}, {3, 3});
  const EmbeddingBagResult found = embedding_bag(table, Tensor::from(Ids{1, 0, 2, 1}), Tensor::from(Ids{0, 3}),
                                                 {.mode = Pooling::max, .per_sample_weights = {}});
  CHECK(found.positions.to_vector<int64_t>() == Ids{0, 1, 2, 3, 3, 3});
  const std::vector<float> output = found.output.to_vector<float>();
  CHECK(output[0] == 1);
  CHECK(std::isnan(output[1]));
  CHECK(output[5] == -inf);
}

TEST_CASE("embedding_bag says what is wrong") {
  const Tensor table = Tensor::zeros({4, 2}), ids = Tensor::from(Ids{0, 1, 2});
  const auto message = [&](const Tensor& given, const Ids& offsets, const BagPooling& options = {}) {
    return message_of([&] { embedding_bag(table, given, Tensor::from(offsets), options); });
  };
  CHECK(message(ids, {1, 2}) == "[embedding_bag] offsets[0] must be 0, found 1");
  CHECK(message(ids, {0, 2, 1}) == "[embedding_bag] offsets must not fall: offsets[2] = 1 comes after 2");
  CHECK(message(ids, {0, 4}) == "[embedding_bag] offsets[1] is 4, but there are only 3 ids");
  CHECK(message(ids, {}) == "[embedding_bag] there are 3 ids but no offsets");
  CHECK(message(ids, {0, 2}, {.include_last_offset = true, .per_sample_weights = {}}) ==
        "[embedding_bag] with include_last_offset the last offset is the number of ids: found 2, expected 3");
  CHECK(message(ids.reshape({1, 3}), {0}) ==
        "[embedding_bag] ids of 2 dimensions are bags already and take no offsets, found offsets of shape (1)");
  CHECK_THROWS_AS(embedding_bag(table, ids, Tensor()), Error);
  CHECK_THROWS_AS(
      embedding_bag(table, ids, Tensor::from(Ids{}), {.include_last_offset = true, .per_sample_weights = {}}), Error);
  CHECK_THROWS_AS(embedding_bag(table, Tensor::from(Ids{4}), Tensor::from(Ids{0})), Error);
  CHECK_THROWS_AS(embedding_bag(table, Tensor::from(Ids{-1}), Tensor::from(Ids{0})), Error);
  CHECK_THROWS_AS(embedding_bag(table, ids, Tensor::zeros({1})), Error);
  CHECK_THROWS_AS(embedding_bag(table, Tensor::zeros({3}), Tensor::from(Ids{0})), Error);
  CHECK_THROWS_AS(embedding_bag(table, ids, Tensor::from(Ids{0}), {.padding_idx = 4, .per_sample_weights = {}}), Error);
  const Tensor weights = Tensor::ones({3});
  CHECK_THROWS_AS(
      embedding_bag(table, ids, Tensor::from(Ids{0}), {.mode = Pooling::mean, .per_sample_weights = weights}), Error);
  for (const Tensor& wrong : {Tensor::ones({2}), Tensor::ones({3}, float64)})
    CHECK_THROWS_AS(
        embedding_bag(table, ids, Tensor::from(Ids{0}), {.mode = Pooling::sum, .per_sample_weights = wrong}), Error);
}

TEST_CASE("gradients of embedding_bag as rows, against plain loops") {
  constexpr int64_t rows = 20, padding_idx = 0;
  const Ids ids = random_ids(60, rows, 6);
  REQUIRE(std::count(ids.begin(), ids.end(), padding_idx) > 1);
  const int64_t bags = std::ssize(some_offsets);
  for (const DType dtype : {float32, float64}) {
    for (const int64_t dim : {1, 17, 64, 100}) {
      for (const Pooling mode : {Pooling::sum, Pooling::mean, Pooling::max}) {
        for (const bool weighted : {false, true}) {
          if (weighted && mode != Pooling::sum) continue;
          const Tensor table = numbers({rows, dim}, dtype, 7), grad = numbers({bags, dim}, dtype, 8);
          const Tensor weights = weighted ? numbers({60}, dtype, 9) : Tensor();
          const BagPooling options{.mode = mode, .padding_idx = padding_idx, .per_sample_weights = weights};
          const Tensor flat = Tensor::from(ids), offsets = Tensor::from(some_offsets);
          const EmbeddingBagResult result = embedding_bag(table, flat, offsets, options);
          const UniqueIds distinct = unique(flat, padding_idx);
          const BagShape shape{bags, 60, rows, dim, mode, padding_idx};
          const Tensor values = Tensor::full({distinct.rows.numel(), dim}, 99, dtype);  // whatever was there before
          backend(cpu).embedding_bag_backward(values.view(), grad.view(), distinct.slots.view(), offsets.view(),
                                              view_or_null(weights), view_or_null(result.positions), shape);

          // Every output is linear in the table: its gradient is what one changed element changes.
          const Values g = grad.to_vector<double>(), w = weighted ? weights.to_vector<double>() : Values(60, 1);
          const Ids slots = distinct.slots.to_vector<int64_t>();
          Values expected(static_cast<size_t>(values.numel())), expected_weights(60);
          for (int64_t bag = 0; bag < bags; ++bag) {
            const int64_t begin = some_offsets[bag], end = bag + 1 < bags ? some_offsets[bag + 1] : 60;
            int64_t counted = 0;
            for (int64_t i = begin; i < end; ++i) counted += slots[i] >= 0;
            for (int64_t i = begin; i < end; ++i) {
              for (int64_t c = 0; c < dim && slots[i] >= 0; ++c) {
                if (mode == Pooling::max && result.positions.to_vector<int64_t>()[bag * dim + c] != i) continue;
                expected[slots[i] * dim + c] +=
                    w[i] * g[bag * dim + c] / static_cast<double>(mode == Pooling::mean ? counted : 1);
                expected_weights[i] += table.to(float64).select(0, ids[i]).data<double>()[c] * g[bag * dim + c];
              }
            }
          }
          check_close(values, expected, dtype == float32 ? 2e-6 : 1e-14);
          if (!weighted) continue;
          const Tensor grad_weights = Tensor::empty({60}, dtype);
          backend(cpu).embedding_bag_weights_backward(grad_weights.view(), grad.view(), table.view(), flat.view(),
                                                      offsets.view(), shape);
          check_close(grad_weights, expected_weights, dtype == float32 ? 1e-5 : 1e-13);
        }
      }
    }
  }
}

TEST_CASE("the gradient of embedding sums what belongs to one row") {
  for (const int64_t dim : {1, 17, 64, 100}) {
    const Ids ids = random_ids(50, 8, 10);
    const Tensor grad = numbers({50, dim}, float32, 11);
    const UniqueIds distinct = unique(Tensor::from(ids), ids[0]);
    const Tensor values = Tensor::full({distinct.rows.numel(), dim}, 99);
    backend(cpu).embedding_backward(values.view(), grad.view(), distinct.slots.view());
    Values expected(static_cast<size_t>(values.numel()));
    const Values g = grad.to_vector<double>();
    const Ids slots = distinct.slots.to_vector<int64_t>();
    for (int64_t i = 0; i < 50; ++i)
      for (int64_t c = 0; c < dim && slots[i] >= 0; ++c) expected[slots[i] * dim + c] += g[i * dim + c];
    check_close(values, expected, 2e-6);
  }
}

TEST_CASE("large lookups give the same bits for any number of threads (parallel)") {
  const ThreadCountGuard guard;
  const Ids ids = random_ids(40000, 500, 12);
  Ids offsets;
  for (int64_t i = 0; i < 40000; i += 40) offsets.push_back(i);
  const Tensor table = numbers({500, 130}, float32, 13), grad = numbers({1000, 130}, float32, 14);
  const Tensor flat = Tensor::from(ids), starts = Tensor::from(offsets);
  std::vector<Values> outputs, gradients, lookups;
  for (const int count : {1, 4}) {
    set_num_threads(count);
    outputs.push_back(embedding_bag(table, flat, starts).output.to_vector<double>());
    const UniqueIds distinct = unique(flat);
    const Tensor values = Tensor::empty({distinct.rows.numel(), 130});
    backend(cpu).embedding_bag_backward(values.view(), grad.view(), distinct.slots.view(), starts.view(), View{},
                                        View{}, BagShape{1000, 40000, 500, 130, Pooling::mean, -1});
    gradients.push_back(values.to_vector<double>());
    const Tensor many = Tensor::empty({distinct.rows.numel(), 130});
    backend(cpu).embedding_backward(many.view(), embedding(table, flat).view(), distinct.slots.view());
    lookups.push_back(many.to_vector<double>());
  }
  CHECK(outputs[0] == outputs[1]);
  CHECK(gradients[0] == gradients[1]);
  CHECK(lookups[0] == lookups[1]);
}

TEST_CASE("renormalize_rows_ scales long rows down, each once") {
  const double inf = std::numeric_limits<double>::infinity();
  const auto scaled = [](double max_norm, double norm_type) {
    Tensor table = Tensor::from(Values{3, 4, 0.3, 0.4, -3, -4, 0, 0}, {4, 2});
    renormalize_rows_(table, Tensor::from(Ids{0, 1, 0, 3}), max_norm, norm_type);
    return table;
  };
  check_close(scaled(1, 2), {0.6, 0.8, 0.3, 0.4, -3, -4, 0, 0}, 1e-7);
  check_close(scaled(3.5, 1), {1.5, 2, 0.3, 0.4, -3, -4, 0, 0}, 1e-7);
  check_close(scaled(2, inf), {1.5, 2, 0.3, 0.4, -3, -4, 0, 0}, 1e-7);
  check_close(scaled(1, 3), {3 / std::cbrt(91), 4 / std::cbrt(91), 0.3, 0.4, -3, -4, 0, 0}, 1e-7);
  check_close(scaled(0, 2), {0, 0, 0, 0, -3, -4, 0, 0}, 1e-7);
  CHECK(scaled(5, 2).to_vector<double>() == Values{3, 4, 0.3, 0.4, -3, -4, 0, 0});  // not longer than 5

  // The scale is max_norm / (norm + 1e-7), as PyTorch's.
  Tensor table = Tensor::from(Values{3, 4, 3e-7, -4e-7, -5e-7, 3e-7}, {3, 2});
  renormalize_rows_(table, Tensor::from(Ids{1}), 1e-7, 2);
  renormalize_rows_(table, Tensor::from(Ids{2}), 2e-7, inf);
  check_close(table * 1e7, {3e7, 4e7, 0.5, -2. / 3, -5. / 3, 1}, 1e-14);
}
