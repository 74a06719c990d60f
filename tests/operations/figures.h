// Reference figures of the cases: what PyTorch gives for the same inputs (tests/oracle/operations.json).
#pragma once

#include <string>
#include <vector>

#include "tests/operations/cases.h"

namespace roux::operations {

struct Figures {
  std::string checksum;           // of the inputs they belong to
  std::vector<Tensor> outputs;    // floating-point ones in the type that float64 inputs give
  std::vector<Tensor> gradients;  // of the first output, one for each input; undefined where there is none
};

/// `add(T, T)/itself:small`.
std::string figure_name(const Case& item, const Variant& variant);
/// Null when the file has none of this name. Throws when the file cannot be read.
const Figures* find_figures(const std::string& name);
/// Of a case's inputs and the gradient it starts from.
std::string checksum_of_inputs(const Case& item, const Variant& variant);
/// Writes the inputs of all cases that have figures, for tests/oracle/operations.py.
void write_inputs(const std::string& path);

}  // namespace roux::operations
