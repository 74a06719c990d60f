// Products of the sizes that a transformer has, and whole steps of a model of DistilBERT's shape with random weights.
//
//     transformer_bench products [--precision float32|bfloat16] [--tokens N]    GFLOP/s of each shape
//     transformer_bench step [--train all|last:N] [--batch N] [--length N]      a training step: AdamW, dropout on
//     transformer_bench inference [--batch N] [--length N]                      logits alone
//
// One line of JSON with --json; the peak of resident memory belongs to the process, so each setting runs in one of its
// own. peers/transformer_peers.py measures the same in PyTorch, compare_transformer.py sets both side by side.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/command_line.h"
#include "apps/common/program.h"
#include "nn/adam.h"
#include "nn/loss.h"
#include "nn/transformers/models.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tensor/precision.h"

namespace roux::bench {
namespace {

struct Options {
  std::string part = "products", train = "all", precision = "float32";
  int64_t batch = 32, length = 16, tokens = 0, steps = 5;
  int threads = 2;
  bool json = false;
};

constexpr int64_t warm_up = 2;

/// The shortest and the median of `steps` calls, in seconds.
struct Seconds {
  double best, median;
};

Seconds time_calls(int64_t steps, const std::function<void()>& call) {
  std::vector<double> seconds;
  for (int64_t i = 0; i < steps + warm_up; ++i) {
    const auto start = std::chrono::steady_clock::now();
    call();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    if (i >= warm_up) seconds.push_back(taken.count());
  }
  std::sort(seconds.begin(), seconds.end());
  return {seconds.front(), seconds[seconds.size() / 2]};
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// ---- Products. -----------------------------------------------------------------------------------------------------

struct Product {
  std::string name;
  double flop;
  std::function<void()> compute;
};

/// A linear layer with `out` x `in` weights on `tokens` rows: forward, and the gradients of its input and its weights.
std::vector<Product> products_of(int64_t tokens, int64_t out, int64_t in) {
  const Tensor x = Tensor::randn({tokens, in}), weight = Tensor::randn({out, in}), grad = Tensor::randn({tokens, out});
  const double flop = 2.0 * static_cast<double>(tokens) * static_cast<double>(out) * static_cast<double>(in);
  const std::string sizes = std::to_string(tokens) + " x " + std::to_string(in) + " -> " + std::to_string(out);
  return {{"forward " + sizes, flop, [=] { linear(x, weight, Tensor()); }},
          {"input   " + sizes, flop, [=] { matmul(grad, weight); }},
          {"weight  " + sizes, flop, [=] { matmul(grad.transpose(0, 1), x); }}};
}

/// GFLOP/s of a square product: what the steps are measured by.
double square_rate(int64_t side) {
  const Tensor a = Tensor::randn({side, side}), b = Tensor::randn({side, side});
  const double n = static_cast<double>(side);
  return 2 * n * n * n / time_calls(5, [&] { matmul(a, b); }).best / 1e9;
}

nlohmann::json time_products(const Options& options) {
  const std::vector<int64_t> all{16, 128, 237, 512, 4096};
  nlohmann::json rows = nlohmann::json::array();
  for (const int64_t tokens : options.tokens > 0 ? std::vector<int64_t>{options.tokens} : all) {
    for (const auto& [out, in] : std::vector<std::pair<int64_t, int64_t>>{{768, 768}, {3072, 768}, {768, 3072}}) {
      for (const Product& product : products_of(tokens, out, in)) {
        const int64_t steps = std::clamp<int64_t>(static_cast<int64_t>(2e10 / product.flop), 3, 200);
        const double rate = product.flop / time_calls(steps, product.compute).best / 1e9;
        if (!options.json) std::printf("%-34s %8.1f GFLOP/s\n", product.name.c_str(), rate);
        rows.push_back({{"name", product.name}, {"gflops", rate}});
      }
    }
  }
  return {{"products", rows}};
}

// ---- Steps of a model. ---------------------------------------------------------------------------------------------

/// Multiplications and additions in linear layers and attention, as peers/transformer_peers.py counts them; two more
/// of each trained layer's in backward.
double flop_of_step(const Options& options, const nn::TransformerConfig& config, bool training) {
  const double hidden = static_cast<double>(config.hidden_size), inner = static_cast<double>(config.intermediate_size);
  const double tokens = static_cast<double>(options.batch * options.length);
  const double layer =
      2 * tokens * (4 * hidden * hidden + 2 * hidden * inner + 2 * static_cast<double>(options.length) * hidden);
  const double layers = static_cast<double>(config.num_hidden_layers);
  if (!training) return layer * layers;
  const double trained = options.train == "all"               ? layers
                         : options.train.starts_with("last:") ? std::stod(options.train.substr(5))
                                                              : 0;
  return layer * layers + 2 * layer * trained;
}

nlohmann::json time_model(const Options& options, bool training) {
  const nn::TransformerConfig config;
  manual_seed(0);
  nn::SequenceClassificationModel model(config);
  nn::set_trainable(model, options.train);
  const nn::TransformerInput input{.ids = Tensor::randint(0, config.vocab_size, {options.batch, options.length}),
                                   .mask = Tensor::ones({options.batch, options.length}, boolean)};
  const Tensor labels = Tensor::randint(0, 2, {options.batch});
  nn::AdamW optimizer(model.named_parameters(), {.lr = 5e-5});
  model.train(training);
  const Seconds seconds = time_calls(options.steps, [&] {
    if (!training) {
      const NoGrad no_grad;
      model.forward(input);
      return;
    }
    optimizer.zero_grad();
    nn::cross_entropy(model.forward(input), labels).backward();
    optimizer.step();
  });
  const double memory = peak_megabytes();  // before the product beside it takes some
  const double rate = flop_of_step(options, config, training) / seconds.best / 1e9, square = square_rate(2048);
  if (!options.json)
    std::printf("%s, %s, %s, %lld x %lld: %.4f s best, %.4f s median, %.0f GFLOP/s; 2048^3: %.0f; peak %.0f MB\n",
                options.part.c_str(), options.train.c_str(), options.precision.c_str(),
                static_cast<long long>(options.batch), static_cast<long long>(options.length), seconds.best,
                seconds.median, rate, square, memory);
  return {{"best_s", seconds.best},
          {"median_s", seconds.median},
          {"gflops", rate},
          {"square_gflops", square},
          {"peak_mb", memory}};
}

int transformer_bench(int argc, char** argv) {
  Options options;
  apps::CommandLine app("Products and steps of a transformer.", "transformer_bench");
  app.add_option("PART", options.part, "what to measure")->check(CLI::IsMember({"products", "step", "inference"}));
  app.add_option("--train", options.train, "the part that trains: all, head or last:N");
  app.add_option("--precision", options.precision, "of products")->check(CLI::IsMember({"float32", "bfloat16"}));
  app.add_option("--batch", options.batch, "texts")->check(CLI::Range(1, 4096));
  app.add_option("--length", options.length, "tokens of each")->check(CLI::Range(1, 512));
  app.add_option("--tokens", options.tokens, "rows of the products; 0: some of each kind")->check(CLI::Range(0, 65536));
  app.add_option("--steps", options.steps, "how many are timed")->check(CLI::Range(1, 10000));
  app.add_option("--threads", options.threads, "threads")->check(CLI::Range(1, 1024));
  app.add_flag("--json", options.json, "print one line of JSON");
  if (!app.read(argc, argv)) return 0;
  set_num_threads(options.threads);
  const MatmulPrecisionScope scope(parse_matmul_precision(options.precision));
  const nlohmann::json result =
      options.part == "products" ? time_products(options) : time_model(options, options.part == "step");
  if (options.json) std::printf("%s\n", result.dump().c_str());
  return 0;
}

}  // namespace
}  // namespace roux::bench

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]).starts_with("--benchmark")) return 0;  // `make bench` calls every program
  return roux::apps::run_program("transformer_bench", [&] { return roux::bench::transformer_bench(argc, argv); });
}
