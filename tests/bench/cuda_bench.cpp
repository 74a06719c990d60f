// Times on a CUDA device, beside the limits of the card: kernels that only move memory, matrix products, attention,
// training, and fine-tuning.
//
//   build/bench/cuda_bench [memory] [products] [attention] [training] [finetuning] [--json FILE] [--size small]
//
// Google Benchmark times calls; work for a device goes on after a call has returned. Here a sample is a number of calls
// and one wait for the device behind them, and figures are medians of samples. peers/cuda_pytorch.py does the same with
// PyTorch, under the same names; compare_cuda.py sets the two side by side.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/common/classifiers.h"
#include "apps/common/command_line.h"
#include "apps/common/program.h"
#include "apps/common/trainer.h"
#include "cuda/graphed_step.h"
#include "nn/adam.h"
#include "nn/loss.h"
#include "nn/metrics.h"
#include "nn/transformers/models.h"
#include "tensor/backend.h"
#include "tensor/file.h"
#include "tests/bench/bench_corpus.h"
#include "tests/bench/cuda_driver.h"

namespace roux::bench {
namespace {

constexpr Device device{DeviceType::cuda, 0};

/// How much is done: `full` to measure, `small` to see that everything runs.
struct Size {
  int64_t elements = int64_t{1} << 26;  ///< of a tensor that is passed over; float32: 256 MB, far beyond any cache
  int64_t side = int64_t{1} << 13;      ///< of such a tensor that is square
  int64_t table_rows = 100000;
  std::vector<std::vector<int64_t>> products = {
      {1024, 1024, 1024}, {4096, 4096, 4096}, {8192, 8192, 8192}, {1000, 768, 3072}};
  std::vector<std::vector<int64_t>> attention = {{32, 12, 128, 64}, {8, 12, 512, 64}};  ///< batch, heads, length, dim
  int64_t texts = 32, tokens = 128;                                                     ///< of a batch for fine-tuning
  nn::TransformerConfig model = {};                                                     ///< distilbert-base-uncased
  int64_t titles = 34810, words = 4000;  ///< about those of the recipes to train on
  std::vector<int64_t> batches = {32, 1024};
  int64_t steps = 12000;    ///< of a training, in whole epochs: at least 6
  double heat_seconds = 1;  ///< of work before anything is measured: clocks rise
  int warm_up = 5, samples = 15;
  double sample_seconds = 0.01;
};

const Size small{.elements = 4096,
                 .side = 64,
                 .table_rows = 100,
                 .products = {{16, 16, 16}, {10, 12, 14}},
                 .attention = {{2, 2, 12, 8}},
                 .texts = 2,
                 .tokens = 8,
                 .model = {.vocab_size = 100,
                           .max_position_embeddings = 16,
                           .num_hidden_layers = 2,
                           .num_attention_heads = 2,
                           .hidden_size = 16,
                           .intermediate_size = 32},
                 .titles = 100,
                 .words = 50,
                 .batches = {16, 64},
                 .steps = 1,
                 .heat_seconds = 0,
                 .warm_up = 1,
                 .samples = 3,
                 .sample_seconds = 0};

void wait_for_device() { backend(device).synchronize(); }

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// What was measured: printed as it comes, and in the end written as JSON.
class Report {
 public:
  explicit Report(const Size& size) : size_(size) {}

  /// Median seconds of one call.
  double seconds_of(const std::function<void()>& call, const std::function<void()>& wait = wait_for_device) const {
    const auto sample = [&](int64_t calls) {
      const auto start = std::chrono::steady_clock::now();
      for (int64_t i = 0; i < calls; ++i) call();
      wait();
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
             static_cast<double>(calls);
    };
    wait_for_device();
    sample(size_.warm_up);
    const int64_t calls = std::clamp<int64_t>(std::llround(size_.sample_seconds / sample(1)), 1, 500);
    std::vector<double> samples;
    for (int i = 0; i < size_.samples; ++i) samples.push_back(sample(calls));
    return median(samples);
  }

  /// Calls for a while.
  void heat(const std::function<void()>& call) const {
    const auto start = std::chrono::steady_clock::now();
    while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < size_.heat_seconds) {
      for (int i = 0; i < 10; ++i) call();
      wait_for_device();
    }
  }
  void set_limit(double bytes_per_second) { limit_ = std::max(limit_, bytes_per_second); }

