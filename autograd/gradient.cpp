// Accumulation of gradients.
#include "autograd/gradient.h"

#include <utility>

#include "tensor/backend.h"
#include "tensor/parallel.h"

namespace roux {
namespace {

// The sum of values (n, dim) by slot, (count, dim); slots of -1 are left out.
Tensor sum_by_slot(const Tensor& values, const Tensor& slots, const Shape& shape) {
  const Tensor sums = Tensor::zeros(shape, values.dtype(), values.device());
  const Tensor in = values.contiguous(), places = slots.contiguous();
  const Along rows{.outer = 1, .n = shape[0], .inner = shape[1]};
  backend(values.device()).index_add(sums.view(), places.view(), in.view(), rows);
  return sums;
}

// Rows that both have are summed, those of `a` first. Unused room (-1) of either becomes one such entry.
RowGradient merge(const RowGradient& a, const RowGradient& b) {
  const UniqueIds distinct = unique(cat({a.rows, b.rows}));
  const Tensor values = cat({a.values, b.values});
  return {distinct.rows, sum_by_slot(values, distinct.slots, {distinct.rows.size(0), values.size(1)})};
}

// In one pass, where the numbers lie in the memory of the CPU: an optimiser's step waits for this.
double sum_of_squares(const Tensor& x) {
  if (x.device() != cpu || x.dtype() != float32 || !x.is_contiguous()) return sum(square(x.to(float64))).item();
  constexpr int64_t grain = int64_t{1} << 16, lanes = 16;
  const float* const values = x.data<float>();
  const auto of_chunk = [values](int64_t begin, int64_t end) {
    double partial[lanes] = {}, total = 0;
    int64_t i = begin;
    for (; i + lanes <= end; i += lanes)
      for (int64_t lane = 0; lane < lanes; ++lane) {
        const double value = values[i + lane];
        partial[lane] += value * value;
      }
    for (; i < end; ++i) total += static_cast<double>(values[i]) * values[i];
    for (const double part : partial) total += part;
    return total;
  };
  return parallel_reduce(x.numel(), grain, 0.0, of_chunk, [](double a, double b) { return a + b; });
}

}  // namespace

const Tensor& Gradient::dense() const {
  ROUX_CHECK(kind_ == Kind::dense, "gradient", "there is no dense gradient");
  return content_.values;
}

const RowGradient& Gradient::rows() const {
  ROUX_CHECK(kind_ == Kind::rows, "gradient", "there is no row gradient");
  return content_;
}

Tensor Gradient::to_dense(const Shape& shape) const {
  return kind_ == Kind::rows ? sum_by_slot(content_.values, content_.rows, shape) : content_.values;
}

void Gradient::add(Tensor dense) {
  if (kind_ == Kind::none) {
    content_.values = std::move(dense);
  } else if (kind_ == Kind::rows) {
    Tensor both = sum_by_slot(content_.values, content_.rows, dense.shape());
    both.add_(dense);
    content_ = {Tensor(), std::move(both)};
  } else if (content_.values.storage().unshared() && content_.values.is_contiguous()) {
    content_.values.add_(dense);
  } else {
    content_.values = roux::add(content_.values, dense);
  }
  kind_ = Kind::dense;
}

void Gradient::add(RowGradient rows, const Shape& shape) {
  if (kind_ == Kind::dense) return add(sum_by_slot(rows.values, rows.rows, shape));
  content_ = kind_ == Kind::none ? std::move(rows) : merge(content_, rows);
  kind_ = Kind::rows;
}

void Gradient::scale(double factor) {
  if (kind_ == Kind::none) return;
  own_values();
  content_.values.mul_(factor);
}

double Gradient::squared_norm() const { return kind_ == Kind::none ? 0 : sum_of_squares(content_.values); }

void Gradient::own_values() {
  Tensor& values = content_.values;
  if (values.defined() && !(values.storage().unshared() && values.is_contiguous())) values = values.clone();
}

void Gradient::clear() {
  content_ = RowGradient();
  kind_ = Kind::none;
}

}  // namespace roux
