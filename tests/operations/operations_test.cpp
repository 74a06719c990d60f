// What must hold for every operation: the tests that follow from the table in cases.h.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "autograd/gradcheck.h"
#include "tensor/backend.h"
#include "tensor/memory.h"
#include "tensor/parallel.h"
#include "tests/operations/cases.h"
#include "tests/operations/figures.h"
#include "tests/thread_count_guard.h"

using namespace roux;
using namespace roux::operations;

namespace {

// What a case gives for some inputs.
struct Run {
  std::vector<Tensor> outputs;
  std::vector<Tensor> gradients;  // of the first output, one for each input; undefined where there is none
};

struct RunOptions {
  DType dtype = float64;
  Device device = cpu;
  Layout layout = Layout::contiguous;
  int only_input = -1;  // the one input that requires a gradient; -1: all that can
};

bool takes_gradient(const Case& item, const Variant& variant, size_t i) {
  return item.variables && variant.inputs[i].takes_gradient && variant.inputs[i].dtype == float64;
}

Run run(const Case& item, const Variant& variant, const RunOptions& options = {}) {
  std::vector<Tensor> inputs;
  std::vector<Variable> variables;
  for (const Tensor& input : make_inputs(variant, item.name())) {
    const size_t i = inputs.size();
    inputs.push_back(laid_out(in_precision(input, options.dtype).to(options.device), options.layout));
    const bool wanted = options.only_input < 0 || options.only_input == static_cast<int>(i);
    variables.push_back(Variable(inputs[i], wanted && takes_gradient(item, variant, i)));
  }
  Run result;
  if (item.tensors) result.outputs = item.tensors(inputs);
  if (!item.variables) return result;
  const Variable output = item.variables(variables);
  if (!item.tensors) result.outputs = {output.data()};
  if (output.requires_grad()) {
    const Tensor cotangent = make_cotangent(output.shape(), item.name()).to(output.dtype()).to(options.device);
    output.backward(laid_out(cotangent, options.layout));
  }
  for (const Variable& variable : variables) result.gradients.push_back(variable.grad());
  return result;
}

template <class F>
void for_each_variant(F f) {
  for (const Case& item : all_cases())
    for (const Variant& variant : item.variants) {
      const std::string name = figure_name(item, variant);
      CAPTURE(name);
      try {
        f(item, variant, name);
      } catch (const std::exception& error) {
        FAIL_CHECK("threw " << std::string(error.what()));
      }
    }
}

void check_equal(const Tensor& found, const Tensor& expected, double tolerance, const std::string& what) {
  const std::string wrong = difference(found, expected, tolerance);
  CHECK_MESSAGE(wrong.empty(), what << ": " << wrong);
}

void check_equal(const Run& found, const Run& expected, double tolerance) {
  REQUIRE(found.outputs.size() == expected.outputs.size());
  REQUIRE(found.gradients.size() == expected.gradients.size());
  for (size_t i = 0; i < found.outputs.size(); ++i)
    check_equal(found.outputs[i], expected.outputs[i], tolerance, "output " + std::to_string(i));
  for (size_t i = 0; i < found.gradients.size(); ++i)
    check_equal(found.gradients[i], expected.gradients[i], tolerance, "gradient " + std::to_string(i));
}

// The CPU, and what else is there.
std::vector<Device> devices() {
  std::vector<Device> all = {cpu};
  if (cuda_backend(0)) all.push_back({DeviceType::cuda, 0});
  return all;
}

// Floating-point results as `like` has them.
Tensor converted(const Tensor& x, const Tensor& like) {
  return x.defined() && like.defined() && is_floating(x.dtype()) && is_floating(like.dtype()) ? x.to(like.dtype()) : x;
}

Run converted(const Run& run, const Run& like) {
  Run result = run;
  for (size_t i = 0; i < run.outputs.size(); ++i) result.outputs[i] = converted(run.outputs[i], like.outputs[i]);
  for (size_t i = 0; i < run.gradients.size(); ++i)
    result.gradients[i] = converted(run.gradients[i], like.gradients[i]);
  return result;
}

const char* name_of(Layout layout) {
  switch (layout) {
    case Layout::contiguous: return "contiguous";
    case Layout::transposed: return "transposed";
    case Layout::stepped: return "stepped";
  }
  return "";
}

// The case on a device, in a layout, gives what it gives on the CPU from contiguous inputs.
void check_on_device(const Case& item, const Variant& variant, const RunOptions& options, double tolerance) {
  CAPTURE(to_string(options.dtype));
  CAPTURE(name_of(options.layout));
  Run found = run(item, variant, options);
  for (std::vector<Tensor>* tensors : {&found.outputs, &found.gradients})
    for (Tensor& tensor : *tensors) {
      if (!tensor.defined()) continue;
      CHECK(tensor.device() == options.device);
      tensor = tensor.to(cpu);
    }
  check_equal(found, run(item, variant, {.dtype = options.dtype}), tolerance);
}

}  // namespace

