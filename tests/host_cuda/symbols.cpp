// Reads the ELF symbol table of the program that runs.
#include "tests/host_cuda/symbols.h"

#include <cxxabi.h>
#include <elf.h>
#include <link.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace roux::host_cuda {
namespace {

// Where the program was loaded: 0 unless it is position-independent.
uintptr_t load_address() {
  uintptr_t address = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* result) {
        *static_cast<uintptr_t*>(result) = info->dlpi_addr;
        return 1;  // the first is the program itself
      },
      &address);
  return address;
}

std::string demangled(const char* name) {
  int status = 0;
  char* const text = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 ? text : name;
  std::free(text);
  return result;
}

// The end of `text` at which a bracket that is open at `begin` closes.
size_t closing(const std::string& text, size_t begin) {
  int depth = 0;
  for (size_t i = begin; i < text.size(); ++i) {
    if (text[i] == '<' || text[i] == '(') ++depth;
    if ((text[i] == '>' || text[i] == ')') && --depth == 0) return i + 1;
  }
  return text.size();
}

// `sum_kernel<float>` out of `void roux::cuda::(anonymous namespace)::sum_kernel<float>(float*, long)`; empty when it
// is not the name of a kernel.
std::string kernel_name(const std::string& function) {
  constexpr const char* suffix = "_kernel";
  const size_t found = function.find(suffix);
  if (found == std::string::npos) return "";
  size_t end = found + std::string(suffix).size();
  if (end < function.size() && function[end] != '<' && function[end] != '(') return "";
  size_t begin = found;
  while (begin > 0 && (std::isalnum(static_cast<unsigned char>(function[begin - 1])) || function[begin - 1] == '_'))
    --begin;
  // Names within the arguments of another function do not count.
  if (function.find('<') < begin) return "";
  if (end < function.size() && function[end] == '<') end = closing(function, end);
  return function.substr(begin, end - begin);
}

std::vector<Symbol> read_symbols() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::vector<Symbol> result;
  if (bytes.size() < sizeof(ElfW(Ehdr))) return result;
  const auto* const header = reinterpret_cast<const ElfW(Ehdr)*>(bytes.data());
  const auto* const sections = reinterpret_cast<const ElfW(Shdr)*>(bytes.data() + header->e_shoff);
  const uintptr_t base = load_address();
  for (int i = 0; i < header->e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const auto* const symbols = reinterpret_cast<const ElfW(Sym)*>(bytes.data() + sections[i].sh_offset);
    const char* const names = bytes.data() + sections[sections[i].sh_link].sh_offset;
    for (size_t k = 0; k < sections[i].sh_size / sizeof(ElfW(Sym)); ++k) {
      const std::string raw = names + symbols[k].st_name;
      if ((symbols[k].st_info & 0xF) != STT_FUNC || raw.find("_kernel") == std::string::npos) continue;
      if (raw.find('.') != std::string::npos) continue;  // what the compiler split off a function
      const std::string name = kernel_name(demangled(raw.c_str()));
      if (!name.empty()) result.push_back({reinterpret_cast<const void*>(base + symbols[k].st_value), name});
    }
  }
  return result;
}

}  // namespace

const std::vector<Symbol>& kernels() {
  static const std::vector<Symbol> all = read_symbols();
  return all;
}

std::string name_of(const void* kernel) {
  for (const Symbol& symbol : kernels())
    if (symbol.address == kernel) return symbol.name;
  char text[32];
  std::snprintf(text, sizeof text, "kernel at %p", kernel);
  return text;
}

}  // namespace roux::host_cuda
