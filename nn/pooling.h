// Pooling over padded sequences: one vector for each row of a batch, from its tokens that count.
#pragma once

#include "autograd/ops.h"

namespace roux::nn {

// x (batch, length, dim); mask boolean (batch, length), true where a token counts -> (batch, dim). A row in which no
// token counts gives zeros. Throws when shapes do not fit or the mask is not boolean.

/// The sum over the tokens that count.
inline Variable masked_sum(const Variable& x, const Tensor& mask) { return masked_pool(x, mask, Pooling::sum); }
/// Their mean.
inline Variable masked_mean(const Variable& x, const Tensor& mask) { return masked_pool(x, mask, Pooling::mean); }
/// Their maximum, each dimension for itself; the gradient goes to the first of equals.
inline Variable masked_max(const Variable& x, const Tensor& mask) { return masked_pool(x, mask, Pooling::max); }

}  // namespace roux::nn