TEST_CASE("operations: write the inputs of the reference figures") {
  CHECK_FALSE(all_cases().empty());
  if (const char* const path = std::getenv("ROUX_WRITE_INPUTS")) write_inputs(path);
}

TEST_CASE("operations: values and gradients are PyTorch's") {
  for_each_variant([](const Case& item, const Variant& variant, const std::string& name) {
    if (!item.oracle || variant.large) return;
    const Figures* const figures = find_figures(name);
    REQUIRE_MESSAGE(figures, "there are no figures (hint: see the head of tests/oracle/operations.py)");
    REQUIRE_MESSAGE(
        figures->checksum == checksum_of_inputs(item, variant),
        "the inputs have changed since the figures were made (hint: see the head of tests/oracle/operations.py)");
    const Run expected{figures->outputs, item.variables ? figures->gradients : std::vector<Tensor>()};
    check_equal(run(item, variant), expected, 1e-8);
    const Run found = run(item, variant, {.dtype = float32});
    check_equal(found, converted(expected, found), item.tolerance);
  });
}

TEST_CASE("operations: gradients are those of the function") {
  for_each_variant([](const Case& item, const Variant& variant, const std::string&) {
    if (!item.variables || !item.gradcheck) return;
    std::vector<Variable> variables;
    std::vector<NamedVariable> leaves;
    for (const Tensor& input : make_inputs(variant, item.name())) {
      const size_t i = variables.size();
      variables.push_back(Variable(input, takes_gradient(item, variant, i)));
      if (variables[i].requires_grad()) leaves.push_back({"input " + std::to_string(i), variables[i]});
    }
    const auto f = [&] { return item.variables(variables); };
    if (leaves.empty()) return;
    if (!std::isfinite(sum(f().data()).item())) return;  // differences of infinities say nothing
    CHECK(check_gradients(f, leaves, {.max_entries = variant.large ? 8 : 256, .allow_kinks = item.kinks}));
  });
}

TEST_CASE("operations: variables give what tensors give, and constants without recording") {
  for_each_variant([](const Case& item, const Variant& variant, const std::string&) {
    if (!item.variables) return;
    const std::vector<Tensor> inputs = make_inputs(variant, item.name());
    std::vector<Variable> leaves;
    for (size_t i = 0; i < inputs.size(); ++i) leaves.push_back(Variable(inputs[i], takes_gradient(item, variant, i)));
    const Variable recorded = item.variables(leaves);
    const Variable constant = item.variables(std::vector<Variable>(inputs.begin(), inputs.end()));
    CHECK_FALSE(constant.requires_grad());
    check_equal(constant.data(), recorded.data(), 0, "constants");
    if (item.tensors) check_equal(recorded.data(), item.tensors(inputs)[0], 0, "tensors");
    const NoGrad guard;
    const Variable unrecorded = item.variables(leaves);  // may be an input itself: to() its own type
    CHECK((!unrecorded.requires_grad() || unrecorded == leaves[0]));
  });
}

