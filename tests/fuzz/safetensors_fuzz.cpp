// Fuzzing of the safetensors reader: it must throw Error or give tensors that lie within the bytes.
//
// Each input is read twice: as a file, and as a header in front of data with the length that the header needs. Few inputs
// would get beyond the length otherwise.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "tensor/error.h"
#include "tensor/safetensors.h"

namespace {

void read(std::string_view file_bytes) {
  const roux::Storage bytes = roux::Storage::allocate(file_bytes.size(), roux::cpu);
  std::copy(file_bytes.begin(), file_bytes.end(), static_cast<char*>(bytes.data()));
  try {
    const roux::SafetensorsFile file = roux::parse_safetensors(bytes, "fuzz");
    for (const auto& [name, tensor] : file.tensors) {
      if (file.find(name) != &tensor) __builtin_trap();
      const roux::Tensor copy = tensor.clone();  // touches every element
      if (to_string(copy) != to_string(tensor)) __builtin_trap();
    }
  } catch (const roux::Error&) {
    // A refusal is an answer.
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  read(input);
  const uint64_t header_bytes = std::min(input.find('\0'), size);
  std::string framed(sizeof header_bytes, '\0');
  std::memcpy(framed.data(), &header_bytes, sizeof header_bytes);
  read(framed.append(input));
  return 0;
}
