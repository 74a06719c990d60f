// Layer normalisation and cross entropy with their gradients: PyTorch's figures, plain loops, odd sizes, errors.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "tensor/backend.h"
#include "tensor/operands.h"
#include "tensor/ops.h"
#include "tensor/parallel.h"
#include "tests/thread_count_guard.h"

using namespace roux;

namespace {

using Values = std::vector<double>;

// Numbers from -2 to 2 without a pattern.
Tensor numbers(const Shape& shape, uint64_t seed) {
  Values values(static_cast<size_t>(shape.numel()));
  for (double& value : values) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    value = static_cast<double>(seed >> 40) / (1 << 24) * 4 - 2;
  }
  return Tensor::from(values, shape);
}

void check_close(const Tensor& found, const Values& expected, double tolerance) {
  const Values values = found.to_vector<double>();
  REQUIRE(values.size() == expected.size());
  size_t worst = 0;
  double worst_difference = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double difference = std::abs(values[i] - expected[i]) / std::max(1.0, std::abs(expected[i]));
    if (!(difference <= worst_difference)) {
      worst = i;
      worst_difference = difference;
    }
  }
  CAPTURE(worst);
  CAPTURE(worst_difference);
  CHECK(worst_difference <= tolerance);
}

// --- Cross entropy. ---

Tensor cross_entropy_gradient(const CrossEntropyResult& result, const Tensor& labels, const Tensor& grad,
                              const CrossEntropyOptions& options) {
  const Tensor& log_p = result.log_probabilities;
  const Tensor grad_logits = Tensor::empty(log_p.shape(), log_p.dtype());
  backend(cpu).cross_entropy_backward(grad_logits.view(), grad.view(), View{}, log_p.view(), labels.view(),
                                      view_or_null(options.weight),
                                      {.rows = log_p.size(0),
                                       .classes = log_p.size(1),
                                       .ignore_index = options.ignore_index,
                                       .label_smoothing = options.label_smoothing});
  return grad_logits;
}

struct Expected {
  bool weighted;
  double label_smoothing;
  Values losses, gradient;
};

// Figures of PyTorch's cross_entropy with reduction='none' and its backward with the gradients 1, 2, 3, -1 of the rows.
const Expected index_figures[] = {
    {false,
     0,
     {0.241311296657, 0.330672609407, 0, 1.098612288668},
     {0.17529039214, 0.039112573271, -0.214402965411, -0.563119317698, 0.411673207995, 0.151446109703, 0, 0, 0,
      -0.333333333333, 0.666666666667, -0.333333333333}},
    {false,
     0.1,
     {0.391311296657, 0.447339276074, 0, 1.098612288668},
     {0.141957058807, 0.005779239937, -0.147736298744, -0.429785984365, 0.345006541329, 0.084779443036, 0, 0, 0, -0.3,
      0.6, -0.3}},
    {true,
     0,
     {0.301639120821, 0.165336304704, 0, 2.197224577336},
     {0.219112990175, 0.048890716588, -0.268003706763, -0.281559658849, 0.205836603998, 0.075723054851, 0, 0, 0,
      -0.666666666667, 1.333333333333, -0.666666666667}},
    {true,
     0.1,
     {0.526639120821, 0.367220083742, 0, 2.114828655686},
     {0.202446323508, -0.017775950078, -0.18467037343, -0.10712694101, 0.103378761264, 0.003748179746, 0, 0, 0, -0.625,
      1.225, -0.6}},
    {true,
     1,
     {2.551639120821, 2.184174095092, 0, 1.373265360835},
     {0.052446323508, -0.617775950078, 0.56532962657, 1.462767519544, -0.818741823339, -0.644025696205, 0, 0, 0, -0.25,
      0.25, 0}},
};
const Expected probability_figures[] = {
    {false,
     0,
     {1.441311296657, 0.330672609407, 2.054985235377, 1.098612288668},
     {-0.02470960786, -0.260887426729, 0.285597034589, -0.563119317698, 0.411673207995, 0.151446109703, 0.141370249574,
      1.039497367659, -1.180867617233, -0.233333333333, -0.233333333333, 0.466666666667}},
    {false,
     0.1,
     {1.471311296657, 0.447339276074, 2.121651902044, 1.098612288668},
     {-0.038042941193, -0.264220760063, 0.302263701256, -0.429785984365, 0.345006541329, 0.084779443036, 0.041370249574,
      1.119497367659, -1.160867617233, -0.21, -0.21, 0.42}},
    {true,
     0,
     {2.269737468071, 0.165336304704, 2.593474900141, 1.373265360835},
     {0.132259769586, -0.548175840416, 0.415916070831, -0.281559658849, 0.205836603998, 0.075723054851, 0.240329424276,
      1.22714552502, -1.467474949296, -0.366666666667, -0.216666666667, 0.583333333333}},
    {true,
     0.1,
     {2.297927633346, 0.367220083742, 2.599333897883, 1.373265360835},
     {0.124278424978, -0.555135851383, 0.430857426405, -0.10712694101, 0.103378761264, 0.003748179746, 0.183967763045,
      1.259368143475, -1.44333590652, -0.355, -0.17, 0.525}},
};