TEST_CASE("operations: each input's gradient is the same when it is the only one") {
  for_each_variant([](const Case& item, const Variant& variant, const std::string&) {
    if (!item.variables || variant.inputs.size() < 2) return;
    const Run all = run(item, variant);
    for (size_t i = 0; i < variant.inputs.size(); ++i) {
      if (!takes_gradient(item, variant, i)) continue;
      const Run single = run(item, variant, {.only_input = static_cast<int>(i)});
      for (size_t j = 0; j < variant.inputs.size(); ++j)
        check_equal(single.gradients[j], i == j ? all.gradients[j] : Tensor(), 0, "gradient " + std::to_string(j));
    }
  });
}

TEST_CASE("operations: the layout in memory does not matter") {
  for_each_variant([](const Case& item, const Variant& variant, const std::string&) {
    for (const DType dtype : {float64, float32}) {
      const Run expected = run(item, variant, {.dtype = dtype});
      const double tolerance = dtype == float64 ? 1e-13 : 1e-5;
      for (const Layout layout : {Layout::transposed, Layout::stepped})
        check_equal(run(item, variant, {.dtype = dtype, .layout = layout}), expected, tolerance);
    }
  });
}

TEST_CASE("operations: float32 agrees with float64") {
  for_each_variant([](const Case& item, const Variant& variant, const std::string&) {
    const Run found = run(item, variant, {.dtype = float32});
    check_equal(found, converted(run(item, variant), found), item.tolerance);
  });
}

TEST_CASE("operations: the same bits for any number of threads in parallel") {
  const ThreadCountGuard guard;
  for_each_variant([](const Case& item, const Variant& variant, const std::string&) {
    if (!variant.large) return;
    set_num_threads(1);
    const Run expected = run(item, variant, {.dtype = float32});
    for (const int threads : {2, 5}) {
      set_num_threads(threads);
      check_equal(run(item, variant, {.dtype = float32}), expected, 0);
    }
  });
}

// Sums are taken in another order on a device, so that results differ by rounding. difference() forgives that by
// magnitude: |found - expected| <= tolerance * (|expected| + a tenth of the largest |expected|, at least of 1). The
// tolerance is the case's own in float32, 1e-12 in float64; the CPU itself must give the same bits again.
TEST_CASE("operations: every device gives what the CPU gives") {
  for (const Device device : devices()) {
    CAPTURE(to_string(device));
    for_each_variant([&](const Case& item, const Variant& variant, const std::string&) {
      check_on_device(item, variant, {.dtype = float32, .device = device}, device == cpu ? 0 : item.tolerance);
      if (device == cpu || variant.large) return;
      for (const Layout layout : {Layout::contiguous, Layout::transposed, Layout::stepped}) {
        check_on_device(item, variant, {.dtype = float64, .device = device, .layout = layout}, 1e-12);
        if (layout == Layout::contiguous) continue;
        check_on_device(item, variant, {.dtype = float32, .device = device, .layout = layout}, item.tolerance);
      }
    });
  }
}

TEST_CASE("operations: inputs are not written to, and nothing is left behind") {
  for_each_variant([](const Case& item, const Variant& variant, const std::string&) {
    run(item, variant);
    const int64_t nodes = live_nodes(), blocks = memory_stats().live_blocks;
    run(item, variant);
    CHECK(live_nodes() == nodes);
    CHECK(memory_stats().live_blocks == blocks);
    const std::vector<Tensor> inputs = make_inputs(variant, item.name()), copies = make_inputs(variant, item.name());
    std::vector<uint64_t> versions;
    for (const Tensor& input : inputs) versions.push_back(input.version());
    if (item.tensors) item.tensors(inputs);
    if (item.variables) item.variables(std::vector<Variable>(inputs.begin(), inputs.end()));
    for (size_t i = 0; i < inputs.size(); ++i) {
      CHECK(inputs[i].version() == versions[i]);
      check_equal(inputs[i], copies[i], 0, "input " + std::to_string(i));
    }
  });
}
