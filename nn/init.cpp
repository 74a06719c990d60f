// Initialisers: the spread that each source asks for, and the draw.
#include "nn/init.h"

#include <cmath>

namespace roux::nn::init {
namespace {

struct Fans {
  double in, out;
};

Fans fans(const Variable& weight, const char* operation) {
  const Shape& shape = weight.shape();
  ROUX_CHECK(shape.size() >= 2, operation, "found shape ", shape, ", expected at least (out, in)");
  ROUX_CHECK(shape.numel() > 0, operation, "the weight of shape ", shape, " has no elements");
  const auto further = static_cast<double>(shape.numel() / (shape[0] * shape[1]));
  return {static_cast<double>(shape[1]) * further, static_cast<double>(shape[0]) * further};
}

double xavier_std(const Variable& weight, double gain, const char* operation) {
  const Fans fan = fans(weight, operation);
  return gain * std::sqrt(2 / (fan.in + fan.out));
}

double kaiming_std(const Variable& weight, const KaimingOptions& options, const char* operation) {
  const Fans fan = fans(weight, operation);
  const double gain = std::sqrt(2 / (1 + options.negative_slope * options.negative_slope));
  return gain / std::sqrt(options.fan == Fan::in ? fan.in : fan.out);
}

// A uniform distribution over [-a, a) has the standard deviation a / sqrt(3).
void uniform_with_std(Variable& weight, double std, Generator& generator) {
  const double bound = std::sqrt(3.0) * std;
  uniform_(weight, -bound, bound, generator);
}

}  // namespace

void constant_(Variable& parameter, double value) { parameter.mutable_data().fill_(value); }

void uniform_(Variable& parameter, double low, double high, Generator& generator) {
  ROUX_CHECK(low <= high, "uniform_", "found bounds ", low, " and ", high, ", expected the lower one first");
  const Tensor values = Tensor::rand(parameter.shape(), parameter.dtype(), parameter.device(), generator);
  parameter.mutable_data().copy_(values).mul_(high - low).add_(low);
}

void normal_(Variable& parameter, double mean, double std, Generator& generator) {
  ROUX_CHECK(std >= 0, "normal_", "found std ", std, ", expected 0 or more");
  const Tensor values = Tensor::randn(parameter.shape(), parameter.dtype(), parameter.device(), generator);
  parameter.mutable_data().copy_(values).mul_(std).add_(mean);
}

void xavier_uniform_(Variable& weight, double gain, Generator& generator) {
  uniform_with_std(weight, xavier_std(weight, gain, "xavier_uniform_"), generator);
}

void xavier_normal_(Variable& weight, double gain, Generator& generator) {
  normal_(weight, 0, xavier_std(weight, gain, "xavier_normal_"), generator);
}

void kaiming_uniform_(Variable& weight, const KaimingOptions& options, Generator& generator) {
  uniform_with_std(weight, kaiming_std(weight, options, "kaiming_uniform_"), generator);
}

void kaiming_normal_(Variable& weight, const KaimingOptions& options, Generator& generator) {
  normal_(weight, 0, kaiming_std(weight, options, "kaiming_normal_"), generator);
}

}  // namespace roux::nn::init
