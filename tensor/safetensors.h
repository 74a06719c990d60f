// Tensors in files of the safetensors format (https://github.com/huggingface/safetensors): eight bytes with the length
// of a JSON header, the header (name, dtype, shape and place of each tensor), then the bytes of the tensors without
// gaps.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tensor/storage.h"
#include "tensor/tensor.h"

namespace roux {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;
using Metadata = std::vector<std::pair<std::string, std::string>>;

/// What a file holds.
struct SafetensorsFile {
  NamedTensors tensors;  ///< sorted by name
  Metadata metadata;     ///< sorted by key

  /// The tensor of that name, or null.
  const Tensor* find(std::string_view name) const;
};

/// Reads float64, float32, float16, bfloat16, int64, int32 and boolean tensors. The file is mapped, not read: its
/// tensors share the mapping (one that is not aligned to its element size is copied), and writing to them does not
/// change the file. Whoever cuts the file short in place while it is mapped crashes the process; save_safetensors never
/// does. Throws on anything that is damaged or contradicts itself: a header that is cut off, over 100 MB or no proper
/// JSON, duplicate names, unknown dtypes, tensors that overlap, leave holes or do not fill the file to its end,
/// booleans but 0 and 1.
SafetensorsFile load_safetensors(const std::string& path);

/// The same from bytes in CPU memory, which the tensors share; `name` is what error messages call them.
SafetensorsFile parse_safetensors(const Storage& bytes, const std::string& name);

/// Replaces the file at `path`, written beside it and renamed. Tensors go in by element size, the largest first, then
/// by name. Throws when a name appears twice or is not UTF-8, and when the file cannot be written.
void save_safetensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata = {});

}  // namespace roux