  /// An operation that must move at least so many bytes.
  double memory(const std::string& name, int64_t bytes, const std::function<void()>& call,
                const std::function<void()>& wait = wait_for_device) {
    const double seconds = seconds_of(call, wait), rate = static_cast<double>(bytes) / seconds;
    if (limit_ > 0)
      std::printf("%-48s %10.1f GB/s  %5.1f %% of a copy's\n", name.c_str(), rate * 1e-9, 100 * rate / limit_);
    else
      std::printf("%-48s %10.1f GB/s\n", name.c_str(), rate * 1e-9);
    add({{"part", "memory"}, {"name", name}, {"bytes", bytes}, {"seconds", seconds}, {"gb_per_s", rate * 1e-9}});
    return rate;
  }
  void product(const char* part, const std::string& name, double operations, const std::function<void()>& call) {
    const double seconds = seconds_of(call), rate = operations / seconds * 1e-12;
    std::printf("%-48s %10.2f TFLOP/s\n", name.c_str(), rate);
    add({{"part", part}, {"name", name}, {"seconds", seconds}, {"tflop_per_s", rate}});
  }
  void finetuning(const std::string& name, const std::string& form, double seconds, const std::string& note) {
    std::printf("%-48s %10.2f ms  %s%s%s\n", name.c_str(), 1e3 * seconds, form.c_str(), note.empty() ? "" : ": ",
                note.c_str());
    add({{"part", "finetuning"}, {"name", name}, {"form", form}, {"steps_per_s", 1 / seconds}, {"note", note}});
  }
  void training(const std::string& name, const std::string& form, double titles_per_second, const std::string& note) {
    std::printf("%-48s %10.0f titles/s  %s%s%s\n", name.c_str(), titles_per_second, form.c_str(),
                note.empty() ? "" : ": ", note.c_str());
    add({{"part", "training"}, {"name", name}, {"form", form}, {"titles_per_s", titles_per_second}, {"note", note}});
  }
  void write(const std::string& path, const std::string& device_name, const std::string& corpus) const {
    const nlohmann::ordered_json all = {
        {"device", device_name}, {"copy_gb_per_s", limit_ * 1e-9}, {"corpus", corpus}, {"rows", rows_}};
    write_file_atomically(path, all.dump(2) + "\n");
  }

 private:
  void add(nlohmann::ordered_json row) {
    std::fflush(stdout);
    rows_.push_back(std::move(row));
  }

