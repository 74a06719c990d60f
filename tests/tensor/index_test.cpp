// Joining, and reading and adding by index: layouts, order of sums, bounds.
#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tests/thread_count_guard.h"

using namespace roux;

namespace {

Tensor counted(const Shape& shape, DType dtype = float32) {
  return Tensor::arange(0, shape.numel()).reshape(shape).to(dtype);
}
std::vector<int64_t> values_of(const Tensor& x) { return x.to_vector<int64_t>(); }
using Values = std::vector<int64_t>;

}  // namespace

TEST_CASE("cat joins along any dimension") {
  const Tensor a = counted({2, 2}), b = counted({2, 1}) * 10;
  CHECK(values_of(cat({a, b, a}, 1)) == Values{0, 1, 0, 0, 1, 2, 3, 10, 2, 3});
  CHECK(values_of(cat({a, b.transpose(0, 1)}, -2)) == Values{0, 1, 2, 3, 0, 10});
  CHECK(cat({a, Tensor::empty({2, 0}), b}, 1).shape() == Shape{2, 3});
  CHECK(cat({Tensor::empty({0, 3}), Tensor::empty({0, 3})}).shape() == Shape{0, 3});
  CHECK(!cat({a}).shares_storage(a));
}

TEST_CASE("cat and stack promote types") {
  const Tensor a = Tensor::ones({1}, boolean), b = Tensor::full({1}, 7, int64), c = Tensor::full({1}, 0.5, float64);
  CHECK(cat({a, b}).dtype() == int64);
  CHECK(values_of(cat({a, b})) == Values{1, 7});
  CHECK(cat({a, b, c}).to_vector<double>() == std::vector<double>{1, 7, 0.5});
  CHECK(cat({a.to(int32), a.to(int32)}).dtype() == int32);
  CHECK(stack({a, b}).dtype() == int64);
}

TEST_CASE("stack joins along a new dimension") {
  const Tensor a = counted({2, 3}), b = a + 10;
  CHECK(stack({a, b}).shape() == Shape{2, 2, 3});
  CHECK(stack({a, b}, 1).shape() == Shape{2, 2, 3});
  CHECK(stack({a, b}, -1).shape() == Shape{2, 3, 2});
  CHECK(values_of(stack({a, b}, 1)) == Values{0, 1, 2, 10, 11, 12, 3, 4, 5, 13, 14, 15});
  CHECK(values_of(stack({a, b}, -1)) == Values{0, 10, 1, 11, 2, 12, 3, 13, 4, 14, 5, 15});
  CHECK(stack({Tensor::scalar(1), Tensor::scalar(2)}).shape() == Shape{2});
}

TEST_CASE("cat and stack say what they refuse") {
  CHECK_THROWS_WITH_AS(cat({}), "[cat] expected at least one tensor, found none", Error);
  CHECK_THROWS_WITH_AS(
      cat({Tensor::ones({2, 3}), Tensor::ones({3, 3})}, 1),
      "[cat] tensor 1 has shape (3, 3), the first has (2, 3); expected the same lengths in every dimension "
      "but 1",
      Error);
  CHECK_THROWS_AS(cat({Tensor::ones({2, 3}), Tensor::ones({2})}, 1), Error);
  CHECK_THROWS_AS(cat({Tensor::scalar(1), Tensor::scalar(1)}), Error);
  CHECK_THROWS_WITH_AS(cat({Tensor::ones({1}), Tensor()}), "[cat] one of the tensors is undefined", Error);
  CHECK_THROWS_WITH_AS(stack({Tensor::ones({2}), Tensor::ones({3})}),
                       "[stack] tensor 1 has shape (3), expected (2) like the first", Error);
  CHECK_THROWS_AS(stack({Tensor::ones({2})}, 2), Error);
}

