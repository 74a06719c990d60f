// The names of kernels: read from the symbol table of the running program, which also tells which kernels it holds.
#pragma once

#include <string>
#include <vector>

namespace roux::host_cuda {

struct Symbol {
  const void* address;
  std::string name;  // without arguments and namespaces: sum_kernel<float>
};

/// Every function of this program whose name ends in `_kernel` (before template arguments).
const std::vector<Symbol>& kernels();

/// The name of the kernel at this address; its address as text where the program was stripped.
std::string name_of(const void* kernel);

}  // namespace roux::host_cuda
