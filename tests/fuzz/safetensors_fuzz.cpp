// Fuzzing of the safetensors reader: it must throw Error or give tensors that lie within the bytes.
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/error.h"
#include "tensor/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const roux::Storage bytes = roux::Storage::allocate(size, roux::cpu);
  if (size > 0) std::memcpy(bytes.data(), data, size);
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
  return 0;
}