const Values logit_values{0.5, -1, 2, 1.5, 0.25, -0.75, 0, 3, -2, 1, 1, 1};
const Values class_weight_values{0.5, 2, 1.25};

void check_figures(const Expected& expected, const Tensor& labels, const Values& divisors, DType dtype,
                   double tolerance) {
  CAPTURE(expected.weighted);
  CAPTURE(expected.label_smoothing);
  CrossEntropyOptions options{.label_smoothing = expected.label_smoothing};
  if (expected.weighted) options.weight = Tensor::from(class_weight_values).to(dtype);
  const Tensor logits = Tensor::from(logit_values, {4, 3}).to(dtype);
  const Tensor typed_labels = labels.dtype() == int64 ? labels : labels.to(dtype);
  const CrossEntropyResult result = cross_entropy(logits, typed_labels, options);
  CHECK(result.losses.dtype() == dtype);
  check_close(result.losses, expected.losses, tolerance);
  check_close(result.divisors, divisors, 0);
  check_close(result.log_probabilities, log_softmax(logits, 1).to_vector<double>(), tolerance);
  const Tensor grad = Tensor::from<double>({1, 2, 3, -1}).to(dtype);
  check_close(cross_entropy_gradient(result, typed_labels, grad, options), expected.gradient, tolerance);
}

}  // namespace

TEST_CASE("cross entropy with labels as indices gives PyTorch's losses and gradients") {
  const Tensor labels = Tensor::from<int64_t>({2, 0, -100, 1});
  for (const Expected& expected : index_figures) {
    const Values divisors = expected.weighted ? Values{1.25, 0.5, 0, 2} : Values{1, 1, 0, 1};
    check_figures(expected, labels, divisors, float64, 1e-11);
    check_figures(expected, labels, divisors, float32, 1e-6);
  }
}

TEST_CASE("cross entropy with labels as probabilities gives PyTorch's losses and gradients") {
  const Tensor labels = Tensor::from<double>({0.2, 0.3, 0.5, 1, 0, 0, 0, 0.6, 0.4, 0.1, 0.1, 0.8}, {4, 3});
  for (const Expected& expected : probability_figures) {
    check_figures(expected, labels, {1, 1, 1, 1}, float64, 1e-11);
    check_figures(expected, labels, {1, 1, 1, 1}, float32, 1e-6);
  }
}

TEST_CASE("cross entropy of any number of rows and classes is the log-probability of the label") {
  for (const int64_t classes : {1, 2, 3, 17, 300, 512, 513, 2000}) {
    for (const int64_t rows : {1, 2, 31, 257}) {
      CAPTURE(classes);
      CAPTURE(rows);
      const Tensor logits = numbers({rows, classes}, 5).to(float32);
      const Tensor log_p = log_softmax(logits.to(float64), 1);
      std::vector<int64_t> labels(static_cast<size_t>(rows));
      for (int64_t row = 0; row < rows; ++row) labels[static_cast<size_t>(row)] = row * 31 % classes;
      const Tensor targets = Tensor::from(labels);
      const CrossEntropyResult result = cross_entropy(logits, targets);
      const Tensor picked = gather(log_p, 1, targets.unsqueeze(1)).squeeze(1);
      check_close(result.losses, (-picked).to_vector<double>(), 2e-6);
      const Tensor one_hot = scatter_add(Tensor::zeros({rows, classes}, float64), 1, targets.unsqueeze(1),
                                         Tensor::ones({rows, 1}, float64));
      const Tensor gradient = cross_entropy_gradient(result, targets, Tensor::ones({rows}), {});
      check_close(gradient, (exp(log_p) - one_hot).to_vector<double>(), 1e-6);
    }
  }
}

