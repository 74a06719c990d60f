// Vectors in a quarter of their memory, for looking at all of them quickly: what is certainly far is passed over, and
// only the rest is compared exactly.
//
// Each row is written as whole steps of its own size: x_i = step * (c_i + e_i), c_i from -127 to 127, |e_i| <= 1/2. The
// query is written likewise, q_i = step_q * z_i + f_i. For a query of length 1 then
//
//   cosine(q, x) = scale * (step_q * sum z_i c_i + sum q_i e_i) + sum f_i scale c_i,    scale = step / |x|
//
// where the sum of products is exact in integers, |sum q_i e_i| <= sum |q_i| / 2, and the last sum is at most
// |f| * (1 + scale * sqrt(dim) / 2) by Cauchy and Schwarz, since scale * c is x / |x| but for scale * e. So every
// cosine lies between two bounds that cost one byte a number to read.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tensor/tensor.h"

namespace roux::text {

/// A direction in the form that CompactRows compares with its rows.
struct CompactQuery {
  std::vector<int32_t> steps;  ///< z, four to a number
  int32_t start = 0;           ///< what takes back that rows are stored as c + 128
  float step = 0;              ///< step_q
  float spread = 0;            ///< bound of |sum q_i e_i|
  float slack = 0;             ///< bound of the last sum, and of what float32 loses
};

class CompactRows {
 public:
  static constexpr int64_t block_rows = 16;  ///< rows that are stored, and compared, together
  static constexpr int64_t max_dim = 60000;  ///< the integers of a longer row might not fit into 32 bits

  CompactRows() = default;
  /// rows (n, dim) float32, contiguous. Throws when a value is NaN or infinite, or for more than max_dim dimensions.
  explicit CompactRows(const Tensor& rows);

  int64_t blocks() const { return blocks_; }
  /// The scale of each row of a block, block_rows of them; 0 for rows of zeros and beyond the last row.
  const float* scales(int64_t block) const { return scales_.data() + block * block_rows; }

  /// `unit` has length 1.
  CompactQuery query(std::span<const double> unit) const;

  /// Several queries, at most max_together, side by side: a row is read once for all of them.
  struct Together {
    int64_t count = 0;
    std::vector<int32_t> steps;   ///< (dim / 4, count)
    std::vector<int32_t> starts;  ///< (count)
  };
  static constexpr int64_t max_together = 8;
  static Together together(std::span<const CompactQuery> queries);

  /// sums[q * block_rows + r]: sum z_i c_i of query q and row r of the block.
  void products(int64_t block, const Together& queries, int32_t* sums) const;
  /// The same in plain loops, whatever the processor offers.
  void plain_products(int64_t block, const Together& queries, int32_t* sums) const;

 private:
  void write_block(int64_t block, const float* rows, int64_t count);
  const int32_t* steps_of(int64_t block) const { return steps_.data<int32_t>() + block * groups_ * block_rows; }

  int64_t dim_ = 0, groups_ = 0, blocks_ = 0;
  Tensor steps_;  // int32 (blocks, groups, block_rows): c + 128 of four
                  // neighbouring numbers of a row in each
  std::vector<float> scales_;
};

}  // namespace roux::text
