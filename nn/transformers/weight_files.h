// The weights of a model folder, from however many files they are in.
#pragma once

#include <string>

#include "tensor/safetensors.h"

namespace roux::nn {

/// The file names that the text of a model.safetensors.index.json gives, by tensor: {name, file}. `name` is what
/// messages call it. Throws for what is no such index, and for files outside the folder.
Metadata parse_weight_index(std::string_view json, const std::string& name);

/// All tensors of FOLDER/model.safetensors, or, where there is none, of the files of
/// FOLDER/model.safetensors.index.json. They share the mapped files. Throws when the folder has neither, and says how
/// to convert what it has.
NamedTensors load_weights(const std::string& folder);

}  // namespace roux::nn