TEST_CASE("index_select takes slices of any dimension, repeated and in any order") {
  const Tensor x = counted({2, 3, 2});
  const Tensor ids = Tensor::from<int64_t>({2, 0, 2});
  CHECK(values_of(index_select(x, 1, ids)) == Values{4, 5, 0, 1, 4, 5, 10, 11, 6, 7, 10, 11});
  CHECK(values_of(index_select(x.transpose(0, 1), 0, ids)) == Values{4, 5, 10, 11, 0, 1, 6, 7, 4, 5, 10, 11});
  CHECK(values_of(index_select(x, -1, ids.slice(0, 1, 2))) == Values{0, 2, 4, 6, 8, 10});
  CHECK(index_select(x, 1, Tensor::empty({0}, int64)).shape() == Shape{2, 0, 2});
  CHECK(index_select(Tensor::empty({0, 3}), 1, ids).shape() == Shape{0, 3});
  for (const DType dtype : {float64, int64, boolean}) CHECK(index_select(x.to(dtype), 1, ids).dtype() == dtype);
}

TEST_CASE("gather reads one element for each index") {
  const Tensor x = counted({3, 4});
  CHECK(values_of(gather(x, 0, Tensor::from<int64_t>({2, 1, 0, 0}, {1, 4}))) == Values{8, 5, 2, 3});
  CHECK(values_of(gather(x, 1, Tensor::from<int64_t>({3, 3, 0, 0, 2, 1}, {3, 2}))) == Values{3, 3, 4, 4, 10, 9});
  // Shorter than x off the dimension: only the first columns are reached.
  CHECK(values_of(gather(x, 0, Tensor::from<int64_t>({2, 1, 0, 2}, {2, 2}))) == Values{8, 5, 0, 9});
  CHECK(values_of(gather(x.transpose(0, 1), 0, Tensor::from<int64_t>({3, 0, 1}, {1, 3}))) == Values{3, 4, 9});
  CHECK(gather(x, 0, Tensor::empty({0, 4}, int64)).shape() == Shape{0, 4});
  CHECK(gather(x, 0, Tensor::empty({5, 0}, int64)).shape() == Shape{5, 0});
}

TEST_CASE("scatter_add sums in order and leaves the operand alone") {
  const Tensor x = counted({3, 2});
  const Tensor index = Tensor::from<int64_t>({2, 0, 2, 2, 0, 2}, {3, 2});
  const Tensor source = Tensor::full({3, 2}, 10.0f);
  CHECK(values_of(scatter_add(x, 0, index, source)) == Values{10, 11, 2, 3, 24, 25});
  CHECK(values_of(x) == values_of(counted({3, 2})));
  const Tensor along_rows = scatter_add(x, 1, Tensor::from<int64_t>({1, 1, 0}, {3, 1}), counted({3, 1}) + 1);
  CHECK(values_of(along_rows) == Values{0, 2, 2, 5, 7, 5});
  // Indices that leave the last column out.
  CHECK(values_of(scatter_add(x, 0, Tensor::from<int64_t>({1, 1}, {2, 1}), Tensor::ones({2, 1}))) ==
        Values{0, 1, 4, 3, 4, 5});
  // (1e8 + 1) - 1e8 is 0 in float32 where the order is kept, and 1 where it is not.
  const Tensor sums =
      scatter_add(Tensor::zeros({1}), 0, Tensor::zeros({3}, int64), Tensor::from<float>({1e8f, 1, -1e8f}));
  CHECK(sums.item() == 0);
}

TEST_CASE("index_add adds slices in order") {
  const Tensor x = Tensor::zeros({2, 3});
  const Tensor ids = Tensor::from<int64_t>({1, 1, 0});
  CHECK(values_of(index_add(x, 0, ids, counted({3, 3}))) == Values{6, 7, 8, 3, 5, 7});
  CHECK(values_of(index_add(x, 1, ids, counted({2, 3}))) == Values{2, 1, 0, 5, 7, 0});
  CHECK(values_of(x) == Values(6, 0));
  CHECK(values_of(index_add(x.to(boolean), 0, ids, Tensor::ones({3, 3}, boolean))) == Values(6, 1));
  CHECK(index_add(x, 0, Tensor::empty({0}, int64), Tensor::empty({0, 3})).shape() == Shape{2, 3});
  const int64_t big = std::numeric_limits<int64_t>::max();
  CHECK(index_add(Tensor::full({1}, big, int64), 0, Tensor::zeros({1}, int64), Tensor::ones({1}, int64))
            .to_vector<int64_t>() == Values{-big - 1});
}

