// Embedding and EmbeddingBag: PyTorch's figures in every mode, row gradients, options, empty bags, errors.
#include "nn/embedding.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "nn/testing.h"
#include "tests/nn/pattern.h"
#include "tests/oracle/layers.h"

using namespace roux;

namespace {

struct BagCase {
  const char* name;
  nn::EmbeddingBagOptions options;
  const std::vector<double>& output;
  const std::vector<double>& gradient;
};

// A layer whose table is the pattern.
template <class Layer, class Options>
Layer with_pattern(const Shape& shape, int64_t seed, const Options& options) {
  return Layer::from_pretrained(pattern(shape, seed), false, options);
}

// Bags of 3, 0, 2 and 1 ids; the last holds only id 2, which is the padding where there is one.
Tensor bag_ids() { return Tensor::from<int64_t>({5, 2, 5, 0, 1, 2}); }
Tensor bag_offsets() { return Tensor::from<int64_t>({0, 3, 3, 5}); }

template <class F>
std::string error_of(const F& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("Embedding gives PyTorch's figures") {
  struct Case {
    nn::EmbeddingOptions options;
    const std::vector<double>& gradient;
  };
  const Tensor ids = Tensor::from<int64_t>({1, 4, 2, 4, 0, 4}, {2, 3});
  for (const Case& test :
       {Case{{}, figures::embedding_grad_table}, Case{{.padding_idx = 4}, figures::embedding_padded_grad_table},
        Case{{.padding_idx = -2}, figures::embedding_padded_grad_table},
        Case{{.scale_grad_by_freq = true}, figures::embedding_by_frequency_grad_table}}) {
    nn::Embedding layer = with_pattern<nn::Embedding>({6, 3}, 4, test.options);
    const Variable y = layer(ids);
    CHECK(nn::close(y, figures_as(figures::embedding, {2, 3, 3})));
    y.backward(pattern(y.shape(), 90));
    CHECK(layer.weight.gradient().kind() == Gradient::Kind::rows);
    CHECK(nn::close(layer.weight.grad(), figures_as(test.gradient, {6, 3})));
  }
}

TEST_CASE("EmbeddingBag gives PyTorch's figures") {
  using namespace figures;
  const BagCase cases[] = {
      {"sum", {.mode = Pooling::sum}, bag_sum, bag_sum_grad_table},
      {"sum, padded", {.mode = Pooling::sum, .padding_idx = 2}, bag_sum_padded, bag_sum_padded_grad_table},
      {"sum, by frequency",
       {.mode = Pooling::sum, .scale_grad_by_freq = true},
       bag_sum_by_frequency,
       bag_sum_by_frequency_grad_table},
      {"mean", {}, bag_mean, bag_mean_grad_table},
      {"mean, padded", {.padding_idx = -4}, bag_mean_padded, bag_mean_padded_grad_table},
      {"mean, by frequency", {.scale_grad_by_freq = true}, bag_mean_by_frequency, bag_mean_by_frequency_grad_table},
      {"max", {.mode = nn::Pooling::max}, bag_max, bag_max_grad_table},
      {"max, padded", {.mode = Pooling::max, .padding_idx = 2}, bag_max_padded, bag_max_padded_grad_table},
  };
  for (const BagCase& test : cases) {
    CAPTURE(test.name);
    for (const bool last_offset : {false, true}) {
      nn::EmbeddingBagOptions options = test.options;
      options.include_last_offset = last_offset;
      nn::EmbeddingBag layer = with_pattern<nn::EmbeddingBag>({6, 4}, 5, options);
      const Tensor offsets = last_offset ? Tensor::from<int64_t>({0, 3, 3, 5, 6}) : bag_offsets();
      const Variable y = layer(bag_ids(), offsets);
      CHECK(nn::close(y, figures_as(test.output, {4, 4})));
      y.backward(pattern({4, 4}, 90));
      CHECK(layer.weight.gradient().kind() == Gradient::Kind::rows);
      CHECK(nn::close(layer.weight.grad(), figures_as(test.gradient, {6, 4})));
    }
  }
}

TEST_CASE("EmbeddingBag weights its ids") {
  nn::EmbeddingBag layer = with_pattern<nn::EmbeddingBag>({6, 4}, 5, nn::EmbeddingBagOptions{.mode = Pooling::sum});
  const Variable weights(pattern({6}, 6), true);
  const Variable y = layer(bag_ids(), bag_offsets(), weights);
  CHECK(nn::close(y, figures_as(figures::bag_weighted, {4, 4})));
  y.backward(pattern({4, 4}, 90));
  CHECK(nn::close(layer.weight.grad(), figures_as(figures::bag_weighted_grad_table, {6, 4})));
  CHECK(nn::close(weights.grad(), figures_as(figures::bag_weighted_grad_weights, {6})));

  nn::EmbeddingBag mean_layer(6, 4);
  CHECK_THROWS_AS(mean_layer(bag_ids(), bag_offsets(), weights), Error);
  CHECK_THROWS_AS(layer(bag_ids(), bag_offsets(), Variable(pattern({5}, 6))), Error);
}

TEST_CASE("rows of ids without offsets are bags") {
  const Tensor ids = Tensor::from<int64_t>({5, 2, 5, 0, 1, 2}, {2, 3});
  for (const Pooling mode : {Pooling::sum, Pooling::mean, Pooling::max}) {
    nn::EmbeddingBag layer(6, 4, {.mode = mode});
    CHECK(nn::close(layer(ids), layer(bag_ids(), Tensor::from<int64_t>({0, 3})), {.rtol = 0, .atol = 0}));
    CHECK(nn::close(layer(Tensor::zeros({3, 0}, int64)), Tensor::zeros({3, 4})));
    CHECK(layer(Tensor::zeros({0, 3}, int64)).shape() == Shape{0, 4});
    CHECK(layer(Tensor::zeros({0}, int64), Tensor::zeros({2}, int64)).shape() == Shape{2, 4});
    CHECK(layer(Tensor::zeros({0}, int64), Tensor::zeros({0}, int64)).shape() == Shape{0, 4});
  }
}

TEST_CASE("tables have the right gradients in every mode") {
  for (const Pooling mode : {Pooling::sum, Pooling::mean, Pooling::max}) {
    nn::EmbeddingBag layer(6, 3, {.mode = mode}), padded(6, 3, {.mode = mode, .padding_idx = 2});
    // The padding row is a parameter too, but gets no gradient: it stays out of the comparison by staying out of the
    // bag.
    CHECK(nn::gradcheck(layer, [&] { return layer(bag_ids(), bag_offsets()); }));
    CHECK(nn::gradcheck(padded, [&] {
      return padded(Tensor::from<int64_t>({5, 5, 0, 1}), Tensor::from<int64_t>({0, 2, 2, 3}));
    }));
  }
  nn::EmbeddingBag weighted(6, 3, {.mode = Pooling::sum});
  CHECK(nn::gradcheck(weighted, {pattern({6}, 1)},
                      [&](const std::vector<Variable>& in) { return weighted(bag_ids(), bag_offsets(), in[0]); }));
  nn::Embedding table(5, 3);
  CHECK(nn::gradcheck(table, [&] { return table(Tensor::from<int64_t>({4, 1, 4, 0}, {2, 2})); }));
}

TEST_CASE("tables start standard normal, their padding as zeros") {
  manual_seed(1);
  const nn::Embedding layer(500, 40, {.padding_idx = -1});
  const Tensor weight = layer.weight.data();
  CHECK(nn::close(weight.select(0, 499), Tensor::zeros({40})));
  CHECK(std::abs(mean(weight).item()) < 0.03);
  CHECK(var(weight).item() == doctest::Approx(1).epsilon(0.03));
  CHECK(layer.weight.requires_grad());
  const nn::EmbeddingBag bag(500, 40, {.padding_idx = 3});
  CHECK(nn::close(bag.weight.data().select(0, 3), Tensor::zeros({40})));
  CHECK_FALSE(nn::close(bag.weight.data().select(0, 4), Tensor::zeros({40})));
}

TEST_CASE("pretrained tables are copied, frozen when asked, and keep their padding row") {
  Tensor table = pattern({4, 2}, 1);
  const Tensor original = table.clone();
  const nn::Embedding frozen = nn::Embedding::from_pretrained(table, true, {.padding_idx = 0});
  const nn::EmbeddingBag trained = nn::EmbeddingBag::from_pretrained(table, false);
  table.zero_();
  CHECK_FALSE(frozen.weight.requires_grad());
  CHECK(trained.weight.requires_grad());
  CHECK(nn::close(frozen.weight, original));
  CHECK(nn::close(trained.weight, original));
  CHECK(nn::Embedding::from_pretrained(pattern({4, 2}, 1, float64)).weight.dtype() == float64);
  CHECK_THROWS_WITH_AS(nn::Embedding::from_pretrained(Tensor::zeros({3})),
                       "[Embedding] from_pretrained takes a table of shape (rows, dim)", Error);
  CHECK_THROWS_WITH_AS(nn::EmbeddingBag::from_pretrained(Tensor::zeros({3, 2}, int64)),
                       "[EmbeddingBag] from_pretrained takes float32 or float64, found int64", Error);
}

TEST_CASE("max_norm scales down the rows that are looked up, as PyTorch does") {
  const Tensor ids = Tensor::from<int64_t>({1, 4, 2, 4, 0, 4}, {2, 3});
  const double infinity = std::numeric_limits<double>::infinity();
  struct Case {
    double p;
    const std::vector<double>& expected;
  };
  for (const Case& test : {Case{2, figures::renormalized_2}, Case{1, figures::renormalized_1},
                           Case{infinity, figures::renormalized_inf}}) {
    CAPTURE(test.p);
    const Tensor expected = figures_as(test.expected, {6, 3});
    const nn::EmbeddingOptions options{.max_norm = 1.25, .norm_type = test.p};
    nn::Embedding layer = with_pattern<nn::Embedding>({6, 3}, 4, options);
    const Variable y = layer(ids);
    CHECK(nn::close(layer.weight, expected));
    CHECK(nn::close(y, embedding(layer.weight.data(), ids)));
    sum(y).backward();
    const nn::EmbeddingBagOptions bag_options{.max_norm = 1.25, .norm_type = test.p};
    nn::EmbeddingBag bag = with_pattern<nn::EmbeddingBag>({6, 3}, 4, bag_options);
    bag(ids);
    CHECK(nn::close(bag.weight, expected));
  }
}

TEST_CASE("max_norm first commits what an optimiser owes to the rows, and to no others") {
  struct Owes : PendingRows {
    explicit Owes(Variable leaf) : table(std::move(leaf)) { table.set_pending_rows(this); }
    ~Owes() override { table.set_pending_rows(nullptr); }
    void commit(const Tensor& ids) override {
      for (const int64_t id : ids.to_vector<int64_t>())
        if (id >= 0 && committed.insert(id)) table.raw().select(0, id).mul_(3);
    }
    void commit_all() override { FAIL("everything was committed"); }
    Tensor rows(const Tensor& ids) const override { return index_select(table.raw(), 0, ids); }
    Tensor materialise() const override { return table.raw().clone(); }
    struct Seen {
      std::vector<int64_t> ids;
      bool insert(int64_t id) {
        for (const int64_t seen : ids)
          if (seen == id) return false;
        ids.push_back(id);
        return true;
      }
    } committed;
    Variable table;
  };
  nn::Embedding layer = nn::Embedding::from_pretrained(Tensor::ones({3, 4}), false, {.max_norm = 4});
  const Owes owes(layer.weight);
  CHECK_THROWS_AS(layer(Tensor::from<int64_t>({0, 3})), Error);
  CHECK(owes.committed.ids.empty());
  layer(Tensor::from<int64_t>({2, 2}));
  CHECK(owes.committed.ids == std::vector<int64_t>{2});
  CHECK(nn::close(layer.weight, Tensor::from<double>({1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2}, {3, 4})));
}

TEST_CASE("options out of range are errors") {
  CHECK(error_of([] { nn::Embedding(-1, 2); }) == "[Embedding] found sizes -1 and 2, expected 0 or more");
  CHECK(error_of([] { nn::Embedding(3, 2, {.padding_idx = 3}); }) ==
        "[Embedding] padding_idx is 3, outside a table of 3 rows");
  CHECK(error_of([] { nn::EmbeddingBag(3, 2, {.padding_idx = -4}); }) ==
        "[EmbeddingBag] padding_idx is -4, outside a table of 3 rows");
  CHECK(error_of([] { nn::Embedding(3, 2, {.max_norm = -1}); }) == "[Embedding] max_norm is -1, expected 0 or more");
  CHECK(error_of([] { nn::EmbeddingBag(3, 2, {.max_norm = std::nan("")}); }).find("[EmbeddingBag] max_norm is") == 0);
  CHECK(error_of([] { nn::Embedding(3, 2, {.max_norm = 1, .norm_type = 0}); }) ==
        "[Embedding] norm_type is 0, expected more than 0");
  CHECK(error_of([] { nn::EmbeddingBag(3, 2, {.mode = Pooling::max, .scale_grad_by_freq = true}); }) ==
        "[EmbeddingBag] scale_grad_by_freq has no meaning with mode max");
}

TEST_CASE("ids and offsets that do not fit are errors, nothing else") {
  nn::Embedding table(5, 2);
  nn::EmbeddingBag bag(5, 2), renormalizing(5, 2, {.max_norm = 1});
  const auto ids = [](std::vector<int64_t> values) { return Tensor::from(values); };
  for (const int64_t id : {int64_t{-1}, int64_t{5}, int64_t{1} << 40}) {
    CHECK_THROWS_AS(table(ids({0, id})), Error);
    CHECK_THROWS_AS(bag(ids({0, id}), ids({0})), Error);
    CHECK_THROWS_AS(renormalizing(ids({0, id}), ids({0})), Error);
  }
  CHECK_THROWS_AS(table(Tensor::zeros({2})), Error);
  CHECK_THROWS_AS(table(Tensor()), Error);
  CHECK_THROWS_AS(bag(ids({1, 2})), Error);
  CHECK_THROWS_AS(bag(ids({1, 2}), ids({1})), Error);
  CHECK_THROWS_AS(bag(ids({1, 2}), ids({0, 3})), Error);
  CHECK_THROWS_AS(bag(ids({1, 2, 3}), ids({0, 2, 1})), Error);
  CHECK_THROWS_AS(bag(ids({1, 2}), ids({})), Error);
  CHECK_THROWS_AS(bag(ids({1, 2}), Tensor::zeros({1})), Error);
  CHECK_THROWS_AS(bag(ids({1, 2, 3, 4}).reshape({2, 2}), ids({0, 2})), Error);
  CHECK_THROWS_AS(bag(ids({1, 2, 3, 4}).reshape({2, 2, 1})), Error);
}
