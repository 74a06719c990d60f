// Pooling over padded sequences: one vector for each row of a batch, from its tokens that count.
#pragma once

#include "autograd/variable.h"

namespace roux::nn {

// x (batch, length, dim); mask boolean (batch, length), true where a token counts -> (batch, dim). A row in which no
// token counts gives zeros. Throws when shapes do not fit or the mask is not boolean.

/// The sum over the tokens that count.
Variable masked_sum(const Variable& x, const Tensor& mask);
/// Their mean.
Variable masked_mean(const Variable& x, const Tensor& mask);
/// Their maximum, each dimension for itself; the gradient goes to the first of equals.
Variable masked_max(const Variable& x, const Tensor& mask);

}  // namespace roux::nn
