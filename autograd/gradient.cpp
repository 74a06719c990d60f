// Accumulation of gradients.
#include "autograd/gradient.h"

#include <utility>

namespace roux {
namespace {

Tensor scatter_rows(const RowGradient& rows, const Shape& shape) {
  // Unused room (-1) is mapped to row 0, where its zeros change nothing.
  const Tensor ids = clamp(rows.rows, 0, static_cast<double>(shape[0]));
  return index_add(Tensor::zeros(shape, rows.values.dtype(), rows.values.device()), 0, ids, rows.values);
}

// Rows that both have are summed, those of `a` first. Unused room (-1) of either becomes one such entry.
RowGradient merge(const RowGradient& a, const RowGradient& b) {
  const UniqueIds distinct = unique(cat({a.rows, b.rows}));
  const Tensor values = cat({a.values, b.values});
  const Tensor zeros = Tensor::zeros({distinct.rows.size(0), values.size(1)}, values.dtype(), values.device());
  return {distinct.rows, index_add(zeros, 0, distinct.slots, values)};
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
  return kind_ == Kind::rows ? scatter_rows(content_, shape) : content_.values;
}

void Gradient::add(Tensor dense) {
  if (kind_ == Kind::none) {
    content_.values = std::move(dense);
  } else if (kind_ == Kind::rows) {
    Tensor both = scatter_rows(content_, dense.shape());
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
  if (kind_ == Kind::dense) return add(scatter_rows(rows, shape));
  content_ = kind_ == Kind::none ? std::move(rows) : merge(content_, rows);
  kind_ = Kind::rows;
}

void Gradient::scale(double factor) {
  if (kind_ == Kind::none) return;
  own_values();
  content_.values.mul_(factor);
}

double Gradient::squared_norm() const {
  return kind_ == Kind::none ? 0 : sum(square(content_.values.to(float64))).item();
}

void Gradient::own_values() {
  Tensor& values = content_.values;
  if (values.defined() && !(values.storage().unshared() && values.is_contiguous())) values = values.clone();
}

void Gradient::clear() {
  content_ = RowGradient();
  kind_ = Kind::none;
}

}  // namespace roux
