// Reductions, order and softmax: see cases.h for how to add one.
#include <limits>

// A case a line reads as a table; the formatter would make five of each.
// clang-format off
#include "tests/operations/cases.h"

namespace roux::operations {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

// Three dimensions, and with nothing in them.
std::vector<Variant> cube_inputs(const Input& like, bool empty = true) {
  const auto of = [&](const Shape& shape) {
    Input input = like;
    input.shape = shape;
    return std::vector<Input>{input};
  };
  std::vector<Variant> variants = {{"odd", of({3, 5, 7})}, {"ones", of({1, 4, 1})}, {"large", of({5, 41, 257}), true}};
  if (empty) variants.push_back({"empty", of({3, 0, 2})});
  return variants;
}

std::vector<Variant> with(std::vector<Variant> variants, std::vector<Variant> more) {
  variants.insert(variants.end(), more.begin(), more.end());
  return variants;
}

void add_sums(Cases& cases) {
  const std::vector<Variant> cube = cube_inputs(numbers({})), small = cube_inputs(numbers({}), false);
  const std::vector<Variant> shapes = {{"scalar", {numbers({})}},
                                       {"row", {numbers({1, 70001}), }, true},
                                       {"column", {numbers({70001, 2})}, true}};
  cases.add("sum", "all", [](const auto& in) { return sum(in[0]); }, with(cube, shapes)).with_tolerance(1e-4);
  cases.add("sum", "axis 0", [](const auto& in) { return sum(in[0], 0); }, cube).with_tolerance(1e-4);
  cases.add("sum", "axis 1", [](const auto& in) { return sum(in[0], 1); }, cube);
  cases.add("sum", "axis -1 kept", [](const auto& in) { return sum(in[0], -1, true); }, cube);
  cases.add("sum", "axes 0, 2", [](const auto& in) { return sum(in[0], {0, 2}); }, cube).with_tolerance(1e-4);
  cases.add("sum", "axes 2, 1 kept", [](const auto& in) { return sum(in[0], {2, 1}, true); },
          cube).with_tolerance(1e-4);
  cases.add("mean", "all", [](const auto& in) { return mean(in[0]); }, with(cube, shapes)).with_tolerance(1e-4);
  cases.add("mean", "axis 1 kept", [](const auto& in) { return mean(in[0], 1, true); }, small);
  cases.add("mean", "axes 0, 2", [](const auto& in) { return mean(in[0], {0, 2}); }, small);
  cases.add("var", "all", [](const auto& in) { return var(in[0]); }, small);
  cases.add("var", "axis 1", [](const auto& in) { return var(in[0], 1); }, small);
  cases.add("var", "axes 0, 1 kept, correction 0", [](const auto& in) { return var(in[0], {0, 1}, true, 0); }, small);
  const std::vector<Variant> integers = {{"integers", {given({2, 3}, {1, 2, 3, -4, 5, 6}, int64)}},
                                         {"booleans", {given({2, 3}, {1, 0, 1, 1, 1, 0}, boolean)}}};
  cases.add_tensors("sum", "integers", [](const auto& in) { return sum(in[0], 1); }, integers);
  cases.add_tensors("mean", "integers", [](const auto& in) { return mean(in[0], 1); }, integers);
  cases.add_tensors("prod", "integers", [](const auto& in) { return prod(in[0], 1); }, integers);
}

void add_products_and_norms(Cases& cases) {
  const std::vector<Variant> factors = {{"odd", {numbers({3, 5, 7}, 0.5, 1.5)}},
                                        {"empty", {numbers({3, 0, 2})}},
                                        {"zeros", {given({3, 4, 1}, {1, 0, 2, 3, 0, 0, 4, 5, 2, 3, -1, 2})}}};
  cases.add("prod", "all", [](const auto& in) { return prod(in[0]); },
            one({numbers({3, 5}, 0.5, 1.5)}));
  cases.add("prod", "axis 1", [](const auto& in) { return prod(in[0], 1); }, factors);
  cases.add("prod", "axes 1, 2 kept", [](const auto& in) { return prod(in[0], {1, 2}, true); }, factors);
  cases.add("norm", "", [](const auto& in) { return norm(in[0]); }, elementwise_inputs(numbers({}, 0.25, 2)))
      .with_tolerance(1e-4);
  cases.add("norm", "zeros", [](const auto& in) { return norm(in[0]); }, one({given({3}, {0, 0, 0})})).at_kinks();
  cases.add_tensors("sum_to", "", [](const auto& in) { return sum_to(in[0], {3, 1}); },
                    {{"odd", {numbers({2, 3, 5})}}, {"same", {numbers({3, 1})}}, {"empty", {numbers({0, 3, 5})}}});
  cases.add_tensors("sum_to", "scalar", [](const auto& in) { return sum_to(in[0], {}); }, one({numbers({2, 3})}));
  const std::vector<Variant> truths = {{"masks", {mask({5, 3})}},
                                       {"numbers", {given({3, 2}, {0, 0, nan, 0, 1, 2})}},
                                       {"integers", {given({3, 2}, {0, 0, 0, 3, 1, 2}, int64)}},
                                       {"empty", {mask({2, 0})}}};
  cases.add_tensors("any", "", [](const auto& in) { return any(in[0], 1); }, truths);
  cases.add_tensors("any", "all", [](const auto& in) { return any(in[0]); }, truths);
  cases.add_tensors("all", "", [](const auto& in) { return all(in[0], 1, true); }, truths);
  cases.add_tensors("all", "all", [](const auto& in) { return all(in[0]); }, truths);
}

void add_extremes(Cases& cases) {
  const std::vector<Variant> cube = cube_inputs(distinct({}), false);
  const std::vector<Variant> none = {{"no lines", {numbers({0, 3, 2})}}};
  cases.add("amax", "all", [](const auto& in) { return amax(in[0]); }, cube);
  cases.add("amax", "axis 1", [](const auto& in) { return amax(in[0], 1); }, with(cube, none));
  cases.add("amax", "axes 0, 2 kept", [](const auto& in) { return amax(in[0], {0, 2}, true); }, cube);
  cases.add("amin", "all", [](const auto& in) { return amin(in[0]); }, cube);
  cases.add("amin", "axis -1", [](const auto& in) { return amin(in[0], -1); }, with(cube, none));
  cases.add("max", "axis 1", [](const auto& in) { return max(in[0], 1); }, with(cube, none));
  cases.add("max", "axis -1 kept", [](const auto& in) { return max(in[0], -1, true); }, cube);
  cases.add("max", "axis 0", [](const auto& in) { return max(in[0], 0); }, cube);
  cases.add("max", "scalar", [](const auto& in) { return max(in[0], 0); }, one({numbers({})}));
  cases.add("min", "axis 1", [](const auto& in) { return min(in[0], 1); }, with(cube, none));
  cases.add("min", "axis 0 kept", [](const auto& in) { return min(in[0], 0, true); }, cube);
  cases.add_tensors("argmax", "", [](const auto& in) { return argmax(in[0]); }, cube);
  cases.add_tensors("argmax", "axis 1 kept", [](const auto& in) { return argmax(in[0], 1, true); }, cube);
  cases.add_tensors("argmin", "", [](const auto& in) { return argmin(in[0], 0); }, cube);

  const std::vector<Variant> ties = one({given({3, 4}, {2, 5, 5, 1, 3, 3, 3, 3, -1, -4, -4, -4})});
  cases.add("amax", "ties", [](const auto& in) { return amax(in[0], 1); }, ties).at_kinks();
  cases.add("amin", "ties", [](const auto& in) { return amin(in[0], 1); }, ties).at_kinks();
  cases.add("max", "ties", [](const auto& in) { return max(in[0], 1); }, ties).at_kinks();
  cases.add("min", "ties", [](const auto& in) { return min(in[0], 1); }, ties).at_kinks();
  const std::vector<Variant> special = {
      {"nan", {given({3, 3}, {1, nan, 2, infinity, 5, nan, -infinity, -infinity, -infinity})}},
      {"integers", {given({2, 3}, {4, -1, 4, 0, 0, -9}, int64)}}};
  cases.add_tensors("amax", "special", [](const auto& in) { return amax(in[0], 1); }, special);
  cases.add_tensors("amin", "special", [](const auto& in) { return amin(in[0], 0); }, special);
  cases.add_tensors("max", "special", [](const auto& in) { return max(in[0], 1); }, special);
  cases.add_tensors("min", "special", [](const auto& in) { return min(in[0], 1); }, special);
}

void add_order(Cases& cases) {
  const std::vector<Variant> cube = with(cube_inputs(distinct({})), {{"line", {distinct({1, 20001, 1})}, true}});
  const std::vector<Variant> small = cube_inputs(distinct({}), false);
  const std::vector<Variant> ties = one({given({2, 6}, {2, 1, 2, 1, 3, 1, 0, 0, 0, -1, -1, 0})});
  const std::vector<Variant> special = {{"nan", {given({6}, {1, nan, -infinity, infinity, nan, 0})}},
                                        {"integers", {given({6}, {5, -1, 5, 3, 0, -1}, int64)}}};
  cases.add("sort", "", [](const auto& in) { return sort(in[0]); }, cube);
  cases.add("sort", "axis 1 descending", [](const auto& in) { return sort(in[0], 1, true); }, cube);
  // At equal values order has no gradient that differences could show.
  cases.add("sort", "ties", [](const auto& in) { return sort(in[0]); }, ties).without_gradcheck();
  cases.add("sort", "ties descending", [](const auto& in) { return sort(in[0], -1, true); }, ties).without_gradcheck();
  cases.add_tensors("sort", "special", [](const auto& in) { return sort(in[0]); }, special);
  cases.add_tensors("sort", "special descending", [](const auto& in) { return sort(in[0], 0, true); }, special);
  cases.add("topk", "largest", [](const auto& in) { return topk(in[0], 3, 1); },
            {{"odd", {distinct({3, 5, 7})}}, {"large", {distinct({3, 20001, 2})}, true}});
  cases.add("topk", "smallest", [](const auto& in) { return topk(in[0], 2, -1, false); }, one({distinct({4, 6})}));
  cases.add("topk", "everything", [](const auto& in) { return topk(in[0], 4, 0); }, one({distinct({4, 3})}));
  cases.add("topk", "nothing", [](const auto& in) { return topk(in[0], 0); }, one({distinct({4, 3})}));
  // The order of equals is not fixed elsewhere: here the lower index comes first.
  cases.add("topk", "ties", [](const auto& in) { return topk(in[0], 4); }, ties).without_gradcheck().without_oracle();
  cases.add_tensors("topk", "special", [](const auto& in) { return topk(in[0], 3); },
                    {{"nan", {given({5}, {1, nan, -infinity, infinity, 0})}}, {"integers", {given({4}, {5, -1, 4, 3},
                            int64)}}});
}

void add_softmax(Cases& cases) {
  const std::vector<Variant> cube = with(cube_inputs(numbers({}, -4, 4)), {{"line", {numbers({2, 3, 4001})}, true}});
  cases.add("softmax", "", [](const auto& in) { return softmax(in[0]); }, cube);
  cases.add("softmax", "axis 1", [](const auto& in) { return softmax(in[0], 1); }, cube);
  cases.add("log_softmax", "", [](const auto& in) { return log_softmax(in[0]); }, cube);
  cases.add("log_softmax", "axis 0", [](const auto& in) { return log_softmax(in[0], 0); }, cube);
  const std::vector<Variant> far = {{"far out", {given({2, 3}, {1000, 0, -1000, -500, -500, -501})}},
                                    {"masked", {given({2, 3}, {1, -infinity, 2, -infinity, 0, -infinity})}}};
  cases.add_tensors("softmax", "special", [](const auto& in) { return softmax(in[0]); }, far);
  cases.add_tensors("log_softmax", "special", [](const auto& in) { return log_softmax(in[0]); }, far);
  const std::vector<Variant> two = {{"odd", {numbers({3, 5, 7}), numbers({3, 5, 7}, 0, 0.25)}},
                                    {"large", {numbers({5, 41, 257}), numbers({5, 41, 257}, 0, 0.25)}, true}};
  cases.add_tensors("softmax_backward", "", [](const auto& in) { return softmax_backward(in[0], in[1], 1, false); },
          two)
      .with_tolerance(1e-4);
  cases.add_tensors("softmax_backward", "log", [](const auto& in) { return softmax_backward(in[0], in[1], -1,
          true); }, two)
      .with_tolerance(1e-4);
}

}  // namespace

void add_reduce_cases(Cases& cases) {
  add_sums(cases);
  add_products_and_norms(cases);
  add_extremes(cases);
  add_order(cases);
  add_softmax(cases);
}

}  // namespace roux::operations
