// Access to sparse rows, and the way to a tensor.
#include "text/csr.h"

#include <algorithm>
#include <functional>

#include "tensor/error.h"

namespace roux::text {
namespace {

template <class T>
std::span<const T> row_of(const CsrMatrix& matrix, const std::vector<T>& all, int64_t row) {
  ROUX_CHECK(row >= 0 && row < matrix.rows && row + 1 < static_cast<int64_t>(matrix.indptr.size()), "CsrMatrix", "row ",
             row, " is outside a matrix of ", matrix.rows, " rows");
  const int64_t begin = matrix.indptr[static_cast<size_t>(row)], end = matrix.indptr[static_cast<size_t>(row) + 1];
  ROUX_CHECK(0 <= begin && begin <= end && end <= static_cast<int64_t>(all.size()), "CsrMatrix", "row ", row,
             " has the values ", begin, " to ", end, " of ", all.size());
  return {all.data() + begin, static_cast<size_t>(end - begin)};
}

}  // namespace

std::span<const int32_t> CsrMatrix::row_indices(int64_t row) const { return row_of(*this, indices, row); }
std::span<const float> CsrMatrix::row_values(int64_t row) const { return row_of(*this, values, row); }

float CsrMatrix::at(int64_t row, int64_t column) const {
  ROUX_CHECK(column >= 0 && column < columns, "CsrMatrix", "column ", column, " is outside a matrix of ", columns,
             " columns");
  const std::span<const int32_t> in_row = row_indices(row);
  const auto found = std::lower_bound(in_row.begin(), in_row.end(), static_cast<int32_t>(column));
  if (found == in_row.end() || *found != column) return 0;
  return row_values(row)[static_cast<size_t>(found - in_row.begin())];
}

void CsrMatrix::check() const {
  ROUX_CHECK(rows >= 0 && columns >= 0 && static_cast<int64_t>(indptr.size()) == rows + 1, "CsrMatrix", "shape (", rows,
             ", ", columns, ") with ", indptr.size(), " offsets; expected one more than rows");
  ROUX_CHECK(indices.size() == values.size() && indptr.front() == 0 && indptr.back() == nnz(), "CsrMatrix",
             "offsets from ", indptr.front(), " to ", indptr.back(), ", ", indices.size(), " columns and ",
             values.size(), " values; expected as many of each");
  for (int64_t row = 0; row < rows; ++row) {
    const std::span<const int32_t> in_row = row_indices(row);
    const auto wrong = std::adjacent_find(in_row.begin(), in_row.end(), std::greater_equal<>());
    ROUX_CHECK(wrong == in_row.end() && (in_row.empty() || (in_row.front() >= 0 && in_row.back() < columns)),
               "CsrMatrix", "the columns of row ", row, " do not rise, or leave 0 to ", columns - 1);
  }
}

Tensor CsrMatrix::to_tensor(int64_t max_bytes) const {
  check();
  const int64_t most = std::max<int64_t>(max_bytes, 0) / static_cast<int64_t>(sizeof(float));
  ROUX_CHECK(columns == 0 || rows <= most / columns, "to_tensor", "a dense matrix of (", rows, ", ", columns,
             ") takes more than ", max_bytes, " bytes, and ", nnz(),
             " of its values are not 0 (hint: to_tensor(max_bytes) allows more)");
  Tensor dense = Tensor::zeros({rows, columns});
  float* to = dense.mutable_data<float>();
  for (int64_t row = 0; row < rows; ++row, to += columns) {
    const std::span<const int32_t> in_row = row_indices(row);
    const std::span<const float> of_row = row_values(row);
    for (size_t i = 0; i < in_row.size(); ++i) to[in_row[i]] = of_row[i];
  }
  return dense;
}

}  // namespace roux::text
