// The table's machinery: numbers from names, layouts, comparison.
#include "tests/operations/cases.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace roux::operations {
namespace {

uint64_t hash(const std::string& text) {  // FNV-1a
  uint64_t value = 0xcbf29ce484222325u;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return value;
}

uint64_t next(uint64_t& state) {  // splitmix64 (Steele et al. 2014)
  uint64_t z = state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

int64_t below(uint64_t& state, int64_t bound) {
  return static_cast<int64_t>(next(state) % static_cast<uint64_t>(bound));
}

// Odd multiples of half a step between low and high.
std::vector<double> grid_values(const Input& input, uint64_t& state) {
  const auto n = static_cast<size_t>(input.shape.numel());
  double step = 1.0 / 64;
  const auto places = [&] { return static_cast<int64_t>((input.high - input.low) / step); };
  const bool all_different = input.kind == Input::Kind::distinct;
  while (all_different && places() < static_cast<int64_t>(n)) step /= 2;
  std::vector<int64_t> order(all_different ? static_cast<size_t>(places()) : n);
  for (size_t i = 0; i < order.size(); ++i) order[i] = all_different ? static_cast<int64_t>(i) : below(state, places());
  for (size_t i = 0; all_different && i < order.size(); ++i)
    std::swap(order[i], order[static_cast<size_t>(below(state, static_cast<int64_t>(i) + 1))]);
  std::vector<double> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = input.low + (static_cast<double>(order[i]) + 0.5) * step;
  return values;
}

Tensor make_input(const Input& input, uint64_t state) {
  const auto n = static_cast<size_t>(input.shape.numel());
  if (input.kind == Input::Kind::given) return Tensor::from(input.values, input.shape).to(input.dtype);
  if (input.dtype == float64) return Tensor::from(grid_values(input, state), input.shape);
  std::vector<double> values(n);
  for (double& value : values) value = static_cast<double>(below(state, static_cast<int64_t>(input.high)));
  return Tensor::from(values, input.shape).to(input.dtype);
}

// Two tensors of one shape in float64, entry by entry.
std::string value_difference(const Tensor& found, const Tensor& expected, double tolerance) {
  const std::vector<double> a = found.to_vector<double>(), b = expected.to_vector<double>();
  double largest = 1;
  for (const double value : b)
    if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
  size_t worst = a.size(), wrong = 0;
  double worst_excess = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]))) continue;
    double excess = std::abs(a[i] - b[i]) - tolerance * (std::abs(b[i]) + 0.1 * largest);
    if (std::isnan(excess)) excess = std::numeric_limits<double>::infinity();
    if (excess <= 0 && tolerance > 0) continue;
    ++wrong;
    if (worst == a.size() || excess > worst_excess) {
      worst = i;
      worst_excess = excess;
    }
  }
  if (wrong == 0) return "";
  return std::to_string(wrong) + " of " + std::to_string(a.size()) + " values differ, most at position " +
         std::to_string(worst) + " of shape " + to_string(found.shape()) + ": found " + detail::error_text(a[worst]) +
         ", expected " + detail::error_text(b[worst]);
}

}  // namespace

Input Input::constant() const {
  Input copy = *this;
  copy.takes_gradient = false;
  return copy;
}

Input numbers(const Shape& shape, double low, double high) {
  return {.kind = Input::Kind::numbers, .shape = shape, .low = low, .high = high, .values = {}};
}

Input distinct(const Shape& shape, double low, double high) {
  return {.kind = Input::Kind::distinct, .shape = shape, .low = low, .high = high, .values = {}};
}

Input ids(const Shape& shape, int64_t bound) {
  return {.kind = Input::Kind::ids,
          .shape = shape,
          .low = 0,
          .high = static_cast<double>(bound),
          .values = {},
          .dtype = int64};
}

Input mask(const Shape& shape) {
  return {.kind = Input::Kind::mask, .shape = shape, .low = 0, .high = 2, .values = {}, .dtype = boolean};
}

Input given(const Shape& shape, std::vector<double> values, DType dtype) {
  return {.kind = Input::Kind::given, .shape = shape, .values = std::move(values), .dtype = dtype};
}

