// The entry point of the host-executed tests. With --require-all-kernels it fails when the program holds a kernel that
// no test has started.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>
#include <map>
#include <string>

#include "tests/host_cuda/runtime.h"
#include "tests/host_cuda/symbols.h"

namespace {

// Prints which kernels never ran; a template counts when one of its instances did. Returns how many.
int report_kernels() {
  using namespace roux::host_cuda;
  std::map<std::string, bool> templates;
  size_t instances = 0;
  for (const Symbol& symbol : kernels()) {
    const bool ran = has_run(symbol.address);
    instances += ran;
    templates[symbol.name.substr(0, symbol.name.find('<'))] |= ran;
  }
  int missing = 0;
  for (const auto& [name, ran] : templates) {
    if (ran) continue;
    ++missing;
    std::printf("host CUDA: %s never ran\n", name.c_str());
  }
  std::printf("host CUDA: %zu of %zu kernels ran (%zu of %zu with their template arguments)\n",
              templates.size() - static_cast<size_t>(missing), templates.size(), instances, kernels().size());
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
