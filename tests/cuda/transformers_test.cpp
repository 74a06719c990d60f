// A small DistilBERT on a device beside the CPU: training, recorded steps, precisions of products.
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "cuda/graphed_step.h"
#include "nn/adam.h"
#include "nn/loss.h"
#include "nn/transformers/models.h"
#include "tests/cuda/on_device.h"

using namespace roux;
using namespace on_device;

namespace {

constexpr int64_t vocabulary = 100, texts = 4, length = 9;

nn::TransformerConfig small_config() {
  nn::TransformerConfig config;
  config.vocab_size = vocabulary;
  config.max_position_embeddings = 16;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.hidden_size = 32;
  config.intermediate_size = 64;
  config.initializer_range = 0.1;
  return config;
}

struct Batch {
  nn::TransformerInput input;
  Tensor labels;
};

// Texts of 1 to `length` tokens; the label says whether there are more of the upper half of the vocabulary.
Batch batch_of(uint64_t k) {
  Generator generator(11, k);
  std::vector<int64_t> ids(texts * length, 0), labels, lengths;
  for (int64_t text = 0; text < texts; ++text) {
    lengths.push_back(1 + uniform_int(generator, length));
    int64_t upper = 0;
    for (int64_t i = 0; i < lengths.back(); ++i) {
      const int64_t id = 1 + uniform_int(generator, vocabulary - 1);
      ids[static_cast<size_t>(text * length + i)] = id;
      upper += id >= vocabulary / 2 ? 1 : -1;
    }
    labels.push_back(upper > 0);
  }
  const Tensor mask = lt(Tensor::arange(0, length).unsqueeze(0), Tensor::from(lengths).unsqueeze(1));
  return {{.ids = Tensor::from(ids, {texts, length}), .mask = mask}, Tensor::from(labels)};
}

Batch to(const Batch& batch, Device device) {
  return {{.ids = batch.input.ids.to(device), .mask = batch.input.mask.to(device)}, batch.labels.to(device)};
}

// A model and its optimizer, the same each time.
struct Training {
  std::unique_ptr<nn::SequenceClassificationModel> model;
  std::unique_ptr<nn::AdamW> optimizer;
  Tensor loss;

  explicit Training(Device device) {
    manual_seed(5);
    model = std::make_unique<nn::SequenceClassificationModel>(small_config());
    model->to(device);
    optimizer = std::make_unique<nn::AdamW>(model->named_parameters(), nn::AdamWOptions{.lr = 2e-3});
    loss = Tensor::zeros({}, float32, device);
  }
  void backward(const Batch& batch) {
    optimizer->zero_grad();
    const Variable result = nn::cross_entropy(model->forward(batch.input), batch.labels);
    result.backward();
    loss.copy_(result.data());
  }
  void step(const Batch& batch) {
    backward(batch);
    optimizer->step();
  }
};

double norm_of_gradients(const Training& training) {
  double squares = 0;
  for (const auto& [name, parameter] : training.model->named_parameters())
    squares += sum(square(parameter.grad().to(cpu))).item();
  return std::sqrt(squares);
}

}  // namespace

TEST_CASE("on a device a transformer trains for 50 steps as on the CPU") {
  if (!has_device()) return;
  Training here(cpu), there(gpu);
  std::vector<double> losses;
  for (uint64_t k = 0; k < 50; ++k) {
    const Batch batch = batch_of(k % 3);
    here.step(batch);
    there.step(to(batch, gpu));
    losses.push_back(here.loss.item());
    CHECK(there.loss.item() == doctest::Approx(losses.back()).epsilon(1e-4));
  }
  CHECK(losses.back() < 0.5 * losses.front());
  const nn::StateDict expected = here.model->state_dict(), found = there.model->state_dict();
  for (size_t i = 0; i < expected.size(); ++i) {
    // The same for all keys, it changes no weight: its gradient is rounding alone, and Adam makes steps of that.
    if (expected[i].first.ends_with("k_proj.bias")) continue;
    check_same(found[i].second.to(cpu), expected[i].second, 1e-3, expected[i].first);
  }
}

TEST_CASE("on a device a transformer's losses and gradients in TF32 and bfloat16 are near those in float32") {
  if (!has_device()) return;
  Training strict(cpu);
  strict.model->eval();
  strict.backward(batch_of(3));
  for (const auto& [precision, tolerance] : {std::pair{MatmulPrecision::high, 2e-3}, {MatmulPrecision::medium, 2e-2}}) {
    CAPTURE(name(precision));
    const MatmulPrecisionScope scope(precision);
    Training rounded(gpu);
    rounded.model->eval();
    rounded.backward(to(batch_of(3), gpu));
    CHECK(rounded.loss.item() == doctest::Approx(strict.loss.item()).epsilon(tolerance));
    CHECK(rounded.loss.item() != strict.loss.item());
    CHECK(norm_of_gradients(rounded) == doctest::Approx(norm_of_gradients(strict)).epsilon(5 * tolerance));
    rounded.optimizer->step();
    for (const auto& [name, tensor] : rounded.model->state_dict()) CHECK(std::isfinite(sum(tensor).item()));
  }
}

TEST_CASE("a graphed step of a transformer on a device is the step: same bits, dropout of attention included") {
  if (!has_device()) return;
  const MatmulPrecisionScope scope(MatmulPrecision::medium);
  Training plain(gpu), graphed(gpu);
  Batch inputs = to(batch_of(0), gpu);
  cuda::GraphedStep step(gpu, [&] { graphed.step(inputs); });
  for (uint64_t k = 0; k < 4; ++k) {
    const Batch batch = batch_of(k);
    plain.step(to(batch, gpu));
    inputs.input.ids.copy_(batch.input.ids);
    inputs.input.mask.copy_(batch.input.mask);
    inputs.labels.copy_(batch.labels);
    step.run();
    CHECK(step.reason() == "");
    CHECK(step.is_recorded() == (k > 0));
    CHECK(graphed.loss.item() == plain.loss.item());
  }
}
