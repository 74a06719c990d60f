// Gradient: what a value has received so far in backward: nothing, a dense tensor, or rows of a table.
#pragma once

#include <cstdint>

#include "tensor/ops.h"
#include "tensor/tensor.h"

namespace roux {

/// The gradient of a table of which a batch touched a few rows; all other rows are zero.
struct RowGradient {
  Tensor rows;    ///< (u) int64, distinct; entries of -1 are unused room and have zeros as values
  Tensor values;  ///< (u, dim)
};

/// None, dense or rows. Rows and rows merge, rows and dense become dense.
class Gradient {
 public:
  /// What a gradient is: nothing yet, a tensor, or some rows of a table.
  enum class Kind : uint8_t { none, dense, rows };

  /// Which of the three it is.
  Kind kind() const { return kind_; }
  /// Whether there is one: not of kind none.
  bool defined() const { return kind_ != Kind::none; }
  /// The dense tensor; only of kind dense.
  const Tensor& dense() const;
  /// The rows; only of kind rows.
  const RowGradient& rows() const;
  /// Dense, whatever the kind; `shape` is that of the value. Undefined when there is none.
  Tensor to_dense(const Shape& shape) const;

  /// Adds a dense gradient. The first is taken as it is; later ones are added in place where nobody else sees the
  /// storage.
  void add(Tensor dense);
  /// Adds rows; `shape` is that of the table.
  void add(RowGradient rows, const Shape& shape);
  /// Multiplies all values.
  void scale(double factor);
  /// Sum of squares of all values, in float64.
  double squared_norm() const;
  /// Makes the values contiguous and nobody else's, copying them where they are not: a leaf's gradient may be changed
  /// in place without a trace elsewhere.
  void own_values();
  /// Back to none.
  void clear();

 private:
  RowGradient content_;  // dense: values alone
  Kind kind_ = Kind::none;
};

}  // namespace roux
