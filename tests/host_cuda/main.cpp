// The entry point of the host-executed tests. With --require-all-kernels it fails, and names them, when the program
// holds kernels that no test has started; each instance of a template counts.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <set>
#include <string>

#include "tests/host_cuda/runtime.h"
#include "tests/host_cuda/symbols.h"

namespace {

// Prints which kernels never ran, and how many there are. Returns how many never ran.
int report_kernels() {
  using namespace roux::host_cuda;
  int missing = 0;
  std::set<std::string> templates;
  for (const Symbol& symbol : kernels()) {
    templates.insert(symbol.name.substr(0, symbol.name.find('<')));
    if (has_run(symbol.address)) continue;
    ++missing;
    std::printf("host CUDA: %s never ran\n", symbol.name.c_str());
  }
  std::printf("host CUDA: %zu of %zu kernels ran, instances of %zu\n", kernels().size() - static_cast<size_t>(missing),
              kernels().size(), templates.size());
  return missing;
}

}  // namespace

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  bool all_kernels = false;
  for (int i = 1; i < argc; ++i) all_kernels |= std::string(argv[i]) == "--require-all-kernels";
  const int status = context.run();
  if (context.shouldExit() || !all_kernels) return status;
  return report_kernels() == 0 ? status : 1;
}
