// Embedding tables whose rows are kept short: checks, then the kernel of the table's backend.
#include "tensor/operands.h"
#include "tensor/ops.h"

namespace roux {

void renormalize_rows_(Tensor& table, const Tensor& ids, double max_norm, double norm_type) {
  constexpr const char* operation = "renormalize_rows_";
  check_floating(table, operation);
  ROUX_CHECK(table.dim() == 2 && table.is_contiguous(), operation,
             "expected a contiguous table of shape (rows, dim), found ", table.shape());
  check_defined(ids, operation, "the tensor of ids");
  check_same_device(table, ids, operation, "the tensor of ids");
  ROUX_CHECK(max_norm >= 0, operation, "max_norm is ", max_norm, ", expected 0 or more");
  ROUX_CHECK(norm_type > 0, operation, "norm_type is ", norm_type, ", expected more than 0");
  check_ids(ids, table.size(0), operation);
  const Tensor flat = ids.contiguous();
  table.bump_version();
  backend(table.device()).renormalize_rows(table.view(), flat.view(), max_norm, norm_type);
}

}  // namespace roux
