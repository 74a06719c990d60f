// The rows of a matrix whose direction is closest to a query's: exact, whatever the shortcuts on the way.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"
#include "text/word_vectors/compact_rows.h"

namespace roux::text {

/// The cosine of the angle between two vectors, a.b / (|a| |b|), summed in float64 and in one order, so that it is the
/// same wherever it is asked for; in [-1, 1]. A vector of zeros has no direction: its cosine with anything is 0.
double cosine(std::span<const float> a, std::span<const float> b);

/// A row and its cosine with the query.
struct RowScore {
  int32_t row;
  double score;

  bool operator==(const RowScore&) const = default;
};

/// Finds the rows with the largest cosines, without an index that could miss one: all rows are looked at in the compact
/// form (compact_rows.h), which says between which bounds each cosine lies, and those that may be among the answers are
/// compared in full. Takes 1.02 / 4 of the rows' memory beside them. May be asked from several threads at once.
class NearestRows {
 public:
  /// rows (n, dim) float32; they are shared, and must not change afterwards. Throws when a value is NaN or infinite.
  explicit NearestRows(const Tensor& rows);

  /// The `top_n` rows (or all that there are) of the largest cosines with each query, the largest first and equals by
  /// row. Queries (q, dim) float32. excluded[i] are rows that query i must not find; none at all: nothing is excluded.
  /// Throws for a query of zeros, which has no direction, for values that are not finite, and for top_n < 0.
  std::vector<std::vector<RowScore>> find(const Tensor& queries, int64_t top_n,
                                          const std::vector<std::vector<int32_t>>& excluded = {}) const;

  const Tensor& rows() const { return rows_; }

 private:
  Tensor rows_;
  CompactRows compact_;
};

}  // namespace roux::text