TEST_CASE("adding by index has the same bits for any number of threads") {
  const int64_t count = 5000, dim = 600;
  const Tensor source = counted({count, dim}) / 7;
  std::vector<int64_t> ids(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) ids[static_cast<size_t>(i)] = i * i % 13;
  const Tensor index = Tensor::from(ids);
  const Tensor indices = index.unsqueeze(1).expand({count, dim});
  const ThreadCountGuard guard;
  std::vector<std::vector<float>> results;
  for (const int number : {1, 4}) {
    set_num_threads(number);
    results.push_back(index_add(Tensor::zeros({13, dim}), 0, index, source).to_vector<float>());
    results.push_back(scatter_add(Tensor::zeros({13, dim}), 0, indices, source).to_vector<float>());
  }
  CHECK(results[0] == results[2]);
  CHECK(results[0] == results[1]);
  CHECK(results[1] == results[3]);
}

TEST_CASE("indices out of range are errors that name the place") {
  const Tensor x = Tensor::ones({3, 2});
  const auto ids = [](std::vector<int64_t> values) { return Tensor::from(values); };
  CHECK_THROWS_WITH_AS(index_select(x, 0, ids({0, 2, 3})),
                       "[index_select] index out of range: found 3 at position 2, expected 0 to 2", Error);
  CHECK_THROWS_WITH_AS(index_select(x, 0, ids({7, 2})),
                       "[index_select] index out of range: found 7 at position 0, expected 0 to 2", Error);
  CHECK_THROWS_WITH_AS(index_add(x, 1, ids({-1}), Tensor::ones({3, 1})),
                       "[index_add] index out of range: found -1 at position 0, expected 0 to 1", Error);
  CHECK_THROWS_WITH_AS(gather(x, 1, Tensor::full({3, 1}, 2, int64)),
                       "[gather] index out of range: found 2 at position 0, expected 0 to 1", Error);
  CHECK_THROWS_WITH_AS(scatter_add(x, 0, Tensor::full({1, 2}, 3, int64), Tensor::ones({1, 2})),
                       "[scatter_add] index out of range: found 3 at position 0, expected 0 to 2", Error);
  CHECK_THROWS_WITH_AS(index_select(Tensor::empty({0, 2}), 0, ids({0})),
                       "[index_select] index out of range: found 0 at position 0, but there is nothing to index",
                       Error);
  const int64_t smallest = std::numeric_limits<int64_t>::min();
  CHECK_THROWS_AS(check_ids(ids({smallest}), 10, "test"), Error);
  CHECK_NOTHROW(check_ids(ids({0, 9, 5}), 10, "test"));
  CHECK_NOTHROW(check_ids(Tensor::empty({0}, int64), 0, "test"));
}

TEST_CASE("operations by index say what shapes and types they expect") {
  const Tensor x = Tensor::ones({3, 2}), ids = Tensor::zeros({2}, int64);
  CHECK_THROWS_WITH_AS(index_select(x, 0, Tensor::ones({2})),
                       "[index_select] indices must be int64, found float32 (hint: convert with to(int64))", Error);
  CHECK_THROWS_WITH_AS(index_select(x, 0, Tensor::zeros({1, 2}, int64)),
                       "[index_select] indices must have one dimension, found shape (1, 2) (hint: flatten())", Error);
  CHECK_THROWS_WITH_AS(
      gather(x, 0, ids),
      "[gather] indices have shape (2), expected the number of dimensions of (3, 2) and no longer ones "
      "but in dimension 0",
      Error);
  CHECK_THROWS_AS(gather(x, 0, Tensor::zeros({1, 3}, int64)), Error);
  CHECK_THROWS_WITH_AS(scatter_add(x, 0, Tensor::zeros({1, 2}, int64), Tensor::ones({2, 2})),
                       "[scatter_add] the source has shape (2, 2), expected (1, 2) like the indices", Error);
  CHECK_THROWS_WITH_AS(
      index_add(x, 0, ids, Tensor::ones({3, 2})),
      "[index_add] the source has shape (3, 2), expected (2, 2): a slice of (3, 2) for each of 2 indices", Error);
  CHECK_THROWS_WITH_AS(index_add(x, 0, ids, Tensor::ones({2, 2}, float64)),
                       "[index_add] the source is float64, expected float32 like the first operand (hint: convert with "
                       "to(dtype))",
                       Error);
}
