// Initialisers: they fill a parameter in place. fan_in and fan_out of a weight (out, in, ...) are the numbers of values
// that one output depends on and that one input reaches: in and out, times the product of the further dimensions.
#pragma once

#include "autograd/variable.h"

namespace roux::nn::init {

/// Every element becomes `value`.
void constant_(Variable& parameter, double value);
/// Uniform in [low, high).
void uniform_(Variable& parameter, double low = 0, double high = 1, Generator& generator = default_generator());
/// Throws when std is negative.
void normal_(Variable& parameter, double mean = 0, double std = 1, Generator& generator = default_generator());

/// Uniform in [-a, a), a = gain * sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010). At least 2 dimensions.
void xavier_uniform_(Variable& weight, double gain = 1, Generator& generator = default_generator());
/// Normal, std = gain * sqrt(2 / (fan_in + fan_out)).
void xavier_normal_(Variable& weight, double gain = 1, Generator& generator = default_generator());

enum class Fan : uint8_t { in, out };

/// Options of `kaiming_uniform_` and `kaiming_normal_`.
struct KaimingOptions {
  Fan fan = Fan::in;          ///< in keeps the variance going forward, out going backward
  double negative_slope = 0;  ///< of the leaky ReLU that follows; 0: ReLU; sqrt(5): what PyTorch's Linear starts with
};

/// Uniform in [-a, a), a = gain * sqrt(3 / fan), gain = sqrt(2 / (1 + negative_slope^2)) (He et al. 2015). At least 2
/// dimensions.
void kaiming_uniform_(Variable& weight, const KaimingOptions& options = {}, Generator& generator = default_generator());
/// Normal, std = gain / sqrt(fan).
void kaiming_normal_(Variable& weight, const KaimingOptions& options = {}, Generator& generator = default_generator());

}  // namespace roux::nn::init