  const Size& size_;
  double limit_ = 0;  // bytes a second of a copy
  nlohmann::ordered_json rows_ = nlohmann::ordered_json::array();
};

// ---- Memory: bytes are the fewest that must be read and written, each once. ----------------------------------------

Tensor uniform(const Shape& shape, DType dtype = float32) { return Tensor::rand(shape, dtype, device); }

// The limit is the faster of our copy and of the driver's.
void time_copies(Report& report, const Size& size, const Driver& driver) {
  const Tensor from = uniform({size.elements});
  Tensor to = Tensor::zeros({size.elements}, float32, device);
  const auto bytes = static_cast<size_t>(size.elements) * sizeof(float);
  report.heat([&] { to.copy_(from); });
  void *const target = to.view().data, *const source = from.view().data;
  double limit = report.memory("copy", 8 * size.elements, [&] { to.copy_(from); });
  if (driver.copy(target, source, bytes)) {
    driver.wait();
    limit = std::max(limit, report.memory(
                                "copy, the driver's", 8 * size.elements,
                                [&] { ROUX_CHECK(driver.copy(target, source, bytes), "copy", "the driver failed"); },
                                [&] { driver.wait(); }));
  }
  report.set_limit(limit);
}

void time_elementwise(Report& report, const Size& size) {
  const int64_t n = size.elements;
  const Tensor a = uniform({n}), b = uniform({n}), condition = lt(a, b);
  report.memory("add", 12 * n, [&] { add(a, b); });
  report.memory("mul by a number", 8 * n, [&] { mul(a, 1.5); });
  report.memory("exp", 8 * n, [&] { exp(a); });
  report.memory("gelu", 8 * n, [&] { gelu(a); });
  report.memory("where", 13 * n, [&] { where(condition, a, b); });
  Generator generator(1);
  report.memory("dropout", 9 * n, [&] { dropout(a, 0.5, generator); });  // writes a mask of bytes, too
}

void time_rows(Report& report, const Size& size) {
  const int64_t n = size.elements, side = size.side;
  {
    const Tensor x = uniform({side, side});
    report.memory("sum of all", 4 * side * side, [&] { sum(x); });
    report.memory("sum over rows", 4 * side * (side + 1), [&] { sum(x, {0}); });
    report.memory("sum over columns", 4 * side * (side + 1), [&] { sum(x, {1}); });
    report.memory("copy, transposed", 8 * side * side, [&] { x.transpose(0, 1).contiguous(); });
  }
  for (const int64_t length : {128, 1024, 30522}) {
    const Tensor x = uniform({std::max<int64_t>(n / length, 1), length});
    report.memory("softmax, rows of " + std::to_string(length), 8 * x.numel(), [&] { softmax(x); });
  }
  {
    const Tensor x = uniform({n / 768, 768}), weight = uniform({768}), bias = uniform({768});
    report.memory("layer_norm, rows of 768", 8 * x.numel(), [&] { layer_norm(x, weight, bias, 1e-5); });
  }
  // Logarithms of probabilities are written, because the gradient needs them.
  Variable logits(uniform({n / 1024, 1024}), true);
  const Tensor labels = Tensor::randint(0, 1024, {n / 1024}, device), seed = uniform({n / 1024});
  report.memory("cross_entropy, 1,024 classes", 8 * logits.numel(), [&] { cross_entropy(logits.data(), labels); });
  const Variable losses = nn::cross_entropy(logits, labels, {.reduction = Reduction::none});
  report.memory("cross_entropy, backward", 8 * logits.numel(), [&] {
    logits.zero_grad();
    losses.backward(seed, true);
  });
}

void time_by_index(Report& report, const Size& size) {
  const int64_t rows = size.table_rows, count = size.elements / 32, bags = count / 4, dim = 64;
  {
    Variable table(uniform({rows, dim}), true);
    const Tensor ids = Tensor::randint(0, rows, {count}, device), seed = uniform({bags, dim});
    const Tensor offsets = Tensor::arange(0, count, 4, int64, device);
    // Each row of the table once, ids, offsets, bags.
    const int64_t bytes = 4 * dim * (std::min(rows, count) + bags) + 8 * (count + bags);
    report.memory("embedding_bag", bytes, [&] { embedding_bag(table.data(), ids, offsets); });
    const Variable pooled = embedding_bag(table, ids, offsets, {});
    report.memory("embedding_bag, backward", bytes, [&] {
      table.zero_grad();
      pooled.backward(seed, true);
    });
  }
  {
    const int64_t length = 16, batch = size.elements / (length * dim);
    const Tensor mask = Tensor::ones({batch, length}, boolean, device), seed = uniform({batch, dim});
    Variable tokens(uniform({batch, length, dim}), true);
    // Tokens, mask, results and, with max, positions.
    const int64_t bytes = 4 * tokens.numel() + mask.numel() + 12 * seed.numel();
    report.memory("masked_pool, max", bytes, [&] { masked_pool(tokens.data(), mask, Pooling::max); });
    const Variable pooled = masked_pool(tokens, mask, Pooling::max);
    report.memory("masked_pool, max, backward", bytes, [&] {
      tokens.zero_grad();
      pooled.backward(seed, true);
    });
  }
  const Tensor x = uniform({size.elements / 256, 256}), order = Tensor::randperm(x.size(0), device);
  report.memory("index_select, rows of 256", 8 * (x.numel() + order.numel()), [&] { index_select(x, 0, order); });
}

void time_adam(Report& report, const Size& size) {
  Variable weight(uniform({size.elements}), true);
  weight.mutable_gradient().add(uniform({size.elements}));
  nn::Adam optimizer({{"weight", weight}});
  report.memory("adam", 28 * size.elements, [&] { optimizer.step(); });  // weight and means twice, the gradient once
}

// ---- Products: a multiplication and an addition are two operations. ------------------------------------------------

std::string joined(const std::vector<int64_t>& sides) {
  std::string text;
  for (const int64_t side : sides) text += (text.empty() ? "" : " x ") + std::to_string(side);
  return text;
}

constexpr MatmulPrecision precisions[] = {MatmulPrecision::highest, MatmulPrecision::high, MatmulPrecision::medium};

void time_product(Report& report, const std::vector<int64_t>& shape, DType dtype, const std::string& type) {
  const int64_t m = shape[0], k = shape[1], n = shape[2];
  const Tensor a = uniform({m, k}, dtype), b = uniform({k, n}, dtype);
  report.product("products", "matmul " + type + " " + joined(shape),
                 2.0 * static_cast<double>(m) * static_cast<double>(k) * static_cast<double>(n), [&] { matmul(a, b); });
}

void time_products(Report& report, const Size& size) {
  for (const std::vector<int64_t>& shape : size.products) {
    for (const MatmulPrecision precision : precisions) {
      const MatmulPrecisionScope scope(precision);
      time_product(report, shape, float32, roux::name(precision));
    }
    time_product(report, shape, float64, "float64");
  }
}

// Two products forward, five backward, of length x length x dim for each head.
void time_attention(Report& report, const Size& size) {
  for (const std::vector<int64_t>& shape : size.attention) {
    const int64_t batch = shape[0], heads = shape[1], length = shape[2], dim = shape[3];
    // In memory (batch, length, heads, dim), as models have it.
    const auto operand = [&] { return uniform({batch, length, heads, dim}).transpose(1, 2); };
    Variable q(operand(), true), k(operand(), true), v(operand(), true);
    const Tensor seed = operand();
    const double product = 2.0 * static_cast<double>(batch * heads * dim) * static_cast<double>(length * length);
    for (const MatmulPrecision precision : precisions) {
      const MatmulPrecisionScope scope(precision);
      const std::string name = std::string("attention ") + roux::name(precision) + " " + joined(shape);
      report.product("attention", name, 2 * product, [&] { attention(q.data(), k.data(), v.data()); });
      const Variable result = attention(q, k, v);
      report.product("attention", name + ", backward", 5 * product, [&] {
        for (Variable* const leaf : {&q, &k, &v}) leaf->zero_grad();
        result.backward(seed, true);
      });
    }
  }
}

// ---- Fine-tuning: a whole step of DistilBERT with two labels, all layers, dropout, AdamW, recorded and replayed.
// ------

void time_finetuning(Report& report, const Size& size) {
  const std::string name = "DistilBERT step, " + joined({size.texts, size.tokens});
  for (const MatmulPrecision precision : precisions) {
    const MatmulPrecisionScope scope(precision);
    manual_seed(0);
    nn::SequenceClassificationModel model(size.model);
    model.to(device);
    nn::AdamW optimizer(model.named_parameters(), {.lr = 5e-5});
    const nn::TransformerInput input{
        .ids = Tensor::randint(0, size.model.vocab_size, {size.texts, size.tokens}, device),
        .mask = Tensor::ones({size.texts, size.tokens}, boolean, device)};
    const Tensor labels = Tensor::randint(0, 2, {size.texts}, device);
    cuda::GraphedStep step(device, [&] {
      optimizer.zero_grad();
      nn::cross_entropy(model.forward(input), labels).backward();
      optimizer.step();
    });
    const double seconds = report.seconds_of([&] { step.run(); });
    const std::string& reason = step.reason();
    report.finetuning(name, roux::name(precision), seconds, reason.empty() ? "" : "NOT replayed: " + reason);
  }
}

// ---- Training: the course's EmbeddingBag model, batches gathered on the host. --------------------------------------

/// Titles a second from the seconds of epochs; the first third makes what a training needs, and records.
double rate_of(int64_t titles, std::vector<double> seconds) {
  seconds.erase(seconds.begin(), seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 3));
  return static_cast<double>(titles) / median(seconds);
}

