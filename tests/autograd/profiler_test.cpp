// Which calls, bytes and times a profiler sees, to which operation they go, and the trace that it writes.
#include "tensor/profiler.h"

#include <doctest/doctest.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "autograd/ops.h"
#include "nn/adam.h"
#include "nn/linear.h"
#include "nn/loss.h"
#include "tensor/file.h"
#include "tests/message_of.h"
#include "tests/temporary_folder.h"

using namespace roux;

namespace {

// The row of this name; one without calls when there is none.
ProfilerRow row(const Profiler& profiler, const std::string& name, bool is_operation = true) {
  for (const ProfilerRow& found : profiler.rows())
    if (found.name == name && found.is_operation == is_operation) return found;
  return {};
}

}  // namespace

TEST_CASE("profiler: calls and bytes of operations, forward and backward") {
  const Variable x(Tensor::ones({50, 4}), true), w(Tensor::ones({3, 4}), true), b(Tensor::ones({3}), true);
  Profiler profiler;
  for (int i = 0; i < 5; ++i) sum(tanh(linear(x, w, b))).backward();
  profiler.stop();
  const ProfilerRow products = row(profiler, "linear"), tangents = row(profiler, "tanh");
  CHECK(products.forward.calls == 5);
  CHECK(products.backward.calls == 5);
  CHECK(tangents.forward.calls == 5);
  CHECK(tangents.forward.bytes == 5 * 2 * 50 * 3 * 4);  // reads 50 x 3 numbers and writes as many
  CHECK(products.forward.bytes == 5 * (50 * 4 + 3 * 4 + 3 + 50 * 3) * 4);
  CHECK(products.forward.nanoseconds > 0);
  CHECK(products.backward.nanoseconds > 0);
  CHECK(row(profiler, "sum").backward.calls == 5);
  Profiler broadcasting;
  mul(x, Tensor::ones({4}));
  CHECK(row(broadcasting, "mul").forward.bytes == (50 * 4 + 4 + 50 * 4) * 4);
  broadcasting.stop();
  // Nothing is seen after the end.
  tanh(x);
  CHECK(row(profiler, "tanh").forward.calls == 5);
}

TEST_CASE("profiler: kernels belong to the operation whose result they help to compute, others to none") {
  const Variable x(Tensor::ones({8, 4}), true);
  const Tensor labels = Tensor::zeros({8}, int64);
  Profiler profiler;
  const Tensor before = exp(x.data());                               // arithmetic on plain tensors
  const Variable y = cross_entropy(x, labels, {}, Reduction::mean);  // two kernels of one operation
  const Tensor after = log(before);
  const Variable view = x.reshape({32});  // no kernel
  const Variable z = softmax(view, 0);
  profiler.stop();
  CHECK(row(profiler, "unary", false).forward.calls == 2);
  CHECK(row(profiler, "cross_entropy").forward.calls == 1);
  CHECK(row(profiler, "cross_entropy").forward.bytes > 0);
  CHECK(row(profiler, "cross_entropy", false).forward.calls == 0);
  CHECK(row(profiler, "cross_entropy_mean", false).forward.calls == 0);
  CHECK(row(profiler, "reshape").forward.calls == 1);
  CHECK(row(profiler, "reshape").forward.bytes == 0);
  CHECK(row(profiler, "softmax").forward.bytes == 2 * 32 * 4);
}

TEST_CASE("profiler: a step of training, with its optimiser outside of operations") {
  nn::Linear layer(4, 3);
  nn::Adam optimizer(layer.named_parameters());
  const Tensor x = Tensor::ones({8, 4}), labels = Tensor::zeros({8}, int64);
  Profiler profiler;
  for (int i = 0; i < 3; ++i) {
    optimizer.zero_grad();
    nn::cross_entropy(layer(x), labels).backward();
    optimizer.step();
    layer.weight.transpose(0, 1);  // a view of what the step has just written
  }
  profiler.stop();
  CHECK(row(profiler, "adam", false).forward.calls == 3);
  CHECK(row(profiler, "linear").forward.bytes == 3 * (8 * 4 + 3 * 4 + 3 + 8 * 3) * 4);
  const std::string table = profiler.table();
  CHECK(table.find("\nlinear ") != std::string::npos);
  CHECK(table.find("outside of operations\n") != std::string::npos);
  CHECK(table.find("\n  adam ") != std::string::npos);
  CHECK(table.find("\nall ") != std::string::npos);
  CHECK(table.find("% of it in kernels\n") != std::string::npos);
}

TEST_CASE("profiler: times are those that kernels take") {
  const Variable a(Tensor::ones({300, 300}), true);
  const auto start = std::chrono::steady_clock::now();
  Profiler profiler;
  for (int i = 0; i < 10; ++i) matmul(a, a);
  profiler.stop();
  const double elapsed = std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count();
  const auto seen = static_cast<double>(row(profiler, "matmul").forward.nanoseconds);
  CHECK(seen <= elapsed);
  CHECK(seen >= 10 * 2 * 300. * 300 * 300 / 2000);  // 2,000 operations a nanosecond is more than a core can
}

TEST_CASE("profiler: the trace is JSON with nested spans on a track for each thread") {
  const TemporaryFolder folder;
  const Variable x(Tensor::ones({16}), true);
  Profiler profiler;
  {
    const ProfilerRange range("an \"epoch\"\n");
    sum(exp(x)).backward();
  }
  std::thread([&] { exp(x); }).join();
  profiler.stop();
  profiler.write_chrome_trace(folder / "trace.json");
  const auto trace = nlohmann::json::parse(read_file(folder / "trace.json"));
  std::vector<std::string> spans;
  int threads = 0;
  double begin = 0, end = 0;
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    threads = std::max(threads, event["tid"].get<int>());
    spans.push_back(event["cat"].get<std::string>() + " " + event["name"].get<std::string>());
    if (event["cat"] == "range") begin = event["ts"], end = begin + event["dur"].get<double>();
  }
  CHECK(threads == 2);
  CHECK(begin >= 0);
  CHECK(begin < 60e6);  // microseconds since the start
  for (const char* span : {"range an \"epoch\"\n", "forward exp", "forward sum", "backward sum backward",
                           "backward exp backward", "kernel unary"})
    CHECK_MESSAGE(std::count(spans.begin(), spans.end(), span) >= 1, span);
  CHECK(std::count(spans.begin(), spans.end(), "forward exp") == 2);
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X" || event["tid"] != 1) continue;
    CHECK(event["ts"].get<double>() >= begin);
    CHECK(event["ts"].get<double>() + event["dur"].get<double>() <= end + 0.001);
    if (event["cat"] == "kernel" && event["name"] == "unary") CHECK(event["args"]["operation"] == "exp");
  }
  CHECK(message_of([&] { profiler.write_chrome_trace(folder / "no/trace.json"); }).find("no/trace.json") !=
        std::string::npos);
}

TEST_CASE("profiler: threads at once, and one profiler at a time") {
  Profiler profiler;
  CHECK(message_of([] { Profiler second; }) == "[Profiler] another one runs (hint: stop() it first)");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([] {
      const Variable x(Tensor::ones({16}), true);
      for (int step = 0; step < 50; ++step) sum(x * x).backward();
    });
  CHECK(row(profiler, "mul").forward.calls <= 200);  // while they run
  for (std::thread& thread : threads) thread.join();
  profiler.stop();
  CHECK(row(profiler, "mul").forward.calls == 200);
  CHECK(row(profiler, "mul").backward.calls == 200);
  Profiler next;
  CHECK(next.rows().empty());
}