TEST_CASE(
    "cross entropy takes a valid class as ignore_index, and ignored rows have no gradient even where logits are NaN") {
  Tensor logits = numbers({3, 2}, 6);
  logits.select(0, 1).fill_(std::numeric_limits<double>::quiet_NaN());
  const Tensor labels = Tensor::from<int64_t>({0, 1, 0});
  const CrossEntropyOptions options{.ignore_index = 1, .label_smoothing = 0.1};
  const CrossEntropyResult result = cross_entropy(logits, labels, options);
  CHECK(result.losses.to_vector<double>()[1] == 0);
  CHECK(result.divisors.to_vector<double>() == Values{1, 0, 1});
  const Tensor gradient = cross_entropy_gradient(result, labels, Tensor::ones({3}, float64), options);
  CHECK(gradient.select(0, 1).to_vector<double>() == Values{0, 0});
  CHECK(gradient.select(0, 0).to_vector<double>()[0] < 0);
}

TEST_CASE("cross entropy with a label_smoothing of 1 forgets the labels") {
  const Tensor logits = numbers({3, 4}, 6), labels = Tensor::from<int64_t>({0, 3, 1});
  const Tensor grad = Tensor::from<double>({1, 2, -1});
  const CrossEntropyOptions options{.label_smoothing = 1};
  const CrossEntropyResult result = cross_entropy(logits, labels, options);
  check_close(result.losses, neg(mean(result.log_probabilities, 1)).to_vector<double>(), 1e-15);
  const Tensor gradient = (exp(result.log_probabilities) - 0.25) * grad.unsqueeze(1);
  check_close(cross_entropy_gradient(result, labels, grad, options), gradient.to_vector<double>(), 1e-15);
}

TEST_CASE("cross entropy takes tensors that are not contiguous, and no rows at all") {
  const Tensor logits = numbers({4, 6}, 7).transpose(0, 1);
  const Tensor labels = Tensor::arange(0, 12).slice(0, 0, 12, 2);
  const Tensor wrapped = Tensor::from<int64_t>({0, 9, 2, 9, 1, 9, 3, 9, 0, 9, 1, 9}).slice(0, 0, 12, 2);
  CHECK(cross_entropy(logits, wrapped).losses.to_vector<double>() ==
        cross_entropy(logits.clone(), wrapped.clone()).losses.to_vector<double>());
  CHECK_THROWS_AS(cross_entropy(logits, labels), Error);
  CHECK(cross_entropy(Tensor::empty({0, 3}), Tensor::empty({0}, int64)).losses.shape() == Shape{0});
  CHECK(cross_entropy(Tensor::empty({0, 3}), Tensor::empty({0, 3})).divisors.shape() == Shape{0});
  CHECK(cross_entropy(Tensor::empty({2, 0}), Tensor::full({2}, -100, int64)).losses.to_vector<double>() ==
        Values{0, 0});
}

TEST_CASE("cross entropy has the same bits for any number of threads") {
  const Tensor logits = numbers({5000, 7}, 8).to(float32);
  const Tensor labels = Tensor::full({5000}, 3, int64);
  const ThreadCountGuard guard;
  std::vector<std::vector<float>> results;
  for (const int count : {1, 4}) {
    set_num_threads(count);
    const CrossEntropyResult result = cross_entropy(logits, labels, {.label_smoothing = 0.1});
    results.push_back(result.losses.to_vector<float>());
    results.push_back(
        cross_entropy_gradient(result, labels, Tensor::ones({5000}), {.label_smoothing = 0.1}).to_vector<float>());
  }
  CHECK(results[0] == results[2]);
  CHECK(results[1] == results[3]);
}

