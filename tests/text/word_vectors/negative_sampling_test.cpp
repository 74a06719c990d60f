// The hand-written step of negative sampling against autograd, and the words that are drawn for it.
#include "text/word_vectors/negative_sampling.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "nn/loss.h"
#include "tensor/error.h"
#include "tensor/philox.h"
#include "tests/message_of.h"

using namespace roux;
using namespace roux::text;

namespace {

/// Values of a (rows, dim) tensor in rows of `stride`, the rest zeros.
std::vector<float> padded(const Tensor& values, int64_t stride) {
  const int64_t rows = values.size(0), dim = values.size(1);
  std::vector<float> all(static_cast<size_t>(rows * stride));
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < dim; ++i) all[static_cast<size_t>(row * stride + i)] = values.data<float>()[row * dim + i];
  return all;
}

/// The largest difference between rows of `stride` and a (rows, dim) tensor; what lies behind `dim` must be 0.
float difference(const std::vector<float>& found, const Tensor& expected, int64_t stride) {
  const std::vector<float> wanted = padded(expected, stride);
  REQUIRE(found.size() == wanted.size());
  float worst = 0;
  for (size_t i = 0; i < found.size(); ++i) worst = std::max(worst, std::abs(found[i] - wanted[i]));
  return worst;
}

}  // namespace

TEST_CASE("a step of negative sampling is one of gradient descent on its loss, as autograd sees it") {
  manual_seed(3);
  for (const int64_t dim : {1, 7, 16, 33, 100})
    for (const int64_t negatives : {1, 2, 5, 6, 13, 40}) {
      CAPTURE(dim);
      CAPTURE(negatives);
      const float lr = 0.05f;
      const int64_t stride = NegativeSamplingStep::stride_of(dim);
      CHECK(stride >= dim);
      const Variable hidden(Tensor::randn({1, dim}), true);
      const Variable rows(Tensor::randn({negatives + 1, dim}), true);
      Tensor labels = Tensor::zeros({1, negatives + 1});
      labels.select(1, 0).fill_(1);
      const Variable scores = matmul(hidden, rows.transpose(0, 1));
      Variable loss = nn::binary_cross_entropy_with_logits(scores, labels, {.reduction = Reduction::sum});
      loss.backward();

      const std::vector<float> h = padded(hidden.data(), stride);
      std::vector<float> targets = padded(rows.data(), stride);
      std::vector<float*> pointers;
      for (int64_t i = 0; i <= negatives; ++i) pointers.push_back(targets.data() + i * stride);
      std::vector<float> change(static_cast<size_t>(stride));
      NegativeSamplingStep step(dim, negatives);
      const float found = step.run(h.data(), pointers, lr, change.data());
      CHECK(found == doctest::Approx(loss.data().item()).epsilon(1e-5));
      CHECK(difference(targets, rows.data() - lr * rows.grad(), stride) < 1e-5f);
      CHECK(difference(change, -lr * hidden.grad(), stride) < 1e-5f);
    }
}

TEST_CASE("a step adds to what has changed before, and a row that was drawn twice moves twice") {
  const int64_t stride = NegativeSamplingStep::stride_of(2);
  std::vector<float> hidden(static_cast<size_t>(stride)), rows(static_cast<size_t>(2 * stride)), change(hidden.size());
  hidden[0] = 1;
  change[1] = 5;
  float* const positive = rows.data();
  float* const negative = rows.data() + stride;
  NegativeSamplingStep step(2, 2);
  const float loss = step.run(hidden.data(), std::vector<float*>{positive, negative, negative}, 1, change.data());
  CHECK(loss == doctest::Approx(3 * std::log(2.0)));
  CHECK(positive[0] == doctest::Approx(0.5));
  CHECK(negative[0] == doctest::Approx(-1));
  CHECK(change[1] == 5);
}

TEST_CASE("scores far from 0 give finite losses and steps") {
  const int64_t stride = NegativeSamplingStep::stride_of(1);
  for (const float size : {30.0f, 3000.0f}) {
    std::vector<float> hidden(static_cast<size_t>(stride)), rows(static_cast<size_t>(2 * stride)),
        change(hidden.size());
    hidden[0] = size;
    rows[0] = -1;
    rows[static_cast<size_t>(stride)] = 1;
    NegativeSamplingStep step(1, 1);
    const std::vector<float*> targets{rows.data(), rows.data() + stride};
    CHECK(step.run(hidden.data(), targets, 0.01f, change.data()) == doctest::Approx(2 * size));
    CHECK(change[0] == doctest::Approx(-0.02f));
  }
}

TEST_CASE("negatives are drawn by their counts to the power of 0.75") {
  const std::vector<int64_t> counts{1, 16, 81, 10000};  // 1, 8, 27, 1000
  const NegativeSampler sampler(counts);
  RandomWords random(7, 1);
  std::vector<double> drawn(4);
  constexpr int64_t draws = 1'000'000;
  for (int64_t i = 0; i < draws; ++i) drawn[static_cast<size_t>(sampler.draw(random))] += 1.0 / draws;
  CHECK(drawn[0] == doctest::Approx(1.0 / 1036).epsilon(0.1));
  CHECK(drawn[1] == doctest::Approx(8.0 / 1036).epsilon(0.05));
  CHECK(drawn[2] == doctest::Approx(27.0 / 1036).epsilon(0.03));
  CHECK(drawn[3] == doctest::Approx(1000.0 / 1036).epsilon(0.002));

  for (int i = 0; i < 100; ++i) CHECK(sampler.draw_other(random, 3) != 3);
  const NegativeSampler unequal(std::vector<int64_t>{1, 1'000'000'000'000'000, 1});
  std::vector<int64_t> others(3);
  for (int i = 0; i < 100; ++i) ++others[static_cast<size_t>(unequal.draw_other(random, 1))];
  CHECK(others[1] == 0);
  CHECK(others[0] > 20);
  CHECK(others[2] > 20);

  const NegativeSampler one(std::vector<int64_t>{5});
  for (int i = 0; i < 100; ++i) CHECK(one.draw(random) == 0);
  CHECK(message_of([] { NegativeSampler({}); }) == "[NegativeSampler] there are no words");
  CHECK(message_of([] {
          NegativeSampler(std::vector<int64_t>{3, 0});
        }) == "[NegativeSampler] a word has the count 0; expected at least 1");
}

TEST_CASE("random words are those of Philox") {
  RandomWords random(5, 9);
  for (uint64_t block = 0; block < 3000; ++block)
    for (const uint32_t word : philox_block(5, 9, block)) REQUIRE(random.next() == word);
  for (int i = 0; i < 1000; ++i) CHECK(random.below(3) < 3);
}
