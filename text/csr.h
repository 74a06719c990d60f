// Sparse matrices: most texts have few of all words.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace roux::text {

/// A matrix in compressed sparse rows, as scipy's csr_matrix: row r has the values [indptr[r], indptr[r + 1]), each in
/// its column, columns rising. What is not there is 0; a value that is there may be 0 too.
struct CsrMatrix {
  int64_t rows = 0;                ///< texts
  int64_t columns = 0;             ///< terms
  std::vector<int64_t> indptr{0};  ///< (rows + 1): where each row begins
  std::vector<int32_t> indices;    ///< the column of each value
  std::vector<float> values;       ///< row by row

  /// How many values are there.
  int64_t nnz() const { return static_cast<int64_t>(values.size()); }
  /// The columns and the values of a row. Throws on a row outside.
  std::span<const int32_t> row_indices(int64_t row) const;
  std::span<const float> row_values(int64_t row) const;
  /// The value at a place, 0 where none is there. Throws outside the matrix.
  float at(int64_t row, int64_t column) const;

  /// Throws when the arrays do not fit together, or the columns of a row do not rise.
  void check() const;
  /// The matrix with its zeros, (rows, columns), float32. Throws when that takes more than `max_bytes`: 43,513 titles
  /// and their words would be a gigabyte of zeros. Whoever wants them passes a higher limit.
  Tensor to_tensor(int64_t max_bytes = int64_t{256} << 20) const;
};

}  // namespace roux::text