Input given_ids(std::vector<double> values) {
  const auto n = static_cast<int64_t>(values.size());
  return given({n}, std::move(values), int64);
}

Case& Cases::add_case(std::string operation, std::string label, std::vector<Variant> variants) {
  Case added;
  added.operation = std::move(operation);
  added.label = std::move(label);
  added.variants = std::move(variants);
  for (const Case& other : cases_) ROUX_CHECK(other.name() != added.name(), "cases", "two are named ", added.name());
  cases_.push_back(std::move(added));
  return cases_.back();
}

const std::vector<Case>& all_cases() {
  static const Cases cases = [] {
    Cases all;
    add_elementwise_cases(all);
    add_reduce_cases(all);
    add_index_cases(all);
    add_layer_cases(all);
    return all;
  }();
  return cases.all();
}

std::vector<Variant> elementwise_inputs(const Input& like) {
  const auto of = [&](const Shape& shape) {
    Input input = like;
    input.shape = shape;
    return std::vector<Input>{input};
  };
  return {{"odd", of({3, 13})},
          {"vector", of({7})},
          {"scalar", of({})},
          {"empty", of({0, 3})},
          {"large", of({70, 1001}), true}};
}

std::vector<Variant> broadcast_inputs(const Input& left, const Input& right) {
  const auto of = [&](const Shape& a, const Shape& b) {
    Input x = left, y = right;
    x.shape = a;
    y.shape = b;
    return std::vector<Input>{x, y};
  };
  return {{"same", of({3, 13}, {3, 13})},         {"both", of({2, 1, 5}, {4, 1})}, {"row", of({3, 7}, {7})},
          {"column", of({3, 1}, {3, 7})},         {"scalar", of({2, 3}, {})},      {"empty", of({0, 3}, {1, 3})},
          {"large", of({70, 1001}, {1001}), true}};
}

std::vector<Variant> one(std::vector<Input> inputs) { return {{"small", std::move(inputs)}}; }

std::vector<Tensor> make_inputs(const Variant& variant, const std::string& name) {
  std::vector<Tensor> tensors;
  for (const Input& input : variant.inputs)
    tensors.push_back(make_input(input, hash(name + ":" + variant.name + ":" + std::to_string(tensors.size()))));
  return tensors;
}

Tensor make_cotangent(const Shape& shape, const std::string& name) {
  return make_input(numbers(shape, -1, 1), hash(name + ":cotangent"));
}

Tensor in_precision(const Tensor& x, DType dtype) { return is_floating(x.dtype()) ? x.to(dtype) : x; }

Tensor laid_out(const Tensor& x, Layout layout) {
  if (layout == Layout::contiguous) return x.contiguous();
  if (layout == Layout::transposed && x.dim() > 1) return x.transpose(0, -1).clone().transpose(0, -1);
  // Every second value of something longer; what lies between is poison.
  const Scalar poison = is_floating(x.dtype()) ? Scalar(std::nan("")) : Scalar(int64_t{1} << 40);
  Shape shape = x.shape();
  if (shape.empty()) shape.push_back(1);
  const int64_t axis = shape.size() - 1, length = shape[axis];
  shape[axis] = 2 * length + 2;
  Tensor room = Tensor::full(shape, poison, x.dtype(), x.device());
  Tensor view = room.slice(axis, 1, 2 * length + 1, 2);
  if (x.dim() == 0) view = view.select(0, 0);
  view.copy_(x);
  return view;
}

std::string difference(const Tensor& found, const Tensor& expected, double tolerance) {
  if (!found.defined() || !expected.defined())
    return found.defined() == expected.defined() ? "" : found.defined() ? "expected nothing" : "found nothing";
  if (found.dtype() != expected.dtype())
    return "found " + to_string(found.dtype()) + ", expected " + to_string(expected.dtype());
  if (!(found.shape() == expected.shape()))
    return "found shape " + to_string(found.shape()) + ", expected " + to_string(expected.shape());
  return value_difference(found, expected, tolerance);
}

}  // namespace roux::operations
