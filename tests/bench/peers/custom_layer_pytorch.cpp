// apps/custom_layer/custom_layer.cpp with PyTorch's C++ API: a new operation with its gradient, a layer made of it, and
// their tests. That API has no gradcheck, so that one is written here. compare_custom_layer.py compiles and starts it.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <torch/torch.h>

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// x / sqrt(mean(x^2) + 1e-6) along the last dimension. x: (..., n) -> the same shape.
struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static Tensor forward(AutogradContext* context, const Tensor& x) {
    const Tensor r = torch::rsqrt(x.square().mean(-1, true) + 1e-6), y = x * r;
    context->save_for_backward({y, r});
    return y;
  }
  static variable_list backward(AutogradContext* context, const variable_list& grads) {
    const variable_list saved = context->get_saved_variables();
    const Tensor &grad = grads[0], &y = saved[0], &r = saved[1];
    return {(grad - y * (grad * y).mean(-1, true)) * r};
  }
};

bool gradcheck(const std::function<Tensor(Tensor)>& f, const Tensor& values) {
  const Tensor x = values.clone().set_requires_grad(true), y = f(x), weight = torch::randn_like(y);
  (y * weight).sum().backward();
  const torch::NoGradGuard no_grad;
  const Tensor found = x.grad().flatten(), at = x.detach().flatten(), expected = torch::zeros_like(found);
  for (int64_t i = 0; i < at.numel(); ++i) {
    const double before = at[i].item<double>();
    at[i] = before + 1e-6;
    const double above = (f(at.view_as(x)) * weight).sum().item<double>();
    at[i] = before - 1e-6;
    const double below = (f(at.view_as(x)) * weight).sum().item<double>();
    at[i] = before;
    expected[i] = (above - below) / 2e-6;
  }
  return torch::allclose(found, expected, 1e-5, 1e-7);
}

TEST_CASE("rms_norm has the right values and gradients") {
  const Tensor x = torch::tensor({3., 4., 0., 0., 2., 2., -2., -2.}).view({2, 4});
  CHECK(torch::allclose(RmsNorm::apply(x), torch::tensor({1.2, 1.6, 0., 0., 1., 1., -1., -1.}).view({2, 4})));
  CHECK(gradcheck([](const Tensor& in) { return RmsNorm::apply(in); }, torch::randn({5, 3, 4}, torch::kFloat64)));
}

struct NormedLinearImpl : torch::nn::Module {
  Tensor scale;
  torch::nn::Linear fc{nullptr};
  torch::nn::Dropout dropout{nullptr};

  NormedLinearImpl(int64_t in_features, int64_t out_features) {
    scale = register_parameter("scale", torch::ones({in_features}));
    fc = register_module("fc", torch::nn::Linear(in_features, out_features));
    dropout = register_module("dropout", torch::nn::Dropout(0.5));
  }
  Tensor forward(const Tensor& x) { return fc(dropout(RmsNorm::apply(x) * scale)); }
};
TORCH_MODULE(NormedLinear);

TEST_CASE("NormedLinear has gradients for all parameters, and drops in training only") {
  NormedLinear layer(4, 3);
  const Tensor x = torch::randn({6, 4});
  CHECK_FALSE(torch::equal(layer(x), layer(x)));
  layer->eval();
  CHECK(torch::equal(layer(x), layer(x)));
  layer(x).sum().backward();
  for (const Tensor& parameter : layer->parameters()) CHECK(parameter.grad().defined());
}
