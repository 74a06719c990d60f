// What a project outside does with an installed roux: a layer of its own, and a test of its gradients.
#include <doctest/doctest.h>

#include <roux/nn/linear.h>
#include <roux/nn/testing.h>

namespace {

struct GatedLinear : roux::nn::Layer {
  roux::nn::Linear value;
  roux::nn::Linear gate;

  GatedLinear(int64_t in_features, int64_t out_features)
      : value(in_features, out_features), gate(in_features, out_features) {
    add("value", value);
    add("gate", gate);
  }
  roux::Variable forward(const roux::Variable& x) override { return value(x) * sigmoid(gate(x)); }
};

}  // namespace

TEST_CASE("a layer from outside has the right gradients and registers all that it uses") {
  GatedLinear layer(4, 3), other(4, 3);
  const roux::Tensor x = roux::Tensor::randn({5, 4});
  CHECK(roux::nn::gradcheck(layer, {x}));
  CHECK(roux::nn::state_dict_round_trips(layer, other, [&](GatedLinear& module) { return module(x); }));
}
