// Fuzzing of the safetensors reader: it must throw Error or give tensors that lie within the bytes.
//
// Each input is read twice: as a file, and as a description of one, with the length that the header needs in front and
// words of the format for the bytes above 127. Few inputs would get to the tensors otherwise.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string>
#include <string_view>

#include "tensor/convert.h"
#include "tensor/error.h"
#include "tensor/safetensors.h"

namespace {

// Every element must be within the memory that the tensor holds.
void read_elements(const roux::Tensor& tensor) {
  const roux::Tensor copy = tensor.clone();
  roux::functions::dispatch_all(tensor.dtype(), "fuzz", [&]<class T>(T) {
    const auto bytes = static_cast<size_t>(tensor.numel()) * sizeof(T);
    if (bytes > 0 && std::memcmp(copy.data<T>(), tensor.data<T>(), bytes) != 0) __builtin_trap();
  });
}

void read(std::string_view file_bytes) {
  const roux::Storage bytes = roux::Storage::allocate(file_bytes.size(), roux::cpu);
  std::copy(file_bytes.begin(), file_bytes.end(), static_cast<char*>(bytes.data()));
  try {
    const roux::SafetensorsFile file = roux::parse_safetensors(bytes, "fuzz");
    uint64_t filled = 0;
    for (const auto& [name, tensor] : file.tensors) {
      filled += static_cast<uint64_t>(tensor.numel() * size_of(tensor.dtype()));
      if (file.find(name) != &tensor) __builtin_trap();
      read_elements(tensor);
    }
    // No hole, no overlap, nothing behind the last: what the header leaves is the tensors, each byte once.
    uint64_t header_bytes = 0;
    std::memcpy(&header_bytes, file_bytes.data(), sizeof header_bytes);
    if (header_bytes > 100'000'000 || filled + header_bytes + sizeof header_bytes != file_bytes.size())
      __builtin_trap();
  } catch (const roux::Error&) {
    // A refusal is an answer.
  }
}

constexpr const char* words[] = {
    R"({"a":{"dtype":"BOOL","shape":[)",
    R"({"a":{"dtype":"F32","shape":[)",
    R"(,"b":{"dtype":"F64","shape":[)",
    R"(,"c":{"dtype":"BF16","shape":[)",
    R"(],"data_offsets":[0,)",
    R"(],"data_offsets":[8,)",
    R"(,"__metadata__":{"k":"v"}})",
    R"(]}})",
    R"(]})",
    R"(9223372036854775807)",
};

// What stands before the first NUL is the header, what follows it the data.
std::string described_file(std::string_view input) {
  const size_t end = std::min(input.find('\0'), input.size());
  std::string header;
  for (const char c : input.substr(0, end)) {
    const auto byte = static_cast<unsigned char>(c);
    byte < 128 ? header += c : header += words[byte % std::size(words)];
  }
  const uint64_t header_bytes = header.size();
  std::string file(reinterpret_cast<const char*>(&header_bytes), sizeof header_bytes);
  file += header;
  return file.append(input.substr(std::min(end + 1, input.size())));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  read(input);
  read(described_file(input));
  return 0;
}
