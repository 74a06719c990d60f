// What the tests of lazily updated Adam share: streams of word ids by Zipf's law, and the options that they go through.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "nn/adam.h"
#include "nn/lazy_adam.h"

namespace zipf_training {

using namespace roux;

/// Batches of word ids whose frequency falls like 1 / rank.
class ZipfStream {
 public:
  ZipfStream(int64_t words, int64_t seed) : generator_(static_cast<uint64_t>(seed)) {
    double sum = 0;
    for (int64_t i = 0; i < words; ++i) cumulative_.push_back(sum += 1 / static_cast<double>(i + 1));
  }
  Tensor batch(int64_t count) {
    const std::vector<double> draws = Tensor::rand({count}, float64, cpu, generator_).to_vector<double>();
    std::vector<int64_t> ids;
    for (const double draw : draws) {
      const auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), draw * cumulative_.back());
      ids.push_back(std::min<int64_t>(found - cumulative_.begin(), static_cast<int64_t>(cumulative_.size()) - 1));
    }
    return unique(Tensor::from(ids)).rows;
  }
  /// A gradient for these rows; some elements are always zero.
  RowGradient gradient(const Tensor& rows, int64_t dim) {
    Tensor values = mul(Tensor::randn({rows.numel(), dim}, float32, cpu, generator_), 0.01);
    values.slice(1, dim - 1, dim).zero_();
    return {rows, values};
  }

 private:
  Generator generator_;
  std::vector<double> cumulative_;
};

struct Settings {
  std::string name;
  nn::AdamOptions options;
  bool decoupled = false;
  std::function<double(int)> lr = {};  // by step; the options' own when empty
};

inline std::unique_ptr<nn::Adam> make_adam(const Variable& w, const Settings& settings) {
  const nn::AdamOptions& o = settings.options;
  if (!settings.decoupled) return std::make_unique<nn::Adam>(nn::NamedParameters{{"w", w}}, o);
  return std::make_unique<nn::AdamW>(
      nn::NamedParameters{{"w", w}},
      nn::AdamWOptions{o.lr, o.beta1, o.beta2, o.eps, o.weight_decay, o.amsgrad, o.maximize});
}

inline void one_step(Variable& w, nn::Optimizer& optimizer, const RowGradient& gradient) {
  optimizer.zero_grad();
  w.mutable_gradient().add(gradient, w.shape());
  optimizer.step();
}

inline std::vector<Settings> all_settings() {
  const auto warm_up_and_cosine = [](int step) {
    return step <= 50 ? 1e-3 * (step - 1) / 50 : 5e-4 * (1 + std::cos(3.14159 * (step - 50) / 950));
  };
  const auto steps_down = [](int step) { return step % 100 < 10 ? 0.0 : 2e-3 * std::pow(0.5, step / 200); };
  return {{"adam", {}},
          {"adam, larger rate", {.lr = 1e-2}},
          {"adam, maximize", {.maximize = true}},
          {"adam, large eps", {.eps = 1e-3}},
          {"adam, no momentum", {.beta1 = 0}},
          {"adam, short memory", {.beta1 = 0.8, .beta2 = 0.95}},
          {"adam, .9 .98", {.beta2 = 0.98}},
          {"adam, long memory", {.beta1 = 0.95}},
          {"amsgrad", {.amsgrad = true}},
          {"adamw", {.weight_decay = 1e-2}, true},
          {"adamw, strong decay", {.lr = 1e-2, .weight_decay = 0.5}, true},
          {"adamw, amsgrad", {.weight_decay = 0.1, .amsgrad = true}, true},
          {"adam, warm-up and cosine", {}, false, warm_up_and_cosine},
          {"adamw, steps down and pauses", {.weight_decay = 0.1}, true, steps_down}};
}

inline bool same_bits(const Tensor& a, const Tensor& b) { return a.to_vector<float>() == b.to_vector<float>(); }

inline bool is_lazy(const Variable& w) { return w.pending_rows() != nullptr; }

}  // namespace zipf_training