TEST_CASE("cross entropy says what it refuses") {
  const Tensor logits = Tensor::zeros({2, 3}), labels = Tensor::zeros({2}, int64);
  CHECK_THROWS_WITH_AS(
      cross_entropy(logits, Tensor::from<int64_t>({0, 3})),
      "[cross_entropy] label out of range: found 3 in row 1, expected 0 to 2, or -100 for a row to ignore", Error);
  CHECK_THROWS_WITH_AS(
      cross_entropy(logits, Tensor::from<int64_t>({-1, 0})),
      "[cross_entropy] label out of range: found -1 in row 0, expected 0 to 2, or -100 for a row to ignore", Error);
  CHECK_THROWS_WITH_AS(cross_entropy(logits, Tensor::zeros({3}, int64)),
                       "[cross_entropy] labels have shape (3), expected (2) for logits of shape (2, 3)", Error);
  CHECK_THROWS_WITH_AS(cross_entropy(logits, Tensor::zeros({2, 2})),
                       "[cross_entropy] probabilities have shape (2, 2), expected (2, 3) like the logits", Error);
  CHECK_THROWS_WITH_AS(
      cross_entropy(logits, Tensor::zeros({2, 3}, float64)),
      "[cross_entropy] labels are float64, expected int64, or probabilities in float32 like the logits", Error);
  CHECK_THROWS_WITH_AS(cross_entropy(Tensor::zeros({3}), labels),
                       "[cross_entropy] logits have shape (3), expected (rows, classes)", Error);
  CHECK_THROWS_WITH_AS(cross_entropy(logits, labels, {.weight = Tensor::ones({2})}),
                       "[cross_entropy] the weight has shape (2), expected (3) for an input of shape (2, 3)", Error);
  CHECK_THROWS_WITH_AS(cross_entropy(logits, labels, {.label_smoothing = 1.5}),
                       "[cross_entropy] label_smoothing out of range: found 1.5, expected 0 to 1", Error);
  CHECK_THROWS_AS(cross_entropy(logits, labels, {.label_smoothing = std::nan("")}), Error);
}

// --- Layer normalisation. ---

namespace {

struct LayerNormGradients {
  Tensor x, weight, bias;
};

LayerNormGradients layer_norm_gradients(const Tensor& grad, const Tensor& x, const LayerNormResult& result,
                                        const Tensor& weight) {
  const int64_t n = x.size(-1);
  LayerNormGradients to{Tensor::empty(x.shape(), x.dtype()), Tensor::empty({n}, x.dtype()),
                        Tensor::empty({n}, x.dtype())};
  backend(cpu).layer_norm_backward(to.x.view(), to.weight.view(), to.bias.view(), grad.view(), x.view(),
                                   result.mean.view(), result.rstd.view(), view_or_null(weight), result.mean.numel(),
                                   n);
  return to;
}

}  // namespace

TEST_CASE("layer norm gives PyTorch's figures and gradients") {
  const Tensor x = Tensor::from<double>({1, 2, 4, -1, 0.5, 0.5, 0.25, 3}, {2, 4});
  const Tensor weight = Tensor::from<double>({1, -0.5, 2, 0.25}), bias = Tensor::from<double>({0, 1, -1, 0.5});
  const Tensor grad = Tensor::from<double>({1, -1, 0.5, 2, 3, 0.25, -2, 1}, {2, 4});
  const LayerNormResult result = layer_norm(x, weight, bias, 1e-5);
  check_close(result.output,
              {-0.277349671421, 0.861325164289, 1.773496714211, 0.153312910724, -0.50077141119, 1.250385705595,
               -2.44667296566, 0.931219826302},
              1e-11);
  const LayerNormGradients to = layer_norm_gradients(grad, x, result, weight);
  check_close(to.x,
              {0.160009360175, -0.160009360175, 0.032002213387, -0.032002213387, 3.075599564938, 0.293536169438,
               -3.062856099838, -0.306279634538},
              1e-11);
  check_close(to.weight, {-1.779663904991, -0.402542524219, 2.140047144213, -1.048617409001}, 1e-11);
  check_close(to.bias, {4, -0.75, -1.5, 3}, 1e-11);
}

TEST_CASE("layer norm of odd sizes agrees with its definition") {
  for (const int64_t n : {1, 3, 16, 65, 130, 769}) {
    for (const int64_t rows : {1, 5, 200}) {
      CAPTURE(n);
      CAPTURE(rows);
      const Tensor x = numbers({rows, n}, 9), weight = numbers({n}, 10), bias = numbers({n}, 11);
      const Tensor grad = numbers({rows, n}, 12);
      const Tensor mean_x = mean(x, -1, true), rstd = rsqrt(var(x, -1, true, 0) + 1e-5);
      const Tensor h = (x - mean_x) * rstd, d = grad * weight;
      const Tensor expected_grad = rstd * (d - mean(d, -1, true) - h * mean(d * h, -1, true));
      for (const DType dtype : {float64, float32}) {
        const double tolerance = dtype == float64 ? 1e-11 : 2e-4;
        const Tensor typed = x.to(dtype), typed_weight = weight.to(dtype);
        const LayerNormResult result = layer_norm(typed, typed_weight, bias.to(dtype), 1e-5);
        check_close(result.output, (h * weight + bias).to_vector<double>(), tolerance);
        check_close(result.rstd, rstd.to_vector<double>(), tolerance);
        const LayerNormGradients to = layer_norm_gradients(grad.to(dtype), typed, result, typed_weight);
        check_close(to.x, expected_grad.to_vector<double>(), tolerance);
        check_close(to.weight, sum(grad * h, 0).to_vector<double>(), tolerance);
        check_close(to.bias, sum(grad, 0).to_vector<double>(), tolerance);
      }
    }
  }
}

