// Figures of transformers, as tests/oracle/transformer_models.py writes them.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "nn/transformers/models.h"
#include "tensor/safetensors.h"

inline const std::string golden_root = "tests/oracle/transformers/";

/// A folder's figures; `suffix` ends the names of the inputs where there are several batches.
struct Golden {
  explicit Golden(const std::string& folder, const std::string& suffix = "")
      : figures(roux::load_safetensors(folder + "/figures.safetensors")) {
    input = {.ids = at("ids" + suffix), .mask = at("mask" + suffix)};
    if (figures.find("token_types" + suffix)) input.token_types = at("token_types" + suffix);
  }
  const roux::Tensor& at(const std::string& name) const {
    const roux::Tensor* found = figures.find(name);
    REQUIRE_MESSAGE(found, name);
    return *found;
  }

  roux::SafetensorsFile figures;
  roux::nn::TransformerInput input;
};
