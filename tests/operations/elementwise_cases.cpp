// Elementwise operations: see cases.h for how to add one.
#include <limits>

// A case a line reads as a table; the formatter would make five of each.
// clang-format off
#include "tests/operations/cases.h"

namespace roux::operations {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// The same four numbers on both sides, so that some pairs are equal.
std::vector<Variant> ties() {
  return one({given({2, 4}, {1, 2, 3, -1, 0, 2, -2, 5}), given({2, 4}, {1, 3, 2, -1, 0, 2, 2, -5})});
}

void add_arithmetic(Cases& cases) {
  const std::vector<Variant> any = broadcast_inputs(numbers({}), numbers({}));
  const std::vector<Variant> nonzero = broadcast_inputs(numbers({}), numbers({}, 0.25, 2));
  const std::vector<Variant> positive = broadcast_inputs(numbers({}, 0.25, 3), numbers({}, -2, 3));
  cases.add("add(T, T)", "", [](const auto& in) { return add(in[0], in[1]); }, any);
  cases.add("sub(T, T)", "", [](const auto& in) { return sub(in[0], in[1]); }, any);
  cases.add("mul(T, T)", "", [](const auto& in) { return mul(in[0], in[1]); }, any);
  cases.add("mul(T, T)", "itself", [](const auto& in) { return mul(in[0], in[0]); }, one({numbers({3, 4})}));
  cases.add("div(T, T)", "", [](const auto& in) { return div(in[0], in[1]); }, nonzero);
  cases.add("pow(T, T)", "", [](const auto& in) { return pow(in[0], in[1]); }, positive);
  cases.add("pow(T, T)", "integer exponents", [](const auto& in) { return pow(in[0], in[1]); },
            one({given({8}, {-2, -1.5, -1, 0.5, 2, 0, 0, 0}), given({8}, {2, 3, 0, 0, -1, 2, 1, 0}).constant()}));
  cases.add("pow(T, T)", "base of zero", [](const auto& in) { return pow(in[0], in[1]); },
            one({given({3}, {0, 0, 1}).constant(), given({3}, {2, 0.5, 3})}));
  const std::vector<Variant> apart = broadcast_inputs(numbers({}), numbers({}, -2 + 1.0 / 256, 2));
  cases.add("maximum", "", [](const auto& in) { return maximum(in[0], in[1]); }, apart);
  cases.add("minimum", "", [](const auto& in) { return minimum(in[0], in[1]); }, apart);
  cases.add("maximum", "ties", [](const auto& in) { return maximum(in[0], in[1]); }, ties()).at_kinks();
  cases.add("minimum", "ties", [](const auto& in) { return minimum(in[0], in[1]); }, ties()).at_kinks();
  const std::vector<Variant> with_nan = one({given({4}, {nan, 1, nan, -1}), given({4}, {1, nan, nan, 2})});
  cases.add_tensors("maximum", "nan", [](const auto& in) { return maximum(in[0], in[1]); }, with_nan);
  cases.add_tensors("minimum", "nan", [](const auto& in) { return minimum(in[0], in[1]); }, with_nan);
}

void add_scalar_arithmetic(Cases& cases) {
  const std::vector<Variant> any = elementwise_inputs(numbers({}));
  const std::vector<Variant> nonzero = elementwise_inputs(numbers({}, 0.25, 2));
  cases.add("add(T, Scalar)", "", [](const auto& in) { return add(in[0], 1.5); }, any);
  cases.add("sub(T, Scalar)", "", [](const auto& in) { return sub(in[0], 2); }, any);
  cases.add("sub(Scalar, T)", "", [](const auto& in) { return sub(2.5, in[0]); }, any);
  cases.add("mul(T, Scalar)", "", [](const auto& in) { return mul(in[0], -3); }, any);
  cases.add("div(T, Scalar)", "", [](const auto& in) { return div(in[0], 4); }, any);
  cases.add("div(Scalar, T)", "", [](const auto& in) { return div(3, in[0]); }, nonzero);
  cases.add("pow(T, Scalar)", "square", [](const auto& in) { return pow(in[0], 2); }, any);
  cases.add("pow(T, Scalar)", "fraction", [](const auto& in) { return pow(in[0], 1.5); }, nonzero);
  cases.add("pow(T, Scalar)", "negative", [](const auto& in) { return pow(in[0], -2); }, nonzero);
  cases.add("pow(T, Scalar)", "zero", [](const auto& in) { return pow(in[0], 0); }, one({given({3}, {0, 1, -2})}));
}

void add_operators(Cases& cases) {
  const std::vector<Variant> two = one({numbers({2, 3}), numbers({3}, 0.5, 2)}), single = one({numbers({2, 3}, 0.5,
          2)});
  cases.add("operator+(T, T)", "", [](const auto& in) { return in[0] + in[1]; }, two);
  cases.add("operator-(T, T)", "", [](const auto& in) { return in[0] - in[1]; }, two);
  cases.add("operator*(T, T)", "", [](const auto& in) { return in[0] * in[1]; }, two);
  cases.add("operator/(T, T)", "", [](const auto& in) { return in[0] / in[1]; }, two);
  cases.add("operator+(T, Scalar)", "", [](const auto& in) { return in[0] + 2; }, single);
  cases.add("operator-(T, Scalar)", "", [](const auto& in) { return in[0] - 2.5; }, single);
  cases.add("operator*(T, Scalar)", "", [](const auto& in) { return in[0] * 2.5f; }, single);
  cases.add("operator/(T, Scalar)", "", [](const auto& in) { return in[0] / 2; }, single);
  cases.add("operator+(Scalar, T)", "", [](const auto& in) { return 2 + in[0]; }, single);
  cases.add("operator-(Scalar, T)", "", [](const auto& in) { return 2 - in[0]; }, single);
  cases.add("operator*(Scalar, T)", "", [](const auto& in) { return 2 * in[0]; }, single);
  cases.add("operator/(Scalar, T)", "", [](const auto& in) { return 2 / in[0]; }, single);
  cases.add("operator-(T)", "", [](const auto& in) { return -in[0]; }, single);
}

// Integers and booleans: which type the result has, and that integers stay exact.
void add_integer_arithmetic(Cases& cases) {
  const double big = 4611686018427387904;  // 2^62: float64 cannot tell it from its neighbours
  const Input left = given({5}, {7, -7, 3, 0, 12}, int64), right = given({5}, {2, 2, -5, 4, 3}, int64);
  const Input flags = given({5}, {1, 0, 1, 1, 0}, boolean);
  const std::vector<Variant> integers = one({left, right}), mixed = one({left, numbers({5})}), booleans = one({flags,
          right});
  cases.add_tensors("add(T, T)", "integers", [](const auto& in) { return add(in[0], in[1]); }, integers);
  cases.add_tensors("add(T, T)", "booleans", [](const auto& in) { return add(in[0], in[1]); }, one({flags, flags}));
  cases.add_tensors("sub(T, T)", "integers", [](const auto& in) { return sub(in[0], in[1]); }, integers);
  cases.add_tensors("mul(T, T)", "integers", [](const auto& in) { return mul(in[0], in[1]); }, integers);
  cases.add_tensors("mul(T, T)", "booleans and integers", [](const auto& in) { return mul(in[0], in[1]); }, booleans);
  cases.add("mul(T, T)", "integers and fractions", [](const auto& in) { return mul(in[0], in[1]); }, mixed);
  cases.add_tensors("div(T, T)", "integers", [](const auto& in) { return div(in[0], in[1]); }, integers);
  cases.add_tensors("maximum", "integers", [](const auto& in) { return maximum(in[0], in[1]); }, integers);
  cases.add_tensors("add(T, Scalar)", "integers", [](const auto& in) { return add(in[0], 2); }, one({left}));
  cases.add_tensors("add(T, Scalar)", "integers and a fraction", [](const auto& in) { return add(in[0], 0.5); },
          one({left}));
  cases.add_tensors("mul(T, Scalar)", "booleans", [](const auto& in) { return mul(in[0], 3); }, one({flags}));
  cases.add_tensors("neg", "integers", [](const auto& in) { return neg(in[0]); }, one({left}));
  cases.add_tensors("abs", "integers", [](const auto& in) { return abs(in[0]); }, one({left}));
  cases.add_tensors("exp", "integers", [](const auto& in) { return exp(in[0]); }, one({right}));
  cases.add_tensors("eq(T, T)", "large integers", [](const auto& in) { return eq(add(in[0], 1), in[0]); },
                    one({given({1}, {big}, int64)}));
}

void add_comparisons(Cases& cases) {
  const std::vector<Variant> two = ties(), broadcast = broadcast_inputs(numbers({}, -0.125, 0.125), numbers({},
          -0.125, 0.125));
  std::vector<Variant> all = broadcast;
  all.push_back({"ties", two[0].inputs});
  all.push_back({"nan", {given({3}, {nan, 1, nan}), given({3}, {1, nan, nan})}});
  all.push_back({"integers", {given({3}, {1, 2, 3}, int64), given({3}, {3, 2, 1}, int64)}});
  cases.add_tensors("eq(T, T)", "", [](const auto& in) { return eq(in[0], in[1]); }, all);
  cases.add_tensors("ne(T, T)", "", [](const auto& in) { return ne(in[0], in[1]); }, all);
  cases.add_tensors("lt(T, T)", "", [](const auto& in) { return lt(in[0], in[1]); }, all);
  cases.add_tensors("le(T, T)", "", [](const auto& in) { return le(in[0], in[1]); }, all);
  cases.add_tensors("gt(T, T)", "", [](const auto& in) { return gt(in[0], in[1]); }, all);
  cases.add_tensors("ge(T, T)", "", [](const auto& in) { return ge(in[0], in[1]); }, all);
  const std::vector<Variant> single = {{"numbers", {given({2, 3}, {1, 2, 3, 2, nan, infinity})}},
                                       {"integers", {given({4}, {1, 2, 3, 0}, int64)}},
                                       {"empty", {numbers({0})}},
                                       {"large", {numbers({70, 1001})}, true}};
  cases.add_tensors("eq(T, Scalar)", "", [](const auto& in) { return eq(in[0], 2); }, single);
  cases.add_tensors("ne(T, Scalar)", "", [](const auto& in) { return ne(in[0], 2); }, single);
  cases.add_tensors("lt(T, Scalar)", "", [](const auto& in) { return lt(in[0], 2); }, single);
  cases.add_tensors("le(T, Scalar)", "", [](const auto& in) { return le(in[0], 2); }, single);
  cases.add_tensors("gt(T, Scalar)", "", [](const auto& in) { return gt(in[0], 2); }, single);
  cases.add_tensors("ge(T, Scalar)", "", [](const auto& in) { return ge(in[0], 2); }, single);
  cases.add_tensors("eq(T, Scalar)", "integers and a fraction", [](const auto& in) { return eq(in[0], 2.5); },
                    one({given({3}, {2, 3, 2}, int64)}));
  const std::vector<Variant> logic = {{"masks", {mask({3, 13}), mask({13})}},
                                      {"numbers", {given({4}, {0, 1, -2, 0}), given({4}, {0, 0, 3, nan})}}};
  cases.add_tensors("logical_and", "", [](const auto& in) { return logical_and(in[0], in[1]); }, logic);
  cases.add_tensors("logical_or", "", [](const auto& in) { return logical_or(in[0], in[1]); }, logic);
  cases.add_tensors("logical_not", "", [](const auto& in) { return logical_not(in[0]); },
                    {{"mask", {mask({3, 13})}}, {"numbers", {given({4}, {0, 1, -2, nan})}}});
  cases.add_tensors("isnan", "", [](const auto& in) { return isnan(in[0]); },
                    {{"numbers", {given({2, 2}, {0, nan, infinity, -1})}}, {"integers", {given({2}, {0, 1}, int64)}}});
}

void add_choices(Cases& cases) {
  const auto choose = [](const auto& in) { return where(tensor_of(in[0]), in[1], in[2]); };
  cases.add("where", "", choose,
            {{"same", {mask({3, 13}), numbers({3, 13}), numbers({3, 13})}},
             {"broadcast", {mask({4, 1, 3}), numbers({5, 1}), numbers({3})}},
             {"scalars", {mask({7}), numbers({}), numbers({})}},
             {"empty", {mask({0, 3}), numbers({1, 3}), numbers({3})}},
             {"large", {mask({70, 1001}), numbers({70, 1}), numbers({1001})}, true}});
  cases.add_tensors("where", "mixed types", choose, one({mask({5}), ids({5}, 9), numbers({5})}));
  cases.add("masked_fill", "", [](const auto& in) { return masked_fill(in[0], tensor_of(in[1]), -infinity); },
            {{"same", {numbers({3, 13}), mask({3, 13})}},
             {"broadcast", {numbers({2, 3, 4}), mask({3, 1})}},
             {"integers", {ids({6}, 9), mask({6})}},
             {"empty", {numbers({0, 3}), mask({3})}},
             {"large", {numbers({70, 1001}), mask({1001})}, true}});
  cases.add("clamp", "", [](const auto& in) { return clamp(in[0], -0.5, 0.75); }, elementwise_inputs(numbers({})));
  cases.add("clamp", "below", [](const auto& in) { return clamp(in[0], 1, infinity); }, one({numbers({7})}));
  cases.add("clamp", "bounds", [](const auto& in) { return clamp(in[0], -1, 1); },
            one({given({5}, {-1, 1, 0, -2, 3})})).at_kinks();
  cases.add_tensors("clamp", "integers", [](const auto& in) { return clamp(in[0], 2, infinity); }, one({ids({7}, 9)}));
  cases.add_tensors("clamp", "nan", [](const auto& in) { return clamp(in[0], 2, 5); }, one({given({2}, {nan, 9})}));
}

void add_functions(Cases& cases) {
  const std::vector<Variant> any = elementwise_inputs(numbers({})), wide = elementwise_inputs(numbers({}, -6, 6));
  const std::vector<Variant> positive = elementwise_inputs(numbers({}, 0.0625, 3));
  cases.add("neg", "", [](const auto& in) { return neg(in[0]); }, any);
  cases.add("abs", "", [](const auto& in) { return abs(in[0]); }, any);
  cases.add_tensors("sign", "", [](const auto& in) { return sign(in[0]); }, one({given({4}, {-3, 0, 2, nan})}));
  cases.add("square", "", [](const auto& in) { return square(in[0]); }, any);
  cases.add("sqrt", "", [](const auto& in) { return sqrt(in[0]); }, positive);
  cases.add("rsqrt", "", [](const auto& in) { return rsqrt(in[0]); }, positive);
  cases.add("reciprocal", "", [](const auto& in) { return reciprocal(in[0]); }, positive);
  cases.add("exp", "", [](const auto& in) { return exp(in[0]); }, wide);
  cases.add("log", "", [](const auto& in) { return log(in[0]); }, positive);
  cases.add("tanh", "", [](const auto& in) { return tanh(in[0]); }, wide);
  cases.add("sigmoid", "", [](const auto& in) { return sigmoid(in[0]); }, wide);
  cases.add("relu", "", [](const auto& in) { return relu(in[0]); }, any);
  cases.add("erf", "", [](const auto& in) { return erf(in[0]); }, wide);
  cases.add("gelu", "", [](const auto& in) { return gelu(in[0]); }, wide);
  cases.add("gelu", "tanh", [](const auto& in) { return gelu(in[0], true); }, wide);
  cases.add("softplus", "", [](const auto& in) { return softplus(in[0]); }, wide);
}

// Zero, far out, and what is no number.
void add_extremes(Cases& cases) {
  const std::vector<Variant> far = one({given({6}, {-200, -30, 0, 1e-6, 30, 200})});
  const std::vector<Variant> special = one({given({4}, {-infinity, infinity, nan, 0})});
  cases.add("abs", "at zero", [](const auto& in) { return abs(in[0]); }, one({given({1}, {0})})).at_kinks();
  cases.add("relu", "at zero", [](const auto& in) { return relu(in[0]); }, one({given({1}, {0})})).at_kinks();
  cases.add("tanh", "far out", [](const auto& in) { return tanh(in[0]); }, far);
  cases.add("sigmoid", "far out", [](const auto& in) { return sigmoid(in[0]); }, far);
  cases.add("erf", "far out", [](const auto& in) { return erf(in[0]); }, far);
  cases.add("gelu", "far out", [](const auto& in) { return gelu(in[0]); }, far);
  cases.add("gelu", "tanh far out", [](const auto& in) { return gelu(in[0], true); }, far);
  cases.add("softplus", "far out", [](const auto& in) { return softplus(in[0]); }, far);
  cases.add("exp", "small", [](const auto& in) { return exp(in[0]); }, one({given({4}, {-1000, -90, -1e-6, 0})}));
  cases.add_tensors("exp", "special", [](const auto& in) { return exp(in[0]); }, special);
  cases.add_tensors("log", "special", [](const auto& in) { return log(in[0]); }, special);
  cases.add_tensors("tanh", "special", [](const auto& in) { return tanh(in[0]); }, special);
  cases.add_tensors("sigmoid", "special", [](const auto& in) { return sigmoid(in[0]); }, special);
  cases.add_tensors("erf", "special", [](const auto& in) { return erf(in[0]); }, special);
  cases.add_tensors("softplus", "special", [](const auto& in) { return softplus(in[0]); }, special);
  cases.add_tensors("relu", "special", [](const auto& in) { return relu(in[0]); }, special);
  cases.add_tensors("sqrt", "special", [](const auto& in) { return sqrt(in[0]); }, special);
}

void add_backward_kernels(Cases& cases) {
  const std::vector<Variant> two = broadcast_inputs(numbers({}), numbers({}, -1, 1));
  const auto with = [](BinaryOp op) {
    return [op](const auto& in) { return elementwise_backward(op, in[0], in[1]); };
  };
  cases.add_tensors("elementwise_backward", "tanh", with(BinaryOp::tanh_backward), two);
  cases.add_tensors("elementwise_backward", "sigmoid", with(BinaryOp::sigmoid_backward), two);
  cases.add_tensors("elementwise_backward", "relu", with(BinaryOp::relu_backward), two);
}

}  // namespace

void add_elementwise_cases(Cases& cases) {
  add_arithmetic(cases);
  add_scalar_arithmetic(cases);
  add_operators(cases);
  add_integer_arithmetic(cases);
  add_comparisons(cases);
  add_choices(cases);
  add_functions(cases);
  add_extremes(cases);
  add_backward_kernels(cases);
}

}  // namespace roux::operations