/// As train_recipes trains.
void train_replayed(Report& report, const std::string& name, const BenchCorpus& data,
                    const apps::TrainerOptions& options) {
  manual_seed(0);
  apps::EmbeddingBagClassifier model({.vocabulary_size = data.rows, .num_classes = data.classes});
  text::Corpus validation;
  append_title(validation, 1, {2});
  apps::Trainer<apps::EmbeddingBagClassifier> trainer(model, data.corpus, validation, options);
  trainer.run();
  std::vector<double> seconds;
  for (const apps::EpochReport& epoch : trainer.history()) seconds.push_back(epoch.seconds);
  const std::string& reason = trainer.not_replayed_because();
  report.training(name, "replayed", rate_of(data.corpus.size(), seconds), reason.empty() ? "" : "NOT: " + reason);
}

/// The same step, call by call.
void train_by_calls(Report& report, const std::string& name, const BenchCorpus& data,
                    const apps::TrainerOptions& options) {
  manual_seed(0);
  apps::EmbeddingBagClassifier model({.vocabulary_size = data.rows, .num_classes = data.classes});
  model.to(device);
  nn::Adam optimizer(model.named_parameters(), {.lr = options.lr});
  const Tensor class_weights = options.class_weights.to(device);
  text::BagBatches batches(data.corpus, {.batch_size = options.batch_size, .shuffle = true});
  std::vector<double> seconds;
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    for (const text::BagBatch& gathered : batches) {
      const text::BagBatch batch = text::to(gathered, device);
      optimizer.zero_grad();
      nn::cross_entropy(model.forward(batch), batch.labels, {.weight = class_weights}).backward();
      optimizer.step();
    }
    wait_for_device();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  report.training(name, "by calls", rate_of(data.corpus.size(), seconds), "");
}

