// AnomalyMode: stops where the first NaN or infinity arises, instead of some hundred operations later in the loss.
//
//   AnomalyMode anomaly(model.named_parameters());
//   train();  // throws: [log] forward gave 2 values of (32, 4) that are NaN or infinite, the first, at (0, 3), is -inf
//             //         (nearest parameters: fc.weight, fc.bias)
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "autograd/observer.h"
#include "autograd/variable.h"

namespace roux {

/// While one exists, every result of an operation and every gradient that its thread computes is looked at, and the
/// first with a NaN or an infinity ends the operation or the backward with an Error. It names the operation, the value,
/// and the parameters that lie nearest upstream in the graph, by their names in `names`.
///
/// Infinities that are meant are let pass: what masked_fill puts in, what a constant brings along, and infinities in
/// what is computed from these; a NaN never is. It costs a pass over each result.
class AnomalyMode : public Observer {
 public:
  /// names: what Module::named_parameters() gives.
  explicit AnomalyMode(std::vector<NamedVariable> names = {}) : names_(std::move(names)) {}

  void operation(const char* name, const Tensor& result, std::span<const Variable> inputs) override;
  void gradient(const detail::Node& node, int i, const Tensor& grad) override;

 private:
  std::string nearest(const std::vector<const detail::Node*>& start) const;
  std::string name_of(const detail::Node* leaf) const;

  std::vector<NamedVariable> names_;
};

}  // namespace roux
