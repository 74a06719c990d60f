// A profiler over work on a device: its kernels are seen, computed as without it, and waited for when asked.
#include "autograd/ops.h"
#include "tensor/profiler.h"
#include "tests/cuda/on_device.h"

using namespace roux;
using namespace on_device;

TEST_CASE("profiler: kernels of a device, with and without waiting for each") {
  if (!has_device()) return;
  const Tensor x = Tensor::rand({8, 4}), w = Tensor::rand({3, 4});
  const Variable expected_weight(w, true);
  sum(tanh(linear(x, expected_weight, Variable()))).backward();
  for (const bool synchronize : {false, true}) {
    const Variable weight(w.to(gpu), true);
    Profiler profiler({.synchronize = synchronize});
    sum(tanh(linear(x.to(gpu), weight, Variable()))).backward();
    const Tensor grad = weight.grad().to(cpu);
    profiler.stop();
    check_same(grad, expected_weight.grad(), 1e-5, "the gradient of a profiled step");
    int found = 0;
    for (const ProfilerRow& row : profiler.rows()) {
      if (row.name == "linear" || row.name == "tanh" || row.name == "sum")
        found += row.forward.calls == 1 && row.backward.calls == 1 && row.forward.nanoseconds > 0;
      if (row.name == "copy_from_host") CHECK(row.forward.bytes == 8 * 4 * 4);
      if (row.name == "copy_to_host") CHECK(row.forward.bytes == 3 * 4 * 4);
    }
    CHECK(found == 3);
  }
}
