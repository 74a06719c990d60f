// A new operation, a layer made of it, and their tests: what one file outside roux needs. See README.md beside it.
#include <doctest/doctest.h>

#include <roux/nn/dropout.h>
#include <roux/nn/linear.h>
#include <roux/nn/loss.h>
#include <roux/nn/testing.h>

using namespace roux;

// x / sqrt(mean(x^2) + 1e-6) along the last dimension. x: (..., n) -> the same shape.
Variable rms_norm(const Variable& x) {
  const Tensor r = rsqrt(mean(square(x.data()), {-1}, true) + 1e-6), y = x.data() * r;  // r: (..., 1)
  return record("rms_norm", y, {x}, [y = saved(y, "result"), r](const Tensor& grad, GradSink& to) {
    to.add(0, (grad - y * mean(grad * y, {-1}, true)) * r);
  });
}

TEST_CASE("rms_norm has the right values and gradients") {
  const Tensor x = Tensor::from<float>({3, 4, 0, 0, 2, 2, -2, -2}, {2, 4});
  CHECK(nn::close(rms_norm(x), Tensor::from<float>({1.2f, 1.6f, 0, 0, 1, 1, -1, -1}, {2, 4})));
  CHECK(gradcheck([](const auto& in) { return rms_norm(in[0]); }, {nn::random_values({5, 3, 4})}));
}

struct NormedLinear : nn::Layer {
  Variable scale;
  nn::Linear fc;
  nn::Dropout dropout{0.5};

  NormedLinear(int64_t in_features, int64_t out_features)
      : scale(Tensor::ones({in_features}), true), fc(in_features, out_features) {
    add("scale", scale);
    add("fc", fc);
    add("dropout", dropout);
  }
  Variable forward(const Variable& x) override { return fc(dropout(rms_norm(x) * scale)); }
};

TEST_CASE("NormedLinear has the right gradients, is saved whole, and can be trained") {
  NormedLinear layer(4, 3), other(4, 3);
  const Tensor x = nn::random_values({6, 4}), labels = nn::random_ids({6}, 3);
  CHECK(nn::gradcheck(layer, {x}));
  CHECK(nn::state_dict_round_trips(layer, other, [&](NormedLinear& module) { return module(x); }));
  CHECK(nn::check_training(layer, [&] { return nn::cross_entropy(layer(x), labels); }, {.num_classes = 3}));
}

TEST_CASE("NormedLinear drops in training only, leaks nothing, and computes the same on a device") {
  NormedLinear layer(4, 3);
  const Tensor x = nn::random_values({6, 4});
  CHECK_FALSE(nn::close(layer(x), layer(x)));
  CHECK(nn::eval_is_deterministic(layer, [&] { return layer(x); }));
  CHECK(nn::leaks_nothing([&] { sum(layer(x)).backward(), layer(x); }));
  const nn::CheckResult same = nn::agrees_on_cuda(layer, {x});
  MESSAGE(same.message);
  CHECK(same);
}