TEST_CASE("layer norm without weight or bias, of other layouts, of constants, of nothing") {
  const Tensor x = numbers({2, 3, 5}, 13);
  const Tensor weight = numbers({5}, 14), bias = numbers({5}, 15);
  const Tensor plain = layer_norm(x, {}, {}, 1e-5).output;
  check_close(layer_norm(x, weight, {}, 1e-5).output, (plain * weight).to_vector<double>(), 1e-12);
  check_close(layer_norm(x, {}, bias, 1e-5).output, (plain + bias).to_vector<double>(), 1e-12);
  CHECK(layer_norm(x, {}, {}, 1e-5).mean.shape() == Shape{2, 3});
  const Tensor turned = x.transpose(1, 2).contiguous().transpose(1, 2);
  CHECK(layer_norm(turned, weight, bias, 1e-5).output.to_vector<double>() ==
        layer_norm(x, weight, bias, 1e-5).output.to_vector<double>());
  CHECK(layer_norm(Tensor::full({2, 4}, 7.0), {}, {}, 1e-12).output.to_vector<double>() == Values(8, 0));
  CHECK(layer_norm(Tensor::empty({0, 4}), {}, {}, 1e-5).output.shape() == Shape{0, 4});
  CHECK(layer_norm(Tensor::empty({2, 0}), {}, {}, 1e-5).rstd.shape() == Shape{2});

  // A large mean beside a small spread.
  const Tensor far = numbers({1, 100}, 16) + 1e4;
  check_close(layer_norm(far.to(float32), {}, {}, 1e-5).output,
              layer_norm(far.to(float32).to(float64), {}, {}, 1e-5).output.to_vector<double>(), 1e-3);
}

TEST_CASE("the gradients of layer norm that are not asked for are not computed, and any may be") {
  const Tensor x = numbers({6, 70}, 17), grad = numbers({6, 70}, 18);
  const LayerNormResult result = layer_norm(x, {}, {}, 1e-5);
  const LayerNormGradients all = layer_norm_gradients(grad, x, result, {});
  for (int which = 0; which < 3; ++which) {
    const Tensor out = Tensor::empty(which == 0 ? Shape{6, 70} : Shape{70}, float64);
    const View none{}, wanted = out.view();
    backend(cpu).layer_norm_backward(which == 0 ? wanted : none, which == 1 ? wanted : none, which == 2 ? wanted : none,
                                     grad.view(), x.view(), result.mean.view(), result.rstd.view(), View{}, 6, 70);
    const Tensor& expected = which == 0 ? all.x : which == 1 ? all.weight : all.bias;
    CHECK(out.to_vector<double>() == expected.to_vector<double>());
  }
}

TEST_CASE("layer norm says what it refuses") {
  const Tensor x = Tensor::ones({2, 3});
  CHECK_THROWS_WITH_AS(layer_norm(x, Tensor::ones({2}), {}, 1e-5),
                       "[layer_norm] the weight has shape (2), expected (3) for an input of shape (2, 3)", Error);
  CHECK_THROWS_WITH_AS(layer_norm(x, {}, Tensor::ones({3}, float64), 1e-5),
                       "[layer_norm] the bias is float64, expected float32 like the first operand (hint: convert with "
                       "to(dtype))",
                       Error);
  CHECK_THROWS_WITH_AS(layer_norm(Tensor::scalar(1), {}, {}, 1e-5),
                       "[layer_norm] expected at least one dimension, found a scalar", Error);
  CHECK_THROWS_WITH_AS(layer_norm(x, {}, {}, -1), "[layer_norm] eps out of range: found -1, expected 0 or more", Error);
}