void time_training(Report& report, const Size& size, const BenchCorpus& data) {
  for (const int64_t batch_size : size.batches) {
    const int64_t steps_an_epoch = (data.corpus.size() + batch_size - 1) / batch_size;
    const apps::TrainerOptions options{
        .epochs = std::max<int64_t>(size.steps / steps_an_epoch, 6),
        .batch_size = batch_size,
        .class_weights = nn::balanced_class_weights(Tensor::from(data.corpus.labels), data.classes),
        .device = device};
    const std::string name = "EmbeddingBag training, batch " + std::to_string(batch_size);
    train_replayed(report, name, data, options);
    train_by_calls(report, name, data, options);
  }
}

// ---- The program. ---------------------------------------------------------------------------------------------------

struct Options {
  std::vector<std::string> parts;
  std::string json, size = "full", write_corpus;
  bool name = false;

  bool wants(const char* part) const {
    return parts.empty() || std::find(parts.begin(), parts.end(), part) != parts.end();
  }
};

int measure(const Options& options, const Size& size, const BenchCorpus& data) {
  const Driver driver;
  if (!cuda_backend(device.index)) {
    std::printf("no CUDA device: %s\n", cuda_unavailable_reason(device.index).c_str());
    return 0;
  }
  const std::string found = driver.device_name(device.index), name = found.empty() ? to_string(device) : found;
  std::printf("device: %s\n", name.c_str());
  if (options.name) return 0;
  Report report(size);
  time_copies(report, size, driver);
  if (options.wants("memory")) {
    time_elementwise(report, size);
    time_rows(report, size);
    time_by_index(report, size);
    time_adam(report, size);
  }
  if (options.wants("products")) time_products(report, size);
  if (options.wants("attention")) time_attention(report, size);
  if (options.wants("training")) time_training(report, size, data);
  if (options.wants("finetuning")) time_finetuning(report, size);
  if (!options.json.empty()) report.write(options.json, name, data.name);
  return 0;
}

int cuda_bench(int argc, char** argv) {
  Options options;
  apps::CommandLine app("Times on a CUDA device, beside what the card can do.", "cuda_bench");
  app.add_option("PART", options.parts, "what to measure; without any, everything")
      ->check(CLI::IsMember({"memory", "products", "attention", "training", "finetuning"}))
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--json", options.json, "write the figures as JSON")->type_name("FILE");
  app.add_option("--size", options.size, "small: only to see that everything runs")
      ->type_name("full|small")
      ->check(CLI::IsMember({"full", "small"}));
  app.add_option("--write-corpus", options.write_corpus,
                 "write the titles that training takes, for its peer, and measure nothing")
      ->type_name("FILE");
  app.add_flag("--name", options.name, "print the device's name and measure nothing");
  if (!app.read(argc, argv)) return 0;
  const bool is_small = options.size == "small";
  const Size size = is_small ? small : Size{};
  const BenchCorpus data = options.name ? BenchCorpus{}
                           : is_small   ? synthetic_corpus(size.titles, size.words)
                                        : bench_corpus(size.titles, size.words);
  if (options.write_corpus.empty()) return measure(options, size, data);
  write_corpus(options.write_corpus, data);
  return 0;
}

}  // namespace
}  // namespace roux::bench

int main(int argc, char** argv) {
  return roux::apps::run_program("cuda_bench", [&] { return roux::bench::cuda_bench(argc, argv); });
}
