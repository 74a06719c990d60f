// Clipping of gradients between backward() and step().
#pragma once

#include <vector>

#include "autograd/variable.h"

namespace roux::nn {

/// Scales the gradients of all parameters by min(1, max_norm / (norm + 1e-6)), where norm is the root of the sum of
/// squares of them all (Pascanu et al. 2013). Row gradients stay rows. Returns the norm as it was before; parameters
/// without a gradient count for nothing. Throws when max_norm is negative or NaN. A norm of NaN makes all
/// gradients NaN, an infinite one makes finite entries 0 and the others NaN, as in PyTorch.
double clip_grad_norm(const std::vector<Variable>& parameters, double max_norm);

/// The same without the norm, which takes no waiting for a device then: such a step can be recorded as a CUDA graph.
void clip_gradients(const std::vector<Variable>& parameters, double max_norm);

}  // namespace roux::nn
